package engine

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/elevenminutes/interlock/moderation"
)

// maxPause is how long a ticket is left alone at most that could not be
// advanced, and firstPause how long the first time.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

// Worker advances tickets. A host that runs River adds it to its workers
// (river.AddWorker) in every replica, [Worker.Sweep] to its periodic jobs and
// the scheduler's queue to its queues. Make one with [NewWorker]; the zero
// Worker fails every job. It may be used by many goroutines at once.
type Worker struct {
	river.WorkerDefaults[AdvanceArgs]
	guard     Advancer
	store     Lister
	pool      *pgxpool.Pool
	scheduler *Scheduler
	timeout   time.Duration
	every     time.Duration
	sweeps    atomic.Int64 // begun while this process led
}

// NewWorker makes a Worker. It reports every fault of the configuration at
// once, and does not touch the database. RescueAfter, PollEvery and Parallel
// are those of the host's client.
func NewWorker(c Config) (*Worker, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Worker{
		guard: c.Guard, store: c.Store, pool: c.Pool, scheduler: c.Scheduler,
		timeout: c.JobTimeout, every: c.SweepEvery,
	}, nil
}

// Work is called by River. It returns nil where the job has nothing left to
// do: the ticket moved on, is gone, or nothing is due any more. Otherwise the
// job sleeps (see [river.JobSnooze]), which does not count as a failed attempt:
// until the ticket is due, or, where it can't be advanced, for one second and
// then twice as long each time, up to a minute.
func (w *Worker) Work(ctx context.Context, job *river.Job[AdvanceArgs]) error {
	if w == nil || w.guard == nil {
		return errZeroWorker
	}
	if job.Args.Ticket == "" {
		return errors.Join(w.sweep(ctx), w.reportBacklog(ctx, job.Args))
	}
	t, err := w.guard.Advance(ctx, job.Args.Ticket)
	return judge(job, t, err, time.Now())
}

// Timeout is Config.JobTimeout.
func (w *Worker) Timeout(*river.Job[AdvanceArgs]) time.Duration { return w.timeout }

// NextRetry is when a job begins again whose process died, or in which a panic
// was caught.
func (w *Worker) NextRetry(job *river.Job[AdvanceArgs]) time.Time {
	return time.Now().Add(pauseAfter(max(job.Attempt-1, 0)))
}

// judge says what becomes of a job after Advance: nil ends it.
func judge(job *river.Job[AdvanceArgs], t moderation.Ticket, err error, now time.Time) error {
	was, snoozes := job.Args.Revision, snoozesOf(job)
	switch {
	case t.ID == "" && errors.Is(err, moderation.ErrNoTicket):
		return nil // the job and its ticket are committed together
	case t.ID == "" && errors.Is(err, moderation.ErrInvalid):
		return river.JobCancel(err) // no ticket can have such an ID
	case t.ID != job.Args.Ticket:
		return river.JobSnooze(pauseAfter(snoozes) + behind(job, now))
	case was > 0 && t.Revision > was:
		return nil // whoever committed that has scheduled what comes next
	case t.Revision < was && snoozes < lostAfter:
		return river.JobSnooze(pauseAfter(snoozes) + behind(job, now)) // its change was not made, or not yet
	case t.Revision < was:
		return nil
	case err != nil:
		return river.JobSnooze(pauseAfter(snoozes) + behind(job, now))
	case t.Due.IsZero(), was == 0 && t.Due.After(now):
		return nil
	}
	return river.JobSnooze(untilDue(t.Due.Sub(now), snoozes) + behind(job, now))
}

// lostAfter is how often a job looks for a change that was not made with it. Who
// tries again has a job of its own by then.
const lostAfter = 6

// untilDue is how long a job sleeps that came early. One that comes early again
// and again meets clocks that differ, and is not to spin.
func untilDue(wait time.Duration, snoozes int) time.Duration {
	if wait > 0 && snoozes == 0 {
		return wait
	}
	return max(wait, pauseAfter(snoozes))
}

// behind is how far this process's clock is behind the database's, which told
// when the job was taken. The end of a sleep is computed with the one and
// awaited with the other.
func behind(job *river.Job[AdvanceArgs], now time.Time) time.Duration {
	if job.AttemptedAt == nil {
		return 0
	}
	return max(0, job.AttemptedAt.Sub(now))
}

// pauseAfter is how long a ticket is left alone that could not be advanced.
func pauseAfter(tries int) time.Duration {
	if tries >= 6 { // 2⁶ seconds are more than maxPause
		return maxPause
	}
	return firstPause << tries
}

// snoozesOf is how often a job has slept. River counts it.
func snoozesOf(job *river.Job[AdvanceArgs]) int {
	var m struct {
		Snoozes int `json:"snoozes"`
	}
	if err := json.Unmarshal(job.Metadata, &m); err != nil || m.Snoozes < 0 {
		return 0
	}
	return m.Snoozes
}
