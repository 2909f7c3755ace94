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
func (w *Worker) Sweep() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(w.every), w.nextSweep, &river.PeriodicJobOpts{RunOnStart: true})
}

// nextSweep is a job that is not there twice, and is not tried twice: the next
// one does the same.
func (w *Worker) nextSweep() (river.JobArgs, *river.InsertOpts) {
	return AdvanceArgs{}, &river.InsertOpts{Queue: w.scheduler.queue, MaxAttempts: 1, UniqueOpts: whileUndone()}
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
