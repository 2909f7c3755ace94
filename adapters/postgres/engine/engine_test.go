package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

func TestDueTicketsAreAdvancedAndNotBefore(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.starts(t)
	now := time.Now()
	l.add(t, now.Add(-time.Hour), "long ago")
	l.add(t, now, "now")
	l.add(t, now.Add(1500*time.Millisecond), "soon")
	l.add(t, now.Add(time.Hour), "in an hour")
	l.waits(t, 3, advanced)
	if n := l.count(t, `SELECT count(*) FROM ledger WHERE id = 'soon' AND advanced < $1`, now.Add(1500*time.Millisecond)); n != 0 {
		t.Error("a ticket was advanced before it was due")
	}
	l.waits(t, 1, undone)
	if n := l.count(t, `SELECT count(*) FROM interlock.river_job WHERE args->>'ticket' = 'in an hour' AND state = 'scheduled'`); n != 1 {
		t.Error("the ticket that is due later has no job")
	}
}

func TestManyReplicasWorkEachJobOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	l.starts(t)
	for range 2 {
		other := openLedger(t, server.Connect(t, l.pool.Config().ConnString()))
		c := other.config()
		c.Guard, c.Store = l, l
		l.starts(t, func(mine *engine.Config) { *mine = c })
	}
	const n = 150
	l.add(t, time.Now(), names("t", n)...)
	l.waits(t, n, done)
	l.waits(t, n, advanced)
	if calls := l.calls.Load(); calls != n {
		t.Errorf("%d calls of Advance, want %d", calls, n)
	}
}

func TestATicketThatCannotBeAdvancedIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	var mu sync.Mutex
	tries := make(map[string]int)
	l.before = func(_ context.Context, t moderation.Ticket) error {
		mu.Lock()
		defer mu.Unlock()
		if tries[t.ID]++; tries[t.ID] > 1 {
			return nil
		}
		if t.ID == "panics" {
			panic("boom")
		}
		return errors.New("the store is away")
	}
	l.starts(t)
	l.add(t, time.Now(), "fails", "panics")
	l.waits(t, 2, advanced)
	l.waits(t, 2, done)
	if n := l.count(t, `SELECT count(*) FROM interlock.river_job WHERE args->>'ticket' = 'fails' AND attempt = 1 AND metadata->>'snoozes' = '1'`); n != 1 {
		t.Error("a ticket that could not be advanced has used up an attempt, or its pauses are not counted")
	}
}

// stalling makes a ledger whose Advance waits, and says when it has begun.
func stalling(tb testing.TB) (l *ledger, begun, release chan struct{}) {
	l, begun, release = newLedger(tb), make(chan struct{}, 10), make(chan struct{})
	l.before = func(ctx context.Context, _ moderation.Ticket) error {
		begun <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return l, begun, release
}

func TestStopWaitsForWhatIsUnderWayAndBeginsNothing(t *testing.T) {
	t.Parallel()
	l, begun, release := stalling(t)
	e := l.starts(t, func(c *engine.Config) { c.Parallel = 1 })
	l.add(t, time.Now(), "one", "two")
	<-begun
	stopped := make(chan error)
	go func() { stopped <- e.Stop(t.Context()) }()
	select {
	case err := <-stopped:
		t.Fatalf("Stop returned %v while a job was under way", err)
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if made, calls := l.count(t, advanced), l.calls.Load(); made != 1 || calls != 1 {
		t.Errorf("%d of %d calls are done after Stop, want one of one", made, calls)
	}
	l.starts(t)
	l.waits(t, 2, advanced)
	if calls := l.calls.Load(); calls != 2 {
		t.Errorf("%d calls for two tickets", calls)
	}
}

func TestStopIsBoundedByItsContext(t *testing.T) {
	t.Parallel()
	l, begun, release := stalling(t)
	e := l.starts(t)
	l.add(t, time.Now(), "one")
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := e.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop = %v, want that its context ended", err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Second) // half of what a job may take
	defer cancel()
	if err := e.Stop(soon); err != nil { // the job was told to end
		t.Error(err)
	}
	if made := l.count(t, advanced); made != 0 {
		t.Error("the job that was cut off has advanced its ticket")
	}
	close(release)
	l.starts(t)
	l.waits(t, 1, advanced)
}

func TestTheZeroEngineHasNothingToStop(t *testing.T) {
	t.Parallel()
	if err := new(engine.Engine).Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewRefusesTablesThatAreNotItsOwn(t *testing.T) {
	t.Parallel()
	t.Run("tables that are missing", func(t *testing.T) {
		t.Parallel()
		l := openLedger(t, server.Pool(t))
		if _, err := engine.New(t.Context(), l.config()); !errors.Is(err, postgres.ErrSchema) {
			t.Errorf("New = %v, want ErrSchema", err)
		}
	})
	t.Run("tables that are too old", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t)
		if _, err := l.pool.Exec(t.Context(), `DELETE FROM interlock.river_migration WHERE version = (SELECT max(version) FROM interlock.river_migration)`); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.New(t.Context(), l.config()); !errors.Is(err, postgres.ErrSchema) {
			t.Errorf("New = %v, want ErrSchema", err)
		}
	})
	t.Run("tables with jobs of others", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t)
		if _, err := l.pool.Exec(t.Context(), `INSERT INTO interlock.river_job (args, kind, max_attempts) VALUES ('{}', 'mail', 3)`); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.New(t.Context(), l.config()); !errors.Is(err, engine.ErrShared) {
			t.Errorf("New = %v, want ErrShared", err)
		}
	})
}
