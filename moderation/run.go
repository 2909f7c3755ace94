package moderation

import (
	"context"
	"maps"
	"sync"
	"time"
)

// pollEvery is how often Run looks for due tickets when nothing wakes it, and
// maxPause how long it leaves one alone at most that could not be advanced.
const (
	pollEvery = time.Second
	maxPause  = time.Minute
)

// runners is how many tickets Run advances at a time.
const runners = 16

// Run advances what is due, until ctx is done or the guard is closed, and returns
// why it ended, when all that it has begun has come back. It is all the scheduling that one
// process needs; hosts with a scheduler of their own call Advance for each due
// ticket instead, and ReportBacklog once a minute.
// Deadlines hold also when nobody runs it: a ticket that is late is refused
// whenever it is looked at.
//
// A ticket that can't be advanced is tried again, less and less often; what
// kept it is on record.
func (g *Guard) Run(ctx context.Context) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	defer g.exit()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	r := &runner{guard: g, room: make(chan struct{}, runners), stuck: make(map[string]pause)}
	defer r.wait.Wait()
	for {
		r.round(ctx)
		if now, _ := g.clock.now(); g.watch.lacksFigures(now) {
			_ = g.reportBacklog(ctx, now) // the next round does not ask again: it can wait a minute
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.verbs.closed:
			return closedRefusal()
		case <-ticker.C:
		case <-g.wake:
		}
	}
}

// runner advances tickets side by side, so that one whose handler takes long
// holds up nobody.
type runner struct {
	guard *Guard
	room  chan struct{} // one for each ticket that is being advanced
	wait  sync.WaitGroup

	mu    sync.Mutex
	stuck map[string]pause
}

// pause is how long a ticket that did not move is left alone.
type pause struct {
	length time.Duration
	until  time.Time
}

// round begins to advance each due ticket that is not left alone.
func (r *runner) round(ctx context.Context) {
	now, _ := r.guard.clock.now()
	r.guard.summarize(ctx, now, now)
	due, err := r.guard.due(ctx, now)
	if err != nil {
		return // the next round asks again
	}
	r.forget(due)
	for _, t := range due {
		if r.guard.verbs.isClosed() {
			return
		}
		if r.paused(t.ID, now) {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case r.room <- struct{}{}:
		default: // the others have their turn in the next round
			return
		}
		r.hold(t.ID, now) // here, so that the next round knows
		r.wait.Add(1)
		go r.advance(ctx, t)
	}
}

func (r *runner) advance(ctx context.Context, t Ticket) {
	defer r.wait.Done()
	defer func() { <-r.room }()
	after, _ := r.guard.advanceDue(ctx, t)
	if after.Revision > t.Revision {
		r.release(t.ID)
	}
}

// hold leaves a ticket alone for twice as long as the last time.
func (r *runner) hold(id string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	length := min(max(pollEvery, 2*r.stuck[id].length), maxPause)
	r.stuck[id] = pause{length, now.Add(length)}
}

// release ends that, because the ticket has moved.
func (r *runner) release(id string) {
	r.mu.Lock()
	delete(r.stuck, id)
	r.mu.Unlock()
	r.guard.nudge()
}

func (r *runner) paused(id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.stuck[id].until)
}

// forget drops the pauses of tickets that are no longer due.
func (r *runner) forget(due []Ticket) {
	still := make(map[string]bool, len(due))
	for _, t := range due {
		still[t.ID] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.stuck, func(id string, _ pause) bool { return !still[id] })
}
