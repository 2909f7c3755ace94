package policy

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"

	"github.com/elevenminutes/interlock/moderation"
)

// Limiter is a [moderation.Limiter] that holds charges against the p3 rows of
// an [Authorizer]'s version in force: token buckets of golang.org/x/time/rate,
// in memory. Make one with [NewLimiter]; the zero Limiter refuses with an
// error.
//
// A charge is taken from every limit that matches, or from none. It forgets at
// exit, and is a [moderation.Restorer] that is rebuilt from the trail; it
// counts unfinished tickets, and is a [moderation.Releaser] that is told when
// one is over. All methods may be called by many goroutines at once.
//
// A limit keeps what was drawn from it across reloads while its row stays the
// same, the column over aside. A changed row is a new limit, with nothing
// drawn from it; tickets that were open before are not counted by an open
// limit that a reload brought.
//
// Time is the charge's. For each bucket it never goes back: a charge with an
// earlier time than the last one is made at the last one's. A bucket that is
// full again is forgotten after a while, so memory is bounded by the keys that
// are charged within the longest window.
type Limiter struct {
	authorizer *Authorizer
	seed       maphash.Seed
	shards     [shardCount]shard
	tickets    [shardCount]tickets
}

var errNoLimiter = errors.New("policy: the limiter was not made with NewLimiter")

// NewLimiter returns a limiter for the limits of an authorizer, those of later
// reloads included. The authorizer must have been opened.
func NewLimiter(a *Authorizer) (*Limiter, error) {
	if !a.isOpen() {
		return nil, errNotOpen
	}
	return &Limiter{authorizer: a, seed: maphash.MakeSeed()}, nil
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
// person, …), or counts nothing or less, is an error and charges nothing.
func (l *Limiter) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.charge(ctx, c, takes)
}

// Peek answers as Take would, and charges nothing.
func (l *Limiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.charge(ctx, c, peeks)
}

// Restore charges what was charged at c.Time, whether or not there is room: a
// bucket can be drawn below empty and then takes longer to fill. With
// c.Overrun, limits that take approvals are drawn as far as they go. A ticket
// is charged once, as by Take.
func (l *Limiter) Restore(ctx context.Context, c moderation.Charge) error {
	_, err := l.charge(ctx, c, restores)
	return err
}

// Release ends the count of a ticket by open limits. A ticket that was not
// counted, or was released before, is none of its business and no error.
func (l *Limiter) Release(ctx context.Context, c moderation.Charge) error {
	if l == nil || l.authorizer == nil {
		return errNoLimiter
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("policy: release: %w", err)
	}
	if c.Ticket == "" {
		return errors.New("policy: release: Charge.Ticket is empty; say which ticket is over")
	}
	t := l.ticketShard(c.Ticket)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range t.open[c.Ticket] {
		s := &l.shards[l.shardOf(key)]
		s.mu.Lock()
		s.close(key)
		s.mu.Unlock()
	}
	delete(t.open, c.Ticket)
	return nil
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
func (l *Limiter) charge(ctx context.Context, c moderation.Charge, m mode) (moderation.Usage, error) {
	if l == nil || l.authorizer == nil {
		return moderation.Usage{}, errNoLimiter
	}
	if err := ctx.Err(); err != nil {
		return moderation.Usage{}, fmt.Errorf("policy: charge: %w", err)
	}
	c.Time = c.Time.Round(0) // buckets go by the wall clock
	var room [8]draw
	draws, err := l.draws(room[:0], &c)
	if err != nil {
		return moderation.Usage{}, fmt.Errorf("policy: charge: %w", err)
	}
	if c.Ticket == "" {
		return l.settle(draws, &c, m)
	}
	t := l.ticketShard(c.Ticket)
	t.mu.Lock()
	defer t.mu.Unlock()
	known, err := t.charged(l.seed, &c)
	if err != nil {
		return moderation.Usage{}, fmt.Errorf("policy: charge: %w", err)
	}
	if known {
		return l.again(draws, &c), nil
	}
	t.exempt(draws, &c)
	u, err := l.settle(draws, &c, m)
	if err == nil && u.Allowed && m != peeks {
		t.remember(l.seed, draws, &c)
	}
	return u, err
}

// settle draws from all buckets or none.
func (l *Limiter) settle(draws []draw, c *moderation.Charge, m mode) (moderation.Usage, error) {
	locked := l.lock(draws)
	defer l.unlock(locked)
	for i := range draws {
		draws[i].look(c)
	}
	spare(draws, c.Overrun)
	if m != restores && blocked(draws) {
		return refusal(draws, c), nil
	}
	u := moderation.Usage{Allowed: true, Limits: states(draws, true)}
	if m == peeks {
		return u, nil
	}
	for i := range draws {
		if !draws[i].take(c, m) {
			return moderation.Usage{}, fmt.Errorf("policy: charge: the bucket %s of %s gave less than it held", draws[i].label(), draws[i].limit.row.Source)
		}
	}
	return u, nil
}

// again answers for a ticket that was charged before.
func (l *Limiter) again(draws []draw, c *moderation.Charge) moderation.Usage {
	locked := l.lock(draws)
	defer l.unlock(locked)
	for i := range draws {
		draws[i].want = 0
		draws[i].look(c)
	}
	return moderation.Usage{Allowed: true, Limits: states(draws, true)}
}

// lock locks the shards of all buckets, in the order of their numbers, and
// returns which they are, a bit for each.
func (l *Limiter) lock(draws []draw) (locked uint64) {
	for i := range draws {
		locked |= 1 << draws[i].index
	}
	for s := locked; s != 0; s &= s - 1 {
		l.shards[bits.TrailingZeros64(s)].mu.Lock()
	}
	return locked
}

func (l *Limiter) unlock(locked uint64) {
	for s := locked; s != 0; s &= s - 1 {
		l.shards[bits.TrailingZeros64(s)].mu.Unlock()
	}
}

func (l *Limiter) shardOf(key bucketKey) int {
	return int(maphash.Comparable(l.seed, key) % shardCount)
}
