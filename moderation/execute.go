package moderation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// execute is the order of events once everything is decided: the intent is
// made durable, freeze and deadline are looked at once more, the handler runs,
// and its outcome is made durable, whatever it is. The caller has just decided
// everything with fresh facts and holds the ticket's flight, which lands here.
func (g *Guard) execute(ctx context.Context, t Ticket, f *findings) (Ticket, error) {
	if t.Batch != nil {
		return g.beginMandate(ctx, t, f)
	}
	one := flight{ticket: t.ID}
	now, _ := g.clock.now()
	t, freezes, err := g.intend(ctx, t, f, now)
	if err != nil {
		g.flights.land(one)
		return t, err
	}
	g.waits.end(t.ID)
	if err := g.lastLook(t, f, freezes); err != nil {
		g.flights.land(one)
		return g.withdraw(ctx, t, f, err)
	}
	result := g.call(ctx, t, f, one)
	return g.conclude(ctx, t, f, result)
}

// began is what is known once an intent was committed.
type began struct {
	freezes Head
	err     error // the intent stands, but something after it failed
}

// intend makes the intent durable, and reads the freezes behind it.
func (g *Guard) intend(ctx context.Context, t Ticket, f *findings, now time.Time) (Ticket, Head, error) {
	if age := now.Sub(f.at); !f.at.IsZero() && age > g.config.MaxStaleness {
		return t, Head{}, &Refusal{Code: CodeStale, Ticket: t.ID, Text: "What was decided is too old by now to act on.", Err: fmt.Errorf("it is %v old", age)}
	}
	call := t.ID // which is this call's alone while the ticket is new
	if t.Revision > 0 || t.Mandate != "" {
		call = rand.Text()
	}
	next, err := transition(t, event{
		kind: audit.EventIntent, at: now, call: f.call, subject: f.subject, deadline: f.due,
		fence: f.head.Fence + 1, attempt: call, giveUp: now.Add(g.config.HandlerTimeout),
	})
	if err != nil {
		return t, Head{}, err
	}
	c := g.change(f, now, audit.EventIntent, nil, next)
	if f.undoes != nil {
		c.Unchanged = []TicketIs{{f.undoes.ID, f.undoes.Revision}}
	}
	if err := g.payOwed(ctx); err != nil {
		return t, Head{}, unrecorded(err)
	}
	withState(&c)
	a := &attempt{change: c, heads: [3]HeadIs{{f.subject.ID, f.head.Fence}, {FreezeTarget, f.freezes.Fence}, f.epoch}}
	a.change.Heads = a.heads[:f.intentHeads()]
	b, err := bounded(detach(ctx), g.config.RecordTimeout, func(ctx context.Context) (began, error) {
		defer a.back.Store(true)
		return g.begin(ctx, a.change)
	})
	if err == nil {
		g.watch.change(a.change)
	}
	switch {
	case inDoubt(err):
		// The intent may be durable or may become so. The handler does not
		// run; that is owed to the trail.
		g.oweRefusal(next, f, now, unrecorded(err), a)
		return t, Head{}, unrecorded(err)
	case err != nil:
		return t, Head{}, unrecorded(err)
	case b.err != nil:
		next, err := g.withdraw(ctx, next, f, afterIntent(b.err))
		return next, Head{}, err
	}
	return next, b.freezes, nil
}

// begin commits an intent, passes it through the gate, and reads the freezes.
func (g *Guard) begin(ctx context.Context, c Change) (began, error) {
	if err := g.store.Commit(ctx, c); err != nil {
		return began{}, err
	}
	if g.gate != nil {
		if err := g.gate.Append(ctx, c.Record); err != nil {
			return began{err: err}, nil
		}
	}
	if err := g.stillMandated(ctx, c.Tickets[0]); err != nil {
		return began{err: err}, nil
	}
	freezes, err := g.store.Head(ctx, FreezeTarget)
	return began{freezes: freezes, err: err}, nil
}

// lastLook refuses what was frozen, or ran out of time, while its intent was
// being written: the last day of the person who asked may have ended too.
func (g *Guard) lastLook(t Ticket, f *findings, freezes Head) error {
	now, _ := g.clock.now()
	if !now.Before(t.GiveUp) {
		return &Refusal{Code: CodeTooLate, Ticket: t.ID, Text: "Writing the intent took all the time that the handler had."}
	}
	if t.ends() {
		return nil
	}
	if end, ok := f.actor.LastDay.End(); ok && !now.Before(end) {
		return pastLastDay(f.actor, end)
	}
	if !t.Deadline.IsZero() && !now.Before(t.Deadline) {
		return &Refusal{Code: CodeTooLate, Ticket: t.ID, Text: "The deadline passed before it could be executed."}
	}
	if !t.Step.imposes() {
		return nil
	}
	if by := frozen(freezes, f, now); by != nil {
		return frozenRefusal(by, now)
	}
	return nil
}

// withdraw ends a ticket whose intent is recorded but whose handler is not
// called. It returns the ticket as it is then, and why.
func (g *Guard) withdraw(ctx context.Context, t Ticket, f *findings, why error) (Ticket, error) {
	refusal := asRefusal(why)
	now, _ := g.clock.now()
	c, err := g.refusalChange(t, f, now, refusal)
	if err != nil {
		return t, errors.Join(refusal, err)
	}
	if err := g.commitOrOwe(ctx, c); err != nil {
		refusal.Err = errors.Join(refusal.Err, ErrUnrecorded, err)
	}
	return c.Tickets[0], refusal
}

func (g *Guard) oweRefusal(t Ticket, f *findings, now time.Time, refusal *Refusal, left *attempt) {
	if c, err := g.refusalChange(t, f, now, refusal); err == nil {
		g.owe(c, left)
	}
}

// refusalChange ends a ticket as refused. A restriction whose end could not be
// begun goes on standing instead.
func (g *Guard) refusalChange(t Ticket, f *findings, now time.Time, refusal *Refusal) (Change, error) {
	e := event{kind: audit.EventRefused, at: now, code: refusal.Code, note: refusal.Text}
	if t.ends() && t.Status == StatusExecuting {
		e = event{kind: audit.EventOutcome, at: now, status: StatusFailed, code: refusal.Code, note: refusal.Text}
	}
	if t.Tries > 0 && t.Status == StatusExecuting { // an earlier call may have changed something
		e = event{kind: audit.EventOutcome, at: now, status: StatusUnknown, due: g.probeAt(t), retry: g.retryAt(t, f.kind, now), code: refusal.Code, note: refusal.Text}
	}
	next, err := transition(t, e)
	if err != nil {
		return Change{}, err
	}
	c := g.change(f, now, e.kind, nil, next)
	c.Policy = ""
	c.Record.Outcome = &audit.Outcome{Status: string(next.Status), Code: string(refusal.Code), Error: safeText(refusal.Error(), MaxReason)}
	return c, nil
}
