package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
)

func schedule(tb testing.TB, l *ledger, moments ...postgres.Moment) error {
	tb.Helper()
	return pgx.BeginFunc(tb.Context(), l.pool, func(tx pgx.Tx) error { return l.scheduler.Schedule(tb.Context(), tx, moments) })
}

func TestAJobIsThereIfAndOnlyIfItsChangeIs(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	later := time.Now().Add(time.Hour)
	lost := errors.New("lost the race")
	err := pgx.BeginFunc(t.Context(), l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `INSERT INTO ledger (id) VALUES ('one')`); err != nil {
			return err
		}
		if err := l.scheduler.Schedule(t.Context(), tx, []postgres.Moment{{Ticket: "one", Revision: 1, At: later}, {Ticket: "one", Revision: 2}}); err != nil {
			return err
		}
		return lost
	})
	if !errors.Is(err, lost) {
		t.Fatal(err)
	}
	if n := l.count(t, `SELECT count(*) FROM interlock.river_job`); n != 0 {
		t.Errorf("%d jobs of a change that was not made", n)
	}
	l.add(t, later, "one")
	if n := l.count(t, undone); n != 1 {
		t.Errorf("%d jobs of a change that was made, want one", n)
	}
}

func TestARevisionHasOneJobThatIsNotDone(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	later := time.Now().Add(time.Hour)
	now := time.Now()
	m := func(ticket string, revision uint64, at time.Time) postgres.Moment {
		return postgres.Moment{Ticket: ticket, Revision: revision, At: at}
	}
	for range 3 {
		if err := schedule(t, l, m("a", 1, later), m("a", 2, later), m("b", 1, now)); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.count(t, undone); n != 3 {
		t.Errorf("%d jobs, want three", n)
	}
	for _, state := range []string{"completed", "cancelled", "discarded"} {
		if _, err := l.pool.Exec(t.Context(), `UPDATE interlock.river_job SET state = $1, finalized_at = now() WHERE state NOT IN ('completed', 'cancelled', 'discarded')`, state); err != nil {
			t.Fatal(err)
		}
		if err := schedule(t, l, m("a", 1, later)); err != nil {
			t.Fatal(err)
		}
		if n := l.count(t, undone); n != 1 {
			t.Errorf("%d jobs after the first was %s, want one", n, state)
		}
	}
}

// The job of a change that lost is there when the change that won has the same
// revision and another moment.
func TestTheJobOfAChangeThatLostTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	soon, late := time.Now().Add(time.Minute), time.Now().Add(time.Hour)
	for _, at := range []time.Time{late, soon, late} {
		if err := schedule(t, l, postgres.Moment{Ticket: "a", Revision: 2, At: at}); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.count(t, undone); n != 2 {
		t.Errorf("%d jobs, want one for each moment", n)
	}
}

func TestAJobHoldsWhatIsDueAndNothingElse(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	at := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	if err := schedule(t, l, postgres.Moment{Ticket: "one", Revision: 1<<53 + 1, At: at}); err != nil {
		t.Fatal(err)
	}
	var args json.RawMessage
	var kind, queue string
	var when time.Time
	if err := l.pool.QueryRow(t.Context(), `SELECT args, kind, queue, scheduled_at FROM interlock.river_job`).Scan(&args, &kind, &queue, &when); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"due": %d, "ticket": "one", "revision": 9007199254740993}`, at.UnixMicro())
	if diff := cmp.Diff(want, string(args)); diff != "" {
		t.Error(diff)
	}
	if kind != "interlock_advance" || queue != "interlock" || !when.Equal(at) {
		t.Errorf("a job of kind %s in queue %s at %v", kind, queue, when)
	}
}

func TestScheduleRefusesAMomentOfNoTicket(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	if err := schedule(t, l, postgres.Moment{Ticket: "one", Revision: 1}, postgres.Moment{Revision: 1}); err == nil {
		t.Error("a moment of no ticket was scheduled")
	}
	if n := l.count(t, `SELECT count(*) FROM interlock.river_job`); n != 0 {
		t.Errorf("%d jobs", n)
	}
}

func TestScheduleFailsWithItsTransaction(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := pgx.BeginFunc(t.Context(), l.pool, func(tx pgx.Tx) error {
		cancel()
		return l.scheduler.Schedule(ctx, tx, []postgres.Moment{{Ticket: "one", Revision: 1}})
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Schedule = %v, want that its context ended", err)
	}
}

func TestTheZeroSchedulerRefuses(t *testing.T) {
	t.Parallel()
	moments := []postgres.Moment{{Ticket: "one", Revision: 1}}
	for _, s := range []*engine.Scheduler{nil, {}} {
		if err := s.Schedule(t.Context(), nil, moments); err == nil {
			t.Error("a Scheduler that was not made has scheduled")
		}
	}
}

func TestNewSchedulerRefusesNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ schema, queue string }{
		{"Interlock", ""}, {`a"b`, ""}, {"pg_x", ""}, {"", "A"}, {"", "a b"}, {"", "a;"}, {"", strings.Repeat("a", 65)}, {"", "-"},
	} {
		if _, err := engine.NewScheduler(tt.schema, tt.queue); err == nil {
			t.Errorf("schema %q and queue %q were accepted", tt.schema, tt.queue)
		}
	}
	if _, err := engine.NewScheduler("a_1", "a-1_b"); err != nil {
		t.Error(err)
	}
}
