package postgres

import (
	"context"
	"sync"
	"time"
)

// Revisions that were replaced are gathered for gatherFor, unscheduled
// maxUnscheduled at a time, and left to come due where more than maxReplaced
// wait.
const (
	gatherFor      = 50 * time.Millisecond
	maxUnscheduled = 1000
	maxReplaced    = 100_000
)

// replaced holds revisions of tickets that were replaced, for an Unscheduler. A
// goroutine works for as long as there are any. Nobody waits for it: no commit
// takes longer, and what is lost with the process does no harm.
type replaced struct {
	mu      sync.Mutex
	waiting []Moment
	working bool
}

// unschedule notes what the changes of a batch that were made have replaced.
func (s *Store) unschedule(batch []*request, answers []string) {
	scheduler, ok := s.scheduler.(Unscheduler)
	if !ok {
		return
	}
	s.replaced.mu.Lock()
	defer s.replaced.mu.Unlock()
	for i, r := range batch {
		if answers[i] == "" {
			s.replaced.add(r.change)
		}
	}
	if len(s.replaced.waiting) > 0 && !s.replaced.working {
		s.replaced.working = true
		go s.unscheduleAll(scheduler)
	}
}

func (r *replaced) add(e *encoded) {
	for i := range e.tickets {
		if t := e.tickets[i].Ticket; t.Revision > 1 && len(r.waiting) < maxReplaced {
			r.waiting = append(r.waiting, Moment{Ticket: t.ID, Revision: t.Revision - 1})
		}
	}
}

// take takes some of what waits, or notes that nobody works any more.
func (r *replaced) take() []Moment {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), maxUnscheduled)
	some := r.waiting[:n:n]
	if r.waiting = r.waiting[n:]; len(r.waiting) == 0 {
		r.waiting = nil
	}
	r.working = n > 0
	return some
}

// rest notes that nobody works; the next commit sees to it that somebody does.
func (r *replaced) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.working = false
}

// unscheduleAll hands on what waits until nothing does.
func (s *Store) unscheduleAll(scheduler Unscheduler) {
	over := false
	defer func() {
		if !over { // the scheduler has ended the goroutine
			s.replaced.rest()
		}
	}()
	for {
		time.Sleep(gatherFor)
		some := s.replaced.take()
		if len(some) == 0 {
			over = true
			return
		}
		s.unscheduleSome(scheduler, some)
	}
}

func (s *Store) unscheduleSome(scheduler Unscheduler, some []Moment) {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	defer func() { _ = recover() }() // the host's scheduler can't end the process
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return
	}
	defer conn.Release()
	_ = scheduler.Unschedule(ctx, conn.Conn(), some)
}
