package policy

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// tickets remembers, for a part of all tickets, what was charged for them. The
// zero value is empty.
type tickets struct {
	mu sync.Mutex
	// Charges are remembered in two generations: when the younger one is
	// full the older one is forgotten. What is forgotten may be charged
	// again, which costs but never grants.
	younger, older map[chargeKey]uint64
	// open are the tickets that were not released yet.
	open map[string]*openTicket
}

// openTicket is an unfinished ticket. What it is about is kept whether or not a
// limit counts it, for limits that come later.
type openTicket struct {
	charge moderation.Charge // what limits go by
	counts []counted
}

// counted is a bucket that counts a ticket.
type counted struct {
	rates *rates
	hash  uint64
	value string
}

// ticketShards is how many locks tickets share.
const ticketShards = 64

// generation is how many charges a generation holds.
const generation = 1024

// chargeKey names what is charged once.
type chargeKey struct {
	ticket string
	at     moderation.ChargeAt
	step   moderation.Step
	person string // of a rejection, which several may try
}

func keyOf(c *moderation.Charge) chargeKey {
	key := chargeKey{ticket: c.Ticket, at: c.At, step: c.Step}
	if c.Step == moderation.StepReject {
		key.person = c.Person
	}
	return key
}

// payer is what may not differ when a charge is repeated. Tier, reach and
// count may: they are asked afresh each time.
func payer(seed maphash.Seed, c *moderation.Charge) uint64 {
	return maphash.Comparable(seed, [...]string{c.Person, c.Actor, c.Kind, c.Target})
}

// charged reports whether a charge was made before. The shard is locked.
func (t *tickets) charged(seed maphash.Seed, c *moderation.Charge) (bool, error) {
	key := keyOf(c)
	who, ok := t.younger[key]
	if !ok {
		who, ok = t.older[key]
	}
	if ok && who != payer(seed, c) {
		return false, fmt.Errorf("ticket %s was charged before, for another person, actor, kind or target", c.Ticket)
	}
	return ok, nil
}

// remember keeps a charge that was made. The shard is locked.
func (t *tickets) remember(seed maphash.Seed, c *moderation.Charge) {
	if t.younger == nil || len(t.younger) >= generation {
		t.younger, t.older = make(map[chargeKey]uint64), t.younger
	}
	t.younger[keyOf(c)] = payer(seed, c)
}

// exempt takes out of a charge what an open ticket is counted for already. The
// shard is locked.
func (t *tickets) exempt(draws []draw, c *moderation.Charge) {
	o := t.open[c.Ticket]
	for i := range draws {
		if d := &draws[i]; d.gauge.rates.open && o.isCounted(d.gauge.rates, d.value) {
			d.want = 0
		}
	}
}

// keepOpen remembers that a ticket is unfinished, and what counts it. The shard
// is locked.
func (t *tickets) keepOpen(draws []draw, c *moderation.Charge) {
	o := t.open[c.Ticket]
	if o == nil {
		o = newOpenTicket(c)
		if t.open == nil {
			t.open = make(map[string]*openTicket)
		}
		t.open[o.charge.Ticket] = o
	}
	for i := range draws {
		if d := &draws[i]; d.gauge.rates.open && !o.isCounted(d.gauge.rates, d.value) {
			o.counts = append(o.counts, counted{d.gauge.rates, d.hash, strings.Clone(d.value)})
		}
	}
}

// opens reports whether a charge is that of a ticket which begins.
func opens(c *moderation.Charge) bool {
	return c.At == moderation.ChargeRequest && c.Step != moderation.StepReject && c.Ticket != ""
}

// newOpenTicket keeps what limits go by, and no larger text alive.
func newOpenTicket(c *moderation.Charge) *openTicket {
	kept := moderation.Charge{At: c.At, Step: c.Step, Count: c.Count, Time: c.Time, For: c.For}
	for _, f := range [...]struct{ to, from *string }{
		{&kept.Ticket, &c.Ticket},
		{&kept.Person, &c.Person},
		{&kept.Actor, &c.Actor},
		{&kept.Kind, &c.Kind},
		{&kept.Target, &c.Target},
		{&kept.Tier, &c.Tier},
		{&kept.Domain, &c.Domain},
	} {
		*f.to = strings.Clone(*f.from)
	}
	return &openTicket{charge: kept}
}

func (o *openTicket) isCounted(r *rates, value string) bool {
	return o != nil && slices.ContainsFunc(o.counts, func(c counted) bool {
		return c.rates.meter == r.meter && c.value == value
	})
}

func (l *Limiter) ticketShard(ticket string) *tickets {
	return &l.tickets[maphash.String(l.seed, ticket)%ticketShards]
}
