package moderationtest

import (
	"github.com/elevenminutes/interlock/moderation"
)

// standingChecks are about what is in force on a target and what came before.
func standingChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"what stands is ordered by its execution", standingOrder},
		{"only what was executed stands", standingStatus},
		{"what was undone or ended stands no more", standingLeaves},
		{"an executed undo does not stand", standingUndo},
		{"what should have ended stands until it is ended", standingOverdue},
		{"the last ticket is the one that was rejected or undone last", lastTicket},
	}
}

// stands checks what stands on a target.
func (s storeSubject) stands(t tester, targetID string, want ...moderation.Ticket) {
	t.Helper()
	got := s.head(t, targetID).Standing
	if d := diff(ids(want), ids(got)); d != "" {
		t.Errorf("Head(%q).Standing has other tickets (-want +got):\n%s", targetID, d)
		return
	}
	if d := diff(want, got); d != "" {
		t.Errorf("Head(%q).Standing has other states (-want +got):\n%s", targetID, d)
	}
}

func standingOrder(t tester, s storeSubject) {
	third, first, second := s.executed("42", 1, at(30)), s.executed("42", 2, at(10)), s.executed("42", 3, at(20))
	s.put(t, third, first, second, s.executed("43", 1, at(15)))
	s.stands(t, "42", first, second, third)
	// A later revision does not change its place, and is what is shown.
	first.Revision++
	first.Note = "looked at again"
	s.put(t, first)
	s.stands(t, "42", first, second, third)
}

func standingStatus(t tester, s storeSubject) {
	for i, status := range []moderation.Status{
		moderation.StatusPending, moderation.StatusHeld, moderation.StatusRejected, moderation.StatusCancelled,
		moderation.StatusTimedOut, moderation.StatusRefused, moderation.StatusFailed, moderation.StatusUndone,
		moderation.StatusEnded, moderation.StatusExecuting,
	} {
		ticket := s.executed("42", uint64(i), at(i))
		ticket.Status = status
		s.put(t, ticket)
	}
	s.stands(t, "42")
	unknown := s.executed("43", 1, at(1))
	unknown.Status = moderation.StatusUnknown
	s.put(t, unknown)
	s.stands(t, "43")
}

func standingLeaves(t tester, s storeSubject) {
	first, second, third := s.executed("42", 1, at(1)), s.executed("42", 2, at(2)), s.executed("42", 3, at(3))
	s.put(t, first, second, third)
	// While its end is being executed, it is not said to stand.
	ending := withStatus(second, moderation.StatusExecuting)
	s.put(t, ending)
	s.stands(t, "42", first, third)
	s.put(t, withStatus(ending, moderation.StatusEnded))
	s.stands(t, "42", first, third)
	s.put(t, withStatus(first, moderation.StatusUndone))
	s.stands(t, "42", third)
	s.put(t, withStatus(third, moderation.StatusUndone))
	s.stands(t, "42")
}

func standingUndo(t tester, s storeSubject) {
	first, second := s.executed("42", 1, at(1)), s.executed("42", 2, at(2))
	undo := s.undo(first, 3)
	s.put(t, first, second, undo)
	s.stands(t, "42", first, second)
	done := withStatus(undo, moderation.StatusExecuted)
	done.Executed = at(3)
	s.must(t, s.change(done, withStatus(first, moderation.StatusUndone)))
	s.stands(t, "42", second)
}

func standingOverdue(t tester, s storeSubject) {
	ticket := s.executed("42", 1, at(1))
	ticket.Until = at(2)
	ticket.Due = ticket.Until
	s.put(t, ticket)
	s.stands(t, "42", ticket)
}

// lastOf is the zero Ticket where there is none.
func lastOf(h moderation.Head) moderation.Ticket {
	if h.Last == nil {
		return moderation.Ticket{}
	}
	return *h.Last
}

func lastTicket(t tester, s storeSubject) {
	last := func(want moderation.Ticket) {
		t.Helper()
		if d := diff(want, lastOf(s.head(t, "42"))); d != "" {
			t.Errorf("Head.Last is another ticket (-want +got):\n%s", d)
		}
	}
	pending, restriction := s.ticket("42"), s.executed("42", 1, at(1))
	s.put(t, pending, restriction)
	for _, status := range []moderation.Status{
		moderation.StatusCancelled, moderation.StatusTimedOut, moderation.StatusRefused,
		moderation.StatusFailed, moderation.StatusEnded, moderation.StatusHeld,
	} {
		other := s.ticket("42")
		s.put(t, other, withStatus(other, status))
	}
	last(moderation.Ticket{})

	undone := withStatus(restriction, moderation.StatusUndone)
	undone.Over = at(10)
	s.put(t, undone)
	last(undone)
	// It was asked for before the other, but came to its end after it.
	rejected := withStatus(pending, moderation.StatusRejected)
	rejected.Over = at(20)
	s.put(t, rejected)
	last(rejected)

	elsewhere := s.ticket("43")
	s.put(t, elsewhere, withStatus(elsewhere, moderation.StatusRejected))
	last(rejected)
}
