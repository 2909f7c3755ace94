package moderationtest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func raceDefects() []storeDefect {
	hang := func(t *testing.T, ctx context.Context) error {
		over := make(chan struct{})
		t.Cleanup(func() { close(over) })
		if ctx.Err() != nil {
			<-over
		}
		return ctx.Err()
	}
	return []storeDefect{
		{name: "revisions are compared before the lock", check: "of 64 that race for a revision one wins", open: hasty("")},
		{name: "who lost is told of another error", check: "of 64 that race for a revision one wins",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				if s.Commit(ctx, c) != nil {
					return errors.New("deadlock detected")
				}
				return nil
			})},
		{name: "keys are looked up before the lock", check: "of 64 that race for a key one wins", open: hasty("")},
		{name: "targets are looked at before the lock", check: "of 64 that race for a target one is at work", open: hasty("")},
		{name: "a commit that lost is said to have won", check: "no revision is lost among many writers",
			open: broken(altered{
				naiveStore: newNaiveStore(),
				ticket: func(s *naiveStore, ctx context.Context, id string) (moderation.Ticket, error) {
					defer time.Sleep(time.Millisecond) // in a bubble: until all have read
					return s.Ticket(ctx, id)
				},
				commit: func(s *naiveStore, ctx context.Context, c moderation.Change) error {
					if err := s.Commit(ctx, c); !errors.Is(err, moderation.ErrConflict) {
						return err
					}
					return nil
				},
			})},
		{name: "a change is written ticket by ticket", check: "of two halves of a change nobody sees one", open: inHalves},
		{name: "a commit that is cancelled is said to be done", check: "a commit whose context is done tells the truth",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				if ctx.Err() != nil {
					return nil
				}
				return s.Commit(ctx, c)
			})},
		{name: "a commit that was done is said to conflict", check: "a commit whose context is done tells the truth",
			open: instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
				err := s.Commit(ctx, c)
				if ctx.Err() != nil {
					return moderation.ErrConflict
				}
				return err
			})},
		{name: "a commit that is cancelled hangs", check: "a commit whose context is done tells the truth",
			open: func(t *testing.T) moderation.Store {
				return instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
					return errors.Join(hang(t, ctx), s.Commit(ctx, c))
				})(t)
			}},
		{name: "a ticket does not exist when nobody waits", check: "a question whose context is done is answered rightly or not at all",
			open: broken(altered{naiveStore: newNaiveStore(), ticket: func(s *naiveStore, ctx context.Context, id string) (moderation.Ticket, error) {
				if ctx.Err() != nil {
					return moderation.Ticket{}, moderation.ErrNoTicket
				}
				return s.Ticket(ctx, id)
			}})},
		{name: "a sequence that is cancelled ends as if it were complete", check: "a question whose context is done is answered rightly or not at all",
			open: broken(altered{naiveStore: newNaiveStore(), tickets: func(s *naiveStore, ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
				if ctx.Err() != nil {
					return func(func(moderation.Ticket, error) bool) {}
				}
				return s.Tickets(ctx, q)
			}})},
		{name: "a head that is cancelled is zero", check: "a question whose context is done is answered rightly or not at all",
			open: broken(altered{naiveStore: newNaiveStore(), heads: func(s *naiveStore, ctx context.Context, id string) (moderation.Head, error) {
				if ctx.Err() != nil {
					return moderation.Head{}, nil
				}
				return s.Head(ctx, id)
			}})},
	}
}

// inHalves is a store that writes the tickets of a change one after the other.
func inHalves(*testing.T) moderation.Store {
	return altered{naiveStore: newNaiveStore(), commit: func(s *naiveStore, _ context.Context, c moderation.Change) error {
		for _, t := range c.Tickets {
			s.mu.Lock()
			s.write(moderation.Change{Tickets: []moderation.Ticket{t}})
			s.mu.Unlock()
			time.Sleep(time.Millisecond) // in a bubble: until all readers had their turn
		}
		return nil
	}, tickets: func(s *naiveStore, ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
		time.Sleep(time.Millisecond / 2)
		return s.Tickets(ctx, q)
	}}
}
