package replay

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// clock is the virtual time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the virtual time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// pass lets time pass up to a moment, and stops whenever a ticket is due. What
// is due at that very moment comes before what the timeline does then.
func (r *run) pass(ctx context.Context, to time.Time) error {
	for {
		if err := r.due(ctx); err != nil {
			return err
		}
		now := r.clock.Now()
		if !now.Before(to) {
			return nil
		}
		r.clock.set(r.nextStop(now, to))
	}
}

// nextStop is the first moment after now at which a ticket is due. One that is
// late, since something was in its way, has still its deadline to come.
func (r *run) nextStop(now, to time.Time) time.Time {
	stop := to
	for _, t := range r.trail.tickets() {
		if t.Status.Final() || t.Due.IsZero() {
			continue
		}
		for _, due := range []time.Time{t.Due, t.Deadline} {
			if due.After(now) && due.Before(stop) {
				stop = due
			}
		}
	}
	return stop
}

// due looks at every ticket that is due now, and again at what became due by
// that.
func (r *run) due(ctx context.Context) error {
	type look struct {
		id       string
		revision uint64
	}
	looked := make(map[look]bool)
	for {
		more := false
		for _, t := range r.dueNow() {
			if looked[look{t.ID, t.Revision}] {
				continue
			}
			looked[look{t.ID, t.Revision}] = true
			more = true
			if err := r.advance(ctx, t); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// dueNow returns the tickets that are due, the longest due first.
func (r *run) dueNow() []moderation.Ticket {
	now := r.clock.Now()
	due := slices.DeleteFunc(r.trail.tickets(), func(t moderation.Ticket) bool {
		return t.Status.Final() || t.Due.IsZero() || t.Due.After(now)
	})
	slices.SortFunc(due, func(a, b moderation.Ticket) int {
		return cmp.Or(a.Due.Compare(b.Due), a.Requested.Compare(b.Requested), cmp.Compare(r.names[a.ID], r.names[b.ID]))
	})
	return due
}

// advance looks at one ticket. What is said again and again is told once.
func (r *run) advance(ctx context.Context, before moderation.Ticket) error {
	after, err := r.guard.Advance(ctx, before.ID)
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	if after.ID == "" {
		after = before
	}
	answer := r.answer(after, err)
	if after.Revision == before.Revision && (err == nil || r.complaints[before.ID] == answer.Whole) {
		return nil
	}
	r.complaints[before.ID] = answer.Whole
	r.add(Entry{
		Time: r.clock.Now(), Ticket: r.names[before.ID], Answer: answer,
		Due: &Step{before, after}, Account: r.accountOf(after),
	})
	return nil
}
