package moderationtest

import (
	"errors"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// fullChecks are for a store that can be full.
func fullChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"a full store says so and writes nothing", fullWritesNothing},
		{"what found no room is committed once there is room", fullThenRoom},
		{"what found no room keeps nothing from others", fullTakesNothing},
	}
}

// findsNoRoom commits what must find no room.
func (s storeSubject) findsNoRoom(t tester, c moderation.Change) {
	t.Helper()
	if err := s.Commit(t.Context(), c); !errors.Is(err, audit.ErrNoRoom) {
		t.Errorf("Commit of record %s to a full store: got %v, want audit.ErrNoRoom", c.Record.ID, err)
	}
}

func fullWritesNothing(t tester, s storeSubject) {
	first := s.ticket("42")
	s.put(t, first)
	before := s.head(t, "42")
	second := withStatus(first, moderation.StatusExecuting)
	second.Fence = 7
	other := s.ticket("43")
	empty := s.fill(s.Store)
	defer empty()
	for _, c := range []moderation.Change{s.change(second), s.change(other), s.change(withStatus(first, moderation.StatusHeld), other), s.change()} {
		s.findsNoRoom(t, c)
		s.holds(t, first)
		s.lacks(t, other.ID)
		s.selects(t, moderation.Query{}, first)
		if d := diff(before, s.head(t, "42")); d != "" {
			t.Errorf("a commit that found no room changed the head (-before +after):\n%s", d)
		}
	}
}

func fullThenRoom(t tester, s storeSubject) {
	first := s.ticket("42")
	s.put(t, first)
	second := withStatus(first, moderation.StatusHeld)
	changes := []moderation.Change{s.change(second), s.change(s.executing("43", 1)), s.change()}
	for range 2 {
		empty := s.fill(s.Store)
		for _, c := range changes {
			s.findsNoRoom(t, c)
		}
		empty()
	}
	for _, c := range changes {
		s.must(t, c)
		s.repeat(t, c)
	}
	s.holds(t, second)
	s.holds(t, changes[1].Tickets[0])
}

func fullTakesNothing(t tester, s storeSubject) {
	first := s.ticket("42")
	s.put(t, first)
	atWork := s.executing("43", 1)
	empty := s.fill(s.Store)
	s.findsNoRoom(t, s.change(withStatus(first, moderation.StatusHeld)))
	s.findsNoRoom(t, s.change(atWork))
	empty()
	another := s.executing("43", 1)
	another.Action.Key = atWork.Action.Key
	cancelled := withStatus(first, moderation.StatusCancelled)
	s.put(t, cancelled, another)
	s.holds(t, cancelled)
	s.holds(t, another)
	s.lacks(t, atWork.ID)
}
