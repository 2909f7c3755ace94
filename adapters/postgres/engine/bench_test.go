package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkCommit is a commit of one row: bare, with the job inserted by hand as
// River's documentation shows it (the floor), and with the job that Schedule
// inserts. They take turns; the figures are medians.
func BenchmarkCommit(b *testing.B) {
	l := newLedger(b)
	hand, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: postgres.DefaultSchema})
	if err != nil {
		b.Fatal(err)
	}
	due := time.Now().Add(time.Hour)
	ways := []struct {
		name   string
		insert func(tx pgx.Tx, id string) error
	}{
		{"bare", func(pgx.Tx, string) error { return nil }},
		{"by-hand", func(tx pgx.Tx, id string) error {
			_, err := hand.InsertTx(b.Context(), tx, engine.AdvanceArgs{Ticket: id, Revision: 1}, &river.InsertOpts{ScheduledAt: due, Queue: engine.DefaultQueue})
			return err
		}},
		{"scheduled", func(tx pgx.Tx, id string) error {
			return l.scheduler.Schedule(b.Context(), tx, []postgres.Moment{{Ticket: id, Revision: 1, At: due}})
		}},
	}
	took := make([][]time.Duration, len(ways))
	for n := 0; b.Loop(); n++ {
		for i, way := range ways {
			id := fmt.Sprint(way.name, n)
			begun := time.Now()
			if err := pgx.BeginFunc(b.Context(), l.pool, func(tx pgx.Tx) error {
				if _, err := tx.Exec(b.Context(), `INSERT INTO ledger (id, due) VALUES ($1, $2)`, id, due); err != nil {
					return err
				}
				return way.insert(tx, id)
			}); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begun))
		}
	}
	for i, way := range ways {
		b.ReportMetric(float64(median(took[i]).Microseconds()), "µs/"+way.name)
	}
	b.ReportMetric(float64(median(took[1]))/float64(median(took[2])), "of-floor")
	b.ReportMetric(float64(l.count(b, `SELECT pg_total_relation_size('interlock.river_job') / count(*) FROM interlock.river_job`)), "B/job")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDueToStart is how long after its moment a ticket is advanced, by an
// engine that polls as often as it does by itself: for moments that lie more
// than five seconds ahead, less than that, and have come.
func BenchmarkDueToStart(b *testing.B) {
	const tickets = 100
	var mu sync.Mutex
	late := make(map[string][]time.Duration)
	for b.Loop() {
		l := newLedger(b)
		l.before = func(_ context.Context, t moderation.Ticket) error {
			mu.Lock()
			defer mu.Unlock()
			late[t.ID[:3]] = append(late[t.ID[:3]], time.Since(t.Due))
			return nil
		}
		l.starts(b, func(c *engine.Config) { c.PollEvery = 0 })
		begun := time.Now()
		for i := range tickets {
			spread := time.Duration(i) * 3 * time.Second / tickets
			l.add(b, begun.Add(6*time.Second+spread), fmt.Sprint("far", i))
			l.add(b, begun.Add(time.Second+spread), fmt.Sprint("near", i))
			l.add(b, time.Now(), fmt.Sprint("now", i))
		}
		l.waits(b, 3*tickets, advanced)
	}
	for kind, d := range late {
		b.ReportMetric(median(d).Seconds(), "s/"+kind+"-median")
		b.ReportMetric(slices.Max(d).Seconds(), "s/"+kind+"-max")
	}
	b.ReportMetric(0, "ns/op")
}
