package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// tally counts what goes to the server.
type tally struct {
	mu                sync.Mutex
	statements, trips int
}

// TraceQueryStart counts a statement and its round trip.
func (c *tally) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.add(1, 1)
	return ctx
}

// TraceQueryEnd is the tracer's other half.
func (c *tally) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart counts the one round trip of several statements.
func (c *tally) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	c.add(data.Batch.Len(), 1)
	return ctx
}

// TraceBatchQuery is part of a batch that was counted.
func (c *tally) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd is part of a batch that was counted.
func (c *tally) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (c *tally) add(statements, trips int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements, c.trips = c.statements+statements, c.trips+trips
}

// reset returns what was counted, and begins anew.
func (c *tally) reset() cost {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := cost{c.statements, c.trips}
	c.statements, c.trips = 0, 0
	return n
}

// cost is how much a verb asks of the database.
type cost struct{ Statements, RoundTrips int }

// The cost of each verb is a promise. A commit is one statement and one round
// trip, or with a scheduler four and three besides what the scheduler does:
// here one of each. Preparing the statements, once a connection, is not counted.
func TestTheStatementsAndRoundTripsOfEachVerb(t *testing.T) {
	t.Parallel()
	jobs := schedule(func(ctx context.Context, tx pgx.Tx, moments []postgres.Moment) error {
		for _, m := range moments {
			if _, err := tx.Exec(ctx, `INSERT INTO job VALUES ($1)`, m.Ticket); err != nil {
				return err
			}
		}
		return nil
	})
	for name, tt := range map[string]struct {
		scheduler postgres.Scheduler
		want      map[string]cost
	}{
		"polling": {nil, map[string]cost{
			"do":          {6, 6},
			"do, to wait": {4, 4},
			"approve":     {4, 4},
			"execute":     {7, 7},
			"reject":      {4, 4},
			"undo":        {7, 7},
		}},
		"jobs": {jobs, map[string]cost{
			"do":          {9, 8},
			"do, to wait": {7, 6},
			"approve":     {7, 6},
			"execute":     {10, 9},
			"reject":      {4, 4},
			"undo":        {10, 9},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(tt.want, costs(t, tt.scheduler)); d != "" {
				t.Errorf("statements and round trips (-want +got):\n%s", d)
			}
		})
	}
}

// costs takes a guard through its verbs.
func costs(t *testing.T, scheduler postgres.Scheduler) map[string]cost {
	t.Helper()
	ctx, counts, got := t.Context(), new(tally), make(map[string]cost)
	config, err := pgxpool.ParseConfig(open(t).pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = counts
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(ctx, `CREATE TABLE job (ticket text)`); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(ctx, postgres.Config{Pool: pool, Scheduler: scheduler})
	if err != nil {
		t.Fatal(err)
	}
	guard := guardOver(t, s, &accounts{suspended: make(map[string]bool)})
	counts.reset()
	step := func(verb string, ticket moderation.Ticket, err error) moderation.Ticket {
		t.Helper()
		var pending *moderation.PendingError
		if err != nil && !errors.As(err, &pending) {
			t.Fatalf("%s: %v", verb, err)
		}
		got[verb] = counts.reset()
		return ticket
	}
	do := func(verb string, a moderation.Action) moderation.Ticket {
		t.Helper()
		ticket, err := guard.Do(ctx, a)
		return step(verb, ticket, err)
	}
	done, waits, other := do("do", suspend("account-7", "1")), do("do, to wait", suspend("account-1", "2")), do("do, to wait", suspend("account-2", "3"))
	ticket, err := guard.Approve(ctx, moderation.ReviewRequest{Ticket: waits.ID, Actor: "lena", Digest: waits.Digest})
	step("approve", ticket, err)
	ticket, err = guard.Advance(ctx, waits.ID)
	step("execute", ticket, err)
	ticket, err = guard.Reject(ctx, moderation.ReviewRequest{Ticket: other.ID, Actor: "lena", Digest: other.Digest, Reason: "no"})
	step("reject", ticket, err)
	ticket, err = guard.Undo(ctx, moderation.UndoRequest{Ticket: done.ID, Actor: "ada", Reason: "mistake", Key: "4"})
	step("undo", ticket, err)
	return got
}
