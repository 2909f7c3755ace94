package moderationtest

import (
	"reflect"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// copyChecks are for a store that shares nothing with its callers.
func copyChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"what was passed in can be changed afterwards", copyIn},
		{"what was handed out can be changed afterwards", copyOut},
	}
}

func copyIn(t tester, s storeSubject) {
	c := s.change(full())
	s.must(t, c)
	scramble(reflect.ValueOf(c.Tickets))
	s.holds(t, full())
	s.selects(t, moderation.Query{}, full())
	s.stands(t, full().Subject.ID, full())
}

func copyOut(t tester, s storeSubject) {
	s.put(t, full())
	rejected := full()
	rejected.ID, rejected.Action.Key, rejected.Status = "rejected", "rejected", moderation.StatusRejected
	s.put(t, rejected)

	ticket, err := s.Ticket(t.Context(), full().ID)
	if err != nil {
		t.Fatalf("Ticket: %v", err)
	}
	tickets, err := collect(s.Tickets(t.Context(), moderation.Query{Key: full().Action.Key}))
	if err != nil {
		t.Fatalf("Tickets: %v", err)
	}
	head := s.head(t, full().Subject.ID)
	want := s.head(t, full().Subject.ID)
	scramble(reflect.ValueOf(ticket))
	scramble(reflect.ValueOf(tickets))
	scramble(reflect.ValueOf(head))

	s.holds(t, full())
	s.selects(t, moderation.Query{Key: full().Action.Key}, full())
	s.stands(t, full().Subject.ID, full())
	if d := diff(lastOf(want).Reviews, lastOf(s.head(t, full().Subject.ID)).Reviews); d != "" {
		t.Errorf("Head.Last shares its slices with what was handed out (-want +got):\n%s", d)
	}
}

// recordChecks are for a store whose records can be seen.
func recordChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"the records are those of what was committed, in order", recordsKept},
		{"the records are in an order in which every commit could be made", recordsFollow},
	}
}

// recorded returns the records without those that are there twice.
func (s storeSubject) recorded(t tester) []audit.Record {
	t.Helper()
	var records []audit.Record
	bodies := make(map[string]audit.Record)
	for _, r := range s.records(s.Store) {
		body, ok := bodies[r.ID]
		if d := diff(body, r); ok && d != "" {
			t.Errorf("record %s has two bodies (-first +second):\n%s", r.ID, d)
		}
		if !ok {
			records = append(records, r)
		}
		bodies[r.ID] = r
	}
	return records
}

func recordsKept(t tester, s storeSubject) {
	first, second := s.ticket("42"), s.ticket("43")
	changes := []moderation.Change{
		s.change(first),
		s.change(),
		s.change(withStatus(first, moderation.StatusHeld), second),
		s.change(withStatus(second, moderation.StatusRejected)),
	}
	var want []audit.Record
	for _, c := range changes {
		s.must(t, c)
		s.repeat(t, c)
		s.conflicts(t, "a stale revision", s.change(first))
		want = append(want, c.Record)
	}
	if d := diff(want, s.recorded(t)); d != "" {
		t.Errorf("the records are not those of the commits that returned nil (-want +got):\n%s", d)
	}
}
