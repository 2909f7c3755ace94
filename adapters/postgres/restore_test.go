package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/google/go-cmp/cmp"
)

// trail yields records, and then an error unless it is nil.
func trail(records []audit.Record, err error) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(audit.Record{}, err)
		}
	}
}

// lived returns a store with a past of a few hundred records.
func lived(t *testing.T) opened {
	t.Helper()
	s := open(t)
	r := rand.New(rand.NewPCG(1, 2))
	var all []moderation.Ticket
	for i := range 300 {
		ticket := sample(fmt.Sprint("account-", r.IntN(20)))
		if n := len(all); n > 0 && r.IntN(2) == 0 {
			statuses := []moderation.Status{moderation.StatusHeld, moderation.StatusRejected, moderation.StatusExecuted, moderation.StatusUndone}
			ticket = next(all[r.IntN(n)], statuses[r.IntN(len(statuses))])
			ticket.Fence = uint64(i)
		}
		if err := s.Commit(t.Context(), change(ticket)); err == nil {
			all = append(all, ticket)
		} else if !errors.Is(err, moderation.ErrConflict) {
			t.Fatal(err)
		}
	}
	return s
}

// same checks that two stores have the same tickets, heads and end of the chain.
func same(t *testing.T, want, got opened) {
	t.Helper()
	var ends [2][]byte
	var tickets [2][]moderation.Ticket
	var heads [2][]moderation.Head
	for i, s := range []opened{want, got} {
		if err := s.pool.QueryRow(t.Context(), `SELECT hash FROM interlock.chain`).Scan(&ends[i]); err != nil {
			t.Fatal(err)
		}
		for ticket, err := range s.Tickets(t.Context(), moderation.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			tickets[i] = append(tickets[i], ticket)
		}
		for n := range 20 {
			h, err := s.Head(t.Context(), fmt.Sprint("account-", n))
			if err != nil {
				t.Fatal(err)
			}
			heads[i] = append(heads[i], h)
		}
	}
	if d := cmp.Diff(tickets[0], tickets[1]); d != "" || !bytes.Equal(ends[0], ends[1]) {
		t.Errorf("the chains end the same: %t; tickets (-want +got):\n%s", bytes.Equal(ends[0], ends[1]), d)
	}
	if d := cmp.Diff(heads[0], heads[1]); d != "" {
		t.Errorf("heads (-want +got):\n%s", d)
	}
}

func TestATrailRestoresAStore(t *testing.T) {
	t.Parallel()
	was := lived(t)
	records := was.records(t)
	failed := errors.New("the disk is gone")
	for name, backup := range map[string]int{"from nothing": 0, "from an old backup": 77, "from a backup of now": len(records)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			if n, err := s.Restore(t.Context(), trail(records[:backup], nil)); n != backup || err != nil {
				t.Fatalf("%d records, %v", n, err)
			}
			if n, err := s.Restore(t.Context(), trail(records[:len(records)/2], failed)); !errors.Is(err, failed) || n != len(records)/2 {
				t.Errorf("from a trail that breaks: %d records, %v; want its error", n, err)
			}
			for range 2 {
				if n, err := s.Restore(t.Context(), trail(records, nil)); n != len(records) || err != nil {
					t.Errorf("%d records of %d, %v", n, len(records), err)
				}
			}
			s.verify(t)
			same(t, was, s)
		})
	}
}

func TestATrailThatDoesNotFollowRestoresNothing(t *testing.T) {
	t.Parallel()
	ticket := sample("a")
	second := change(next(ticket, moderation.StatusHeld)).Record
	damaged := change(ticket).Record
	damaged.State = []byte(`{"tickets":[{"id":"x","locked":true}]}`)
	for name, tt := range map[string]struct {
		record audit.Record
		want   error
	}{"a gap": {second, moderation.ErrConflict}, "a newer version's state": {damaged, audit.ErrCorrupt}} {
		s := open(t)
		if _, err := s.Restore(t.Context(), trail([]audit.Record{tt.record}, nil)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if n := len(s.records(t)); n != 0 {
			t.Errorf("%s: %d records were written", name, n)
		}
	}
}
