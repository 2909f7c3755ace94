package engine_test

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

// ledger is a small store and guard in one: a row for each ticket, replaced by
// revision like those of the real store.
type ledger struct {
	pool      *pgxpool.Pool
	scheduler *engine.Scheduler
	// before is called in Advance, between what was read and what is written;
	// its error is that of Advance.
	before func(ctx context.Context, t moderation.Ticket) error
	calls  atomic.Int64
}

const ledgerTable = `CREATE TABLE ledger (
	id       text PRIMARY KEY,
	revision bigint NOT NULL DEFAULT 1,
	due      timestamptz,
	made     int NOT NULL DEFAULT 0, -- how often it was advanced
	advanced timestamptz,
	by       text NOT NULL DEFAULT ''
)`

// newLedger makes a ledger in a database of its own, with River's tables.
func newLedger(tb testing.TB) *ledger {
	tb.Helper()
	pool := server.Pool(tb)
	l := openLedger(tb, pool)
	if err := engine.Migrate(tb.Context(), pool, ""); err != nil {
		tb.Fatal(err)
	}
	if _, err := pool.Exec(tb.Context(), ledgerTable); err != nil {
		tb.Fatal(err)
	}
	return l
}

func openLedger(tb testing.TB, pool *pgxpool.Pool) *ledger {
	tb.Helper()
	scheduler, err := engine.NewScheduler("", "")
	if err != nil {
		tb.Fatal(err)
	}
	return &ledger{pool: pool, scheduler: scheduler}
}

// config is of an engine that is in a hurry.
func (l *ledger) config() engine.Config {
	return engine.Config{
		Pool: l.pool, Scheduler: l.scheduler, Guard: l, Store: l,
		PollEvery: 100 * time.Millisecond, HandlerTimeout: 30 * time.Second,
	}
}

// starts starts an engine that is stopped at the end of the test.
func (l *ledger) starts(tb testing.TB, change ...func(*engine.Config)) *engine.Engine {
	tb.Helper()
	c := l.config()
	for _, f := range change {
		f(&c)
	}
	e, err := engine.New(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			tb.Error(err)
		}
	})
	return e
}

// add writes tickets that are due, and the jobs for it, in one transaction.
func (l *ledger) add(tb testing.TB, due time.Time, ids ...string) {
	tb.Helper()
	if err := pgx.BeginFunc(tb.Context(), l.pool, func(tx pgx.Tx) error {
		var moments []postgres.Moment
		for _, id := range ids {
			if _, err := tx.Exec(tb.Context(), `INSERT INTO ledger (id, due) VALUES ($1, $2)`, id, due); err != nil {
				return err
			}
			moments = append(moments, postgres.Moment{Ticket: id, Revision: 1, At: due})
		}
		return l.scheduler.Schedule(tb.Context(), tx, moments)
	}); err != nil {
		tb.Fatal(err)
	}
}

// Advance ends a ticket that is due.
func (l *ledger) Advance(ctx context.Context, id string) (moderation.Ticket, error) {
	l.calls.Add(1)
	t, err := l.read(ctx, id)
	if err != nil || t.Due.IsZero() || t.Due.After(time.Now()) {
		return t, err
	}
	if l.before != nil {
		if err := l.before(ctx, t); err != nil {
			return t, err
		}
	}
	tag, err := l.pool.Exec(ctx, `UPDATE ledger SET revision = revision + 1, due = NULL, made = made + 1, advanced = clock_timestamp()
		WHERE id = $1 AND revision = $2`, id, t.Revision)
	if err != nil {
		return t, err
	}
	if tag.RowsAffected() == 0 {
		return t, moderation.ErrConflict
	}
	t.Revision, t.Due = t.Revision+1, time.Time{}
	return t, nil
}

func (l *ledger) read(ctx context.Context, id string) (t moderation.Ticket, err error) {
	var due *time.Time
	err = l.pool.QueryRow(ctx, `SELECT id, revision, due FROM ledger WHERE id = $1`, id).Scan(&t.ID, &t.Revision, &due)
	if err == pgx.ErrNoRows {
		return t, moderation.ErrNoTicket
	}
	if due != nil {
		t.Due = *due
	}
	return t, err
}

// Tickets lists what is due, by due and ID.
func (l *ledger) Tickets(ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		rows, err := l.pool.Query(ctx, `SELECT id, revision, due FROM ledger WHERE due <= $1
			AND ($2 = '' OR (due, id) > (SELECT due, id FROM ledger WHERE id = $2)) ORDER BY due, id LIMIT $3`, q.DueBy, q.After, q.Limit)
		if err != nil {
			yield(moderation.Ticket{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var t moderation.Ticket
			err := rows.Scan(&t.ID, &t.Revision, &t.Due)
			if !yield(t, err) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(moderation.Ticket{}, err)
		}
	}
}

// count asks the database for a number.
func (l *ledger) count(tb testing.TB, query string, args ...any) (n int) {
	tb.Helper()
	if err := l.pool.QueryRow(tb.Context(), query, args...).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// patience is how long something may take that is to happen.
func patience(tb testing.TB) time.Duration {
	if _, measured := tb.(*testing.B); measured {
		return 3 * time.Minute
	}
	return 90 * time.Second // a job that a crash cuts off is begun again after up to 49 seconds
}

// waits waits until a query gives a number.
func (l *ledger) waits(tb testing.TB, want int, query string, args ...any) {
	tb.Helper()
	late := time.After(patience(tb))
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		got := l.count(tb, query, args...)
		if got == want {
			return
		}
		select {
		case <-look.C:
		case <-late:
			tb.Fatalf("%s gives %d, want %d", query, got, want)
		}
	}
}

const (
	advanced = `SELECT count(*) FROM ledger WHERE made = 1`
	undone   = `SELECT count(*) FROM interlock.river_job WHERE args->>'ticket' <> '' AND state NOT IN ('completed', 'cancelled', 'discarded')`
	done     = `SELECT count(*) FROM interlock.river_job WHERE args->>'ticket' <> '' AND state = 'completed'`
)

func names(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%04d", prefix, i)
	}
	return ids
}
