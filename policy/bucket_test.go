package policy

import (
	"fmt"
	"testing"
	"time"
	"unique"
)

// A million keys (fewer under the race detector), each used once: what is full
// again is forgotten, so that only the last ones are there.
func TestBucketsAreBounded(t *testing.T) {
	t.Parallel()
	const perSecond = 1000
	limit := unique.Make(shape{per: perPerson, unit: unitRequests, amount: 10, window: time.Minute})
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	var s shard
	most := 0
	for i := range rush {
		now = now.Add(time.Second / perSecond)
		if !s.take(bucketKey{limit, fmt.Sprint(i)}, now, 1) {
			t.Fatal("a new bucket is not full")
		}
		most = max(most, len(s.buckets))
	}
	// One of ten is back after six seconds: 6,000 buckets are not full. How many
	// more are there depends on the order in which the sweep meets them.
	if most > 20_000 || len(s.buckets) < 5_000 {
		t.Errorf("at most %d buckets, %d at the end; want about 6,000 and some", most, len(s.buckets))
	}
	if s.peak > 4*most {
		t.Errorf("the map is as large as for %d buckets", s.peak)
	}
}

// After a rush, the map is made anew and nothing in it is lost.
func TestBucketsShrink(t *testing.T) {
	t.Parallel()
	limit := unique.Make(shape{per: perPerson, unit: unitRequests, amount: 10, window: time.Minute})
	slow := unique.Make(shape{per: perPerson, unit: unitRequests, amount: 10, window: 24 * time.Hour})
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	var s shard
	for i := range 6_000 {
		s.take(bucketKey{limit, fmt.Sprint(i)}, now, 10)
	}
	s.take(bucketKey{slow, "ann"}, now, 10)
	now = now.Add(time.Hour)
	for range 4_000 {
		s.take(bucketKey{limit, "bob"}, now, 0)
	}
	if len(s.buckets) > 10 || s.peak > 1500 {
		t.Errorf("%d buckets, room for %d; want a few", len(s.buckets), s.peak)
	}
	if got := s.left(bucketKey{slow, "ann"}, now); got != 0 {
		t.Errorf("a bucket that is not full was forgotten: %d left", got)
	}
}

// A bucket that was forgotten and comes again at an earlier time does not
// fill for the time in between once more.
func TestForgottenBucketDoesNotFillTwice(t *testing.T) {
	t.Parallel()
	key := bucketKey{unique.Make(shape{per: perPerson, unit: unitRequests, amount: 10, window: time.Hour}), "ann"}
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	later := now.Add(6 * time.Minute)
	for name, sweptAt := range map[string]time.Time{"later": later, "at an earlier time": now} {
		var s shard
		s.take(key, now, 1)
		if name != "later" {
			s.take(key, later, 0) // its own time is later than that of the sweep
		}
		for range sweepEvery {
			s.sweep(sweptAt)
		}
		if len(s.buckets) != 0 {
			t.Fatalf("swept %s: a full bucket is not forgotten", name)
		}
		s.take(key, now, 10)
		if got := s.left(key, later); got != 0 {
			t.Errorf("swept %s: %d left at the time when the bucket was last known to be full, want 0", name, got)
		}
	}
}

// A sweep stops after a few buckets, however many there are.
func TestSweepIsShort(t *testing.T) {
	t.Parallel()
	limit := unique.Make(shape{per: perPerson, unit: unitRequests, amount: 10, window: time.Minute})
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	var s shard
	for i := range 1000 {
		s.take(bucketKey{limit, fmt.Sprint(i)}, now, 10)
	}
	for range sweepEvery {
		s.sweep(now.Add(time.Hour))
	}
	if n := len(s.buckets); n < 1000-2*sweepStep || n >= 1000 {
		t.Errorf("%d of 1000 buckets are left after a sweep of %d", n, sweepStep)
	}
}
