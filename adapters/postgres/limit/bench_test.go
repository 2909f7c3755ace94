package limit_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// BenchmarkTake charges a ticket that is not charged again, with a number of
// charges in flight, each for another person. The floor is an upsert of one
// row in an UNLOGGED table, in bare pgx, on the same server: what one limit costs
// that is held by nothing but a counter.
func BenchmarkTake(b *testing.B) {
	const (
		one   = "p3, person, *, *, *, actions, 1000000000, 1h, refuse\n"
		three = one + "p3, target, *, *, *, actions, 1000000000, 1h, refuse\np3, all, *, *, *, actions, 1000000000, 1h, refuse\n"
	)
	pool := migrated(b)
	if _, err := pool.Exec(b.Context(), "CREATE UNLOGGED TABLE counter (key text PRIMARY KEY, n bigint) WITH (fillfactor = 50)"); err != nil {
		b.Fatal(err)
	}
	for _, flight := range []int{1, 16, 64} {
		many := sessions(b, pool, int32(flight))
		b.Run(fmt.Sprintf("impl=upsert/inflight=%d", flight), func(b *testing.B) {
			inFlight(b, flight, func(ctx context.Context, who, _ int) error {
				_, err := many.Exec(ctx, "INSERT INTO counter AS c VALUES ($1, 1) ON CONFLICT (key) DO UPDATE SET n = c.n + 1", fmt.Sprint("person", who))
				return err
			})
		})
		for _, impl := range []struct {
			name, rows string
			ticketed   bool
			request    bool
		}{
			{"one-limit", one, false, false},
			{"one-limit-ticket", one, true, false},
			{"three-limits-ticket", three, true, false},
			{"request-ticket", "p3, person, *, *, *, requests, 1000000000, 1h, refuse\n", true, true},
		} {
			b.Run(fmt.Sprintf("impl=%s/inflight=%d", impl.name, flight), func(b *testing.B) {
				l := open(b, many, impl.rows)
				run := runs.Add(1)
				inFlight(b, flight, func(ctx context.Context, who, i int) error {
					c := charge(fmt.Sprint("person", who), 1, executed(0))
					c.Target = fmt.Sprint(who)
					if impl.request {
						c = charge(fmt.Sprint("person", who), 1)
					}
					if impl.ticketed {
						c.Ticket = fmt.Sprintf("%d-%d-%d", run, who, i)
					}
					u, err := l.Take(ctx, c)
					if err == nil && !u.Allowed {
						err = fmt.Errorf("refused: %+v", u)
					}
					return err
				})
			})
		}
	}
}

var runs atomic.Int64

// inFlight makes b.N calls from several goroutines, with a session each.
func inFlight(b *testing.B, flight int, call func(ctx context.Context, who, i int) error) {
	ctx := context.Background()
	var group sync.WaitGroup
	var next atomic.Int64
	work := func(calls int64) {
		last := next.Load() + calls
		for who := range flight {
			group.Go(func() {
				for i := next.Add(1); i <= last; i = next.Add(1) {
					if err := call(ctx, who, int(i)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		next.Store(last)
	}
	work(int64(flight) * 8) // every session has its statements prepared
	b.ResetTimer()
	work(int64(b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
