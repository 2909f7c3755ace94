package moderationtest

import (
	"context"
	"errors"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// fillNaive makes a naive store full.
func fillNaive(of moderation.Store) (empty func()) {
	s := inner(of)
	set := func(full bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.full = full
	}
	set(true)
	return func() { set(false) }
}

func fullDefects() []storeDefect {
	return []storeDefect{
		{name: "a full store says that it has written", check: "a full store says so and writes nothing",
			open: whenFull(func(*naiveStore, moderation.Change) error { return nil })},
		{name: "a full store leaves it in doubt", check: "a full store says so and writes nothing",
			open: whenFull(func(*naiveStore, moderation.Change) error { return errors.New("naive: something went wrong") })},
		{name: "a full store writes all the same", check: "a full store says so and writes nothing",
			open: whenFull(func(s *naiveStore, c moderation.Change) error {
				s.write(c)
				return audit.ErrNoRoom
			})},
		{name: "a full store writes later what found no room", check: "what found no room keeps nothing from others",
			open: latecomer()},
		{name: "a record that found no room is taken for written", check: "what found no room is committed once there is room",
			open: whenFull(func(s *naiveStore, c moderation.Change) error {
				c.Tickets = nil
				s.changes = append(s.changes, c)
				return audit.ErrNoRoom
			})},
	}
}

// whenFull says what a full store does instead.
func whenFull(f func(s *naiveStore, c moderation.Change) error) func(*testing.T) moderation.Store {
	return instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
		s.mu.Lock()
		if !s.full {
			s.mu.Unlock()
			return s.Commit(ctx, c)
		}
		defer s.mu.Unlock()
		return f(s, c)
	})
}

// latecomer writes what found no room when there is room again.
func latecomer() func(*testing.T) moderation.Store {
	var late []moderation.Change
	return instead(func(s *naiveStore, ctx context.Context, c moderation.Change) error {
		err := s.Commit(ctx, c)
		if errors.Is(err, audit.ErrNoRoom) {
			late = append(late, c)
			return err
		}
		for _, c := range late {
			_ = s.Commit(ctx, c)
		}
		late = nil
		return err
	})
}
