package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

// dashboard is what the observers of all replicas are told.
type dashboard struct{ waiting, refused chan int }

func (d dashboard) Observe(o moderation.Observation) {
	switch o.What {
	case moderation.ObservedFigures:
		d.waiting <- o.Backlog.Waiting
	case moderation.ObservedRefusal:
		d.refused <- 1
	}
}

// leaving is a directory that knows nobody while away is set.
type leaving struct {
	moderation.Directory
	away *atomic.Bool
}

func (l leaving) Actor(ctx context.Context, login string) (moderation.Actor, error) {
	if l.away.Load() {
		return moderation.Actor{}, errors.New("the directory is away")
	}
	return l.Directory.Actor(ctx, login)
}

// Whoever has an engine sees what whoever calls Run sees.
func TestAnEngineRecordsAndTellsWhatRunDoes(t *testing.T) {
	t.Parallel()
	l, first := newStore(t)
	seen := dashboard{make(chan int, 100), make(chan int, 100)}
	var away atomic.Bool
	id := first.requests(t, time.Hour)
	away.Store(true)
	for range 2 {
		pool := server.Connect(t, l.pool.Config().ConnString())
		g, err := newGuarded(t.Context(), pool, func(s moderation.Store) moderation.Store { return s }, func(c *moderation.Config) {
			c.Observer, c.Directory = seen, leaving{c.Directory, &away}
		})
		if err != nil {
			t.Fatal(err)
		}
		l.starts(t, g.advancedBy, func(c *engine.Config) { c.Pool, c.SweepEvery = pool, time.Second })
	}
	const refused = `SELECT least(count(*), 1) FROM interlock.outbox WHERE convert_from(body, 'UTF8')::json->>'event' = 'refused' AND convert_from(body, 'UTF8')::json#>>'{cause,ticket}' = $1`
	l.waits(t, 1, refused, id)
	<-seen.refused
	if n := <-seen.waiting; n != 1 {
		t.Errorf("figures tell that %d tickets wait, want one", n)
	}
	l.waits(t, 3, `SELECT least(count(*), 3) FROM interlock.river_job WHERE args = '{}' AND state = 'completed'`)
	if n := len(seen.waiting); n != 0 {
		t.Errorf("figures were told %d times more within a minute", n)
	}
	away.Store(false)
	l.waits(t, 1, `SELECT count(*) FROM interlock.ticket WHERE status = 'executed'`)
}

func TestFiguresAreToldOnceAMinuteOrWithEachSweep(t *testing.T) {
	t.Parallel()
	l := openLedger(t, server.Connect(t, server.DSN("postgres")))
	for every, want := range map[time.Duration]int{
		time.Second: 2, 7 * time.Second: 14, 30 * time.Second: 60, time.Minute: 120, time.Hour: 120,
	} {
		c := l.config()
		c.SweepEvery = every
		w, err := engine.NewWorker(c)
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for range 120 {
			if w.NextSweep().Backlog {
				told++
			}
		}
		if told != want {
			t.Errorf("%d of 120 sweeps, one each %v, tell figures; want %d", told, every, want)
		}
	}
}

// figuring is a guard that tells figures, or fails to.
type figuring struct {
	engine.Advancer
	err   error
	calls int
}

func (f *figuring) ReportBacklog(context.Context) error {
	f.calls++
	return f.err
}

func TestASweepTellsFiguresWhereItIsOneThatDoes(t *testing.T) {
	t.Parallel()
	l, failed := newLedger(t), errors.New("no figures")
	for _, tt := range []struct {
		args  engine.AdvanceArgs
		store engine.Lister
		calls int
		want  error
	}{
		{engine.AdvanceArgs{}, l, 0, nil},
		{engine.AdvanceArgs{Backlog: true}, l, 1, failed},
		{engine.AdvanceArgs{Backlog: true}, unreadable{errors.New("away")}, 1, failed}, // also where nothing could be swept
	} {
		guard := &figuring{Advancer: l, err: failed}
		c := l.config()
		c.Guard, c.Store = guard, tt.store
		w, err := engine.NewWorker(c)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Work(t.Context(), &river.Job[engine.AdvanceArgs]{JobRow: &rivertype.JobRow{}, Args: tt.args})
		if guard.calls != tt.calls || !errors.Is(err, tt.want) {
			t.Errorf("%+v: %d calls, %v; want %d and %v", tt.args, guard.calls, err, tt.calls, tt.want)
		}
	}
}
