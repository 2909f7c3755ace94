package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

// BenchmarkUnschedule executes actions that wait for nothing, with a River job
// for each: kept until they come due (the floor), and deleted when the action is
// over. The two take turns, with 256 actions each time; the figures are medians. It
// says how many jobs an action leaves behind.
func BenchmarkUnschedule(b *testing.B) {
	for _, inFlight := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("in-flight=%d", inFlight), func(b *testing.B) {
			scheduler, err := engine.NewScheduler("", "")
			if err != nil {
				b.Fatal(err)
			}
			ways := []*jobs{jobsOver(b, schedule(scheduler.Schedule)), jobsOver(b, scheduler)}
			for n := 0; b.Loop(); n++ {
				for i := range ways { // who is first takes turns too
					ways[(i+n)%2].actions(b, inFlight)
				}
			}
			kept, deleted := median(ways[0].took), median(ways[1].took)
			b.ReportMetric(256/kept.Seconds(), "kept-actions/s")
			b.ReportMetric(256/deleted.Seconds(), "deleted-actions/s")
			b.ReportMetric(float64(kept)/float64(deleted), "of-kept")
			b.ReportMetric(ways[0].left(b), "kept-jobs/action")
			b.ReportMetric(ways[1].left(b), "deleted-jobs/action")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// jobs is a store whose actions have jobs.
type jobs struct {
	*postgres.Store
	pool *pgxpool.Pool
	took []time.Duration
}

func jobsOver(b *testing.B, scheduler postgres.Scheduler) *jobs {
	b.Helper()
	pool := benchPool(b, 4)
	if err := engine.Migrate(b.Context(), pool, ""); err != nil {
		b.Fatal(err)
	}
	s, err := postgres.Open(b.Context(), postgres.Config{Pool: pool, Scheduler: scheduler})
	if err != nil {
		b.Fatal(err)
	}
	return &jobs{Store: s, pool: pool}
}

// actions executes 256.
func (j *jobs) actions(b *testing.B, inFlight int) {
	b.Helper()
	begun := time.Now()
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			for range 256 / inFlight {
				if err := j.action(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	j.took = append(j.took, time.Since(begun))
}

func (j *jobs) action(ctx context.Context) error {
	t := executing("account-"+strconv.FormatInt(made.Add(1), 10), 1)
	t.Due = time.Now().Add(90 * time.Second) // when its handler would be asked about
	if err := j.Commit(ctx, change(t)); err != nil {
		return err
	}
	done := next(t, moderation.StatusExecuted)
	done.Due = time.Time{} // it is for good
	return j.Commit(ctx, change(done))
}

// left is how many jobs there are for each action.
func (j *jobs) left(b *testing.B) (n float64) {
	b.Helper()
	if err := j.pool.QueryRow(b.Context(), `SELECT count(*) FROM interlock.river_job`).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n / float64(256*len(j.took))
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
