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

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// BenchmarkCommit executes actions that wait for nothing: each commits the
// intent with a new ticket, and the outcome with its next revision. The floor
// does the same two transactions in bare pgx, a connection for each worker:
// begin, write the ticket's row, write the record's row, commit; it checks
// nothing and chains nothing.
func BenchmarkCommit(b *testing.B) {
	for _, inFlight := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("floor/in-flight=%d", inFlight), func(b *testing.B) {
			f := &floor{pool: benchPool(b, inFlight)}
			actions(b, inFlight, f.commit)
		})
		b.Run(fmt.Sprintf("store/in-flight=%d", inFlight), func(b *testing.B) {
			s := over(b, benchPool(b, 4))
			actions(b, inFlight, s.Commit)
		})
	}
}

// benchPool is a pool over a new database that was migrated.
func benchPool(b *testing.B, connections int) *pgxpool.Pool {
	b.Helper()
	dsn, err := server.NewDatabase(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	if err := postgres.Migrate(b.Context(), pool, postgres.DefaultSchema); err != nil {
		b.Fatal(err)
	}
	return pool
}

// actions commits b.N actions, each on another target, so many at a time.
func actions(b *testing.B, inFlight int, commit func(context.Context, moderation.Change) error) {
	b.Helper()
	ctx := b.Context()
	one := func() error {
		t := executing("account-"+strconv.FormatInt(made.Add(1), 10), 1)
		intent := change(t)
		intent.Heads = []moderation.HeadIs{{Target: t.Subject.ID}, {Target: moderation.FreezeTarget}}
		if err := commit(ctx, intent); err != nil {
			return err
		}
		return commit(ctx, change(next(t, moderation.StatusExecuted)))
	}
	for range inFlight { // connections and plans
		if err := one(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	var taken atomic.Int64
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			for taken.Add(1) <= int64(b.N) {
				if err := one(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "actions/s")
}

// floor writes the rows of a change in bare pgx.
type floor struct {
	pool *pgxpool.Pool
	seq  atomic.Int64
}

func (f *floor) commit(ctx context.Context, c moderation.Change) error {
	t := &c.Tickets[0]
	body, err := c.Record.AppendJSON(nil)
	if err != nil {
		return err
	}
	state, err := json.Marshal(t)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	return pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		var err error
		if t.Revision == 1 {
			_, err = tx.Exec(ctx, `INSERT INTO interlock.ticket (id, revision, seq, status, actor, key, person, target, kind, requested, due, mandate, owes, busy, stands, executed, fence, subject, state)
				VALUES ($1, 1, 0, $2, $3, $4, $5, $6, $7, $8, $9, '', false, true, false, '', 1, '', $10)`,
				t.ID, string(t.Status), t.Action.Actor, t.Action.Key, t.Requester.Person, t.Subject.ID, t.Action.Kind, t.Requested.String(), t.Due.String(), state)
		} else {
			_, err = tx.Exec(ctx, `UPDATE interlock.ticket SET revision = $2, status = $3, due = $4, busy = false, stands = true, executed = $5, state = $6 WHERE id = $1 AND revision = $2 - 1`,
				t.ID, int64(t.Revision), string(t.Status), t.Due.String(), t.Executed.String(), state)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO interlock.outbox (seq, id, sum, hash, body) VALUES ($1, $2, $3, $3, $4)`, f.seq.Add(1), c.Record.ID, sum[:], body)
		return err
	})
}

func BenchmarkTicket(b *testing.B) {
	s := open(b)
	t := executing("account-7", 1)
	if err := s.Commit(b.Context(), change(t)); err != nil {
		b.Fatal(err)
	}
	b.Run("floor", func(b *testing.B) { // the row's state in bare pgx, which nobody decodes
		for b.Loop() {
			var state []byte
			if err := s.pool.QueryRow(b.Context(), `SELECT state FROM interlock.ticket WHERE id = $1`, t.ID).Scan(&state); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Ticket(b.Context(), t.ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkHead reads a target on which three restrictions stand.
func BenchmarkHead(b *testing.B) {
	s := open(b)
	for fence := range uint64(3) {
		t := executing("account-7", fence+1)
		for _, c := range []moderation.Change{change(t), change(next(t, moderation.StatusExecuted))} {
			if err := s.Commit(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("floor", func(b *testing.B) { // the three rows in bare pgx, which nobody decodes
		for b.Loop() {
			rows, err := s.pool.Query(b.Context(), `SELECT state FROM interlock.ticket WHERE target = $1 AND stands`, "account-7")
			if err != nil {
				b.Fatal(err)
			}
			if states, err := pgx.CollectRows(rows, pgx.RowTo[[]byte]); err != nil || len(states) != 3 {
				b.Fatal(len(states), err)
			}
		}
	})
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			if h, err := s.Head(b.Context(), "account-7"); err != nil || len(h.Standing) != 3 {
				b.Fatal(len(h.Standing), err)
			}
		}
	})
}
