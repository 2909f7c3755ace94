package policy

import (
	"context"
	"errors"
	"fmt"

	"github.com/elevenminutes/interlock/moderation"
)

// Release ends the count of a ticket by open limits. A ticket that is not known
// as unfinished is none of its business and no error.
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
	o := t.open[c.Ticket]
	if o == nil {
		return nil
	}
	for _, by := range o.counts {
		l.uncount(by)
	}
	delete(t.open, c.Ticket)
	l.unfinished.give(1)
	return nil
}

// count counts an unfinished ticket, past the room for buckets if need be.
func (l *Limiter) count(by counted) {
	s := &l.shards[shardOf(by.hash)]
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.find(by.hash, by.rates, by.value)
	if place == absent {
		place = s.add(newBucket(by.hash, by.rates.prefix+by.value, by.rates, s.swept))
		l.buckets.taken.Add(1)
	}
	s.buckets[place].first++
}

// uncount counts one less.
func (l *Limiter) uncount(by counted) {
	s := &l.shards[shardOf(by.hash)]
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.find(by.hash, by.rates, by.value)
	if place == absent {
		return
	}
	if s.buckets[place].first--; s.buckets[place].first <= 0 {
		s.remove(place)
		l.buckets.give(1)
	}
}
