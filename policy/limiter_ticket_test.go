package policy_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func TestTicketIsChargedOnceAtEachMoment(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 5, 1h, refuse\np3, person, *, *, *, actions, 5, 1h, refuse\np3, person, *, *, *, open, 5, -, refuse\np3, person, *, *, *, reject.requests, 5, 1h, refuse\n")
	for i := range 4 {
		for _, c := range []moderation.Charge{
			charge("ann", 2, noon, ticket("t")),
			charge("ann", 2, noon.Add(time.Second), ticket("t"), executed(0)),
			charge("ann", 2, noon, ticket("t"), func(c *moderation.Charge) { c.Step = moderation.StepReject }),
		} {
			u := take(t, l, c)
			for _, limit := range u.Limits {
				want := int64(2)
				if limit.Unit == "open" {
					want = 1
				}
				if i > 0 {
					want = 0
				}
				if !u.Allowed || limit.Charged != want || limit.Left < 3 {
					t.Errorf("call %d at %s: %+v; want %d charged", i, c.At, u, want)
				}
			}
		}
	}
	if u := peek(t, l, charge("ann", 4, noon, ticket("u"))); u.Allowed || u.Limits[0].Left != 3 {
		t.Errorf("usage is %+v, want 3 left", u)
	}
}

// A refused charge is not remembered as one that was made.
func TestRefusedTicketCanBeChargedLater(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 1, 1h, refuse\n")
	take(t, l, charge("ann", 1, noon, ticket("a")))
	for range 2 {
		if u := take(t, l, charge("ann", 1, noon, ticket("b"))); u.Allowed {
			t.Fatalf("usage is %+v", u)
		}
	}
	peek(t, l, charge("ann", 1, noon.Add(time.Hour), ticket("b")))
	if u := take(t, l, charge("ann", 1, noon.Add(time.Hour), ticket("b"))); !u.Allowed || u.Limits[0].Charged != 1 {
		t.Errorf("usage is %+v", u)
	}
}

func TestTicketOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 5, 1h, refuse\n")
	take(t, l, charge("ann", 1, noon, ticket("t")))
	for name, change := range map[string]func(*moderation.Charge){
		"person": func(c *moderation.Charge) { c.Person = "bob" },
		"actor":  func(c *moderation.Charge) { c.Actor = "bob1" },
		"kind":   func(c *moderation.Charge) { c.Kind = "post.remove" },
		"target": func(c *moderation.Charge) { c.Target = "8" },
	} {
		u, err := l.Take(t.Context(), charge("ann", 1, noon, ticket("t"), change))
		if u.Allowed || err == nil || !strings.Contains(err.Error(), "ticket t was charged before, for another person, actor, kind or target") {
			t.Errorf("another %s: %+v, %v", name, u, err)
		}
	}
	again := func(c *moderation.Charge) { c.Tier, c.Reach, c.Count = "protected", 9, 3 }
	if u := take(t, l, charge("ann", 1, noon, ticket("t"), again)); !u.Allowed {
		t.Errorf("other facts about the same target: %+v", u)
	}
}

func TestOpenTicketsAreCountedUntilReleased(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, open, 2, -, lead\np3, person, *, *, *, requests, 10, 1h, refuse\n")
	release := func(id string) {
		t.Helper()
		if err := l.Release(t.Context(), charge("ann", 1, noon, ticket(id))); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		do      string
		allowed bool
	}{
		{"a", true}, {"a", true}, {"b", true}, {"c", false}, {"-c", true}, {"c", false},
		{"-a", true}, {"-a", true}, {"-a", true}, {"c", true}, {"d", false},
		{"!d", true}, // a lead lets it through; it is open like any other
		{"e", false}, {"-b", true}, {"e", false}, {"-d", true}, {"e", true}, {"f", false},
	}
	for i, s := range steps {
		if id, ok := strings.CutPrefix(s.do, "-"); ok {
			release(id)
			continue
		}
		id, over := strings.CutPrefix(s.do, "!")
		c := charge("ann", 1, noon, ticket(id))
		if over {
			overrun(&c)
		}
		u := take(t, l, c)
		if u.Allowed != s.allowed {
			t.Fatalf("step %d (%s): %+v; want allowed %v", i, s.do, u, s.allowed)
		}
		// Nobody knows when a ticket ends; waiting may help all the same.
		if !u.Allowed && (u.RetryAfter != 0 || u.Never || len(u.Over) != 1) {
			t.Errorf("step %d (%s): %+v", i, s.do, u)
		}
	}
}

// A batch is one ticket.
func TestOpenCountsTickets(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, open, 1, -, refuse\n")
	if u := take(t, l, charge("ann", 500, noon, ticket("a"))); !u.Allowed || u.Limits[0].Charged != 1 {
		t.Errorf("usage is %+v", u)
	}
}

// The same ticket from many goroutines is charged once.
func TestConcurrentTakesOfOneTicket(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 5, 1h, refuse\np3, all, *, *, *, open, 5, -, refuse\n")
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if u, err := l.Take(context.Background(), charge("ann", 1, noon, ticket("t"))); err != nil || !u.Allowed {
				t.Errorf("usage is %+v, %v", u, err)
			}
		})
	}
	group.Wait()
	for _, limit := range peek(t, l, charge("ann", 1, noon, ticket("u"))).Limits {
		if limit.Left != 3 {
			t.Errorf("%s: %d left, want 3", limit.Unit, limit.Left)
		}
	}
}
