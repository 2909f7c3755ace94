package moderation

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"slices"
	"time"
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
	t.Batch = &Batch{Root: f.undoes.Batch.Root, Count: f.members, Reach: f.subject.Reach, Asked: f.classes}
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

// undoableStatus are the statuses of a member that there is something to take
// back of; an unknown one where its kind is idempotent.
var undoableStatus = []Status{StatusExecuting, StatusExecuted, StatusUnknown}

// UndoMember takes back one member under the undo of its batch, which has begun.
// What it returns is the ticket of this undo, the same for whoever asks; member is
// the ticket of the member. Before the handler is called the same is made sure as
// by DoMember, as far as it bears on an undo; nobody lifts what stands on
// themselves. Errors are those of Undo.
func (g *Guard) UndoMember(ctx context.Context, undo, member string) (Ticket, error) {
	about := request{step: StepUndo, undoes: undo, action: Action{Target: member}}
	return g.member(ctx, about, memberTicket(undo, member), func(ctx context.Context, q *inquiry) (considered, error) {
		return q.undoOf(ctx, undo, member)
	})
}

// undoOf decides about taking back one member.
func (q *inquiry) undoOf(ctx context.Context, id, member string) (considered, error) {
	var c considered
	var err error
	if c.mandate, err = q.ticket(ctx, id); err != nil {
		return c, err
	}
	t, err := q.ticket(ctx, member)
	if err != nil {
		return c, err
	}
	if c.mandate.Batch == nil || c.mandate.Undoes == "" || t.Mandate != c.mandate.Undoes {
		return c, &Refusal{Code: CodeMembers, Ticket: id, Text: fmt.Sprintf("Ticket %s is not of a member of the batch that %s takes back.", member, id)}
	}
	f := &findings{}
	if err := q.attempt(ctx, &c, f, t); err != nil || c.exists {
		return c, err
	}
	epoch, err := q.head(ctx, c.mandate.Subject.ID)
	if err != nil {
		return c, err
	}
	if c.mandate, err = q.ticket(ctx, id); err != nil {
		return c, err
	}
	if err := c.mandate.inForce(q.now); err != nil {
		return c, err
	}
	f.epoch = HeadIs{c.mandate.Subject.ID, epoch.Fence}
	if err := q.locateMember(ctx, f, t); err != nil {
		return c, err
	}
	if c.halts, err = q.behind(ctx, c.mandate, f); err != nil || c.halts != nil {
		return c, err
	}
	c.f = f
	f.action = c.mandate.Action
	if err := q.takeBack(ctx, &request{step: StepUndo, undoes: member}, f); err != nil {
		return c, err
	}
	if busy := f.head.Busy; busy != "" && busy != member {
		return c, busyRefusal(busy, f.subject.ID)
	}
	f.mandate, f.action.Tier = id, ""
	c.ticket = f.memberOf(c.mandate, StepUndo, q.now)
	c.ticket.Deadline = time.Time{}
	c.ticket.Digest = c.ticket.digest()
	f.due = time.Time{}
	return c, q.roomForMember(ctx, StepUndo, f)
}

// undoTries is how often the undo of one member may fail without effect.
const undoTries = 16

// attempt finds the ticket under which a member is being taken back, or was, or
// gives it the ID of the next where those before it changed nothing.
func (q *inquiry) attempt(ctx context.Context, c *considered, f *findings, t Ticket) (err error) {
	member := t.ID
	for try := range undoTries {
		if try > 0 {
			member = fmt.Sprintf("%s#%d", t.ID, try)
		}
		f.id = memberTicket(c.mandate.ID, member)
		c.ticket, c.exists, err = q.ofMember(ctx, f.id, c.mandate, t.Subject.ID)
		again := c.ticket.Status == StatusFailed || c.ticket.Status == StatusRefused
		if err != nil || !c.exists || !again {
			return err
		}
	}
	return nil
}

// locateMember looks at the target of a member's ticket.
func (q *inquiry) locateMember(ctx context.Context, f *findings, t Ticket) (err error) {
	if f.head, err = q.head(ctx, t.Subject.ID); err != nil {
		return err
	}
	f.target, f.subject, err = q.target(ctx, t.Subject.ID, f.head)
	return err
}

// StandingMembers returns the IDs of the tickets of members that the undo of a
// batch has not taken back yet, sorted.
func (g *Guard) StandingMembers(ctx context.Context, undo string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		ids, err := g.standingMembers(ctx, undo)
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

func (g *Guard) standingMembers(ctx context.Context, undo string) ([]string, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.exit()
	if err := checkName("the undo", undo, true); err != nil {
		return nil, err
	}
	now, _ := g.clock.now()
	q := g.inquiry(StepUndo, now)
	return inquire(ctx, q, func(ctx context.Context) ([]string, error) {
		t, err := q.ticket(ctx, undo)
		if err != nil {
			return nil, err
		}
		if t.Batch == nil || t.Undoes == "" {
			return nil, &Refusal{Code: CodeMembers, Ticket: undo, Text: fmt.Sprintf("Ticket %s is not the undo of a batch.", undo)}
		}
		var ids []string
		for t, err := range q.g.store.Tickets(ctx, Query{Mandate: t.Undoes, Status: undoableStatus}) {
			if err != nil {
				return nil, unavailable(CodeStore, err)
			}
			ids = append(ids, t.ID)
		}
		slices.SortFunc(ids, cmp.Compare[string])
		return ids, nil
	})
}
