package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// keepCompleted is how long a job is kept that has nothing left to do. What
// came of it is in the trail.
const keepCompleted = time.Minute

// ErrShared says that River's tables in the schema have jobs of others. An
// [Engine] must have its tables to itself: River's leader deletes what it does
// not know. The host that runs these others adds a [Worker] to its client, or
// gives the engine a schema of its own.
var ErrShared = errors.New("engine: the schema has jobs of others")

// Engine runs the jobs of this process's share: it is a River client with one
// [Worker]. Make one with [New], one for each replica. Its methods may be
// called by many goroutines at once.
type Engine struct {
	client *river.Client[pgx.Tx]
}

// New starts an engine, which runs until [Engine.Stop]. It reports every fault
// of the configuration at once, refuses tables that are missing or too old with
// [postgres.ErrSchema] (call [Migrate] first), and those that it would share
// with [ErrShared]. ctx bounds the start alone.
func New(ctx context.Context, c Config) (*Engine, error) {
	c = c.withDefaults()
	w, err := NewWorker(c)
	if err != nil {
		return nil, err
	}
	if err := checkMigrated(ctx, c.Pool, c.Scheduler.schema); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := checkAlone(ctx, c.Pool, c.Scheduler.schema); err != nil {
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(c.Pool), clientConfig(c, w))
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("engine: starting: %w", err)
	}
	return &Engine{client}, nil
}

func clientConfig(c Config, w *Worker) *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	return &river.Config{
		Schema:                      c.Scheduler.schema,
		Queues:                      map[string]river.QueueConfig{c.Scheduler.queue: {MaxWorkers: c.Parallel}},
		Workers:                     workers,
		PeriodicJobs:                []*river.PeriodicJob{w.Sweep()},
		FetchOnlyKnownKinds:         true, // those of a later version are left to it
		FetchPollInterval:           c.PollEvery,
		JobTimeout:                  c.JobTimeout,
		RescueStuckJobsAfter:        c.RescueAfter,
		CompletedJobRetentionPeriod: keepCompleted,
		Logger:                      warnings(),
	}
}

// checkAlone refuses tables that have jobs which are not this library's.
func checkAlone(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	var other string
	err := pool.QueryRow(ctx, "SELECT kind FROM "+schema+".river_job WHERE NOT starts_with(kind, $1) LIMIT 1", kindPrefix).Scan(&other)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("engine: %w", err)
	}
	return fmt.Errorf("%w: schema %s has %s; add a Worker to the client that works these, or use another schema", ErrShared, schema, other)
}

// Stop takes no further jobs, waits for those that are under way, and returns
// nil when they are done. If ctx ends first, Stop tells them to end, and
// returns its error: a handler that is running goes on, and its outcome is
// recorded if the process lives that long. What was not begun, or was cut off,
// is begun again elsewhere. Close the guard after Stop, and the pool after both.
//
// Stop may be called again, to go on waiting.
func (e *Engine) Stop(ctx context.Context) error {
	if e == nil || e.client == nil {
		return nil
	}
	err := e.client.Stop(ctx)
	if err == nil {
		return nil
	}
	_ = e.client.StopAndCancel(ctx)
	return fmt.Errorf("engine: stopping, jobs are still under way: %w", err)
}
