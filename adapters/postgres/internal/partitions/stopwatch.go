package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// group is a group of changes that a store has committed in one transaction.
type group struct {
	changes int
	before  time.Duration // from its begin to the call of the function; zero without jobs
	commit  time.Duration // from that call to the answer: a round trip, the work and the flush
}

// stopwatch times the groups of a store that has one connection: it is the
// tracer of that connection.
type stopwatch struct {
	mu            sync.Mutex
	begun, called time.Time
	changes       int
	groups        []group
}

var _ interface {
	pgx.QueryTracer
	pgx.BatchTracer
} = (*stopwatch)(nil)

// TraceQueryStart sees a transaction begin, or a group committed without one.
func (w *stopwatch) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	switch {
	case strings.HasPrefix(data.SQL, "begin "):
		w.begin()
	case strings.Contains(data.SQL, ".commit_1("):
		w.call(data.Args...)
	}
	return ctx
}

// TraceQueryEnd sees the answer to a group that was committed without jobs.
func (w *stopwatch) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	if strings.HasPrefix(data.CommandTag.String(), "SELECT") {
		w.answer()
	}
}

// TraceBatchStart sees a group committed in a transaction that has begun.
func (w *stopwatch) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	w.call(data.Batch.QueuedQueries[0].Arguments...)
	return ctx
}

// TraceBatchQuery is part of a batch that is timed as a whole.
func (*stopwatch) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd sees the answer to a group and its commit.
func (w *stopwatch) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) { w.answer() }

func (w *stopwatch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = time.Now()
}

// call begins to time a group, which is as large as the function's first argument.
func (w *stopwatch) call(arguments ...any) {
	if len(arguments) == 0 {
		return // a text that defines the function
	}
	records, _ := arguments[0].([]string)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.called, w.changes = time.Now(), len(records)
}

func (w *stopwatch) answer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.called.IsZero() {
		return // to something else
	}
	g := group{changes: w.changes, commit: time.Since(w.called)}
	if !w.begun.IsZero() {
		g.before = w.called.Sub(w.begun)
	}
	w.groups = append(w.groups, g)
	w.begun, w.called = time.Time{}, time.Time{}
}

// taken returns the groups since the last call.
func (w *stopwatch) taken() []group {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.groups
	w.groups = nil
	return all
}
