package moderation

import (
	"context"
	"errors"
	"maps"
	"time"
)

// memberOf makes the ticket of a member. It needs nothing itself: its mandate was
// approved.
func (f *findings) memberOf(mandate Ticket, step Step, now time.Time) Ticket {
	t := Ticket{
		ID: f.id, Step: step, Action: f.action, Requester: mandate.Requester, Subject: f.subject, Tier: f.subject.Tier,
		Policy: f.decision.Policy, Requirement: Requirement{Quorum: Quorum{None: true}},
		Barred: f.barred, Requested: now, Deadline: mandate.Deadline, Call: f.call, Mandate: mandate.ID,
	}
	if f.undoes != nil {
		t.Undoes = f.undoes.ID
	}
	t.Action.Key = f.id
	t.Action.Parameters = maps.Clone(f.action.Parameters)
	t.Idempotency = t.Action.idempotency(step, t.Undoes)
	t.Digest = t.digest()
	return t
}

// intentHeads is how many heads an intent depends on: for a member that of its
// batch too.
func (f *findings) intentHeads() int {
	if f.mandate != "" {
		return 3
	}
	return 2
}

// stillMandated looks at the batch of a member once more, behind its intent.
func (g *Guard) stillMandated(ctx context.Context, t Ticket) error {
	if t.Mandate == "" || t.ends() {
		return nil
	}
	mandate, err := g.store.Ticket(ctx, t.Mandate)
	if err != nil {
		return err
	}
	now, _ := g.clock.now()
	return mandate.inForce(now)
}

// afterIntent is the refusal where an intent stands but its handler must not be
// called.
func afterIntent(err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return unrecorded(err)
}
