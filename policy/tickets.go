package policy

import (
	"fmt"
	"hash/maphash"
	"slices"
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
	// open are the buckets that count a ticket until it is released.
	open map[string][]bucketKey
}

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

// exempt takes out of a charge what an open ticket is counted for already. The
// shard is locked.
func (t *tickets) exempt(draws []draw, c *moderation.Charge) {
	counted := t.open[c.Ticket]
	for i := range draws {
		if draws[i].limit.shape.unit == unitOpen && slices.Contains(counted, draws[i].key) {
			draws[i].want = 0
		}
	}
}

// remember keeps a charge that was made. The shard is locked.
func (t *tickets) remember(seed maphash.Seed, draws []draw, c *moderation.Charge) {
	if t.younger == nil || len(t.younger) >= generation {
		t.younger, t.older = make(map[chargeKey]uint64), t.younger
	}
	t.younger[keyOf(c)] = payer(seed, c)
	for i := range draws {
		if draws[i].limit.shape.unit != unitOpen || draws[i].want == 0 {
			continue
		}
		if t.open == nil {
			t.open = make(map[string][]bucketKey)
		}
		t.open[c.Ticket] = append(t.open[c.Ticket], draws[i].key)
	}
}

func (l *Limiter) ticketShard(ticket string) *tickets {
	return &l.tickets[maphash.String(l.seed, ticket)%shardCount]
}
