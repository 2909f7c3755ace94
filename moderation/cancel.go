package moderation

import (
	"context"
	"slices"

	"github.com/elevenminutes/interlock/audit"
)

// Cancel withdraws a ticket that waits: by the requester, by someone whose
// approval counts, or by a holder of the step cancel; never by whom it is
// about. It returns nil if and only if the ticket is cancelled. A ticket that
// is executing can't be cancelled; undo it.
func (g *Guard) Cancel(ctx context.Context, r CancelRequest) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	about := request{step: StepCancel, undoes: r.Ticket, action: Action{Actor: r.Actor, Reason: r.Reason}}
	if err := r.validate(); err != nil {
		now, _ := g.clock.now()
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	return g.mutate(ctx, about, func(ctx context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		return q.cancel(ctx, t, r)
	})
}

func (r CancelRequest) validate() error {
	if err := checkName("CancelRequest.Ticket", r.Ticket, true); err != nil {
		return err
	}
	if err := checkName("CancelRequest.Actor", r.Actor, true); err != nil {
		return err
	}
	return checkReason("CancelRequest.Reason", r.Reason)
}

func (q *inquiry) cancel(ctx context.Context, t Ticket, r CancelRequest) (*findings, event, error) {
	e := event{kind: audit.EventCancelled, at: q.now, note: r.Reason}
	if !t.Status.Waiting() {
		return &findings{}, e, notOpen(t)
	}
	f, actor, err := q.bystander(ctx, t, r.Actor)
	if err != nil {
		return f, e, err
	}
	if t.concerns(actor) {
		return f, e, nil
	}
	question := q.question(StepCancel, f)
	question.Actor = actor
	f.decision, err = q.decideFor(ctx, f, question)
	return f, e, err
}

// concerns reports whether someone asked for the ticket, or approved it, as
// the same person behind the same login.
func (t Ticket) concerns(a Actor) bool {
	if a.Login == t.Requester.Login && a.Person == t.Requester.Person {
		return true
	}
	return slices.ContainsFunc(t.Reviews, func(r Review) bool {
		return r.Void == "" && r.Login == a.Login && r.Person == a.Person
	})
}

// bystander finds someone who does something about a ticket, and its target.
// Nobody does anything about a ticket on what is their own.
func (q *inquiry) bystander(ctx context.Context, t Ticket, login string) (*findings, Actor, error) {
	f := &findings{action: t.Action, kind: q.g.kinds[t.Action.Kind], id: t.ID}
	f.kind.Name = t.Action.Kind
	actor, err := q.actor(ctx, login)
	if err != nil {
		return f, actor, err
	}
	f.reviewer = &actor
	if err := q.mayAct(actor); err != nil {
		return f, actor, err
	}
	if f.head, err = q.head(ctx, t.Subject.ID); err != nil {
		return f, actor, err
	}
	if f.kind.Name == FreezeKind {
		f.target, f.subject = scopeTarget(t.Action.Parameters)
		return f, actor, mayTouch(actor, f.target)
	}
	if f.kind.Name == PolicyChangeKind {
		return f, actor, q.locatePolicy(ctx, f)
	}
	if t.Batch != nil {
		f.aboutBatch(t)
		return f, actor, q.g.certainStranger(t, actor)
	}
	if f.target, f.subject, err = q.target(ctx, t.Subject.ID, f.head); err != nil {
		return f, actor, err
	}
	return f, actor, mayTouch(actor, f.target)
}
