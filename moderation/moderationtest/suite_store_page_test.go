package moderationtest

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func pageDefects() []storeDefect {
	return []storeDefect{
		{name: "pages go by the moment of request alone", check: "pages return every ticket once",
			open: onFound(func(s *naiveStore, q moderation.Query, found []moderation.Ticket) []moderation.Ticket {
				i := s.index(q.After)
				if i < 0 || !q.DueBy.IsZero() {
					return found
				}
				behind := s.tickets[i].Requested
				return slices.DeleteFunc(found, func(t moderation.Ticket) bool { return !t.Requested.After(behind) })
			})},
		{name: "a page begins with the ticket before it", check: "pages return every ticket once",
			open: onFound(func(s *naiveStore, q moderation.Query, found []moderation.Ticket) []moderation.Ticket {
				if i := s.index(q.After); i >= 0 && len(found) > 0 {
					return append([]moderation.Ticket{s.tickets[i]}, found[:len(found)-1]...)
				}
				return found
			})},
		{name: "a page ends the reading where its ticket matches no more", check: "a page continues behind a ticket that matches no more",
			open: onFound(func(s *naiveStore, q moderation.Query, found []moderation.Ticket) []moderation.Ticket {
				if i := s.index(q.After); i >= 0 && !matches(q, s.tickets[i]) {
					return nil
				}
				return found
			})},
		{name: "a page behind nothing is the first", check: "a page behind a ticket that does not exist is an error",
			open: broken(altered{naiveStore: newNaiveStore(), tickets: func(s *naiveStore, ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
				if s.index(q.After) < 0 {
					q.After = ""
				}
				return s.Tickets(ctx, q)
			}})},
		{name: "pages are counted off", check: "pages miss nothing while others commit", open: pagesByNumber},
		{name: "a sequence goes on when it is left", check: "a sequence can be left early",
			open: broken(altered{naiveStore: newNaiveStore(), tickets: func(s *naiveStore, _ context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
				return func(yield func(moderation.Ticket, error) bool) {
					found, _ := s.find(q)
					for _, t := range found {
						yield(t, nil)
					}
				}
			}})},
		{name: "a sequence that is left keeps the lock", check: "a sequence can be left early", open: lockWhileReading(false)},
		{name: "a sequence holds the lock", check: "a store can be used while a sequence is read", open: lockWhileReading(true)},
	}
}

// pagesByNumber continues behind so many tickets as there were when the first
// page was read, in an order in which the latest come first.
func pagesByNumber(*testing.T) moderation.Store {
	return altered{naiveStore: newNaiveStore(), tickets: func(s *naiveStore, _ context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
		return func(yield func(moderation.Ticket, error) bool) {
			limit, after := q.Limit, q.After
			q.Limit, q.After = 0, ""
			found, _ := s.find(q)
			// Somebody commits between two pages, and what is behind moves.
			from := slices.IndexFunc(found, func(t moderation.Ticket) bool { return t.ID == after }) + 1
			if after != "" && q.Target == "" {
				from++
			}
			for _, t := range found[min(from, len(found)):min(from+limit, len(found))] {
				if !yield(t, nil) {
					return
				}
			}
		}
	}}
}

// lockWhileReading is a store whose sequences keep other callers waiting while
// they are read, and, unless they are read to their end, for ever.
func lockWhileReading(release bool) func(t *testing.T) moderation.Store {
	return func(t *testing.T) moderation.Store {
		lock := make(chan struct{}, 1) // not a mutex: a bubble knows who waits for a channel
		over := make(chan struct{})
		t.Cleanup(func() { close(over) })
		acquire := func() (release func()) {
			select {
			case lock <- struct{}{}:
				return func() { <-lock }
			case <-over:
				return func() {}
			}
		}
		return altered{
			naiveStore: newNaiveStore(),
			commit: func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				defer acquire()()
				return s.Commit(ctx, c)
			},
			tickets: func(s *naiveStore, ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
				return func(yield func(moderation.Ticket, error) bool) {
					unlock := acquire()
					if release {
						defer unlock()
					}
					s.Tickets(ctx, q)(yield)
				}
			},
		}
	}
}
