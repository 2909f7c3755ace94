package policy

import (
	"math"
	"strings"
	"sync"
	"time"
	"unique"

	"golang.org/x/time/rate"
)

// shardCount is the number of locks that buckets share; at most 64, so that a
// set of shards fits a word.
const shardCount = 64

// bucketKey names a bucket: a limit and whom it is counted for. Its parts are
// never joined, so no two names make the same key.
type bucketKey struct {
	limit unique.Handle[shape]
	value string
}

// bucket is a token bucket whose time never goes back: rate.Limiter sets its
// clock to an earlier time that it is given, and then counts the time in
// between twice.
type bucket struct {
	tokens *rate.Limiter
	at     int64 // of the last draw, in nanoseconds since 1970
}

func newBucket(s shape, at int64) bucket {
	perSecond := rate.Limit(float64(s.amount) / s.window.Seconds())
	return bucket{rate.NewLimiter(perSecond, int(s.amount)), at}
}

// now returns t, or the time of the last draw where that is later.
func (b bucket) now(t time.Time) time.Time {
	if last := time.Unix(0, b.at); t.Before(last) {
		return last
	}
	return t
}

func (b bucket) full(t time.Time) bool {
	return b.tokens.TokensAt(b.now(t)) >= float64(b.tokens.Burst())
}

// shard is a part of the buckets, under one lock. The zero shard is empty.
type shard struct {
	mu      sync.Mutex
	buckets map[bucketKey]bucket
	open    map[bucketKey]int64 // unfinished tickets, above zero
	peak    int                 // the most buckets since the map was made
	draws   uint64
	// swept is the latest time at which a full bucket was forgotten. A
	// bucket that comes anew begins there, so that a clock that goes back
	// does not fill it twice.
	swept int64
}

// left returns what a bucket holds at t, in whole tokens; below zero where it
// was overdrawn. A bucket that is not there is full.
func (s *shard) left(key bucketKey, t time.Time) int64 {
	b, ok := s.buckets[key]
	if !ok {
		return key.limit.Value().amount
	}
	return int64(max(math.Floor(b.tokens.TokensAt(b.now(t))), math.MinInt64))
}

// take draws n tokens, which the bucket holds.
func (s *shard) take(key bucketKey, t time.Time, n int64) bool {
	b := s.advance(key, t)
	return b.tokens.AllowN(b.now(t), int(n))
}

// force draws n tokens, whether or not the bucket holds them.
func (s *shard) force(key bucketKey, t time.Time, n int64) {
	b := s.advance(key, t)
	t = b.now(t)
	wanted := int(min(n, math.MaxInt))
	// A reservation can't be larger than the burst, so that is raised for it.
	burst := b.tokens.Burst()
	b.tokens.SetBurstAt(t, max(wanted, burst))
	b.tokens.ReserveN(t, wanted)
	b.tokens.SetBurstAt(t, burst)
}

// advance returns a bucket with its time set to t, unless that is earlier than
// its last draw. It makes the bucket where it is not there.
func (s *shard) advance(key bucketKey, t time.Time) bucket {
	s.sweep(t)
	b, ok := s.buckets[key]
	if !ok {
		key.value = strings.Clone(key.value) // keep no larger text alive
		b = newBucket(key.limit.Value(), s.swept)
	}
	b.at = max(b.at, t.UnixNano())
	if s.buckets == nil {
		s.buckets = make(map[bucketKey]bucket)
	}
	s.buckets[key] = b
	s.peak = max(s.peak, len(s.buckets))
	return b
}

// A sweep is made at every sweepEvery-th draw and looks at sweepStep buckets.
// A draw adds one bucket at most, so full ones can't pile up.
const (
	sweepEvery = 16
	sweepStep  = 48
)

// sweep forgets buckets that are full, a few at a time and wherever the map
// happens to begin.
func (s *shard) sweep(t time.Time) {
	if s.draws++; s.draws%sweepEvery != 0 {
		return
	}
	looked := 0
	for key, b := range s.buckets {
		if b.full(t) {
			delete(s.buckets, key)
			s.swept = max(s.swept, b.now(t).UnixNano())
		}
		if looked++; looked == sweepStep {
			break
		}
	}
	s.shrink()
}

// minShrink is how large a map must have been to be worth making anew.
const minShrink = 1024

// shrink makes the map anew where few buckets are left, since maps don't give
// room back.
func (s *shard) shrink() {
	if s.peak < minShrink || len(s.buckets) > s.peak/4 {
		return
	}
	smaller := make(map[bucketKey]bucket, len(s.buckets))
	for key, b := range s.buckets {
		smaller[key] = b
	}
	s.buckets, s.peak = smaller, len(smaller)
}

// reopen counts one more unfinished ticket.
func (s *shard) reopen(key bucketKey) {
	if s.open == nil {
		s.open = make(map[bucketKey]int64)
	}
	s.open[key]++
}

// close counts one less.
func (s *shard) close(key bucketKey) {
	if s.open[key]--; s.open[key] <= 0 {
		delete(s.open, key)
	}
}
