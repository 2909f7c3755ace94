package policy

import (
	"fmt"
	"hash/maphash"
	"testing"
	"time"
	"unique"

	"github.com/elevenminutes/interlock/moderation"
)

// shardRig is a shard with the limits of one meter, whose buckets a test draws
// on by name.
type shardRig struct {
	shard
	limiter *Limiter
	gauge   *gauge
	in      *gauges
}

func newShardRig(shapes ...shape) *shardRig {
	s := &shardRig{limiter: &Limiter{seed: maphash.MakeSeed()}}
	p := new(parsed)
	for _, sh := range shapes {
		p.limits = append(p.limits, &limit{shape: sh})
	}
	s.in = newGauges(s.limiter.seed, &snapshot{parsed: p}, nil)
	s.gauge = s.in.find(unique.Make(shapes[0].meter))
	return s
}

func perHour(amount int64, window time.Duration) shape {
	return shape{meter: meter{step: moderation.StepRequest, unit: unitRequests, per: perPerson}, amount: amount, window: window}
}

// draw looks at a bucket and draws n tokens where it holds so many. It returns
// what it held.
func (s *shardRig) draw(name string, t time.Time, n int64) int64 {
	d := draw{limit: s.gauge.limits[0], gauge: s.gauge, value: name, hash: s.gauge.hash ^ maphash.String(s.limiter.seed, name), shard: &s.shard, want: n}
	d.look(t.UnixNano())
	if !d.over {
		d.take(t.UnixNano())
	}
	if n == 0 {
		s.draws++
	}
	if s.draws%sweepEvery == 0 {
		s.sweep(s.in, t.UnixNano(), sweepStep)
	}
	return d.left
}

// A million keys (fewer under the race detector), each used once: what is full
// again is forgotten, so that only the last ones are there.
func TestBucketsAreBounded(t *testing.T) {
	t.Parallel()
	const perSecond = 1000
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	s := newShardRig(perHour(10, time.Minute))
	most := 0
	for i := range rush {
		now = now.Add(time.Second / perSecond)
		if s.draw(fmt.Sprint(i), now, 1) != 10 {
			t.Fatal("a new bucket is not full")
		}
		most = max(most, len(s.buckets))
	}
	// One of ten is back after six seconds: 6,000 buckets are not full. A
	// sweep looks at three for each that comes, of which one may have taken
	// the place of another: a full one is met before half of all have come.
	if most > 12_000 || len(s.buckets) < 6_000 {
		t.Errorf("at most %d buckets, %d at the end; want 6,000 to 12,000", most, len(s.buckets))
	}
	if cap(s.buckets) > 2*most {
		t.Errorf("the table has room for %d buckets; there were %d at most", cap(s.buckets), most)
	}
}

// After a rush, its room is given back and nothing is lost.
func TestBucketsShrink(t *testing.T) {
	t.Parallel()
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	s := newShardRig(perHour(10, time.Minute))
	for i := range 6_000 {
		s.draw(fmt.Sprint(i), now, 10)
	}
	now = now.Add(30 * time.Second)
	s.draw("ann", now, 10)
	now = now.Add(31 * time.Second)
	for range 4_000 {
		s.draw("bob", now, 0)
	}
	if len(s.buckets) > 1 || cap(s.buckets) > 10 || len(s.slots) > 32 {
		t.Errorf("%d buckets, room for %d and %d slots; want a few", len(s.buckets), cap(s.buckets), len(s.slots))
	}
	if got := s.draw("ann", now, 0); got != 5 {
		t.Errorf("a bucket that is not full was forgotten: %d left, want 5", got)
	}
}

// A bucket that was forgotten and comes again at an earlier time does not
// fill for the time in between once more.
func TestForgottenBucketDoesNotFillTwice(t *testing.T) {
	t.Parallel()
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	later := now.Add(6 * time.Minute)
	for name, sweptAt := range map[string]time.Time{"later": later, "at an earlier time": now} {
		s := newShardRig(perHour(10, time.Hour))
		s.draw("ann", now, 1)
		if name != "later" {
			s.buckets[0].advance(s.gauge.rates, later.UnixNano()) // its own time is later than that of the sweep
		}
		s.sweep(s.in, sweptAt.UnixNano(), 1)
		if len(s.buckets) != 0 {
			t.Fatalf("swept %s: a full bucket is not forgotten", name)
		}
		s.draw("ann", now, 10)
		if got := s.draw("ann", later, 0); got != 0 {
			t.Errorf("swept %s: %d left at the time when the bucket was last known to be full, want 0", name, got)
		}
	}
}

// A sweep stops after a few buckets, however many there are, and the next one
// goes on there.
func TestSweepIsShort(t *testing.T) {
	t.Parallel()
	now := time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)
	s := newShardRig(perHour(10, time.Minute))
	for i := range 1000 {
		s.draw(fmt.Sprint(i), now, 10)
	}
	s.next = 0
	for n := 1; n <= 30; n++ {
		at := now // none is full
		if n > 20 {
			at = now.Add(time.Hour) // all are
		}
		looked, forgot := s.sweep(s.in, at.UnixNano(), 40)
		if want := 1000 - 40*max(0, n-20); looked != 40 || len(s.buckets) != want || forgot != 40*min(1, n/21) {
			t.Fatalf("sweep %d looked at %d and forgot %d; %d are left, want %d", n, looked, forgot, len(s.buckets), want)
		}
		if want := 40 * n; n <= 20 && s.next != want {
			t.Fatalf("sweep %d ended at %d, want %d", n, s.next, want)
		}
	}
}
