package postgres_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
)

// More tickets than are read at a time come once each and in order, though
// those that are due are advanced while they come.
func TestLongAnswersComeInPagesWhileTicketsMove(t *testing.T) {
	t.Parallel()
	s := open(t)
	count := 2*postgres.Page() + 7
	var all []moderation.Change
	for i := range count {
		ticket := executing(fmt.Sprint("account-", i), 1)
		ticket.Due = ticket.Requested
		all = append(all, change(ticket))
	}
	for len(all) > 0 {
		n := min(100, len(all))
		errs, err := s.CommitTogether(all[:n]...)
		if err = errors.Join(append(errs, err)...); err != nil {
			t.Fatal(err)
		}
		all = all[n:]
	}
	for name, q := range map[string]moderation.Query{
		"all":         {},
		"of a person": {Person: "ada"},
		"unfinished":  {Status: []moderation.Status{moderation.StatusExecuting}},
	} {
		before, seen := "", 0
		for ticket, err := range s.Tickets(t.Context(), q) {
			if err != nil || ticket.ID <= before {
				t.Fatalf("%s: ticket %s after %s, %v", name, ticket.ID, before, err)
			}
			before, seen = ticket.ID, seen+1
		}
		if seen != count {
			t.Errorf("%s: %d tickets, want %d", name, seen, count)
		}
	}
	seen := make(map[string]bool)
	for ticket, err := range s.Tickets(t.Context(), moderation.Query{DueBy: began.AddDate(1, 0, 0)}) {
		if err != nil || seen[ticket.ID] {
			t.Fatalf("ticket %s comes again, or %v", ticket.ID, err)
		}
		seen[ticket.ID] = true
		if err := s.Commit(t.Context(), change(next(ticket, moderation.StatusFailed))); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != count {
		t.Errorf("%d tickets were due, want %d", len(seen), count)
	}
}

// No connection is held between pages: a pool of one is enough to commit in the
// loop.
func TestReadingHoldsNoConnection(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i := range 3 {
		if err := s.Commit(t.Context(), change(sample(fmt.Sprint(i)))); err != nil {
			t.Fatal(err)
		}
	}
	for ticket, err := range s.Tickets(t.Context(), moderation.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n := s.pool.Stat().AcquiredConns(); n != 0 {
			t.Fatalf("%d connections are held while a ticket is looked at", n)
		}
		if err := s.Commit(t.Context(), change(next(ticket, moderation.StatusHeld))); err != nil {
			t.Fatal(err)
		}
	}
}
