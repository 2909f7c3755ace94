package moderationtest

import (
	"reflect"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// queryChecks are about which tickets a query returns, and in which order.
func queryChecks() []check[storeSubject] {
	return []check[storeSubject]{
		{"the zero query returns every ticket in the order of request", queryOrder},
		{"each field of a query selects", queryFields},
		{"the fields of a query must all match", queryCombined},
		{"a query sees the last revision only", queryLastRevision},
		{"DueBy selects and orders by what is due", queryDue},
		{"Limit is the most that is returned", queryLimit},
		{"Mandate selects the members of a batch", queryMandate},
	}
}

func queryOrder(t tester, s storeSubject) {
	s.selects(t, moderation.Query{})
	tickets := []moderation.Ticket{s.ticket("42"), s.ticket("43"), s.ticket("42"), s.ticket("44")}
	for _, i := range []int{2, 0, 3, 1} { // commits do not come in the order of request
		s.put(t, tickets[i])
	}
	s.selects(t, moderation.Query{}, tickets...)
	tickets[0] = withStatus(tickets[0], moderation.StatusHeld)
	s.put(t, tickets[0])
	s.selects(t, moderation.Query{}, tickets...)
}

// assortment commits tickets that differ in every field that queries select by.
func assortment(t tester, s storeSubject) (a, b, c moderation.Ticket) {
	t.Helper()
	a, b, c = s.ticket("42"), s.ticket("43"), s.ticket("42")
	b.Action.Actor, b.Action.Key, b.Action.Kind = "bob", "same", moderation.Limit
	b.Requester = moderation.Party{Login: "bob", Person: "Robert", Type: moderation.Human}
	b.Status, b.Over = moderation.StatusRejected, at(1)
	b.Reviews = []moderation.Review{
		{Login: "carol", Person: "Carol", Verdict: moderation.Approved, Time: at(1), Void: "left"},
		{Login: "dave-2", Person: "Dave", Verdict: moderation.Rejected, Time: at(2)},
	}
	c.Action.Actor, c.Action.Key = "carol", "same"
	c.Requester = moderation.Party{Login: "carol", Person: "Carol", Type: moderation.Human, Owners: []string{"Robert"}}
	c.Status = moderation.StatusHeld
	b.Mandate, c.Mandate = "batch-1", "batch-2"
	s.put(t, a, b, c)
	return a, b, c
}

func queryFields(t tester, s storeSubject) {
	a, b, c := assortment(t, s)
	s.selects(t, moderation.Query{Requester: "alice"}, a)
	s.selects(t, moderation.Query{Requester: "Alice"})
	s.selects(t, moderation.Query{Key: "same"}, b, c)
	s.selects(t, moderation.Query{Person: "Alice"}, a)
	s.selects(t, moderation.Query{Person: "Robert"}, b)
	s.selects(t, moderation.Query{Person: "Carol"}, b, c)
	s.selects(t, moderation.Query{Person: "Dave"}, b)
	s.selects(t, moderation.Query{Person: "dave-2"})
	s.selects(t, moderation.Query{Target: "42"}, a, c)
	s.selects(t, moderation.Query{Target: "@42"})
	s.selects(t, moderation.Query{Kind: moderation.Limit}, b)
	s.selects(t, moderation.Query{Mandate: "batch-1"}, b)
	s.selects(t, moderation.Query{Mandate: "batch"})
	s.selects(t, moderation.Query{Kind: "account"})
	s.selects(t, moderation.Query{Status: []moderation.Status{moderation.StatusPending}}, a)
	s.selects(t, moderation.Query{Status: []moderation.Status{moderation.StatusHeld, moderation.StatusRejected}}, b, c)
	s.selects(t, moderation.Query{Status: []moderation.Status{}}, a, b, c)
	s.selects(t, moderation.Query{Status: []moderation.Status{moderation.StatusUnknown}})
	s.selects(t, moderation.Query{Status: []moderation.Status{""}})
}

func queryCombined(t tester, s storeSubject) {
	a, b, c := assortment(t, s)
	s.selects(t, moderation.Query{Requester: "bob", Key: "same"}, b)
	s.selects(t, moderation.Query{Requester: "alice", Key: "same"})
	s.selects(t, moderation.Query{Requester: "bob", Key: "same", Mandate: "batch-2"})
	s.selects(t, moderation.Query{Mandate: "batch-2", Target: "42"}, c)
	s.selects(t, moderation.Query{Mandate: "batch-2", Target: "43"})
	s.selects(t, moderation.Query{Person: "Carol", Target: "42"}, c)
	s.selects(t, moderation.Query{Person: "Carol", Kind: moderation.Limit}, b)
	s.selects(t, moderation.Query{Target: "42", Status: []moderation.Status{moderation.StatusPending}}, a)
	s.selects(t, moderation.Query{Target: "43", Status: []moderation.Status{moderation.StatusPending}})
	s.selects(t, moderation.Query{Kind: moderation.Suspend, Requester: "carol"}, c)
	s.selects(t, moderation.Query{
		Requester: "bob", Key: "same", Person: "Dave", Target: "43", Kind: moderation.Limit,
		Status: []moderation.Status{moderation.StatusRejected},
	}, b)
}

func queryLastRevision(t tester, s storeSubject) {
	first := s.ticket("42")
	first.Due = at(1)
	s.put(t, first)
	second := withStatus(first, moderation.StatusRejected)
	second.Due = time.Time{}
	second.Reviews = []moderation.Review{{Login: "bob", Person: "Bob", Verdict: moderation.Rejected, Time: at(1)}}
	s.put(t, second)
	s.selects(t, moderation.Query{}, second)
	s.selects(t, moderation.Query{Target: "42"}, second)
	s.selects(t, moderation.Query{Status: []moderation.Status{moderation.StatusRejected}}, second)
	s.selects(t, moderation.Query{Status: []moderation.Status{moderation.StatusPending}})
	s.selects(t, moderation.Query{Person: "Bob"}, second)
	s.selects(t, moderation.Query{DueBy: at(60)})
}

func queryDue(t tester, s storeSubject) {
	late, never, early, now := s.ticket("42"), s.ticket("42"), s.ticket("43"), s.ticket("42")
	late.Due, early.Due, now.Due = at(30), at(10), at(20)
	s.put(t, late, never, early, now)
	s.selects(t, moderation.Query{DueBy: at(60)}, early, now, late)
	s.selects(t, moderation.Query{DueBy: at(20)}, early, now)
	s.selects(t, moderation.Query{DueBy: at(20).Add(-1)}, early)
	s.selects(t, moderation.Query{DueBy: at(9)})
	s.selects(t, moderation.Query{DueBy: at(60), Target: "42"}, now, late)
	s.selects(t, moderation.Query{DueBy: at(60), Limit: 2}, early, now)
	s.selects(t, moderation.Query{DueBy: at(60), After: early.ID}, now, late)

	moved := withStatus(early, moderation.StatusHeld)
	moved.Due = at(40)
	s.put(t, moved)
	s.selects(t, moderation.Query{DueBy: at(60)}, now, late, moved)
	s.selects(t, moderation.Query{DueBy: at(10)})
}

func queryLimit(t tester, s storeSubject) {
	var tickets []moderation.Ticket
	for range 5 {
		tickets = append(tickets, s.ticket("42"))
	}
	s.put(t, tickets...)
	for limit := range 8 {
		want := tickets[:min(limit, len(tickets))]
		if limit == 0 {
			want = tickets
		}
		s.selects(t, moderation.Query{Limit: limit}, slices.Clone(want)...)
	}
}

func queryMandate(t tester, s storeSubject) {
	mandate := s.ticket("interlock.batch:00")
	mandate.Status, mandate.Fence, mandate.Executed = moderation.StatusExecuted, 1, at(1)
	mandate.Batch = new(moderation.Batch)
	n := 7
	fill(reflect.ValueOf(mandate.Batch).Elem(), &n)
	s.put(t, mandate)
	var members []moderation.Ticket
	for i := range 5 {
		m := s.executed([]string{"42", "43", "44", "45", "46"}[i], 1, at(2))
		m.Mandate = mandate.ID
		s.put(t, m)
		members = append(members, m)
	}
	s.put(t, s.ticket("47"))
	s.selects(t, moderation.Query{Mandate: mandate.ID}, members...)
	s.selects(t, moderation.Query{Mandate: mandate.ID, Limit: 2}, members[:2]...)
	s.selects(t, moderation.Query{Mandate: mandate.ID, After: members[1].ID}, members[2:]...)
	members[3] = withStatus(members[3], moderation.StatusUndone)
	s.put(t, members[3])
	s.selects(t, moderation.Query{Mandate: mandate.ID, Status: []moderation.Status{moderation.StatusUndone}}, members[3])
	s.selects(t, moderation.Query{Mandate: "none"})
	s.holds(t, mandate)
	s.stands(t, mandate.Subject.ID) // a mandate restricts nobody itself
}
