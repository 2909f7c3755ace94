package postgres_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// byHand leaves the rows that a guard leaves for an action, in bare pgx: of the
// ticket, who takes part in it, its target's head, its two records and its job. It
// makes two transactions, and sends as much at once as it can. It decides nothing
// and checks nothing. Chained, it locks the end of the chain, and links each record
// to the one before; else it numbers records by itself.
type byHand struct {
	pool    *pgxpool.Pool
	jobs    *river.Client[pgx.Tx]
	changes []moderation.Change // of one action, to make others like it
	counts  bool                // what each moderator does, before
	chains  bool
	seq     atomic.Int64
}

// newByHand takes what to write from a guard.
func newByHand(b *testing.B, counts, chains bool) *byHand {
	b.Helper()
	pool := benchPool(b, executedConnections)
	seen := &seenChanges{}
	guard := executingGuard(b, pool, false, func(s moderation.Store) moderation.Store { seen.Store = s; return seen })
	if _, err := guard.Do(b.Context(), executedAction(made.Add(1))); err != nil {
		b.Fatal(err)
	}
	if len(seen.changes) != 2 {
		b.Fatalf("an action makes %d commits; by hand there are two", len(seen.changes))
	}
	jobs, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: postgres.DefaultSchema})
	if err != nil {
		b.Fatal(err)
	}
	if _, err = pool.Exec(b.Context(), `CREATE UNLOGGED TABLE counted (person text PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 50)`); err != nil {
		b.Fatal(err)
	}
	h := &byHand{pool: pool, jobs: jobs, changes: seen.changes, counts: counts, chains: chains}
	h.seq.Store(int64(len(seen.changes)))
	return h
}

// execute leaves the rows of an action on the n-th account.
func (h *byHand) execute(ctx context.Context, n int64) error {
	if h.counts {
		if _, err := h.pool.Exec(ctx, `INSERT INTO counted AS c VALUES ($1, 1) ON CONFLICT (person) DO UPDATE SET n = c.n + 1`, moderator(n)); err != nil {
			return err
		}
	}
	for i, c := range h.changes {
		t := c.Tickets[0]
		t.ID, t.Action.Key, t.Subject.ID = fmt.Sprintf("by-hand-%018d", n), strconv.FormatInt(n, 10), "account-"+strconv.FormatInt(n, 10)
		c.Record.ID = t.ID + "." + strconv.Itoa(i)
		if err := h.commit(ctx, c.Record, &t); err != nil {
			return err
		}
	}
	return nil
}

// commit makes one transaction. What has neither a job nor a chain goes to the
// server at once.
func (h *byHand) commit(ctx context.Context, r audit.Record, t *moderation.Ticket) error {
	body, err := r.AppendJSON(nil)
	if err != nil {
		return err
	}
	state, err := json.Marshal(t)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	hash, seq := sum[:], h.seq.Add(1)
	if t.Due.IsZero() && !h.chains {
		return h.pool.SendBatch(ctx, rowsOf(t, state, r.ID, body, sum[:], hash, seq)).Close()
	}
	return pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		if !t.Due.IsZero() {
			opts := &river.InsertOpts{Queue: engine.DefaultQueue, ScheduledAt: time.Now().Add(time.Hour)}
			if _, err := h.jobs.InsertTx(ctx, tx, engine.AdvanceArgs{Ticket: t.ID, Revision: t.Revision}, opts); err != nil {
				return err
			}
		}
		if h.chains {
			if err := tx.QueryRow(ctx, `SELECT seq, hash FROM interlock.chain FOR UPDATE`).Scan(&seq, &hash); err != nil {
				return err
			}
			link := sha256.Sum256(append(hash, sum[:]...))
			hash, seq = link[:], seq+1
		}
		b := rowsOf(t, state, r.ID, body, sum[:], hash, seq)
		if h.chains {
			b.Queue(`UPDATE interlock.chain SET seq = $1, hash = $2`, seq, hash)
		}
		return tx.SendBatch(ctx, b).Close()
	})
}

// rowsOf are the rows of a revision.
func rowsOf(t *moderation.Ticket, state []byte, record string, body, sum, hash []byte, seq int64) *pgx.Batch {
	b := new(pgx.Batch)
	id, at := t.ID, func(m time.Time) string { return m.Format(time.RFC3339Nano) }
	if t.Revision == 1 {
		b.Queue(`INSERT INTO interlock.ticket (id, revision, seq, status, actor, key, person, target, kind, requested, due, mandate, owes, busy, stands, executed, fence, subject, state)
			VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', false, true, false, '', 1, '', $11)`,
			id, seq, string(t.Status), t.Action.Actor, t.Action.Key, t.Requester.Person, t.Subject.ID, t.Action.Kind, at(t.Requested), at(t.Due), state)
		b.Queue(`INSERT INTO interlock.involved (person, requested, ticket) VALUES ($1, $2, $3)`, t.Requester.Person, at(t.Requested), id)
		b.Queue(`INSERT INTO interlock.head AS h (target, fence, tier, tier_seen, last) VALUES ($1, $2, $3, $4, '')
			ON CONFLICT (target) DO UPDATE SET fence = excluded.fence, tier = excluded.tier, tier_seen = excluded.tier_seen`,
			t.Subject.ID, int64(t.Fence), t.Subject.Tier, at(t.Subject.TierSeen))
	} else {
		b.Queue(`UPDATE interlock.ticket SET revision = $2, seq = $3, status = $4, due = NULL, busy = false, stands = true, executed = $5, state = $6 WHERE id = $1 AND revision = $2 - 1`,
			id, int64(t.Revision), seq, string(t.Status), at(t.Executed), state)
	}
	b.Queue(`INSERT INTO interlock.outbox (seq, id, sum, hash, body) VALUES ($1, $2, $3, $4, $5)`, seq, record, sum, hash, body)
	return b
}

// seenChanges keeps what is committed.
type seenChanges struct {
	moderation.Store
	mu      sync.Mutex
	changes []moderation.Change
}

func (s *seenChanges) Commit(ctx context.Context, c moderation.Change) error {
	s.mu.Lock()
	s.changes = append(s.changes, c)
	s.mu.Unlock()
	return s.Store.Commit(ctx, c)
}
