package moderation

import (
	"context"
	"iter"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// finishes reports whether a record is the one with which its ticket stops
// being unfinished, which gives its place under an "open" limit free.
func finishes(e audit.Event, t *Ticket) bool {
	switch e {
	case audit.EventBegun:
		return true
	case audit.EventOutcome, audit.EventResolved:
		return (t.Status == StatusExecuted || t.Status == StatusFailed) && !t.ends()
	case audit.EventEscalated, audit.EventVoided, audit.EventRatified, audit.EventAcknowledged:
		return false // it goes on waiting, or was over before
	case audit.EventRefused:
		return t.Revision > 1 // else it was never admitted
	}
	return t.Status.Final()
}

// finished returns the tickets of a change that stop being unfinished with it:
// the one that the record is about, and an unknown one that its undo settles.
func finished(e audit.Event, tickets []Ticket) iter.Seq[*Ticket] {
	return func(yield func(*Ticket) bool) {
		for i := range tickets {
			t := &tickets[i]
			over := i == 0 && finishes(e, t) || i > 0 && t.Status.Final()
			if over && !yield(t) {
				return
			}
		}
	}
}

// release tells a limiter that counts unfinished tickets which are finished.
func (g *Guard) release(ctx context.Context, c Change) {
	if _, ok := g.config.Limiter.(Releaser); !ok {
		return
	}
	for t := range finished(c.Record.Event, c.Tickets) {
		for _, charge := range t.charges(ChargeRequest, c.Record.Time) {
			g.giveFree(ctx, charge)
		}
	}
}

// giveFree releases a charge. Where that fails, the ticket goes on counting: the
// limit is then too strict, never too lax.
func (g *Guard) giveFree(ctx context.Context, c Charge) {
	releaser, ok := g.config.Limiter.(Releaser)
	if !ok || c.Ticket == "" {
		return
	}
	bounded(detach(ctx), g.config.DecideTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, releaser.Release(ctx, c)
	})
}

// charge is what the ticket was charged.
func (t *Ticket) charge(at ChargeAt, now time.Time) Charge {
	return Charge{
		At: at, Step: t.Step, Ticket: t.ID, Person: t.Requester.Person, Actor: t.Requester.Login, Kind: t.Action.Kind,
		Target: t.Subject.ID, Tier: t.Subject.Tier, Domain: t.Subject.Domain, Count: 1, Reach: t.Subject.Reach,
		Time: now, Overrun: t.Overrun, For: t.chargedFor(),
	}
}
