package policy

import (
	"context"
	"fmt"
	"hash/maphash"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// What is remembered of charges is bounded.
func TestTicketsAreBounded(t *testing.T) {
	t.Parallel()
	var s tickets
	seed := maphash.MakeSeed()
	for i := range 10 * generation {
		s.remember(seed, &moderation.Charge{Ticket: fmt.Sprint(i)})
	}
	if n := len(s.younger) + len(s.older); n > 2*generation || n < generation {
		t.Errorf("%d charges are remembered, want %d to %d", n, generation, 2*generation)
	}
	if known, err := s.charged(seed, &moderation.Charge{Ticket: fmt.Sprint(10*generation - generation)}); !known || err != nil {
		t.Errorf("one of the last charges is forgotten (%v)", err)
	}
	if s.open != nil {
		t.Error("tickets are open that no limit counts")
	}
}

// switched is a source whose text a test changes.
type switched struct{ text string }

func (s *switched) Load(ctx context.Context) ([]Row, error) { return CSV("x", s.text).Load(ctx) }

// The count of an open ticket survives that its charge is forgotten, and that
// its row is gone when it is over.
func TestOpenTicketIsCountedOnceThoughItsChargeIsForgotten(t *testing.T) {
	t.Parallel()
	const without = "p, mod, read, *, *, *, allow\ng, ann, mod, *, -, -\n"
	const with = without + "p3, person, *, *, *, open, 3, -, refuse\n"
	s := &switched{with}
	a, err := Open(t.Context(), Config{Source: s, Kinds: []string{"k"}, Tiers: []string{"t"}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLimiter(a)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(text string) {
		t.Helper()
		s.text = text
		if err := a.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c := moderation.Charge{At: moderation.ChargeRequest, Step: moderation.StepRequest, Ticket: "old", Person: "ann", Count: 1, Time: time.Unix(0, 0)}
	other := c
	other.Ticket = "other"
	if _, err := l.Take(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		u, err := l.Take(t.Context(), c)
		if err != nil || !u.Allowed || u.Limits[0].Charged != int64(1-i) || u.Limits[0].Left != 1 {
			t.Errorf("call %d: %+v, %v; want it counted once", i, u, err)
		}
		shard := l.ticketShard("old")
		shard.younger, shard.older = nil, nil
	}
	reload(without)
	if err := l.Release(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	reload(with)
	c.Ticket = "new"
	if u, err := l.Peek(t.Context(), c); err != nil || u.Limits[0].Left != 1 {
		t.Errorf("%+v, %v; want the old ticket forgotten and the other one counted", u, err)
	}
}
