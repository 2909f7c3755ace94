package policy

import (
	"sync/atomic"

	"github.com/elevenminutes/interlock/moderation"
)

// A sweep is made at every sweepEvery-th draw in a shard, looks at sweepStep
// buckets in as many shards as it takes, sweepShards at most, and goes on where
// the last one ended. A draw adds one bucket at most, so full ones can't pile
// up.
const (
	sweepEvery  = 64
	sweepStep   = 192
	sweepShards = 16
)

// room is how much of something a limiter holds, and at most.
type room struct {
	size  int64
	taken atomic.Int64
}

// take takes room for n, if there is so much.
func (r *room) take(n int64) bool {
	if r.taken.Add(n) > r.size {
		r.taken.Add(-n)
		return false
	}
	return true
}

func (r *room) give(n int64) { r.taken.Add(-n) }

// sweep forgets what is full among the next n buckets, in some shards. It waits
// for nobody.
func (l *Limiter) sweep(gs *gauges, t int64, n, shards int) (forgot int64) {
	for range shards {
		if n <= 0 {
			break
		}
		s := &l.shards[l.cursor.Add(1)%shardCount]
		if !s.mu.TryLock() {
			continue
		}
		looked, full := s.sweep(gs, t, n)
		s.mu.Unlock()
		n -= looked
		forgot += int64(full)
	}
	l.buckets.give(forgot)
	return forgot
}

// makeRoom reports whether buckets could be forgotten because they are full, for
// a charge that finds no room. A request must not wait for long, so it looks at
// a thousand; what is restored must not fail, so it looks at all. A question
// leaves everything as it is.
func (l *Limiter) makeRoom(gs *gauges, c *moderation.Charge, m mode) bool {
	n := 0
	switch m {
	case takes:
		n = 1024
	case restores:
		n = maxLimiterSize
	}
	return n > 0 && l.sweep(gs, c.Time.UnixNano(), n, shardCount) > 0
}

// newBuckets returns how many buckets a charge needs that are not there. The
// limits of a gauge share one.
func newBuckets(draws []draw) (n int64) {
	for i := range draws {
		if d := &draws[i]; d.nth == 0 && d.place == absent && d.charged() > 0 {
			n++
		}
	}
	return n
}

// isCounted reports whether a charge counts its ticket as unfinished.
func isCounted(draws []draw) bool {
	for i := range draws {
		if draws[i].gauge.rates.open && draws[i].want > 0 {
			return true
		}
	}
	return false
}
