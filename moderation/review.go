package moderation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Approve records that a person approves exactly what the digest says. It
// returns nil if and only if the approval was recorded and counts; it executes
// nothing. When the last slot is filled the hold begins; Advance, Run or
// another Do then takes the ticket further.
func (g *Guard) Approve(ctx context.Context, r ReviewRequest) (Ticket, error) {
	return g.review(ctx, r, StepApprove)
}

// Reject ends a waiting ticket. It takes someone who could have approved it and
// holds the step reject too, and a reason. It returns nil if and only if the ticket is rejected.
//
// A bypass is rejected by someone who could have ratified it: it is due at once,
// and the next Advance undoes it.
func (g *Guard) Reject(ctx context.Context, r ReviewRequest) (Ticket, error) {
	return g.review(ctx, r, StepReject)
}

func (g *Guard) review(ctx context.Context, r ReviewRequest, step Step) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	about := request{step: step, undoes: r.Ticket, action: Action{Actor: r.Actor, Reason: r.Reason}}
	if err := r.validate(step); err != nil {
		now, _ := g.clock.now()
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	return g.mutate(ctx, about, func(ctx context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		return q.review(ctx, t, r, step)
	})
}

func (r ReviewRequest) validate(step Step) error {
	if err := checkName("ReviewRequest.Ticket", r.Ticket, true); err != nil {
		return err
	}
	if err := checkName("ReviewRequest.Actor", r.Actor, true); err != nil {
		return err
	}
	if r.Digest.IsZero() {
		return invalid("ReviewRequest.Digest", "is missing; send back the digest that the reviewer was shown")
	}
	if step == StepReject || r.Reason != "" {
		return checkReason("ReviewRequest.Reason", r.Reason)
	}
	return nil
}

// review decides whether a review counts.
func (q *inquiry) review(ctx context.Context, t Ticket, r ReviewRequest, step Step) (*findings, event, error) {
	none := event{}
	switch {
	case t.Step == StepBypass && step == StepReject:
		return q.answer(ctx, t, r, step)
	case t.Status != StatusPending:
		return &findings{}, none, notOpen(t)
	case r.Digest != t.Digest:
		return &findings{}, none, &Refusal{Code: CodeDigest, Ticket: t.ID, Field: "ReviewRequest.Digest", Text: "The digest is not that of this ticket: what the reviewer was shown is not what would be done."}
	case !q.now.Before(t.Deadline):
		return &findings{}, none, &Refusal{Code: CodeTooLate, Ticket: t.ID, Text: "The ticket's deadline has passed."}
	}
	f, err := q.assess(ctx, t)
	if err != nil {
		return f, none, err
	}
	if !q.now.Before(f.due) {
		return f, none, &Refusal{Code: CodeTooLate, Ticket: t.ID, Text: "The deadline that the policy gives now has passed."}
	}
	return q.verdict(ctx, t, f, r, step)
}

// verdict decides whether what a person says counts.
func (q *inquiry) verdict(ctx context.Context, t Ticket, f *findings, r ReviewRequest, step Step) (*findings, event, error) {
	none := event{}
	actor, d, why, err := q.reviewer(ctx, t, f, r.Actor)
	switch {
	case err != nil:
		return f, none, err
	case why != nil:
		return f, none, why
	case step == StepApprove && notFrozen(f.freezes, actor, q.now) != nil:
		return f, none, notFrozen(f.freezes, actor, q.now)
	case counted(t, f, actor):
		return f, none, &Refusal{Code: CodeAlreadyCounted, Ticket: t.ID, Text: "The person behind " + r.Actor + " has reviewed this ticket already; one person fills one slot."}
	}
	candidate := approver{actor.Person, d.Roles}
	if !eligible(f.slotsThen, f.then, candidate) && !eligible(f.slotsNow, f.now, candidate) {
		return f, none, &Refusal{Code: CodeNotEligible, Ticket: t.ID, Needed: "approval by " + slotsText(f.open), Text: "The person behind " + r.Actor + " holds no role that is still asked for."}
	}
	f.reviewer, f.decision = &actor, d // what is recorded is the reviewer's right
	e := event{kind: audit.EventApproved, at: q.now, hold: f.hold, deadline: f.due, void: f.void,
		review: Review{Login: actor.Login, Person: actor.Person, Verdict: Approved, Roles: slices.Clone(d.Roles), Policy: d.Policy, Reason: r.Reason, Time: q.now}}
	if step == StepReject {
		return q.reject(ctx, t, f, actor, e, r)
	}
	if t.Step == StepBypass {
		e.kind, e.review.Verdict = audit.EventRatified, Ratified
	}
	f.then, f.now = append(f.then, candidate), append(f.now, candidate)
	e.open = f.stillOpen()
	return f, e, nil
}

// reject asks, besides, for the right to reject and for its budget.
func (q *inquiry) reject(ctx context.Context, t Ticket, f *findings, actor Actor, e event, r ReviewRequest) (*findings, event, error) {
	question := q.question(StepReject, f)
	question.Actor = actor
	d, err := q.decideFor(ctx, f, question)
	if err != nil {
		return f, e, err
	}
	f.decision = d
	c := f.charge(ChargeRequest, StepReject, t.ID)
	c.Person, c.Actor = actor.Person, actor.Login
	u, err := q.charge(ctx, c, false)
	if err != nil {
		return f, e, err
	}
	if !u.Allowed {
		return f, e, limited(u)
	}
	f.usage = u
	e.kind, e.review.Verdict, e.note = audit.EventRejected, Rejected, r.Reason
	return f, e, nil
}

// counted reports whether the person has reviewed already, by any login, as
// the persons were known then or are known now. One whose approval was voided
// since may give it again.
func counted(t Ticket, f *findings, a Actor) bool {
	for _, r := range t.Reviews {
		if r.Login == a.Login && r.Person != a.Person {
			return true // the login has had its say, as somebody else's
		}
		_, void := f.void[r.Login]
		if r.Void == "" && !void && (r.Login == a.Login || r.Person == a.Person) {
			return true
		}
	}
	return slices.ContainsFunc(f.now, func(other approver) bool { return other.person == a.Person })
}

func notOpen(t Ticket) *Refusal {
	return &Refusal{Code: CodeNotOpen, Ticket: t.ID, Text: "The ticket is " + string(t.Status) + " and is not waiting for this."}
}

// mutate makes one transition of a ticket on somebody's behalf. It decides
// anew when somebody else was faster. A refusal is recorded.
func (g *Guard) mutate(ctx context.Context, about request, decide func(context.Context, *inquiry, Ticket) (*findings, event, error)) (Ticket, error) {
	one := flight{key: "mutate", ticket: about.undoes} // one after the other in this process
	if err := g.flights.wait(ctx, one); err != nil {
		now, _ := g.clock.now()
		return Ticket{}, g.refuse(ctx, about, now, gaveUp(err))
	}
	defer g.flights.land(one)
	const tries = 8
	for try := 1; ; try++ {
		now, raw := g.clock.now()
		t, err := g.tryMutate(ctx, about, now, raw, decide)
		if err == nil {
			g.nudge()
			return t.Clone(), nil
		}
		if !errors.Is(err, ErrConflict) || try == tries {
			return Ticket{}, g.refuse(ctx, about, now, err)
		}
	}
}

func (g *Guard) tryMutate(ctx context.Context, about request, now, raw time.Time, decide func(context.Context, *inquiry, Ticket) (*findings, event, error)) (Ticket, error) {
	t, err := g.load(ctx, about.undoes)
	if err != nil {
		return t, err
	}
	type verdict struct {
		findings *findings
		event    event
	}
	step := t.Step
	if about.step != StepApprove {
		step = about.step // what stops a ticket goes on from older facts
	}
	q := g.inquiry(step, now)
	v, err := inquire(ctx, q, func(ctx context.Context) (verdict, error) {
		f, e, err := decide(ctx, q, t)
		return verdict{f, e}, err
	})
	if err != nil {
		return t, err
	}
	if len(v.event.void) > 0 {
		t.Reviews = voidReviews(t.Reviews, v.event.void)
	}
	next, err := transition(t, v.event)
	if err != nil {
		return t, notOpen(t)
	}
	c := g.change(v.findings, now, v.event.kind, v.findings.reviewer, next)
	c.Record.Reason = v.event.reason(next)
	if next.Status.Final() {
		c.Record.Outcome = &audit.Outcome{Status: string(next.Status), Code: string(next.Code)}
	}
	if err := g.commit(ctx, c); err != nil {
		return t, unrecorded(err)
	}
	g.waits.follow(t, next, raw)
	return next, nil
}

// reason is what a record gives as the reason of an event: the reviewer's or
// canceller's own, else the request's.
func (e event) reason(t Ticket) string {
	if e.review.Reason != "" {
		return e.review.Reason
	}
	if e.note != "" {
		return e.note
	}
	return t.Action.Reason
}
