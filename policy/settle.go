package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

// settle draws from all buckets or none.
func (l *Limiter) settle(draws []draw, gs *gauges, c *moderation.Charge, m mode) (moderation.Usage, error) {
	refused, due, err := l.drawAll(draws, c, m)
	if errors.Is(err, errNoRoom) && l.makeRoom(gs, c, m) {
		refused, due, err = l.drawAll(draws, c, m)
	}
	switch {
	case errors.Is(err, errNoRoom):
		return moderation.Usage{}, fmt.Errorf("the limiter holds %d buckets that are not full, as many as it has room for; give NewLimiterSize more, or wait until some are full", l.buckets.size)
	case err != nil:
		return moderation.Usage{}, err
	case refused != nil:
		return *refused, nil
	case due:
		l.sweep(gs, c.Time.UnixNano(), sweepStep, sweepShards)
	}
	return moderation.Usage{Allowed: true, Limits: states(draws, true)}, nil
}

// errNoRoom says that there is no room for the buckets that a charge needs.
var errNoRoom = errors.New("no room")

// drawAll draws from all buckets with their shards locked, or from none: then
// it returns the refusal, or an error. A sweep is due once in a while.
func (l *Limiter) drawAll(draws []draw, c *moderation.Charge, m mode) (refused *moderation.Usage, due bool, err error) {
	var space [8]uint16
	locked := l.lock(space[:0], draws)
	defer l.unlock(locked)
	t := c.Time.UnixNano()
	for i := range draws {
		draws[i].look(t)
	}
	spare(draws, c.Overrun)
	if m != restores && blocked(draws) {
		u := refusal(draws, t)
		return &u, false, nil
	}
	anew := newBuckets(draws)
	if anew > 0 && !l.buckets.take(anew) {
		return nil, false, errNoRoom
	}
	if m == peeks {
		l.buckets.give(anew)
		return nil, false, nil
	}
	for i := range draws {
		draws[i].take(t)
		due = due || draws[i].shard.draws%sweepEvery == 0
	}
	return nil, due, nil
}

// again answers for a ticket that was charged before.
func (l *Limiter) again(draws []draw, c *moderation.Charge) moderation.Usage {
	var space [8]uint16
	locked := l.lock(space[:0], draws)
	defer l.unlock(locked)
	for i := range draws {
		draws[i].want = 0
		draws[i].look(c.Time.UnixNano())
	}
	return moderation.Usage{Allowed: true, Limits: states(draws, true)}
}

// lock locks the shards of all buckets, in the order of their numbers, and
// returns which they are.
func (l *Limiter) lock(locked []uint16, draws []draw) []uint16 {
	for i := range draws {
		locked = append(locked, draws[i].index)
	}
	slices.Sort(locked)
	locked = slices.Compact(locked)
	for _, i := range locked {
		l.shards[i].mu.Lock()
	}
	return locked
}

func (l *Limiter) unlock(locked []uint16) {
	for _, i := range locked {
		l.shards[i].mu.Unlock()
	}
}
