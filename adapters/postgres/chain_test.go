package postgres_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// verify checks that the records are chained without a gap, that the chain's
// end is theirs, and that each ticket is what the last record about it says.
func (o opened) verify(tb testing.TB) {
	tb.Helper()
	rows, err := o.pool.Query(tb.Context(), `SELECT seq, sum, hash, body FROM interlock.outbox ORDER BY seq`)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var end int64
	hash := []byte{}
	last := make(map[string]moderation.Ticket)
	for rows.Next() {
		var seq int64
		var sum, link, body []byte
		if err := rows.Scan(&seq, &sum, &link, &body); err != nil {
			tb.Fatal(err)
		}
		want := sha256.Sum256(body)
		chained := sha256.Sum256(append(hash, sum...))
		if end++; seq != end || !bytes.Equal(sum, want[:]) || !bytes.Equal(link, chained[:]) {
			tb.Fatalf("record %d, the %dth, does not continue the chain", seq, end)
		}
		hash = link
		var r audit.Record
		if err := json.Unmarshal(body, &r); err != nil {
			tb.Fatal(err)
		}
		for _, t := range ticketsOf(tb, r) {
			if was := last[t.ID]; t.Revision != was.Revision+1 {
				tb.Errorf("record %d has revision %d of ticket %s after %d", seq, t.Revision, t.ID, was.Revision)
			}
			last[t.ID] = t
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	var seq, tickets int64
	var at []byte
	if err := o.pool.QueryRow(tb.Context(), `SELECT seq, hash, (SELECT count(*) FROM interlock.ticket) FROM interlock.chain`).Scan(&seq, &at, &tickets); err != nil {
		tb.Fatal(err)
	}
	if seq != end || !bytes.Equal(at, hash) || int(tickets) != len(last) {
		tb.Errorf("the chain ends at %d, the records at %d; there are %d tickets, and records of %d", seq, end, tickets, len(last))
	}
	for id, want := range last {
		if got, err := o.Ticket(tb.Context(), id); err != nil || got.Revision != want.Revision || got.Status != want.Status {
			tb.Errorf("ticket %s is at revision %d, %v; its last record says %d", id, got.Revision, err, want.Revision)
		}
	}
}

func ticketsOf(tb testing.TB, r audit.Record) []moderation.Ticket {
	tb.Helper()
	var state struct{ Tickets []moderation.Ticket }
	if len(r.State) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.State, &state); err != nil {
		tb.Fatal(err)
	}
	return state.Tickets
}

func TestReplicasShareOneChain(t *testing.T) {
	t.Parallel()
	dsn, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := migrated(t, dsn)
	replicas := []opened{first, over(t, server.Connect(t, dsn)), over(t, server.Connect(t, dsn))}
	contested := make([]moderation.Ticket, 20)
	for i := range contested {
		contested[i] = sample(fmt.Sprint("contested-", i))
		if err := first.Commit(t.Context(), change(contested[i])); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	won := make(map[string]int)
	var workers sync.WaitGroup
	for i, replica := range replicas {
		for worker := range 8 {
			workers.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), uint64(worker)))
				for _, n := range r.Perm(len(contested)) {
					switch err := replica.Commit(t.Context(), change(next(contested[n], moderation.StatusHeld))); {
					case err == nil:
						mu.Lock()
						won[contested[n].ID]++
						mu.Unlock()
					case !errors.Is(err, moderation.ErrConflict):
						t.Errorf("a commit that lost: %v, want ErrConflict", err)
					}
					if err := replica.Commit(t.Context(), change(executing(fmt.Sprint(i, "-", worker, "-", n), 1))); err != nil {
						t.Errorf("a commit that nobody contests: %v", err)
					}
				}
			})
		}
	}
	workers.Wait()
	for _, c := range contested {
		if won[c.ID] != 1 {
			t.Errorf("ticket %s was moved on %d times, want once", c.ID, won[c.ID])
		}
	}
	first.verify(t)
}
