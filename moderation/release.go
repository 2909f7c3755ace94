package moderation

import (
	"context"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// finishes reports whether a record is the one with which its ticket stops
// being unfinished, which gives its place under an "open" limit free.
func finishes(e audit.Event, t Ticket) bool {
	switch e {
	case audit.EventOutcome, audit.EventResolved:
		return (t.Status == StatusExecuted || t.Status == StatusFailed) && !t.ends()
	}
	return t.Status.Final()
}

// release tells a limiter that counts unfinished tickets that one is finished.
// Where that fails, the ticket goes on counting: the limit is then too strict,
// never too lax.
func (g *Guard) release(ctx context.Context, c Change) {
	releaser, ok := g.config.Limiter.(Releaser)
	if !ok || len(c.Tickets) == 0 || !finishes(c.Record.Event, c.Tickets[0]) {
		return
	}
	charge := c.Tickets[0].charge(ChargeRequest, c.Record.Time)
	bounded(detach(ctx), g.config.DecideTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, releaser.Release(ctx, charge)
	})
}

// charge is what the ticket was charged.
func (t Ticket) charge(at ChargeAt, now time.Time) Charge {
	return Charge{
		At: at, Step: t.Step, Ticket: t.ID, Person: t.Requester.Person, Actor: t.Requester.Login, Kind: t.Action.Kind,
		Target: t.Subject.ID, Tier: t.Subject.Tier, Domain: t.Subject.Domain, Count: 1, Reach: t.Subject.Reach,
		Time: now, Overrun: len(t.Overrun) > 0,
	}
}
