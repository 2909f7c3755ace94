package engine_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

// announcing stands for a *moderation.Guard and its store: it says what it was
// asked to advance.
type announcing struct{ advanced chan string }

func (a announcing) Advance(_ context.Context, ticket string) (moderation.Ticket, error) {
	a.advanced <- ticket
	return moderation.Ticket{ID: ticket, Revision: 2, Status: moderation.StatusExecuted}, nil
}

func (announcing) Tickets(context.Context, moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(func(moderation.Ticket, error) bool) {}
}

// exampleDatabase is a new database of a private server; a host has its own.
func exampleDatabase(ctx context.Context) *pgxpool.Pool {
	dsn, err := server.NewDatabase(ctx)
	if err != nil {
		log.Fatal(err)
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		log.Fatal(err)
	}
	return pool
}

// isDue is what a store does when it commits a ticket that is due.
func isDue(ctx context.Context, pool *pgxpool.Pool, scheduler postgres.Scheduler, ticket string) {
	if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return scheduler.Schedule(ctx, tx, []postgres.Moment{{Ticket: ticket, Revision: 1, At: time.Now()}})
	}); err != nil {
		log.Fatal(err)
	}
}

// A host without River lets an engine run the jobs, in each replica.
func ExampleNew() {
	ctx := context.Background()
	pool := exampleDatabase(ctx)
	defer pool.Close()
	if err := engine.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		log.Fatal(err)
	}
	scheduler, err := engine.NewScheduler(postgres.DefaultSchema, "")
	if err != nil {
		log.Fatal(err)
	}
	guard := announcing{make(chan string)} // moderation.New, over postgres.Open with the scheduler
	e, err := engine.New(ctx, engine.Config{Pool: pool, Scheduler: scheduler, Guard: guard, Store: guard})
	if err != nil {
		log.Fatal(err)
	}

	isDue(ctx, pool, scheduler, "ticket 7")
	fmt.Println("advanced", <-guard.advanced)

	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	fmt.Println("stopped", e.Stop(ctx))
	// Output:
	// advanced ticket 7
	// stopped <nil>
}

// A host that runs River adds the worker, its sweep and its queue to its own
// client.
func ExampleNewWorker() {
	ctx := context.Background()
	pool := exampleDatabase(ctx)
	defer pool.Close()
	if err := engine.Migrate(ctx, pool, "public"); err != nil { // the host has done that
		log.Fatal(err)
	}
	scheduler, err := engine.NewScheduler("public", "interlock")
	if err != nil {
		log.Fatal(err)
	}
	guard := announcing{make(chan string)}
	worker, err := engine.NewWorker(engine.Config{Pool: pool, Scheduler: scheduler, Guard: guard, Store: guard})
	if err != nil {
		log.Fatal(err)
	}

	workers := river.NewWorkers() // with the host's own
	river.AddWorker(workers, worker)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema:               "public",
		Workers:              workers,
		Queues:               map[string]river.QueueConfig{"interlock": {MaxWorkers: 16}},
		PeriodicJobs:         []*river.PeriodicJob{worker.Sweep()},
		RescueStuckJobsAfter: 2 * time.Minute, // more than any job of the host's takes
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(ctx); err != nil {
		log.Fatal(err)
	}

	isDue(ctx, pool, scheduler, "ticket 7")
	fmt.Println("advanced", <-guard.advanced)
	fmt.Println("stopped", client.Stop(ctx))
	// Output:
	// advanced ticket 7
	// stopped <nil>
}

// A store is given the scheduler, and calls it in each commit.
func ExampleNewScheduler() {
	scheduler, err := engine.NewScheduler("interlock", "")
	fmt.Println(scheduler != nil, err)
	_, err = engine.NewScheduler("interlock; DROP", "")
	fmt.Println(err)
	// Output:
	// true <nil>
	// postgres: schema "interlock; DROP": up to 40 lower-case letters, digits and underscores are needed, such as interlock
}
