package moderation

import (
	"context"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// HaltRequest stops a batch, or lets one go on that was stopped.
type HaltRequest struct {
	Mandate string // the batch's ticket; required
	Actor   string // the login that asks; required
	Reason  string // required
}

func (r HaltRequest) validate() error {
	if err := checkName("HaltRequest.Mandate", r.Mandate, true); err != nil {
		return err
	}
	if err := checkName("HaltRequest.Actor", r.Actor, true); err != nil {
		return err
	}
	return checkReason("HaltRequest.Reason", r.Reason)
}

// HaltBatch stops a batch that has begun, or the undo of one, from the next member
// on: by the requester, by someone whose approval counts, or by a holder of the
// step cancel; never by whose a member is, nor by who has a conflict of interest
// with one, as of the last look at the members (see Batch.Whose). It returns nil if
// and only if the batch is halted; each worker calls at most one more handler then.
// A batch that waits is cancelled instead.
func (g *Guard) HaltBatch(ctx context.Context, r HaltRequest) (Ticket, error) {
	return g.mutateBatch(ctx, r, StepCancel, func(ctx context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		return q.haltBy(ctx, t, r)
	})
}

// ResumeBatch lets a halted batch go on: by a person who did not ask for it and
// could approve it, and has no part in a member. What went wrong until now is forgiven. It returns nil if and
// only if the batch is no longer halted. Of a batch that the guard halted because a
// member became protected, that member is left out.
func (g *Guard) ResumeBatch(ctx context.Context, r HaltRequest) (Ticket, error) {
	return g.mutateBatch(ctx, r, StepApprove, func(ctx context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		return q.resumeBy(ctx, t, r)
	})
}

func (g *Guard) mutateBatch(ctx context.Context, r HaltRequest, step Step, decide func(context.Context, *inquiry, Ticket) (*findings, event, error)) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	about := request{step: step, undoes: r.Mandate, action: Action{Actor: r.Actor, Reason: r.Reason}}
	if err := r.validate(); err != nil {
		now, _ := g.clock.now()
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	return g.mutate(ctx, about, decide)
}

// haltBy decides whether someone may halt a batch.
func (q *inquiry) haltBy(ctx context.Context, t Ticket, r HaltRequest) (*findings, event, error) {
	e := event{kind: audit.EventHalted, at: q.now, code: CodeHalted, note: r.Reason}
	if err := t.inForce(time.Time{}); err != nil { // also where its deadline has passed
		return &findings{}, e, err
	}
	f, actor, err := q.bystander(ctx, t, r.Actor)
	if err != nil {
		return f, e, err
	}
	e.person, e.fence = actor.Person, f.head.Fence+1
	if t.concerns(actor) {
		return f, e, nil
	}
	question := q.question(StepCancel, f)
	question.Actor = actor
	f.decision, err = q.decideFor(ctx, f, question)
	return f, e, err
}

// resumeBy decides whether someone may let a batch go on.
func (q *inquiry) resumeBy(ctx context.Context, t Ticket, r HaltRequest) (*findings, event, error) {
	e := event{kind: audit.EventResumed, at: q.now, note: r.Reason}
	if t.Batch == nil || t.Status != StatusExecuted || t.Batch.Halted.IsZero() {
		return &findings{}, e, &Refusal{Code: CodeNotOpen, Ticket: t.ID, Text: "The ticket is no batch that is halted."}
	}
	f, err := q.assessMandate(ctx, t, nil)
	if err != nil {
		return f, e, err
	}
	if len(f.open) > 0 {
		return f, e, &Refusal{Code: CodeApprovalsVoid, Ticket: t.ID, Needed: "approval by " + slotsText(f.open), Text: "The approvals of the batch no longer suffice; it can't go on."}
	}
	actor, d, why, err := q.reviewer(ctx, t, f, r.Actor)
	if err == nil && why == nil {
		why = notFrozen(f.freezes, actor, q.now)
	}
	if err == nil && why != nil {
		err = why
	}
	if err == nil {
		err = q.g.certainStranger(t, actor)
	}
	if err != nil {
		return f, e, err
	}
	f.reviewer, f.decision = &actor, d
	e.fence = f.head.Fence + 1
	e.wrongs, err = q.wrongs(ctx, t.ID)
	return f, e, err
}

// wrongs counts what has gone wrong with members.
func (q *inquiry) wrongs(ctx context.Context, mandate string) (w Wrongs, err error) {
	if err := q.ask(ctx, &askedStore); err != nil {
		return w, err
	}
	wrong := []Status{StatusFailed, StatusUnknown, StatusUndone}
	for t, err := range q.g.store.Tickets(ctx, Query{Mandate: mandate, Status: wrong}) {
		switch {
		case err != nil:
			return w, unavailable(CodeStore, err)
		case t.Status == StatusUndone:
			w.Undos++
		default:
			w.Failures++
		}
	}
	return w, nil
}

// haltRevoked halts a batch that a person asked for or approved whose rights are
// revoked.
func (g *Guard) haltRevoked(ctx context.Context, r Revocation, f *findings, t Ticket) error {
	about := request{step: StepRevoke, undoes: t.ID, action: Action{Actor: r.Actor, Reason: r.Reason}}
	_, err := g.mutate(ctx, about, func(ctx context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		head, err := q.head(ctx, t.Subject.ID)
		e := event{kind: audit.EventHalted, at: q.now, code: CodeHalted, note: "revoked: " + r.Reason, fence: head.Fence + 1}
		if f.reviewer != nil {
			e.person = f.reviewer.Person
		}
		return f, e, err
	})
	if err == nil {
		return nil
	}
	if now, missing := g.load(detach(ctx), t.ID); missing == nil && !now.going() {
		return nil // somebody else was faster
	}
	return err
}
