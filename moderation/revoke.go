package moderation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Revoke voids at once what a person asked for and approved and that was not
// executed yet, and lists what of the person's was executed lately and still
// stands. Use it when an account was stolen or a person left in anger: what
// follows (Freeze, Undo) is for people to decide. A batch of the person's that is
// under way is halted, even where who revokes is one of its members: a stolen account
// can't wait, and others can resume it. It returns nil if and only if
// everything was voided; after an error the result lists what was.
func (g *Guard) Revoke(ctx context.Context, r Revocation) (Revoked, error) {
	if err := g.enter(ctx); err != nil {
		return Revoked{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	about := request{step: StepRevoke, action: Action{Actor: r.Actor, Reason: r.Reason, Target: r.Person}}
	if err := r.validate(); err != nil {
		return Revoked{}, g.refuse(ctx, about, now, err)
	}
	type found struct {
		findings *findings
		tickets  []Ticket
	}
	q := g.inquiry(StepRevoke, now)
	v, err := inquire(ctx, q, func(ctx context.Context) (found, error) {
		f, tickets, err := q.revocable(ctx, r)
		return found{f, tickets}, err
	})
	if err != nil {
		return Revoked{}, g.refuse(ctx, about, now, err)
	}
	var revoked Revoked
	var failed []error
	for _, t := range v.tickets {
		failed = append(failed, g.revokeFrom(ctx, r, v.findings, t, &revoked))
	}
	if err := errors.Join(failed...); err != nil {
		return revoked, g.refuse(ctx, about, now, err)
	}
	return revoked, nil
}

func (r Revocation) validate() error {
	if err := checkName("Revocation.Person", r.Person, true); err != nil {
		return err
	}
	if err := checkName("Revocation.Actor", r.Actor, true); err != nil {
		return err
	}
	return checkReason("Revocation.Reason", r.Reason)
}

// revocable decides, and collects what the person had a part in.
func (q *inquiry) revocable(ctx context.Context, r Revocation) (*findings, []Ticket, error) {
	f := &findings{kind: Kind{Name: Any}, target: Target{ID: r.Person, Tier: Any, Domain: Any}}
	actor, err := q.actor(ctx, r.Actor)
	if err != nil {
		return f, nil, err
	}
	f.reviewer = &actor
	if err := q.mayAct(actor); err != nil {
		return f, nil, err
	}
	question := q.question(StepRevoke, f)
	question.Actor = actor
	if f.decision, err = q.decide(ctx, question); err != nil {
		return f, nil, err
	}
	tickets, err := q.had(ctx, r.Person)
	return f, tickets, err
}

// had collects the tickets in which a person has a part and that are not over.
func (q *inquiry) had(ctx context.Context, person string) ([]Ticket, error) {
	if err := q.ask(ctx, &askedStore); err != nil {
		return nil, err
	}
	open := []Status{StatusPending, StatusHeld, StatusExecuting, StatusExecuted, StatusUnknown}
	over := []Status{StatusUndone, StatusEnded} // but still to be ratified
	var tickets []Ticket
	for _, query := range []Query{{Person: person, Status: open}, {Person: person, Status: over, Owed: true}} {
		for t, err := range q.g.store.Tickets(ctx, query) {
			if err != nil {
				return nil, unavailable(CodeStore, err)
			}
			if t.Mandate != "" {
				continue // its batch stands for it
			}
			tickets = append(tickets, t)
		}
	}
	return tickets, nil
}

// revokeFrom voids what the person did in one ticket, and sorts it by what
// became of it.
func (g *Guard) revokeFrom(ctx context.Context, r Revocation, f *findings, t Ticket, revoked *Revoked) error {
	asked := t.Requester.Person == r.Person
	if t.Status.Waiting() && asked || t.revocable() && !asked && len(t.revocation(r, time.Time{}).void) > 0 {
		about := request{step: StepRevoke, undoes: t.ID, action: Action{Actor: r.Actor, Reason: r.Reason}}
		next, err := g.mutate(ctx, about, func(_ context.Context, q *inquiry, t Ticket) (*findings, event, error) {
			return f, t.revocation(r, q.now), nil
		})
		switch {
		case err == nil && asked:
			revoked.Cancelled = append(revoked.Cancelled, next)
			return nil
		case err == nil:
			revoked.Voided = append(revoked.Voided, next)
			return nil
		}
		t, err2 := g.load(detach(ctx), t.ID)
		if err2 != nil || t.revocable() || !errors.Is(err, ErrConflicting) {
			return errors.Join(err, err2)
		}
		return g.revokeFrom(ctx, r, f, t, revoked) // it was executed, or is over
	}
	if err := g.revokeRetry(ctx, r, f, t); err != nil {
		return err
	}
	if t.going() && (asked || len(t.revocation(r, time.Time{}).void) > 0) {
		if err := g.haltRevoked(ctx, r, f, t); err != nil {
			return err
		}
	}
	now, _ := g.clock.now()
	lately := t.Status != StatusExecuted || now.Sub(t.Executed) < g.config.Lately
	if asked && lately && !t.Status.Waiting() && !t.Status.Final() {
		revoked.Executed = append(revoked.Executed, t.Clone())
	}
	return nil
}

// revocation is what a revocation does to a waiting ticket.
func (t Ticket) revocation(r Revocation, now time.Time) event {
	if t.Requester.Person == r.Person {
		return event{kind: audit.EventRevoked, at: now, note: r.Reason}
	}
	void := make(map[string]string)
	var left []approver
	for _, review := range t.Reviews {
		switch {
		case review.Void != "" || !review.Verdict.agrees():
		case review.Person == r.Person:
			void[review.Login] = "revoked: " + r.Reason
		default:
			left = append(left, approver{review.Person, slices.Clone(review.Roles)})
		}
	}
	return event{kind: audit.EventVoided, at: now, void: void, open: openSlots(t.slots(), left), hold: t.Requirement.Hold, note: r.Reason}
}

// revocable reports whether what was approved, or ratified, can still be voided.
func (t Ticket) revocable() bool { return t.Status.Waiting() || t.owingAllows(audit.EventVoided) }
