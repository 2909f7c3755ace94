package moderation

import (
	"context"
	"errors"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// conclude makes an outcome durable. One that can't be written is owed: until
// it is, the ticket is unknown and nothing else is executed.
func (g *Guard) conclude(ctx context.Context, t Ticket, f *findings, r result) (Ticket, error) {
	now, _ := g.clock.now()
	e := event{kind: audit.EventOutcome, at: now, status: r.status, code: r.code, token: r.token, due: g.probeAt(t)}
	if r.again {
		e.retry = g.retryAt(t, f.kind, now)
	}
	if r.err != nil {
		e.note = safeText(r.err.Error(), MaxReason)
		r.err = &handlerError{r.err}
	}
	c, err := g.settle(t, f, e)
	if err != nil {
		return t, &StateError{Ticket: t.ID, Status: StatusUnknown, Err: errors.Join(ErrUnrecorded, err, r.err)}
	}
	c.Record.Outcome.Duration = r.took
	if err = g.commitOrOwe(ctx, c); err != nil {
		t.Status = StatusUnknown
		return t, &StateError{Ticket: t.ID, Status: StatusUnknown, Text: "What came of it could not be recorded.", Err: errors.Join(ErrUnrecorded, err, r.err)}
	}
	g.followBatch(ctx, c.Tickets)
	g.nudge()
	t = c.Tickets[0]
	switch {
	case t.Status == StatusUnknown || t.Status == StatusFailed:
		return t, &StateError{Ticket: t.ID, Status: t.Status, Text: t.cameTo(), Err: r.err, Code: t.Code}
	case r.status == StatusFailed:
		return t, &StateError{Ticket: t.ID, Status: t.Status, Text: "Its end changed nothing.", Err: r.err, Code: t.Code}
	}
	return t, nil
}

// settle makes the change in which a ticket comes out of a call, or is
// resolved. What an undo has taken back changes with it.
func (g *Guard) settle(t Ticket, f *findings, e event) (Change, error) {
	next, err := transition(t, e)
	if err != nil {
		return Change{}, err
	}
	if next.Status == StatusUndone { // by its own deadline
		next.Barred = f.barredSoFar(next, e.at, g.config.Lately)
	}
	tickets := []Ticket{next}
	if f.undoes != nil && next.Status == StatusExecuted {
		undone, err := transition(*f.undoes, event{kind: eventUndone, at: e.at, by: t.ID, note: t.Action.Reason})
		if err != nil {
			return Change{}, err
		}
		undone.Barred = f.barredSoFar(undone, e.at, g.config.Lately)
		tickets = append(tickets, undone)
	}
	c := g.change(f, e.at, e.kind, nil, tickets...)
	c.Policy = ""
	c.Record.Outcome = &audit.Outcome{Status: string(e.status), Code: string(e.code), Error: e.note}
	return c, nil
}

// barredSoFar adds to those whom a ticket bars from the next request those whom
// the target's last one bars, whose place it takes.
func (f *findings) barredSoFar(t Ticket, now time.Time, window time.Duration) []string {
	last := findings{call: CallApply, head: f.head, barred: t.Barred}
	last.lately(now, time.Time{}, window)
	return last.barred
}
