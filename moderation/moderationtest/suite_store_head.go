package moderationtest

import (
	"errors"
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

// headChecks are about who is at work on a target, and about fences.
func headChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"a target that was never acted on has the zero head", headZero},
		{"one ticket at a time is executing or unknown on a target", headBusy},
		{"a target is free when its ticket is not at work any more", headFreed},
		{"two tickets of a change can't both be at work on a target", headBusyInChange},
		{"a change can hand a target over", headHandedOver},
		{"an undo may join the unknown ticket that it takes back", headUndoJoins},
		{"the fence is the highest of the target's tickets and never falls", headFence},
		{"a head that moved conflicts", headMoved},
		{"every head of a change must hold", headsAll},
		{"heads are compared as they were before the change", headBefore},
		{"the tier is that of the target's last ticket", headTier},
	}
}

func headZero(t tester, s storeSubject) {
	s.put(t, s.executed("42", 1, at(1)))
	for _, id := range []string{"43", "4", "", moderation.FreezeTarget} {
		if d := diff(moderation.Head{}, s.head(t, id)); d != "" {
			t.Errorf("Head(%q) of a target without tickets (-want +got):\n%s", id, d)
		}
	}
}

// busy checks which ticket is at work on a target.
func (s storeSubject) busy(t tester, targetID, want string) {
	t.Helper()
	if got := s.head(t, targetID).Busy; got != want {
		t.Errorf("Head(%q).Busy: got %q, want %q", targetID, got, want)
	}
}

func headBusy(t tester, s storeSubject) {
	first := s.executing("42", 1)
	s.put(t, first, s.executing("43", 1))
	s.busy(t, "42", first.ID)
	s.conflicts(t, "a second executing ticket", s.change(s.executing("42", 2)))

	unknown := withStatus(first, moderation.StatusUnknown)
	s.put(t, unknown)
	s.busy(t, "42", first.ID)
	s.conflicts(t, "an executing ticket beside an unknown one", s.change(s.executing("42", 2)))
	beside := s.ticket("42")
	beside.Status = moderation.StatusUnknown
	s.conflicts(t, "an unknown ticket beside an unknown one", s.change(beside))

	pending := s.ticket("42")
	s.put(t, pending)
	s.conflicts(t, "a waiting ticket that is to execute", s.change(withStatus(pending, moderation.StatusExecuting)))
	s.holds(t, pending)
	s.busy(t, "42", first.ID)
}

func headFreed(t tester, s storeSubject) {
	var fence uint64
	for _, from := range []moderation.Status{moderation.StatusExecuting, moderation.StatusUnknown} {
		for _, to := range []moderation.Status{moderation.StatusExecuted, moderation.StatusRefused, moderation.StatusFailed, moderation.StatusUndone, moderation.StatusEnded} {
			fence++
			ticket := s.executing("42", fence)
			ticket.Status = from
			s.put(t, ticket, withStatus(ticket, to))
			s.busy(t, "42", "")
		}
	}
}

func headBusyInChange(t tester, s storeSubject) {
	first, second := s.executing("42", 1), s.executing("42", 2)
	s.conflicts(t, "two executing tickets of one target", s.change(first, second))
	s.lacks(t, first.ID)
	s.lacks(t, second.ID)
	s.busy(t, "42", "")
}

func headHandedOver(t tester, s storeSubject) {
	first := s.executing("42", 1)
	second, third := s.ticket("42"), s.ticket("42")
	s.put(t, first, second, third)
	executed := withStatus(first, moderation.StatusExecuted)
	takes := withStatus(second, moderation.StatusExecuting)
	s.must(t, s.change(executed, takes))
	s.busy(t, "42", second.ID)

	takesOver := withStatus(third, moderation.StatusExecuting)
	s.must(t, s.change(takesOver, withStatus(takes, moderation.StatusFailed)))
	s.busy(t, "42", third.ID)
}

func headUndoJoins(t tester, s storeSubject) {
	first := s.executing("42", 1)
	unknown := withStatus(first, moderation.StatusUnknown)
	s.put(t, first, unknown)

	other := s.ticket("42")
	s.conflicts(t, "an undo of another ticket beside an unknown one", s.change(s.undo(other, 2)))
	undo := s.undo(first, 2)
	s.put(t, undo)
	if busy := s.head(t, "42").Busy; busy != first.ID && busy != undo.ID {
		t.Errorf("Head.Busy: got %q, want one of %q and %q", busy, first.ID, undo.ID)
	}
	s.conflicts(t, "a third ticket", s.change(s.executing("42", 3)))
	s.conflicts(t, "a second undo of the same ticket", s.change(s.undo(first, 3)))

	s.must(t, s.change(withStatus(undo, moderation.StatusExecuted), withStatus(unknown, moderation.StatusUndone)))
	s.busy(t, "42", "")
}

func headFence(t tester, s storeSubject) {
	fence := func(targetID string, want uint64) {
		t.Helper()
		if got := s.head(t, targetID).Fence; got != want {
			t.Errorf("Head(%q).Fence: got %d, want %d", targetID, got, want)
		}
	}
	first := s.executing("42", 5)
	s.put(t, first)
	fence("42", 5)
	s.put(t, withStatus(first, moderation.StatusFailed), s.ticket("42"), s.executed("42", 3, at(1)))
	fence("42", 5)
	s.put(t, s.executing("42", 9), s.executing("43", 2))
	fence("42", 9)
	fence("43", 2)
}

func headMoved(t tester, s storeSubject) {
	s.put(t, s.executed("42", 2, at(1)))
	for _, h := range []moderation.HeadIs{{Target: "42", Fence: 0}, {Target: "42", Fence: 1}, {Target: "42", Fence: 3}, {Target: "43", Fence: 1}} {
		c := s.change(s.ticket("44"))
		c.Heads = []moderation.HeadIs{h}
		s.conflicts(t, "another fence than the head's", c)
		s.lacks(t, c.Tickets[0].ID)
	}
	for _, h := range []moderation.HeadIs{{Target: "42", Fence: 2}, {Target: "43", Fence: 0}, {Target: moderation.FreezeTarget}} {
		c := s.change(s.ticket("44"))
		c.Heads = []moderation.HeadIs{h}
		s.must(t, c)
	}
	alone := s.change()
	alone.Heads = []moderation.HeadIs{{Target: "42", Fence: 1}}
	s.conflicts(t, "no ticket and a head that moved", alone)
}

func headsAll(t tester, s storeSubject) {
	s.put(t, s.executed("42", 1, at(1)), s.executed("43", 2, at(1)))
	held := []moderation.HeadIs{{Target: "42", Fence: 1}, {Target: "43", Fence: 2}, {Target: "44"}}
	for i := range held {
		c := s.change(s.ticket("42"))
		c.Heads = slices.Clone(held)
		c.Heads[i].Fence += 7
		s.conflicts(t, "one of three heads moved", c)
	}
	c := s.change(s.ticket("42"))
	c.Heads = held
	s.must(t, c)
}

func headBefore(t tester, s storeSubject) {
	for fence := range uint64(3) {
		ticket := s.executing("42", fence+1)
		c := s.change(ticket)
		c.Heads = []moderation.HeadIs{{Target: "42", Fence: fence}}
		s.must(t, c)
		s.put(t, withStatus(ticket, moderation.StatusFailed))
		if err := s.Commit(t.Context(), c); err != nil && !errors.Is(err, moderation.ErrConflict) {
			t.Errorf("Commit of the same change again: got %v, want nil or ErrConflict", err)
		}
	}
}

func headTier(t tester, s storeSubject) {
	tier := func(want moderation.Ticket) {
		t.Helper()
		h := s.head(t, "42")
		if h.Tier != want.Subject.Tier || !h.TierSeen.Equal(want.Subject.TierSeen) {
			t.Errorf("Head: got tier %q seen %v, want %q seen %v", h.Tier, h.TierSeen, want.Subject.Tier, want.Subject.TierSeen)
		}
	}
	first := s.ticket("42")
	s.put(t, first)
	tier(first)
	second := s.ticket("42")
	second.Subject.Tier = "protected"
	s.put(t, second)
	tier(second)
	// What is known of the first is older, whatever becomes of it.
	s.put(t, withStatus(first, moderation.StatusCancelled))
	tier(second)
	elsewhere := s.ticket("43")
	elsewhere.Subject.Tier = "staff"
	s.put(t, elsewhere)
	tier(second)
	// A later look at the directory, on the same ticket.
	looked := withStatus(second, moderation.StatusHeld)
	looked.Subject.Tier, looked.Subject.TierSeen = "staff", at(30)
	s.put(t, looked)
	tier(looked)
}
