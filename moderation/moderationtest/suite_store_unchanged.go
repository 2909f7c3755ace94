package moderationtest

import (
	"slices"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// unchangedChecks are about tickets that a change relies on and leaves alone.
func unchangedChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"a ticket that should not have moved and did conflicts", unchangedMoved},
		{"every ticket that should not have moved is looked at", unchangedAll},
		{"of two that rely on each other one wins", raceReliance},
	}
}

func unchangedMoved(t tester, s storeSubject) {
	relied := s.ticket("42")
	s.put(t, relied, withStatus(relied, moderation.StatusHeld))
	for _, is := range []moderation.TicketIs{{Ticket: relied.ID, Revision: 1}, {Ticket: relied.ID, Revision: 3}, {Ticket: "no-such-ticket", Revision: 1}} {
		c := s.change(s.ticket("43"))
		c.Unchanged = []moderation.TicketIs{is}
		s.conflicts(t, "a ticket at another revision", c)
		s.lacks(t, c.Tickets[0].ID)
		alone := s.change()
		alone.Unchanged = []moderation.TicketIs{is}
		s.conflicts(t, "no ticket of its own and one at another revision", alone)
	}
	c := s.change(s.ticket("43"))
	c.Unchanged = []moderation.TicketIs{{Ticket: relied.ID, Revision: 2}}
	s.must(t, c)
	s.holds(t, withStatus(relied, moderation.StatusHeld))
}

func unchangedAll(t tester, s storeSubject) {
	var held []moderation.TicketIs
	for range 3 {
		ticket := s.ticket("42")
		s.put(t, ticket)
		held = append(held, moderation.TicketIs{Ticket: ticket.ID, Revision: 1})
	}
	for i := range held {
		c := s.change(s.ticket("43"))
		c.Unchanged = slices.Clone(held)
		c.Unchanged[i].Revision++
		s.conflicts(t, "one of three tickets at another revision", c)
	}
	c := s.change(s.ticket("43"))
	c.Unchanged = held
	s.must(t, c)
}

// reliance returns two changes: each moves one of two new tickets on, and the
// first, or both, rely on the other ticket's staying where it is.
func (s storeSubject) reliance(t tester, mutual bool) [2]moderation.Change {
	t.Helper()
	a, b := s.ticket("42"), s.ticket("43")
	s.put(t, a, b)
	changes := [2]moderation.Change{
		s.change(withStatus(a, moderation.StatusHeld)),
		s.change(withStatus(b, moderation.StatusHeld)),
	}
	changes[0].Unchanged = []moderation.TicketIs{{Ticket: b.ID, Revision: 1}}
	if mutual {
		changes[1].Unchanged = []moderation.TicketIs{{Ticket: a.ID, Revision: 1}}
	}
	return changes
}

// reliances is how often two changes race.
const reliances = 32

func raceReliance(t tester, s storeSubject) {
	for range reliances {
		changes := s.reliance(t, true)
		errs := together(2, func(i int) error { return s.Commit(t.Context(), changes[i]) })
		if errs[0] == nil && errs[1] == nil {
			t.Fatalf("two commits that rely on each other's ticket being unchanged were both made")
		}
		for i, err := range errs {
			if err != nil {
				s.lacksRevision(t, changes[i].Tickets[0])
			}
		}
	}
}

// lacksRevision checks that a ticket is before a revision.
func (s storeSubject) lacksRevision(t tester, next moderation.Ticket) {
	t.Helper()
	got, err := s.Ticket(t.Context(), next.ID)
	if err != nil || got.Revision >= next.Revision {
		t.Errorf("Ticket(%q): got revision %d and %v, want one before %d", next.ID, got.Revision, err, next.Revision)
	}
}

// recordsFollow races a change that relies on a ticket with one that moves it
// on. Both can be made, but in one order only, and the records tell which.
func recordsFollow(t tester, s storeSubject) {
	for range reliances {
		changes := s.reliance(t, false)
		errs := together(2, func(i int) error { return s.Commit(t.Context(), changes[i]) })
		if errs[0] != nil || errs[1] != nil {
			continue
		}
		records := s.recorded(t)
		position := func(c moderation.Change) int {
			return slices.IndexFunc(records, func(r audit.Record) bool { return r.ID == c.Record.ID })
		}
		if position(changes[1]) < position(changes[0]) {
			t.Fatalf("a ticket was moved on by the record before that of a commit which relied on its being unchanged")
		}
	}
}
