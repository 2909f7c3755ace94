package policy

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/elevenminutes/interlock/moderation"
)

// Limiter is a [moderation.Limiter] that holds charges against the p3 rows of
// an [Authorizer]'s version in force, in memory: token buckets that reckon as
// those of golang.org/x/time/rate. Make one with [NewLimiter]; the zero Limiter
// refuses with an error.
//
// A charge is taken from every limit that matches, or from none. It forgets at
// exit, and is a [moderation.Restorer] that is rebuilt from the trail; it
// counts unfinished tickets, and is a [moderation.Releaser] that must be told
// when one is over. All methods may be called by many goroutines at once.
//
// An edit of the policy refills nothing. A limit keeps what was drawn from it
// while its row stays the same, the column over aside. Where only its amount or
// window changes, what was drawn counts against the new row, and is paid back
// at the slower of both rates since the last draw. A row that is added beside
// others which count the same (in all columns before amount, that is) starts
// with the most that was drawn from any of them, and at worst empty. A new row
// that counts open tickets counts those that are open already. What no row
// counted before starts full: a new per, scope or unit.
//
// Time is the charge's. For each bucket it never goes back: a charge with an
// earlier time than the last one is made at the last one's.
//
// Memory is bounded. A bucket takes some 130 bytes, the name of whom it is for
// included, and is forgotten a while after it is full again. A limiter never
// forgets one that is not, nor a ticket that a limit counts: where it has no
// room for another, a charge that needs one is refused with an error.
type Limiter struct {
	authorizer *Authorizer
	seed       maphash.Seed
	adopting   sync.Mutex
	gauges     atomic.Pointer[gauges]
	shards     [shardCount]shard
	tickets    [ticketShards]tickets
	// What all charges write to lies apart from what they only read.
	buckets    room
	unfinished room
	cursor     atomic.Uint32 // the shard that was swept last
}

// DefaultLimiterSize is how many buckets, and how many unfinished tickets, a
// limiter that [NewLimiter] made has room for.
const DefaultLimiterSize = 1 << 20

// maxLimiterSize is what a table can hold in each of the shards, and more than
// anybody has memory for.
const maxLimiterSize = 1 << 30

var errNoLimiter = errors.New("policy: the limiter was not made with NewLimiter")

// NewLimiter returns a limiter for the limits of an authorizer, those of later
// reloads included, with room for [DefaultLimiterSize] buckets. The authorizer
// must have been opened.
func NewLimiter(a *Authorizer) (*Limiter, error) { return NewLimiterSize(a, DefaultLimiterSize) }

// NewLimiterSize returns a limiter as [NewLimiter] does, with room for another
// number of buckets that are not full, and of unfinished tickets. It is from 1
// to 1<<30. A bucket is kept for each person, actor and so on that a row counts
// for; rows that differ only in amount, window and over share one.
func NewLimiterSize(a *Authorizer, size int) (*Limiter, error) {
	if !a.isOpen() {
		return nil, errNotOpen
	}
	if size < 1 || size > maxLimiterSize {
		return nil, fmt.Errorf("policy: a limiter has room for 1 to %d buckets, not %d", maxLimiterSize, size)
	}
	l := &Limiter{authorizer: a, seed: maphash.MakeSeed()}
	l.buckets.size, l.unfinished.size = int64(size), int64(size)
	l.gauges.Store(newGauges(l.seed, l.inForce(), nil))
	return l, nil
}

// Len returns how many buckets the limiter holds, for a host to watch how much
// of its room is taken. Some of them may be full, and are forgotten soon. It is
// zero for a nil Limiter and the zero one.
func (l *Limiter) Len() int {
	if l == nil {
		return 0
	}
	return int(l.buckets.taken.Load())
}

// Take charges all limits that match, or none and says why: the limits that
// were exceeded, when the same charge would pass if nothing else happened
// (exact to the nanosecond; zero where an open limit is in the way, since
// nobody knows when its tickets end), whether no wait helps, and which approvals
// would let it pass where every limit in the way takes some. Where
// Charge.Overrun has them, those limits are drawn as far as
// they go.
//
// requests and actions count Charge.Count, reach counts Charge.Reach, and open
// counts one for each ticket.
//
// A ticket is charged once at each moment and step: the same charge again is
// allowed and draws nothing. The limiter remembers some 65,536 charges; one
// that it has forgotten is paid again. Another person, actor, kind
// or target under a ticket that it remembers is an error.
//
// A charge that lacks what a limit goes by (a time, a person for a limit per
// person, …), or counts nothing or less, is an error and charges nothing. So is
// one for which the limiter has no room.
func (l *Limiter) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.charge(ctx, &c, takes)
}

// Peek answers as Take would, and charges nothing.
func (l *Limiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.charge(ctx, &c, peeks)
}

// Restore charges what was charged at c.Time, whether or not the limits allow
// it: a bucket can be drawn below empty and then takes longer to fill. With
// c.Overrun, limits that take approvals are drawn as far as they go. A ticket
// is charged once, as by Take.
func (l *Limiter) Restore(ctx context.Context, c moderation.Charge) error {
	_, err := l.charge(ctx, &c, restores)
	return err
}

// mode is what a charge is for.
type mode uint8

const (
	peeks mode = iota
	takes
	restores
)

// charge holds a charge against all limits that match, with all their buckets
// locked. Locks are taken in one order: the ticket's shard, then the shards of
// buckets by number.
func (l *Limiter) charge(ctx context.Context, c *moderation.Charge, m mode) (moderation.Usage, error) {
	if l == nil || l.authorizer == nil {
		return moderation.Usage{}, errNoLimiter
	}
	if err := ctx.Err(); err != nil {
		return moderation.Usage{}, fmt.Errorf("policy: charge: %w", err)
	}
	u, err := l.chargeOnce(c, m)
	if err != nil {
		return moderation.Usage{}, fmt.Errorf("policy: charge: %w", err)
	}
	return u, nil
}

func (l *Limiter) chargeOnce(c *moderation.Charge, m mode) (moderation.Usage, error) {
	if err := checkCharge(c); err != nil {
		return moderation.Usage{}, err
	}
	gs := l.adopt()
	var space [8]draw
	if c.Ticket == "" {
		draws, err := l.draws(space[:0], gs, c)
		if err != nil {
			return moderation.Usage{}, err
		}
		return l.settle(draws, gs, c, m)
	}
	t := l.ticketShard(c.Ticket)
	t.mu.Lock()
	defer t.mu.Unlock()
	gs = l.gauges.Load() // those that count the tickets of the shard
	draws, err := l.draws(space[:0], gs, c)
	if err != nil {
		return moderation.Usage{}, err
	}
	known, err := t.charged(l.seed, c)
	if err != nil {
		return moderation.Usage{}, err
	}
	if known {
		return l.again(draws, c), nil
	}
	t.exempt(draws, c)
	return l.settleTicket(t, draws, gs, c, m)
}

// settleTicket settles a charge and remembers it with its ticket, whose shard
// is locked.
func (l *Limiter) settleTicket(t *tickets, draws []draw, gs *gauges, c *moderation.Charge, m mode) (moderation.Usage, error) {
	begins := opens(c) && t.open[c.Ticket] == nil
	fits := !begins || l.unfinished.take(1)
	if !fits && isCounted(draws) {
		return moderation.Usage{}, fmt.Errorf("the limiter knows of %d unfinished tickets, as many as it has room for; give NewLimiterSize more, or finish some", l.unfinished.size)
	}
	u, err := l.settle(draws, gs, c, m)
	charged := err == nil && u.Allowed && m != peeks
	if charged {
		t.remember(l.seed, c)
	}
	switch {
	case charged && opens(c) && fits:
		t.keepOpen(draws, c)
	case begins && fits:
		l.unfinished.give(1)
	}
	return u, err
}
