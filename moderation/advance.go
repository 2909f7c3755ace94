package moderation

import (
	"context"
	"errors"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Advance takes a ticket as far as time and its recorded reviews allow now: it
// times out, escalates, executes, ends, or is probed after a crash. It has no
// actor and is idempotent: call it as often as you like, from a scheduler,
// from many processes.
//
// Advance returns nil if and only if there was nothing to do or it was done.
// Like Do it returns a [*Refusal] or a [*StateError] for what it tried; the
// ticket then tells whether that was its end. What keeps a ticket that is due
// from moving, and may pass, is recorded and told to the Observer, as Run does:
// the ticket itself does not tell.
func (g *Guard) Advance(ctx context.Context, id string) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	if err := checkName("ticket ID", id, true); err != nil {
		return Ticket{}, err
	}
	t, err := g.advanceDue(ctx, Ticket{ID: id})
	now, _ := g.clock.now()
	g.summarize(ctx, now, now)
	return t.Clone(), err
}

func (g *Guard) advance(ctx context.Context, id string) (Ticket, error) {
	t, err := g.settled(ctx, id)
	if err != nil {
		return Ticket{}, err
	}
	return g.move(ctx, t)
}

// settled reads a ticket, when nothing is owed that may be about it.
func (g *Guard) settled(ctx context.Context, id string) (Ticket, error) {
	if err := g.payOwed(ctx); err != nil {
		return Ticket{}, unrecorded(err)
	}
	return g.load(ctx, id)
}

// move takes a ticket that was read as far as it may go.
func (g *Guard) move(ctx context.Context, t Ticket) (Ticket, error) {
	now, raw := g.clock.now()
	switch {
	case t.Status.Waiting():
		return g.advanceWaiting(ctx, t, now, raw)
	case t.Status == StatusExecuting && !now.Before(t.GiveUp.Add(g.config.ResolveGrace)):
		return g.recover(ctx, t, now)
	case t.Status == StatusUnknown && !t.Retry.IsZero() && !now.Before(t.Retry):
		return g.retry(ctx, t, now, raw)
	case t.Status == StatusUnknown && !now.Before(t.GiveUp.Add(g.config.ResolveGrace)):
		return g.probeUnknown(ctx, t, now)
	case t.debtDue(now):
		return g.collect(ctx, t, now)
	case t.Status == StatusExecuted && !t.Until.IsZero() && !now.Before(t.Until):
		return g.endOfDuration(ctx, t)
	}
	return t, nil
}

// load reads a ticket, bounded like every question to a dependency.
func (g *Guard) load(ctx context.Context, id string) (Ticket, error) {
	now, _ := g.clock.now()
	q := g.inquiry(StepRead, now)
	return inquire(ctx, q, func(ctx context.Context) (Ticket, error) { return q.ticket(ctx, id) })
}

// atWork reports whether a handler for the ticket is still running in this
// process, or its outcome is not written yet.
func (g *Guard) atWork(id string) bool {
	return g.flights.flying(flight{ticket: id}) || g.owes(id)
}

// advanceWaiting is the order of events for what waits: deadline, escalation,
// hold, everything decided again, execution.
func (g *Guard) advanceWaiting(ctx context.Context, t Ticket, now, raw time.Time) (Ticket, error) {
	if !t.Deadline.IsZero() && !now.Before(t.Deadline) {
		return g.record(ctx, t, &findings{}, event{kind: audit.EventTimedOut, at: now, code: CodeTooLate, note: "Its deadline passed; a timeout never approves."})
	}
	if at := t.escalateAt(); !at.IsZero() && !now.Before(at) {
		escalated, err := g.record(ctx, t, &findings{}, event{kind: audit.EventEscalated, at: now, hold: t.Requirement.Hold})
		if err != nil {
			return t, err
		}
		t = escalated
	}
	if t.Status == StatusPending && len(t.Reviews) == 0 || t.Status == StatusHeld && !g.waits.over(t, t.Requirement.Hold, now, raw) {
		return t, nil
	}
	after, err := g.alone(ctx, t, func(t Ticket) (Ticket, *findings, error) { return g.decideAgain(ctx, t, now, raw) })
	if err == nil && t.Status == StatusPending && after.Status == StatusHeld {
		return g.advanceWaiting(ctx, after, now, raw) // its hold may be over at once
	}
	return after, err
}

// alone lets one call in this process decide about a ticket and execute it.
// What was loaded before it was alone may be old by then.
func (g *Guard) alone(ctx context.Context, t Ticket, decide func(Ticket) (Ticket, *findings, error)) (Ticket, error) {
	one := flight{ticket: t.ID}
	if !g.flights.try(one) {
		return t, nil // another call is at it
	}
	now, err := g.load(ctx, t.ID)
	if err != nil || now.Revision != t.Revision {
		g.flights.land(one)
		return now, err
	}
	t, f, err := decide(now)
	if err != nil || f.call == "" {
		g.flights.land(one)
		return t, err
	}
	return g.execute(ctx, t, f)
}

// decideAgain decides a waiting ticket with fresh facts. It returns findings
// with a call only where that may be made now.
func (g *Guard) decideAgain(ctx context.Context, t Ticket, now, raw time.Time) (Ticket, *findings, error) {
	if t.Batch != nil {
		return g.decideMandate(ctx, t, nil, now, raw)
	}
	q := g.inquiry(t.Step, now)
	f, err := inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		f, err := q.assess(ctx, t)
		if err == nil && g.ripe(t, f, now, raw) {
			f.barrier = q.clear(ctx, t, f)
		}
		return f, err
	})
	none := &findings{}
	switch {
	case err != nil:
		t, err = g.notNow(ctx, t, none, now, raw, err)
	case !now.Before(f.due):
		t, err = g.record(ctx, t, f, event{kind: audit.EventTimedOut, at: now, code: CodeTooLate, note: "The deadline that the policy gives now has passed."})
	case len(f.void) > 0 || len(f.open) > 0 && slotsText(f.open) != slotsText(t.Open):
		t, err = g.record(ctx, t, f, event{kind: audit.EventVoided, at: now, raw: raw, void: f.void, open: f.open, hold: f.hold, deadline: f.due})
	case len(f.open) > 0:
		// It goes on waiting for the same approvals.
	case t.Status == StatusPending:
		t, err = g.record(ctx, t, f, event{kind: audit.EventHeld, at: now, raw: raw, due: now.Add(f.hold), deadline: f.due, note: "Its approvals suffice under the policy of now."})
	case !g.waits.over(t, f.hold, now, raw):
		t, err = g.record(ctx, t, f, event{kind: audit.EventHeld, at: now, raw: raw, due: t.holdOver(f.hold), deadline: f.due, note: "The policy asks for a longer hold now."})
	case f.barrier != nil:
		t, err = g.notNow(ctx, t, f, now, raw, f.barrier)
	default:
		return t, f, nil
	}
	return t, none, err
}

// ripe reports whether nothing but freezes, other tickets and limits can keep
// a ticket from being executed.
func (g *Guard) ripe(t Ticket, f *findings, now, raw time.Time) bool {
	return t.Status == StatusHeld && len(f.open)+len(f.void) == 0 && now.Before(f.due) && g.waits.over(t, f.hold, now, raw)
}

// notNow ends a ticket that is refused for good, and leaves one that may still
// come through to wait.
func (g *Guard) notNow(ctx context.Context, t Ticket, f *findings, now, raw time.Time, why error) (Ticket, error) {
	refusal := asRefusal(why)
	switch {
	case refusal.passing():
		return t, refusal
	case len(f.usage.Over) > 0:
		open := append(openSlots(f.slotsThen, f.then), f.usage.Over...)
		return g.record(ctx, t, f, event{kind: audit.EventHeld, at: now, raw: raw, extra: f.usage.Over, open: open, note: refusal.Text})
	case refusal.RetryAfter > 0:
		return g.holdBack(ctx, t, f, now, refusal)
	}
	ended, err := g.record(ctx, t, f, event{kind: audit.EventRefused, at: now, code: refusal.Code, note: refusal.Text})
	if err != nil {
		return t, errors.Join(refusal, err)
	}
	return ended, refusal
}

// holdBack leaves a ticket waiting for room, for the end of a freeze or for a
// busy target. It is recorded once for each reason, not at each look.
func (g *Guard) holdBack(ctx context.Context, t Ticket, f *findings, now time.Time, why *Refusal) (Ticket, error) {
	if t.Status == StatusHeld && t.Note == why.Text {
		return t, nil
	}
	return g.record(ctx, t, f, event{kind: audit.EventHeld, at: now, due: now.Add(why.RetryAfter), note: why.Text})
}

// record makes one transition of one ticket durable.
func (g *Guard) record(ctx context.Context, t Ticket, f *findings, e event) (Ticket, error) {
	next, err := transition(t, e)
	if err != nil {
		return t, err
	}
	c := g.change(f, e.at, e.kind, nil, next)
	if next.Status.Final() || e.kind == audit.EventOutcome {
		c.Record.Outcome = &audit.Outcome{Status: string(next.Status), Code: string(next.Code), Error: next.Note}
	}
	c.Policy = ""
	if err := g.commit(ctx, c); err != nil {
		return t, unrecorded(err)
	}
	g.waits.follow(t, next, e.raw)
	g.nudge()
	return next, nil
}

// endOfDuration takes back a restriction whose time is over. Nobody need
// decide that: it was decided when it was asked for.
func (g *Guard) endOfDuration(ctx context.Context, t Ticket) (Ticket, error) {
	kind, ok := g.kinds[t.Action.Kind]
	if !ok || kind.Undo == nil {
		return t, &Refusal{Code: CodeUnknownKind, Ticket: t.ID, Text: t.Action.Kind + " can't be ended: no such kind with an Undo is registered."}
	}
	now, _ := g.clock.now()
	q := g.inquiry(StepUndo, now)
	return g.alone(ctx, t, func(t Ticket) (Ticket, *findings, error) {
		f, err := inquire(ctx, q, func(ctx context.Context) (*findings, error) {
			return q.atItsEnd(ctx, t, kind)
		})
		return t, f, err
	})
}

// atItsEnd gathers what the handler is told at the end of a duration.
func (q *inquiry) atItsEnd(ctx context.Context, t Ticket, kind Kind) (*findings, error) {
	f := &findings{kind: kind, action: t.Action, subject: t.Subject, call: CallUndo, id: t.ID}
	var err error
	if f.head, err = q.head(ctx, t.Subject.ID); err != nil {
		return f, err
	}
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return f, err
	}
	if busy := f.head.Busy; busy != "" && busy != t.ID {
		return f, busyRefusal(busy, t.Subject.ID)
	}
	return f, nil
}
