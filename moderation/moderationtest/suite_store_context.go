package moderationtest

import (
	"errors"

	"github.com/elevenminutes/interlock/moderation"
)

// contextChecks are about calls whose context is done.
func contextChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"a commit whose context is done tells the truth", commitDone},
		{"a question whose context is done is answered rightly or not at all", questionDone},
	}
}

func commitDone(t tester, s storeSubject) {
	ctx := doneContext(t)
	old := s.ticket("42")
	s.put(t, old)
	for _, c := range []moderation.Change{s.change(s.ticket("42")), s.change(withStatus(old, moderation.StatusHeld))} {
		var err error
		returns(t, "Commit with a context that is done", func() { err = s.Commit(ctx, c) })
		want := c.Tickets[0]
		got, readErr := s.Ticket(t.Context(), want.ID)
		if readErr != nil && !errors.Is(readErr, moderation.ErrNoTicket) {
			t.Errorf("Ticket after a commit whose context was done: %v", readErr)
		}
		written := diff(want, got) == ""
		if err == nil && !written {
			t.Errorf("Commit with a context that is done returned nil, but nothing was written")
		}
		if errors.Is(err, moderation.ErrConflict) && written {
			t.Errorf("Commit with a context that is done returned ErrConflict, but it was written")
		}
		if !written && got.Revision == want.Revision {
			t.Errorf("Commit with a context that is done wrote something else")
		}
	}
	s.put(t, s.ticket("42")) // and nothing is in the way of the next
}

func questionDone(t tester, s storeSubject) {
	ctx := doneContext(t)
	ticket := s.executed("42", 1, at(1))
	s.put(t, ticket, s.ticket("42"))
	head := s.head(t, "42")

	returns(t, "Ticket with a context that is done", func() {
		got, err := s.Ticket(ctx, ticket.ID)
		if errors.Is(err, moderation.ErrNoTicket) {
			t.Errorf("Ticket with a context that is done: got ErrNoTicket for a ticket that exists")
		}
		if d := diff(ticket, got); err == nil && d != "" {
			t.Errorf("Ticket with a context that is done gave a wrong answer (-want +got):\n%s", d)
		}
	})
	returns(t, "Head with a context that is done", func() {
		got, err := s.Head(ctx, "42")
		if d := diff(head, got); err == nil && d != "" {
			t.Errorf("Head with a context that is done gave a wrong answer (-want +got):\n%s", d)
		}
	})
	returns(t, "Tickets with a context that is done", func() {
		got, err := collect(s.Tickets(ctx, moderation.Query{}))
		if err == nil && len(got) != 2 {
			t.Errorf("Tickets with a context that is done: got %d of 2 tickets and no error", len(got))
		}
	})
}
