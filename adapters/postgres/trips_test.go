package postgres_test

import (
	"context"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// tally counts what goes to the server.
type tally struct {
	mu                sync.Mutex
	statements, trips int
}

// TraceQueryStart counts the statements of a text and their one round trip.
func (c *tally) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	c.add(statementsIn(data.SQL), 1)
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

// statementsIn counts those of a text that is sent as it is.
func statementsIn(sql string) int {
	return strings.Count(strings.TrimRight(strings.TrimSpace(sql), ";"), ";") + 1
}
