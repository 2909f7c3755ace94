package moderation

import (
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// use is what a record shows of the use of limits by one ticket. What never
// changes about a ticket is left to the ticket.
type use struct {
	ticket  string
	what    useOf
	tier    string
	domain  string
	reach   int64
	overrun []Slot
	at      time.Time
}

// useOf tells what of a limit was used.
type useOf string

const (
	useAsking    useOf = "request" // the ticket was asked for
	useExecuting useOf = "execute" // its handler was called
	useRejecting useOf = "reject"  // it was rejected, which the reviewer pays
	useOver      useOf = "over"    // its place under an "open" limit is free
)

// appendUses appends what a record shows, in order.
func appendUses(uses []use, r *audit.Record, tickets []Ticket) []use {
	if len(tickets) == 0 {
		return uses
	}
	t := &tickets[0]
	switch {
	case r.Event == audit.EventRequested:
		uses = append(uses, t.use(useAsking, r.Time))
	case r.Event == audit.EventIntent && t.Revision == 1:
		uses = append(uses, t.use(useAsking, r.Time), t.use(useExecuting, r.Time))
	case r.Event == audit.EventBegun, r.Event == audit.EventIntent && !t.ends() && t.Tries == 0:
		uses = append(uses, t.use(useExecuting, r.Time))
	case r.Event == audit.EventRejected:
		uses = append(uses, t.use(useRejecting, r.Time))
	}
	for over := range finished(r.Event, tickets) {
		uses = append(uses, over.use(useOver, r.Time))
	}
	return uses
}

// use is what a ticket uses as it is now.
func (t *Ticket) use(what useOf, at time.Time) use {
	return use{t.ID, what, t.Subject.Tier, t.Subject.Domain, t.Subject.Reach, t.Overrun, at}
}

// charges are what the limiter was told of a use by its ticket, which may have
// moved on since.
func (u use) charges(t *Ticket) []Charge {
	at := ChargeRequest
	switch u.what {
	case useExecuting:
		at = ChargeExecute
	case useRejecting:
		return []Charge{u.rejection(t)}
	}
	charges := t.charges(at, u.at)
	if t.Batch == nil {
		charges[0].Tier, charges[0].Domain, charges[0].Reach = u.tier, u.domain, u.reach
	}
	for i := range charges {
		charges[i].Overrun = u.overrun
	}
	return charges
}

// rejection is what a reviewer paid for a rejection.
func (u use) rejection(t *Ticket) Charge {
	c := t.charge(ChargeRequest, u.at)
	c.Tier, c.Domain, c.Reach, c.Overrun = u.tier, u.domain, u.reach, u.overrun
	c.Step, c.Person, c.Actor = StepReject, "", ""
	if i := slices.IndexFunc(t.Reviews, func(r Review) bool { return r.Verdict == Rejected }); i >= 0 {
		c.Person, c.Actor = t.Reviews[i].Person, t.Reviews[i].Login
	}
	return c
}
