package moderation

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
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
	t.Reviews = f.voidOf(mandate)
	t.Action.Key = f.id
	t.Action.Parameters = maps.Clone(f.action.Parameters)
	t.Idempotency = t.Action.idempotency(step, t.Undoes)
	t.Digest = t.digest()
	return t
}

// voidOf are the approvals of a batch that are void for a member.
func (f *findings) voidOf(mandate Ticket) []Review {
	if len(f.void) == 0 {
		return nil
	}
	reviews := slices.DeleteFunc(slices.Clone(mandate.Reviews), func(r Review) bool {
		_, void := f.void[r.Login]
		return !void || r.Void != "" || r.Verdict != Approved
	})
	return voidReviews(reviews, f.void)
}

// bar ends the ticket of a member on which those behind the batch may not act. One
// that was barred before, for the same reason, is not given another ticket.
func (g *Guard) bar(ctx context.Context, c considered, now time.Time) (Ticket, error) {
	t := c.before
	if t.Status != StatusRefused || t.Code != c.bars.Code || t.Note != c.bars.Text {
		var err error
		if t, err = g.record(ctx, c.ticket, c.f, event{kind: audit.EventRefused, at: now, code: c.bars.Code, note: c.bars.Text}); err != nil {
			return t, errors.Join(c.bars, err)
		}
	}
	c.bars.Ticket = t.ID
	return t, c.bars
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
