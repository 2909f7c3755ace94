package engine_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

// sweeps makes one sweep.
func (l *ledger) sweeps(tb testing.TB, change ...func(*engine.Config)) error {
	tb.Helper()
	c := l.config()
	for _, f := range change {
		f(&c)
	}
	w, err := engine.NewWorker(c)
	if err != nil {
		tb.Fatal(err)
	}
	return w.Work(tb.Context(), &river.Job[engine.AdvanceArgs]{JobRow: &rivertype.JobRow{}})
}

func TestASweepGivesAJobToWhatHasNone(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	past := time.Now().Add(-time.Minute)
	l.add(t, past, "has one")
	l.add(t, time.Now().Add(time.Hour), "is not due")
	l.add(t, past, names("lost", 1001)...) // more than two pages
	l.add(t, past, "was discarded", "was cancelled", "was completed")
	if _, err := l.pool.Exec(t.Context(), `
		DELETE FROM interlock.river_job WHERE args->>'ticket' LIKE 'lost%';
		UPDATE interlock.river_job SET state = split_part(args->>'ticket', ' ', 2)::interlock.river_job_state, finalized_at = now() WHERE args->>'ticket' LIKE 'was %'`); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds that all have one
		if err := l.sweeps(t); err != nil {
			t.Fatal(err)
		}
		if n := l.count(t, undone); n != 1001+5 {
			t.Errorf("%d jobs, want %d", n, 1001+5)
		}
	}
}

func TestAnEngineSweepsByItself(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.add(t, time.Now(), "lost before the start")
	if _, err := l.pool.Exec(t.Context(), `DELETE FROM interlock.river_job`); err != nil {
		t.Fatal(err)
	}
	l.starts(t, func(c *engine.Config) { c.SweepEvery = time.Second })
	l.waits(t, 1, advanced)
	if _, err := l.pool.Exec(t.Context(), `INSERT INTO ledger (id, due) VALUES ('lost later', now())`); err != nil {
		t.Fatal(err)
	}
	l.waits(t, 2, advanced)
}

// unreadable is a store that fails after one ticket.
type unreadable struct{ err error }

func (u unreadable) Tickets(context.Context, moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		_ = yield(moderation.Ticket{ID: "one", Revision: 1}, nil) && yield(moderation.Ticket{}, u.err)
	}
}

func TestASweepThatFailsSaysSo(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	away := errors.New("the store is away")
	if err := l.sweeps(t, func(c *engine.Config) { c.Store = unreadable{away} }); !errors.Is(err, away) {
		t.Errorf("Work = %v, want what the store said", err)
	}
	l.add(t, time.Now(), "one")
	if _, err := l.pool.Exec(t.Context(), `DROP TABLE interlock.river_job`); err != nil {
		t.Fatal(err)
	}
	if err := l.sweeps(t); err == nil {
		t.Error("a sweep that can't insert has done its work")
	}
}
