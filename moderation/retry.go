package moderation

import (
	"context"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Bounds of calling a handler again.
const (
	maxRetries    = 100
	maxRetryPause = time.Hour
)

// retryAt is when a handler that came back with an error is called again; zero
// where it is not.
func (g *Guard) retryAt(t Ticket, kind Kind, now time.Time) time.Time {
	if !kind.Idempotent || t.Tries >= g.config.MaxRetries {
		return time.Time{}
	}
	pause := min(g.config.RetryPause, maxRetryPause)
	for range t.Tries {
		pause = min(2*pause, maxRetryPause)
	}
	at := now.Add(pause)
	if t.tooLate(at) {
		return time.Time{}
	}
	return at
}

// tooLate reports whether a handler may not be called again at a moment. The end
// of a duration is never too late.
func (t *Ticket) tooLate(at time.Time) bool {
	if t.ends() {
		return false
	}
	deadline := t.Deadline
	if deadline.IsZero() {
		deadline = t.Requested.Add(defaultDeadline)
	}
	return !at.Before(deadline)
}

// retry asks the host what is true and, where it can't say, calls the handler
// again, after everything was decided again. Each call has an intent, an attempt
// and a fence of its own: an earlier one that wakes up is refused by the service.
func (g *Guard) retry(ctx context.Context, t Ticket, now, raw time.Time) (Ticket, error) {
	if g.atWork(t.ID) {
		return t, nil
	}
	asked, err := g.probeUnknown(ctx, t, now)
	if err != nil || asked.Revision != t.Revision {
		return asked, err
	}
	kind := g.kinds[t.Action.Kind]
	switch {
	case !kind.Idempotent || t.Tries >= g.config.MaxRetries:
		return g.leaveUnknown(ctx, t, "Its kind is not tried again any more.")
	case t.tooLate(now):
		return g.leaveUnknown(ctx, t, "Its deadline passed before it could be tried again.")
	}
	return g.alone(ctx, t, func(t Ticket) (Ticket, *findings, error) { return g.decideRetry(ctx, t, kind, now, raw) })
}

// decideRetry decides with fresh facts whether a handler is called again. What
// refuses for good leaves the outcome unknown: an earlier call may have changed
// something.
func (g *Guard) decideRetry(ctx context.Context, t Ticket, kind Kind, now, raw time.Time) (Ticket, *findings, error) {
	q := g.inquiry(t.Step, now)
	f, err := inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		if t.ends() {
			return q.atItsEnd(ctx, t, kind)
		}
		f, err := q.assess(ctx, t)
		if err == nil {
			err = q.mayRetry(t, f, raw)
		}
		return f, err
	})
	if err == nil {
		return t, f, nil
	}
	none, refusal := &findings{}, asRefusal(err)
	if refusal.passing() || refusal.RetryAfter > 0 {
		return t, none, refusal
	}
	left, err := g.leaveUnknown(ctx, t, refusal.Text)
	if err != nil {
		return left, none, err
	}
	return left, none, refusal
}

// mayRetry holds a ticket that was decided again against what would keep it from
// being executed.
func (q *inquiry) mayRetry(t Ticket, f *findings, raw time.Time) error {
	if t.Step == StepBypass {
		if err := f.mayBreakGlass(); err != nil {
			return err
		}
		if err := f.answerable(); err != nil {
			return err
		}
	}
	hold := t.Approved.Add(f.hold).Sub(q.now)
	switch {
	case f.hold > 0 && t.Approved.IsZero():
		return &Refusal{Code: CodeDenied, Ticket: t.ID, Text: "The policy asks for a hold now, and it never had one."}
	case len(f.void)+len(f.open) > 0 && !f.bypass:
		return &Refusal{Code: CodeDenied, Ticket: t.ID, Needed: "approval by " + slotsText(f.open), Text: "Its approvals do not suffice any more."}
	case !q.now.Before(f.due):
		return &Refusal{Code: CodeTooLate, Ticket: t.ID, Text: "The deadline that the policy gives now has passed."}
	case hold > 0 || !q.g.waits.over(t, f.hold, q.now, raw):
		return &Refusal{Code: CodeTooEarly, Ticket: t.ID, RetryAfter: max(hold, time.Second), Text: "The policy asks for a longer hold now."}
	case f.head.Busy != t.ID:
		return busyRefusal(f.head.Busy, t.Subject.ID)
	}
	if by := frozen(f.freezes, f, q.now); by != nil && t.Step.imposes() {
		return frozenRefusal(by, q.now)
	}
	return nil
}

// leaveUnknown records that a handler is not called again, which makes the
// ticket somebody else's concern.
func (g *Guard) leaveUnknown(ctx context.Context, t Ticket, why string) (Ticket, error) {
	now, _ := g.clock.now()
	return g.record(ctx, t, &findings{}, event{kind: audit.EventEscalated, at: now, due: g.probeAt(t), note: why})
}

// leave takes back that a handler is to be called again.
func (t Ticket) leave(e event) Ticket {
	t.Retry, t.Due, t.Note = time.Time{}, e.due, e.note
	return t
}

// revokeRetry keeps what a person asked for or approved from being tried again.
func (g *Guard) revokeRetry(ctx context.Context, r Revocation, f *findings, t Ticket) error {
	part := t.Requester.Person == r.Person || slices.ContainsFunc(t.Reviews, func(v Review) bool { return v.Person == r.Person })
	if t.Status != StatusUnknown || t.Retry.IsZero() || !part {
		return nil
	}
	about := request{step: StepRevoke, undoes: t.ID, action: Action{Actor: r.Actor, Reason: r.Reason}}
	_, err := g.mutate(ctx, about, func(_ context.Context, q *inquiry, t Ticket) (*findings, event, error) {
		return f, event{kind: audit.EventEscalated, at: q.now, due: g.probeAt(t), note: "revoked: " + r.Reason}, nil
	})
	return err
}
