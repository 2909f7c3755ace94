package moderationtest

import (
	"github.com/elevenminutes/interlock/moderation"
)

// reopenChecks are for a store that keeps what it has.
func reopenChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"an empty store is reopened empty", reopenEmpty},
		{"after reopening everything is as it was", reopenSame},
		{"after reopening what conflicted conflicts", reopenConflicts},
		{"after reopening work goes on", reopenGoesOn},
	}
}

// reopened returns the subject over what the old store kept.
func (s storeSubject) reopened(t tester) storeSubject {
	t.Helper()
	s.Store = s.reopen(s.Store)
	if s.Store == nil {
		t.Fatalf("Reopen returned no store")
	}
	return s
}

func reopenEmpty(t tester, s storeSubject) {
	s = s.reopened(t)
	s.selects(t, moderation.Query{})
	s.put(t, s.ticket("42"))
}

// history commits a bit of everything to the targets 42 and 43.
func history(t tester, s storeSubject) {
	t.Helper()
	s.put(t, full())
	waiting := s.ticket("42")
	waiting.Due = at(10)
	s.put(t, waiting, withStatus(waiting, moderation.StatusHeld))
	rejected := s.ticket("42")
	s.put(t, rejected, withStatus(rejected, moderation.StatusRejected))
	later, earlier := s.executed("42", 1, at(20)), s.executed("42", 2, at(10))
	s.put(t, later, earlier)
	undone := s.executed("42", 3, at(30))
	undo := s.undo(undone, 4)
	s.put(t, undone, undo)
	done := withStatus(undo, moderation.StatusExecuted)
	done.Executed = at(40)
	s.must(t, s.change(done, withStatus(undone, moderation.StatusUndone)))
	atWork := s.executing("43", 7)
	s.put(t, atWork, withStatus(atWork, moderation.StatusUnknown))
	s.must(t, s.change())
}

func reopenSame(t tester, s storeSubject) {
	history(t, s)
	everything, due := moderation.Query{}, moderation.Query{DueBy: at(60)}
	tickets, err := collect(s.Tickets(t.Context(), everything))
	if err != nil {
		t.Fatalf("Tickets: %v", err)
	}
	waiting, err := collect(s.Tickets(t.Context(), due))
	if err != nil {
		t.Fatalf("Tickets: %v", err)
	}
	targets := []string{full().Subject.ID, "42", "43", "44"}
	var heads []moderation.Head
	for _, id := range targets {
		heads = append(heads, s.head(t, id))
	}
	for range 2 {
		s = s.reopened(t)
		s.selects(t, everything, tickets...)
		s.selects(t, due, waiting...)
		s.holds(t, full())
		for i, id := range targets {
			if d := diff(heads[i], s.head(t, id)); d != "" {
				t.Errorf("Head(%q) is another after reopening (-before +after):\n%s", id, d)
			}
		}
	}
}

func reopenConflicts(t tester, s storeSubject) {
	over := s.keyed("alice", "over")
	atWork := s.executing("43", 7)
	change := s.change(over)
	s.must(t, change)
	s.put(t, withStatus(over, moderation.StatusCancelled), atWork)
	lost := s.change(s.ticket("42"), over)
	s.conflicts(t, "a stale ticket behind a good one", lost)

	s = s.reopened(t)
	s.lacks(t, lost.Tickets[0].ID)
	s.conflicts(t, "a key that is taken", s.change(s.keyed("alice", "over")))
	s.conflicts(t, "a stale revision", s.change(over))
	s.conflicts(t, "a second executing ticket", s.change(s.executing("43", 8)))
	moved := s.change(s.ticket("43"))
	moved.Heads = []moderation.HeadIs{{Target: "43", Fence: 6}}
	s.conflicts(t, "a head that moved", moved)
	s.repeat(t, change)
	s.holds(t, withStatus(over, moderation.StatusCancelled))
}

func reopenGoesOn(t tester, s storeSubject) {
	first := s.ticket("42")
	s.put(t, first)
	s = s.reopened(t)
	second := withStatus(first, moderation.StatusHeld)
	s.put(t, second)
	s = s.reopened(t)
	s.holds(t, second)
	third := withStatus(second, moderation.StatusExecuting)
	third.Fence = 1
	s.put(t, third, s.ticket("42"))
	s = s.reopened(t)
	s.holds(t, third)
	s.busy(t, "42", third.ID)
}
