package moderationtest

import (
	"errors"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// commitChecks are about revisions, and about all or nothing.
func commitChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"a committed ticket is read back whole", readBack},
		{"hostile texts survive", hostileTexts},
		{"a ticket that was not committed does not exist", noTicket},
		{"a zero change is refused", zeroChange},
		{"a record without tickets is committed", recordAlone},
		{"revision 0 is refused", revisionZero},
		{"a new ticket does not begin at revision 2", beginsLate},
		{"revision 1 of a ticket that exists conflicts", revisionOneTwice},
		{"a stale revision conflicts", staleRevision},
		{"a gap between revisions conflicts", revisionGap},
		{"an undo and what it undoes change together", undoTogether},
		{"a conflict writes nothing", conflictWritesNothing},
		{"the same change again makes no second revision", sameChangeAgain},
		{"a change that was overtaken can't come back", overtakenChange},
		{"a record ID never stands for two changes", recordTwoBodies},
	}
}

func readBack(t tester, s storeSubject) {
	s.put(t, full())
	s.holds(t, full())
	s.selects(t, moderation.Query{}, full())
}

func hostileTexts(t tester, s storeSubject) {
	var stored []moderation.Ticket
	for _, name := range []string{
		`'; drop table tickets; --`, `"quoted" \ back`, "%s%d {{.}} $1 ?", "*", "a%b_c", "axbyc", "null", "-",
		"Ünïcödé 名前 🔥", "\u00e9", "e\u0301", "a\u2028b", "<b>&amp;</b>", strings.Repeat("é", moderation.MaxName/2),
	} {
		ticket := s.ticket(name)
		ticket.ID = "ticket " + name
		ticket.Action.Actor, ticket.Requester.Login, ticket.Requester.Person = name, name, name
		ticket.Action.Key, ticket.Action.Kind, ticket.Action.Case = name, name, name
		ticket.Action.Reason = strings.Repeat("\n\t\u202e"+name, moderation.MaxReason/(len(name)+5))
		ticket.Action.Parameters = map[string]string{name: "\x01\x7f" + name, "empty": ""}
		ticket.UndoToken = moderation.UndoToken(strings.Repeat(name, moderation.MaxUndoToken/len(name)))
		s.put(t, ticket)
		stored = append(stored, ticket)
	}
	for _, ticket := range stored {
		s.holds(t, ticket)
		s.selects(t, moderation.Query{Target: ticket.Subject.ID}, ticket)
		s.selects(t, moderation.Query{Requester: ticket.Action.Actor, Key: ticket.Action.Key}, ticket)
		s.selects(t, moderation.Query{Person: ticket.Requester.Person}, ticket)
		s.selects(t, moderation.Query{Kind: ticket.Action.Kind}, ticket)
	}
}

func noTicket(t tester, s storeSubject) {
	s.lacks(t, "")
	s.lacks(t, "ticket-0001")
	s.put(t, s.ticket("42"))
	s.lacks(t, "")
	s.lacks(t, "TICKET-0001")
	s.lacks(t, "ticket-000")
	s.lacks(t, "ticket-000_")
}

func zeroChange(t tester, s storeSubject) {
	if err := s.Commit(t.Context(), moderation.Change{}); err == nil {
		t.Errorf("Commit of the zero Change: got nil, want an error: its record has no ID")
	}
}

func recordAlone(t tester, s storeSubject) {
	s.must(t, s.change())
	s.must(t, s.change())
	s.selects(t, moderation.Query{})
}

func revisionZero(t tester, s storeSubject) {
	ticket := s.ticket("42")
	ticket.Revision = 0
	if err := s.Commit(t.Context(), s.change(ticket)); err == nil {
		t.Errorf("Commit of revision 0: got nil, want an error")
	}
	s.lacks(t, ticket.ID)
}

func beginsLate(t tester, s storeSubject) {
	ticket := s.ticket("42")
	ticket.Revision = 2
	s.conflicts(t, "revision 2 of a ticket that does not exist", s.change(ticket))
	s.lacks(t, ticket.ID)
}

func revisionOneTwice(t tester, s storeSubject) {
	first := s.ticket("42")
	s.put(t, first)
	second := first
	second.Action.Key, second.Note = "another", "another"
	s.conflicts(t, "revision 1 of a ticket that exists", s.change(second))
	s.holds(t, first)
}

func staleRevision(t tester, s storeSubject) {
	first := s.ticket("42")
	second := withStatus(first, moderation.StatusHeld)
	third := withStatus(second, moderation.StatusCancelled)
	s.put(t, first, second, third)
	for _, stale := range []moderation.Ticket{first, second, third} {
		stale.Note = "written by someone who came late"
		s.conflicts(t, "a stale revision", s.change(stale))
	}
	s.holds(t, third)
}

func revisionGap(t tester, s storeSubject) {
	first := s.ticket("42")
	s.put(t, first)
	later := first
	later.Revision = 3
	s.conflicts(t, "revision 3 over revision 1", s.change(later))
	s.holds(t, first)
}

func undoTogether(t tester, s storeSubject) {
	target := s.executed("42", 1, at(1))
	undo := s.undo(target, 2)
	s.put(t, target, undo)

	done, undone := withStatus(undo, moderation.StatusExecuted), withStatus(target, moderation.StatusUndone)
	done.Executed, undone.UndoneBy = at(2), undo.ID
	s.must(t, s.change(done, undone))
	s.holds(t, done)
	s.holds(t, undone)
}

func conflictWritesNothing(t tester, s storeSubject) {
	old := s.ticket("42")
	s.put(t, old)
	before := s.head(t, "42")
	stale := old
	stale.Note = "stale"

	fresh := s.ticket("42")
	fresh.Status, fresh.Fence, fresh.Subject.Tier = moderation.StatusExecuting, 7, "protected"
	elsewhere := s.ticket("43")
	s.conflicts(t, "a stale ticket behind two good ones", s.change(fresh, elsewhere, stale))
	s.conflicts(t, "a stale ticket before two good ones", s.change(stale, elsewhere, fresh))

	s.holds(t, old)
	s.lacks(t, fresh.ID)
	s.lacks(t, elsewhere.ID)
	s.selects(t, moderation.Query{}, old)
	if d := diff(before, s.head(t, "42")); d != "" {
		t.Errorf("a commit that conflicted changed the head (-before +after):\n%s", d)
	}
	if d := diff(moderation.Head{}, s.head(t, "43")); d != "" {
		t.Errorf("a commit that conflicted made a head (-want +got):\n%s", d)
	}
	// Neither the keys nor the target may have been taken.
	s.must(t, s.change(fresh, elsewhere))
	s.holds(t, fresh)
}

func sameChangeAgain(t tester, s storeSubject) {
	first := s.ticket("42")
	second := withStatus(first, moderation.StatusHeld)
	for _, c := range []moderation.Change{s.change(first), s.change(second), s.change()} {
		s.must(t, c)
		s.repeat(t, c)
		s.repeat(t, c)
	}
	s.holds(t, second)
	s.selects(t, moderation.Query{}, second)
}

func overtakenChange(t tester, s storeSubject) {
	first := s.ticket("42")
	second := withStatus(first, moderation.StatusCancelled)
	c := s.change(first)
	s.must(t, c)
	s.put(t, second)
	s.repeat(t, c)
	s.holds(t, second)
	s.selects(t, moderation.Query{}, second)
	s.selects(t, moderation.Query{Status: []moderation.Status{moderation.StatusPending}})
}

func recordTwoBodies(t tester, s storeSubject) {
	c := s.change(s.ticket("42"))
	s.must(t, c)
	other := s.change(s.ticket("43"))
	other.Record.ID = c.Record.ID
	if err := s.Commit(t.Context(), other); err == nil {
		t.Errorf("Commit of another change under a record ID that is taken: got nil, want an error")
	}
	s.lacks(t, other.Tickets[0].ID)
	s.repeat(t, c)
	s.selects(t, moderation.Query{}, c.Tickets...)
}

// repeat commits a change once more that was committed before: the store says
// that it has it, or that it conflicts.
func (s storeSubject) repeat(t tester, c moderation.Change) {
	t.Helper()
	if err := s.Commit(t.Context(), c); err != nil && !errors.Is(err, moderation.ErrConflict) {
		t.Errorf("Commit of record %s a second time: got %v, want nil or ErrConflict", c.Record.ID, err)
	}
}
