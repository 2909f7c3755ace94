package moderationtest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// pageChecks are about reading in pages, and about sequences that are left.
func pageChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"pages return every ticket once", pageAll},
		{"a page continues behind a ticket that matches no more", pageBehindChanged},
		{"a page behind a ticket that does not exist is an error", pageBehindNothing},
		{"pages miss nothing while others commit", pageWhileCommitting},
		{"a sequence can be left early", leaveEarly},
		{"a store can be used while a sequence is read", useWhileReading},
	}
}

// maxPages bounds a store whose pages never end.
const maxPages = 10_000

// pages reads a query page by page and returns the IDs in the order in which
// they came.
func (s storeSubject) pages(t tester, q moderation.Query) []string {
	t.Helper()
	var all []string
	for range maxPages {
		page, err := collect(s.Tickets(t.Context(), q))
		if err != nil {
			t.Fatalf("Tickets(%+v): %v", q, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, ids(page)...)
		q.After = page[len(page)-1].ID
	}
	t.Fatalf("Tickets(%+v): there is no end after %d pages", q, maxPages)
	return nil
}

func pageAll(t tester, s storeSubject) {
	var want, due []string
	for i := range 23 {
		ticket := s.ticket("42")
		ticket.Requested = at(i / 4) // several at the same moment
		if i%3 > 0 {
			ticket.Due = at(100 - i/4)
			due = append(due, ticket.ID)
		}
		s.put(t, ticket, withStatus(ticket, moderation.StatusHeld))
		want = append(want, ticket.ID)
	}
	for _, limit := range []int{1, 2, 3, 7, 22, 23, 24} {
		once(t, want, s.pages(t, moderation.Query{Limit: limit}))
		once(t, want, s.pages(t, moderation.Query{Limit: limit, Target: "42", Status: []moderation.Status{moderation.StatusHeld}}))
		once(t, due, s.pages(t, moderation.Query{Limit: limit, DueBy: at(200)}))
	}
}

// once checks that the same tickets came, each once, in whatever order.
func once(t tester, want, got []string) {
	t.Helper()
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	if d := diff(want, got); d != "" {
		t.Errorf("the pages do not hold every ticket once (-want +got):\n%s", d)
	}
}

func pageBehindChanged(t tester, s storeSubject) {
	first, second, third := s.ticket("42"), s.ticket("42"), s.ticket("42")
	s.put(t, first, second, third)
	pending := moderation.Query{Status: []moderation.Status{moderation.StatusPending}, Limit: 1}
	s.selects(t, pending, first)
	s.put(t, withStatus(first, moderation.StatusCancelled))
	pending.After = first.ID
	s.selects(t, pending, second)
	s.put(t, withStatus(second, moderation.StatusCancelled))
	pending.After = second.ID
	s.selects(t, pending, third)
	pending.After = third.ID
	s.selects(t, pending)
}

func pageBehindNothing(t tester, s storeSubject) {
	s.put(t, s.ticket("42"))
	got, err := collect(s.Tickets(t.Context(), moderation.Query{After: "no-such-ticket"}))
	if err == nil {
		t.Errorf("Tickets after a ticket that does not exist: got %d tickets and no error; pages would be lost or come twice", len(got))
	}
}

func pageWhileCommitting(t tester, s storeSubject) {
	var want []string
	for range 40 {
		ticket := s.ticket("42")
		s.put(t, ticket)
		want = append(want, ticket.ID)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	writer.Go(func() {
		for range 200 {
			ticket := s.ticket("43")
			if ctx.Err() != nil || s.Commit(t.Context(), s.change(ticket)) != nil {
				return
			}
			_ = s.Commit(t.Context(), s.change(withStatus(ticket, moderation.StatusHeld)))
		}
	})
	got := s.pages(t, moderation.Query{Limit: 3, Target: "42"})
	all := s.pages(t, moderation.Query{Limit: 7})
	stop()
	writer.Wait()
	once(t, want, got)
	seen := make(map[string]int)
	for _, id := range all {
		seen[id]++
	}
	for _, id := range want {
		if seen[id] != 1 {
			t.Errorf("ticket %s came %d times in pages that were read while others committed, want once", id, seen[id])
		}
	}
}

func leaveEarly(t tester, s storeSubject) {
	first, second := s.ticket("42"), s.ticket("42")
	s.put(t, first, second)
	returns(t, "leaving a sequence early", func() {
		calls := 0
		s.Tickets(t.Context(), moderation.Query{})(func(moderation.Ticket, error) bool {
			calls++
			return false
		})
		if calls != 1 {
			t.Errorf("a sequence that was left at its first ticket went on: it yielded %d times", calls)
		}
	})
	returns(t, "using the store after a sequence was left", func() {
		if err := s.Commit(t.Context(), s.change(withStatus(first, moderation.StatusHeld))); err != nil {
			t.Errorf("Commit after a sequence was left early: %v", err)
		}
	})
}

func useWhileReading(t tester, s storeSubject) {
	s.put(t, s.ticket("42"), s.ticket("42"), s.ticket("42"))
	returns(t, "reading and committing while a sequence is read", func() {
		count := 0
		for ticket, err := range s.Tickets(t.Context(), moderation.Query{Limit: 3}) {
			if err != nil {
				t.Errorf("Tickets while committing: %v", err)
				return
			}
			count++
			_, errTicket := s.Ticket(t.Context(), ticket.ID)
			_, errHead := s.Head(t.Context(), "42")
			errCommit := s.Commit(t.Context(), s.change(withStatus(ticket, moderation.StatusHeld)))
			if err := errors.Join(errTicket, errHead, errCommit); err != nil {
				t.Errorf("using the store while a sequence is read: %v", err)
			}
		}
		if count != 3 {
			t.Errorf("the sequence yielded %d tickets while they were changed, want 3", count)
		}
	})
}
