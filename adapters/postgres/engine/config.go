package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/moderation"
)

// Advancer takes a ticket as far as it may go now; a [moderation.Guard] is
// one. Jobs call it from many goroutines at once.
type Advancer interface {
	// Advance is that of [moderation.Guard].
	Advance(ctx context.Context, ticket string) (moderation.Ticket, error)
}

// BacklogReporter is an [Advancer] that can tell its observer how much waits; a
// [moderation.Guard] is one. Where Config.Guard is one, it is called about once a
// minute, by a sweep, in one replica at a time.
type BacklogReporter interface {
	// ReportBacklog is that of [moderation.Guard].
	ReportBacklog(ctx context.Context) error
}

// Lister finds tickets that are due; a [moderation.Store] is one.
type Lister interface {
	// Tickets is that of [moderation.Store].
	Tickets(ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error]
}

// Config is what a [Worker] and an [Engine] are made of. Pool, Scheduler, Guard
// and Store are required. Zero durations and numbers mean what is said; negative
// ones are refused.
type Config struct {
	// Pool leads to the database. An Engine keeps one of its connections for
	// itself, and borrows others for a moment. It does not close the pool.
	Pool *pgxpool.Pool
	// Scheduler is the one that the guard's store was given. Its schema and
	// its queue are the engine's.
	Scheduler *Scheduler
	// Guard advances the tickets. What wraps a moderation.Guard should also be a
	// [BacklogReporter], or nobody is told figures.
	Guard Advancer
	// Store is the guard's store, where the sweep looks for what is due.
	Store Lister

	// HandlerTimeout is that of the guard (moderation.Config.HandlerTimeout).
	// Zero means 30 seconds, as there.
	HandlerTimeout time.Duration
	// JobTimeout is when a job's context is done, which ends what it asks
	// before the handler's call, and nothing after. Zero means HandlerTimeout
	// and ten seconds; it must be more than HandlerTimeout.
	JobTimeout time.Duration
	// RescueAfter is how long a job may be under way before it counts as that
	// of a dead process, and is run again. Zero means JobTimeout and five
	// seconds; it must be more than JobTimeout. A Worker has it from its host's
	// client (river.Config.RescueStuckJobsAfter).
	RescueAfter time.Duration
	// PollEvery is how often an Engine asks for jobs whose moment has come. Zero
	// means one second; less than 100 milliseconds is refused.
	PollEvery time.Duration
	// SweepEvery is how often due tickets without a job are looked for. Zero
	// means 30 seconds; less than a second is refused. Every so many sweeps that
	// a minute is over also call a BacklogReporter.
	SweepEvery time.Duration
	// Parallel is how many tickets an Engine advances at a time, in this
	// process. Zero means 16; at most 10,000.
	Parallel int
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&c.HandlerTimeout, 30*time.Second)
	def(&c.JobTimeout, c.HandlerTimeout+10*time.Second)
	def(&c.RescueAfter, c.JobTimeout+5*time.Second)
	def(&c.PollEvery, time.Second)
	def(&c.SweepEvery, 30*time.Second)
	if c.Parallel == 0 {
		c.Parallel = 16
	}
	return c
}

// check reports all that is wrong with a configuration that has its defaults.
func (c Config) check() error {
	var errs *multierror.Error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = multierror.Append(errs, fmt.Errorf("engine: Config."+format, args...))
		}
	}
	refuse(c.Pool == nil, "Pool is nil; it is required")
	refuse(c.Scheduler == nil || c.Scheduler.client == nil, "Scheduler was not made by NewScheduler; give the one that the store has")
	refuse(typednil.Is(c.Guard), "Guard is nil; it is required (an earlier constructor may have returned an error)")
	refuse(typednil.Is(c.Store), "Store is nil; it is required (an earlier constructor may have returned an error)")
	refuse(c.HandlerTimeout < 0, "HandlerTimeout is %v; it can't be negative", c.HandlerTimeout)
	refuse(c.JobTimeout <= c.HandlerTimeout, "JobTimeout is %v; more than HandlerTimeout (%v) is needed", c.JobTimeout, c.HandlerTimeout)
	refuse(c.RescueAfter <= c.JobTimeout, "RescueAfter is %v; more than JobTimeout (%v) is needed", c.RescueAfter, c.JobTimeout)
	refuse(c.PollEvery < 100*time.Millisecond, "PollEvery is %v; at least 100ms is needed", c.PollEvery)
	refuse(c.SweepEvery < time.Second, "SweepEvery is %v; at least 1s is needed", c.SweepEvery)
	refuse(c.Parallel < 1 || c.Parallel > 10_000, "Parallel is %d; from 1 to 10,000 is allowed", c.Parallel)
	return errs.ErrorOrNil()
}

// errZeroWorker fails the jobs of a Worker that has no guard.
var errZeroWorker = errors.New("engine: the Worker was not made by NewWorker")
