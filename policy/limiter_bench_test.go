package policy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// three limits at once, each with a key of its own.
const three = `p3, person, *, *, *, requests, 1000000000, 1h, refuse
p3, actor, *, *, *, requests, 1000000000, 1h, refuse
p3, target, *, *, *, requests, 1000000000, 1h, refuse
`

// BenchmarkTake charges three limits at once. The floor is three buckets of
// golang.org/x/time/rate at hand: no look-up, no match, all or none of nothing,
// and no answer that says what is left.
func BenchmarkTake(b *testing.B) {
	bare := func(b *testing.B) func() bool {
		var limiters [3]*rate.Limiter
		for i := range limiters {
			limiters[i] = rate.NewLimiter(1e9/3600.0, 1e9)
		}
		return func() bool {
			ok := true
			for _, l := range limiters {
				ok = l.AllowN(noon, 1) && ok
			}
			return ok
		}
	}
	limited := func(rows string) func(b *testing.B) func() bool {
		return func(b *testing.B) func() bool {
			l, c := limiter(b, rows), charge("ann", 1, noon)
			return func() bool {
				u, err := l.Take(context.Background(), c)
				return err == nil && u.Allowed && len(u.Limits) == 3
			}
		}
	}
	for _, impl := range []struct {
		name string
		take func(*testing.B) func() bool
	}{
		{"bare", bare},
		{"limiter", limited(three)},
		{"limiter-one-shared", limited("p3, all, *, *, *, requests, 1000000000, 1h, refuse\np3, person, account.*, normal, *, requests, 1000000000, 1h, refuse\np3, person, account.*, normal, *, requests, 2000000000, 1d, refuse\n")},
	} {
		b.Run("impl="+impl.name, func(b *testing.B) {
			take := impl.take(b)
			b.ReportAllocs()
			for b.Loop() {
				if !take() {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkTakeTicket charges three limits and one of open tickets for a ticket
// that begins, and releases it.
func BenchmarkTakeTicket(b *testing.B) {
	l := limiter(b, three+"p3, person, *, *, *, open, 20, -, refuse\n")
	tickets := make([]string, 1<<16)
	for i := range tickets {
		tickets[i] = fmt.Sprint("ticket", i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c := charge("ann", 1, noon, ticket(tickets[i%len(tickets)]))
		c.Time = noon.Add(time.Duration(i))
		if u, err := l.Take(context.Background(), c); err != nil || !u.Allowed {
			b.Fatal(u, err)
		}
		if err := l.Release(context.Background(), c); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkTakeParallel charges three limits at once from as many goroutines as
// -cpu says, each for a person of its own: the time of one should halve with
// two. With impl=one-bucket all of them also draw on one bucket, which only one
// can at a time. The floor has its three buckets for itself. The heap holds
// something, as that of a host does: else the collector of what Take returns runs
// all the time, on one of the two.
func BenchmarkTakeParallel(b *testing.B) {
	ballast := make([]byte, 64<<20)
	defer runtime.KeepAlive(ballast)
	const shared = "p3, person, *, *, *, requests, 1000000000, 1h, refuse\np3, target, *, *, *, requests, 1000000000, 1h, refuse\np3, all, *, *, *, requests, 1000000000, 1h, refuse\n"
	b.Run("impl=bare", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			var limiters [3]*rate.Limiter
			for i := range limiters {
				limiters[i] = rate.NewLimiter(1e9/3600.0, 1e9)
			}
			for pb.Next() {
				for _, l := range limiters {
					if !l.AllowN(noon, 1) {
						b.Error("refused")
						return
					}
				}
			}
		})
	})
	for _, impl := range []struct{ name, rows string }{{"limiter", three}, {"one-bucket", shared}} {
		b.Run("impl="+impl.name, func(b *testing.B) {
			l := limiter(b, impl.rows)
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				person := fmt.Sprint("person", n.Add(1))
				c := charge(person, 1, noon)
				c.Target = person
				for pb.Next() {
					if u, err := l.Take(context.Background(), c); err != nil || !u.Allowed {
						b.Error(u, err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkLimiterMemory reports how many bytes a key costs of those that are
// there, the text of the key included.
func BenchmarkLimiterMemory(b *testing.B) {
	for _, keys := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			var bytes float64
			for b.Loop() {
				bytes = bytesPerKey(b, keys)
			}
			b.ReportMetric(bytes, "B/key")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bytesPerKey returns what a key costs in the heap, in a limiter that holds some
// number of them.
func bytesPerKey(t testing.TB, keys int) float64 {
	t.Helper()
	l := limiter(t, "p3, person, *, *, *, requests, 10, 1h, refuse\n")
	before := heapInUse()
	for i := range keys {
		take(t, l, charge(fmt.Sprintf("person-%07d", i), 1, noon))
	}
	bytes := float64(heapInUse()-before) / float64(keys)
	if l.Len() != keys {
		t.Fatalf("%d keys of %d", l.Len(), keys)
	}
	return bytes
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one left to finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkTakeWhileKeysExpire charges a person at random while a million
// buckets of others become full and are forgotten, and reports how long the
// longest charges took, in a thousandth and in all. The floor measures what the
// machine itself does to the clock: as many look-ups in a map of as many
// rate.Limiter, without forgetting any. The collector is off for both.
func BenchmarkTakeWhileKeysExpire(b *testing.B) {
	const keys = 1_000_000
	people := make([]string, keys)
	for i := range people {
		people[i] = fmt.Sprintf("person-%07d", i)
	}
	b.Run("impl=bare", func(b *testing.B) {
		limiters := make(map[string]*rate.Limiter, keys)
		for _, p := range people {
			limiters[p] = rate.NewLimiter(10/3600.0, 10)
			limiters[p].AllowN(noon, 1)
		}
		longest(b, func(i int) bool {
			return limiters[people[rand.IntN(keys)]].AllowN(noon.Add(time.Hour+time.Duration(i)*time.Millisecond), 1)
		})
	})
	b.Run("impl=limiter", func(b *testing.B) {
		l := limiter(b, "p3, person, *, *, *, requests, 10, 1h, refuse\n")
		for _, p := range people {
			take(b, l, charge(p, 1, noon))
		}
		longest(b, func(i int) bool {
			return take(b, l, charge(people[rand.IntN(keys)], 1, noon.Add(time.Hour+time.Duration(i)*time.Millisecond))).Allowed
		})
		if n := l.Len(); b.N > 4*keys && n > keys/2 {
			b.Errorf("%d keys are left", n)
		}
	})
}

// longest reports the longest of b.N calls.
func longest(b *testing.B, take func(int) bool) {
	b.Helper()
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	times := make([]time.Duration, b.N)
	b.ResetTimer()
	for i := range times {
		start := time.Now()
		if !take(i) {
			b.Fatal("refused")
		}
		times[i] = time.Since(start)
	}
	b.StopTimer()
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*999/1000].Nanoseconds())/1e3, "p99.9-us")
	b.ReportMetric(float64(times[len(times)*99999/100_000].Nanoseconds())/1e3, "p99.999-us")
	b.ReportMetric(float64(times[len(times)-1].Nanoseconds())/1e3, "max-us")
}
