package moderation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestTallyCountsPerActorAndWindow(t *testing.T) {
	t.Parallel()
	var c tally
	at := fcStart
	for i := range 5 {
		if got := c.add("a", at, 2); got != i+1 {
			t.Errorf("count %d of a, want %d", got, i+1)
		}
		at = at.Add(time.Second)
	}
	if got := c.add("b", at, 2); got != 1 {
		t.Errorf("count %d of b, want 1", got)
	}
	if over := c.over(at, 2); len(over) != 0 {
		t.Errorf("before the window is over: %v", over)
	}
	at = fcStart.Add(tallyWindow)
	if got := c.add("a", at, 2); got != 1 {
		t.Errorf("count %d in a new window, want 1", got)
	}
	if d := cmp.Diff(map[string]int{"a": 3}, c.over(at, 2)); d != "" {
		t.Errorf("beyond the bound (-want +got):\n%s", d)
	}
	if over := c.over(at, 2); len(over) != 0 {
		t.Errorf("taken twice: %v", over)
	}
}

func TestTallyKeepsWhatCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	var c tally
	for range 7 {
		c.add("a", fcStart, 2)
	}
	at := fcStart.Add(tallyWindow)
	for range 5 {
		c.add("a", at, 2)
	}
	for actor, n := range c.over(at, 2) {
		c.putBack(actor, n)
	}
	if d := cmp.Diff(map[string]int{"a": 5 + 3}, c.over(at.Add(tallyWindow), 2)); d != "" {
		t.Errorf("two windows together (-want +got):\n%s", d)
	}
}

func TestTallyForgetsWhoStayedWithinTheBound(t *testing.T) {
	t.Parallel()
	var c tally
	for i := range 1000 {
		c.add(fmt.Sprint(i), fcStart, 2)
	}
	if over := c.over(fcStart.Add(tallyWindow), 2); len(over) != 0 || len(c.counts) != 0 || len(c.passed) != 0 {
		t.Errorf("%v are over; %d and %d are remembered", over, len(c.counts), len(c.passed))
	}
}

func TestTallyMayBeUsedByMany(t *testing.T) {
	t.Parallel()
	var c tally
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				c.add("a", fcStart, 10)
			}
		})
	}
	all.Wait()
	if d := cmp.Diff(map[string]int{"a": 790}, c.over(fcStart.Add(tallyWindow), 10)); d != "" {
		t.Errorf("beyond the bound (-want +got):\n%s", d)
	}
}

// The heap of due tickets is held against a look at every ticket.
func TestDueHeapAgreesWithLookingAtEveryTicket(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(10, 11))
	for range 40 {
		tickets := make(map[string]*Ticket)
		s := newMemoryStore(ssNothing{})
		for range 60 {
			id := fmt.Sprint(r.IntN(8))
			next := Ticket{ID: id, Revision: 1, Status: []Status{StatusHeld, StatusExecuted}[r.IntN(2)]}
			if was := tickets[id]; was != nil {
				next.Revision = was.Revision + 1
			}
			if r.IntN(4) > 0 {
				next.Due = fcStart.Add(time.Duration(r.IntN(20)) * time.Minute)
			}
			tickets[id] = &next
			s.apply(Change{Tickets: []Ticket{next}}, fingerprint{})
			if r.IntN(3) > 0 {
				continue
			}
			moment := fcStart.Add(time.Duration(r.IntN(20)) * time.Minute)
			var want []string
			for id, ticket := range tickets {
				if !ticket.Due.IsZero() && !ticket.Due.After(moment) {
					want = append(want, id)
				}
			}
			got := s.due.by(moment, s.lookup)
			slices.Sort(want)
			slices.Sort(got)
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("due by %v (-want +got):\n%s", moment, d)
			}
		}
		// Looking at all of them leaves no more moments than tickets.
		if s.due.by(fcStart.Add(time.Hour), s.lookup); len(s.due) > len(tickets) {
			t.Fatalf("%d moments are kept for %d tickets", len(s.due), len(tickets))
		}
	}
}
