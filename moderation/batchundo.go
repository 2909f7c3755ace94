package moderation

import (
	"context"
	"crypto/rand"
	"fmt"
)

// UndoBatch asks to take back all that was done under a batch: one request with
// its own right, its own limits, charged for all members that stand, and, where
// the policy says so, its own quorum. When it has begun, the batch is over, and
// UndoMember takes back each member. It returns nil if and only if the undo has
// begun; its errors are those of Undo, and UndoRequest.Ticket is the mandate. A
// repeated call with the same key takes the same undo further.
func (g *Guard) UndoBatch(ctx context.Context, u UndoRequest) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	asked := u.request(StepUndo)
	if err := asked.action.validateUndo(u.Ticket); err != nil {
		return Ticket{}, g.refuse(ctx, asked, now, err)
	}
	one := flight{requester: u.Actor, key: u.Key}
	if err := g.flights.wait(ctx, one); err != nil {
		return Ticket{}, g.refuse(ctx, asked, now, gaveUp(err))
	}
	defer g.flights.land(one)
	asked.id = rand.Text()
	t, err := g.undoBatch(ctx, &asked)
	if err != nil && t.Revision == 0 {
		return Ticket{}, g.refuse(ctx, asked, now, err)
	}
	return g.answer(t, err)
}

func (g *Guard) undoBatch(ctx context.Context, asked *request) (Ticket, error) {
	now, raw := g.clock.now()
	q := g.inquiry(StepUndo, now)
	f, err := inquire(ctx, q, func(ctx context.Context) (*findings, error) { return q.considerUndo(ctx, asked) })
	switch {
	case err != nil:
		return Ticket{}, err
	case f.repeated != nil && f.repeated.Status.Waiting():
		return g.advance(ctx, f.repeated.ID)
	case f.repeated != nil:
		return *f.repeated, nil
	}
	t := asked.ticket(f, now)
	t.Batch = &Batch{Root: f.undoes.Batch.Root, Count: f.members, Reach: f.subject.Reach, Asked: f.classes, Whose: f.undoes.Batch.Whose}
	t.Digest = t.digest()
	if t, err = g.admitBatch(ctx, t, f, now, raw); err != nil {
		return Ticket{}, err
	}
	return g.advance(ctx, t.ID)
}

// considerUndo decides a request to take back a batch.
func (q *inquiry) considerUndo(ctx context.Context, asked *request) (*findings, error) {
	f := &findings{action: asked.action, call: CallUndo, id: asked.id, at: q.now}
	var err error
	if f.actor, err = q.actor(ctx, asked.action.Actor); err != nil {
		return f, err
	}
	if err := q.mayAct(f.actor); err != nil {
		return f, err
	}
	if f.repeated, err = q.repeated(ctx, asked); f.repeated != nil || err != nil {
		return f, err
	}
	mandate, err := q.ticket(ctx, asked.undoes)
	if err != nil {
		return f, err
	}
	if err := q.undoableBatch(f, mandate); err != nil {
		return f, err
	}
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return f, err
	}
	if f.head, err = q.head(ctx, mandate.Subject.ID); err != nil {
		return f, err
	}
	if err := q.standing(ctx, f, mandate); err != nil {
		return f, err
	}
	if f.decision, err = q.decideFor(ctx, f, q.question(StepUndo, f)); err != nil {
		return f, err
	}
	f.stale = q.stale.Load()
	if err := q.safeguards(f); err != nil {
		return f, err
	}
	return f, q.askingBatch(ctx, StepUndo, f, false)
}

// undoableBatch reports why a batch can't be taken back.
func (q *inquiry) undoableBatch(f *findings, mandate Ticket) error {
	kind, known := q.g.kinds[mandate.Action.Kind]
	switch {
	case mandate.Batch == nil || mandate.Undoes != "":
		return &Refusal{Code: CodeNotUndoable, Ticket: mandate.ID, Text: fmt.Sprintf("Ticket %s is no batch that was done; Undo takes back a single ticket.", mandate.ID)}
	case !known:
		return &Refusal{Code: CodeUnknownKind, Ticket: mandate.ID, Text: fmt.Sprintf("No kind of action is registered as %q any more.", mandate.Action.Kind)}
	case kind.Undo == nil:
		return &Refusal{Code: CodeIrreversible, Ticket: mandate.ID, Text: kind.Name + " can't be undone."}
	case mandate.Status != StatusExecuted:
		return &Refusal{Code: CodeNotUndoable, Ticket: mandate.ID, Text: fmt.Sprintf("The batch %s is %s; there is nothing to take back.", mandate.ID, mandate.Status)}
	}
	f.undoes, f.kind = &mandate, kind
	f.action.Kind, f.action.Target, f.action.Parameters = mandate.Action.Kind, mandate.Subject.ID, mandate.Action.Parameters
	return nil
}

// standing counts the members that stand, by tier and domain.
func (q *inquiry) standing(ctx context.Context, f *findings, mandate Ticket) error {
	if err := q.ask(ctx, &askedStore); err != nil {
		return err
	}
	s := &surveyor{guard: q.g, found: &survey{}, index: make(map[[2]string]int)}
	for t, err := range q.g.store.Tickets(ctx, Query{Mandate: mandate.ID, Status: undoableStatus}) {
		if err != nil {
			return unavailable(CodeStore, err)
		}
		f.members++
		if err := s.count(t.Subject); err != nil {
			return err
		}
	}
	if f.members == 0 {
		return &Refusal{Code: CodeNotUndoable, Ticket: mandate.ID, Text: fmt.Sprintf("No member of the batch %s stands. To keep it from going on, halt it.", mandate.ID)}
	}
	s.sort()
	f.classes = s.found.classes
	f.subject = s.found.subject(mandate.Subject.ID, mandate.Tier, q.now)
	f.target = f.setTarget(f.subject.Reach)
	return nil
}
