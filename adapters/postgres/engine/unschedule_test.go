package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
)

func (l *ledger) unschedules(tb testing.TB, replaced ...postgres.Moment) {
	tb.Helper()
	conn, err := l.pool.Acquire(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Release()
	if err := l.scheduler.Unschedule(tb.Context(), conn.Conn(), replaced); err != nil {
		tb.Fatal(err)
	}
}

// jobs are the tickets that have one in a state.
func (l *ledger) jobs(tb testing.TB, state string) (tickets []string) {
	tb.Helper()
	rows, err := l.pool.Query(tb.Context(), `SELECT args->>'ticket' || ' ' || (args->>'revision') AS job FROM interlock.river_job
		WHERE state = $1::interlock.river_job_state AND args->>'ticket' <> '' ORDER BY job`, state)
	if err == nil {
		tickets, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		tb.Fatal(err)
	}
	return tickets
}

// Jobs are found by what their arguments contain, so the names are odd.
func TestJobsThatNobodyNeedsAreDeleted(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	later := time.Now().Add(time.Hour)
	var replaced []postgres.Moment
	for _, ticket := range []string{"a", `quote " and \\`, "<a&b>", "umlaut ä", "line \n"} {
		for revision := range uint64(3) {
			m := postgres.Moment{Ticket: ticket, Revision: revision + 1, At: later}
			if err := schedule(t, l, m); err != nil {
				t.Fatal(err)
			}
			if m.Revision == 2 {
				replaced = append(replaced, postgres.Moment{Ticket: ticket, Revision: 2})
			}
		}
	}
	l.unschedules(t, append(replaced, postgres.Moment{Ticket: "has none", Revision: 1})...)
	want := []string{"<a&b> 1", "<a&b> 3", "a 1", "a 3", "line \n 1", "line \n 3", `quote " and \\ 1`, `quote " and \\ 3`, "umlaut ä 1", "umlaut ä 3"}
	if d := cmp.Diff(want, l.jobs(t, "scheduled")); d != "" {
		t.Errorf("jobs (-want +got):\n%s", d)
	}
}

// A moment that names less than a revision would match the jobs of others.
func TestAMomentOfNoRevisionUnschedulesNothing(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	if err := schedule(t, l, postgres.Moment{Ticket: "a", Revision: 1, At: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	conn, err := l.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, m := range []postgres.Moment{{}, {Ticket: "a"}, {Revision: 1}} {
		if err := l.scheduler.Unschedule(t.Context(), conn.Conn(), []postgres.Moment{m}); err == nil {
			t.Errorf("%+v was taken", m)
		}
	}
	if d := cmp.Diff([]string{"a 1"}, l.jobs(t, "scheduled")); d != "" {
		t.Errorf("jobs (-want +got):\n%s", d)
	}
}

func TestAJobThatHasBegunIsLeftAlone(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	later := time.Now().Add(time.Hour)
	for _, state := range []string{"available", "running", "retryable", "completed"} {
		if err := schedule(t, l, postgres.Moment{Ticket: state, Revision: 1, At: later}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.pool.Exec(t.Context(), `UPDATE interlock.river_job SET state = (args->>'ticket')::interlock.river_job_state, finalized_at = CASE args->>'ticket' WHEN 'completed' THEN now() END WHERE state = 'scheduled'`); err != nil {
			t.Fatal(err)
		}
		l.unschedules(t, postgres.Moment{Ticket: state, Revision: 1})
		if n := len(l.jobs(t, state)); n != 1 {
			t.Errorf("the job that is %s was deleted", state)
		}
	}
	if err := schedule(t, l, postgres.Moment{Ticket: "locked", Revision: 1, At: later}); err != nil {
		t.Fatal(err)
	}
	if err := pgx.BeginFunc(t.Context(), l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT FROM interlock.river_job WHERE args->>'ticket' = 'locked' FOR UPDATE`); err != nil {
			return err
		}
		l.unschedules(t, postgres.Moment{Ticket: "locked", Revision: 1}) // does not wait for this
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(l.jobs(t, "scheduled")); n != 1 {
		t.Error("the job that somebody is at was deleted")
	}
}

func TestTheZeroSchedulerUnschedulesNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []*engine.Scheduler{nil, {}} {
		if err := s.Unschedule(t.Context(), nil, []postgres.Moment{{Ticket: "one", Revision: 1}}); err == nil {
			t.Error("a Scheduler that was not made has unscheduled")
		}
	}
}

// The moment at which its handler would be asked about is over with its outcome.
func TestATicketThatMovedOnHasOneJob(t *testing.T) {
	t.Parallel()
	l, g := newStore(t)
	l.starts(t, g.advancedBy)
	id := g.requests(t, time.Hour)
	l.waits(t, 1, `SELECT count(*) FROM interlock.ticket WHERE status = 'executed'`)
	l.waits(t, 1, `SELECT count(*) FROM interlock.river_job WHERE state = 'scheduled'`)
	if d := cmp.Diff([]string{id + " 3"}, l.jobs(t, "scheduled")); d != "" {
		t.Errorf("jobs (-want +got):\n%s", d)
	}
}
