package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
)

// sweepPage is how many due tickets a sweep looks at at a time.
const sweepPage = 500

// Sweep is the periodic job that looks, every [Config.SweepEvery], for due
// tickets that have no job: one that was deleted by hand, was discarded, or
// is not in a backup that was restored. It gives each a new one. River's leader
// starts it, and any replica works it. A host adds it to the periodic jobs of
// its client (river.Config.PeriodicJobs), in every replica that may lead.
//
// The first sweep of a leader, and one in each minute, also has a
// [BacklogReporter] tell how much waits.
func (w *Worker) Sweep() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(w.every), w.nextSweep, &river.PeriodicJobOpts{RunOnStart: true})
}

// nextSweep is a job that is not there twice, and is not tried twice: the next
// one does the same.
func (w *Worker) nextSweep() (river.JobArgs, *river.InsertOpts) {
	args := AdvanceArgs{Backlog: (w.sweeps.Add(1)-1)%sweepsBetween(w.every) == 0}
	return args, &river.InsertOpts{Queue: w.scheduler.queue, MaxAttempts: 1, UniqueOpts: whileUndone()}
}

// figuresEvery is how often figures are told, at most.
const figuresEvery = time.Minute

// sweepsBetween is how many sweeps there are from one that tells figures to the
// next.
func sweepsBetween(every time.Duration) int64 {
	return max(1, int64((figuresEvery+every-1)/every))
}

// reportBacklog has the guard tell figures, where the sweep is one that does.
func (w *Worker) reportBacklog(ctx context.Context, a AdvanceArgs) error {
	guard, ok := w.guard.(BacklogReporter)
	if !ok || !a.Backlog {
		return nil
	}
	if err := guard.ReportBacklog(ctx); err != nil {
		return fmt.Errorf("engine: figures: %w", err)
	}
	return nil
}

// sweep inserts a job for each due ticket whose revision has none.
func (w *Worker) sweep(ctx context.Context) error {
	q := moderation.Query{DueBy: time.Now(), Limit: sweepPage}
	for {
		due, err := w.due(ctx, q)
		if err != nil {
			return fmt.Errorf("engine: sweep: %w", err)
		}
		if len(due) > 0 {
			if err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return w.scheduler.Schedule(ctx, tx, due) }); err != nil {
				return fmt.Errorf("engine: sweep: %w", err)
			}
		}
		if len(due) < sweepPage {
			return nil
		}
		q.After = due[len(due)-1].Ticket
	}
}

func (w *Worker) due(ctx context.Context, q moderation.Query) ([]postgres.Moment, error) {
	var due []postgres.Moment
	for t, err := range w.store.Tickets(ctx, q) {
		if err != nil {
			return nil, err
		}
		due = append(due, postgres.Moment{Ticket: t.ID, Revision: t.Revision, At: t.Due})
	}
	return due, nil
}
