package moderation

import (
	"context"
	"slices"

	"github.com/elevenminutes/interlock/audit"
)

// Ratify records that a person stands by a bypass of somebody else's, exactly as
// the digest says. The rules are those of Approve: for each slot of the bypass's
// quorum another person, none of them who did it, with a role of the slot and
// the step approve, then and now. It returns nil if and only if the ratification
// was recorded and counts; with the last one the debt is settled and the bypass
// stands like any other action. It is too late at the ticket's Deadline. A bypass
// that ended or was undone before that can still be ratified, which brings
// nothing back.
//
// A bypass is refused by [Guard.Reject].
func (g *Guard) Ratify(ctx context.Context, r ReviewRequest) (Ticket, error) {
	return g.ofBypass(ctx, r, StepApprove, func(ctx context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		return q.answer(ctx, t, r, StepApprove)
	})
}

// Acknowledge settles the debt of a bypass of which nothing stands any more, and
// which nobody ratified: somebody else, a person with the step resolve, has
// looked into it and gives a reason. It returns nil if and only if that was
// recorded. The person who did it can bypass again from then on, as far as the
// policy allows.
func (g *Guard) Acknowledge(ctx context.Context, r ReviewRequest) (Ticket, error) {
	return g.ofBypass(ctx, r, StepResolve, func(ctx context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		return q.acknowledge(ctx, t, r)
	})
}

func (g *Guard) ofBypass(ctx context.Context, r ReviewRequest, step Step, decide func(context.Context, *inquiry, Ticket) (*findings, event, error)) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	about := request{step: step, undoes: r.Ticket, action: Action{Actor: r.Actor, Reason: r.Reason}}
	err := r.validate(StepApprove)
	if err == nil && step == StepResolve {
		err = checkReason("ReviewRequest.Reason", r.Reason)
	}
	if err != nil {
		now, _ := g.clock.now()
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	return g.mutate(ctx, about, decide)
}

// answer decides whether a ratification, or the rejection of a bypass, counts.
func (q *inquiry) answer(ctx context.Context, t Ticket, r ReviewRequest, step Step) (*findings, event, error) {
	none := &findings{}
	about := audit.EventRatified
	if step == StepReject {
		about = audit.EventRejected
	}
	switch {
	case !t.owingAllows(about):
		return none, event{}, notOpen(t)
	case r.Digest != t.Digest || t.digest() != t.Digest:
		return none, event{}, notShown(t)
	case !q.now.Before(t.Deadline):
		return none, event{}, &Refusal{Code: CodeTooLate, Ticket: t.ID, Text: "The bypass was not ratified in time and is undone."}
	}
	f, err := q.lookBack(ctx, t)
	if err != nil {
		return f, event{}, err
	}
	f.due = t.Deadline
	return q.verdict(ctx, t, f, r, step)
}

// lookBack gathers what a bypass is ratified by. It was decided when it was
// done: of its requester only who that is now counts, and where the policy
// would not allow it any more the quorum of then is left.
func (q *inquiry) lookBack(ctx context.Context, t Ticket) (*findings, error) {
	f := &findings{action: t.Action, kind: q.g.kinds[t.Action.Kind], call: CallApply, id: t.ID,
		extra: t.Extra, barred: t.Barred, after: t.After, at: q.now}
	f.kind.Name = t.Action.Kind
	var err error
	if f.actor, err = q.actor(ctx, t.Requester.Login); err != nil && !hasCode(err, CodeUnknownActor) {
		return f, err
	}
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return f, err
	}
	if f.head, err = q.head(ctx, t.Subject.ID); err != nil {
		return f, err
	}
	if f.target, f.subject, err = q.target(ctx, t.Subject.ID, f.head); err != nil {
		return f, err
	}
	if err := q.permitLookBack(ctx, t, f); err != nil {
		return f, err
	}
	return f, q.recount(ctx, t, f)
}

// permitLookBack asks what the policy of this moment wants for the bypass.
func (q *inquiry) permitLookBack(ctx context.Context, t Ticket, f *findings) (err error) {
	then := Decision{Requirement: t.Requirement, Policy: t.Policy}
	f.decision = then
	if f.actor.Login == "" { // nobody has the login any more
		return nil
	}
	f.decision, err = q.decide(ctx, q.question(StepBypass, f))
	if err == nil {
		err = f.answerable()
	}
	if refusal := (*Refusal)(nil); err != nil {
		if refusal = asRefusal(err); refusal.passing() {
			return err
		}
		f.decision = then
	}
	f.stale = q.stale.Load()
	return nil
}

// acknowledge decides whether someone may answer for a bypass that is over.
func (q *inquiry) acknowledge(ctx context.Context, t Ticket, r ReviewRequest) (*findings, event, error) {
	switch {
	case !t.owingAllows(audit.EventAcknowledged):
		return &findings{}, event{}, notOpen(t)
	case r.Digest != t.Digest || t.digest() != t.Digest:
		return &findings{}, event{}, notShown(t)
	}
	f, actor, err := q.bystander(ctx, t, r.Actor)
	if hasCode(err, CodeUnknownTarget) { // what is gone keeps nobody from answering
		f.subject, err = t.Subject, nil
		f.target = Target{ID: t.Subject.ID, Tier: t.Subject.Tier, Domain: t.Subject.Domain, Reach: t.Subject.Reach}
	}
	if err == nil {
		err = q.another(ctx, t, actor)
	}
	if err == nil {
		f.freezes, err = q.head(ctx, FreezeTarget)
	}
	if err != nil {
		return f, event{}, err
	}
	if frozen := notFrozen(f.freezes, actor, q.now); frozen != nil {
		return f, event{}, frozen
	}
	question := q.question(StepResolve, f)
	question.Actor = actor
	if f.decision, err = q.decide(ctx, question); err != nil {
		return f, event{}, err
	}
	return f, event{kind: audit.EventAcknowledged, at: q.now, note: r.Reason,
		review: Review{Login: actor.Login, Person: actor.Person, Verdict: Acknowledged, Roles: slices.Clone(f.decision.Roles), Policy: f.decision.Policy, Reason: r.Reason, Time: q.now}}, nil
}

// notShown is the refusal of a digest that is not the ticket's.
func notShown(t Ticket) *Refusal {
	return &Refusal{Code: CodeDigest, Ticket: t.ID, Field: "ReviewRequest.Digest", Text: "The digest is not that of this ticket: what the reviewer was shown is not what was done."}
}
