package versions_test

import (
	"context"
	"errors"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// The server crashes while a version is written: once just before the end, and
// then at whatever moment it comes to. Either version is there, whole, and never
// less than the installer was told.
func TestACrashLeavesTheOldVersionOrTheNewOneWhole(t *testing.T) {
	t.Parallel()
	fragile, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fragile.Stop(); err != nil {
			t.Error(err)
		}
	})
	dsn, err := fragile.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, fragile.Connect(t, dsn), constitution)
	l, hinted, lost := hints(t, h.Table)
	defer l.Close()
	h.listening()

	hold, err := h.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(t.Context(), `SELECT FROM `+h.schema+`.chain FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	installed := make(chan error, 1)
	go func() { installed <- h.Install(t.Context(), installation(t, constitution, amended, 1)) }()
	waitsForALock(h) // all rows are written by then
	crash(t, fragile)
	if err := <-installed; !errors.Is(err, moderation.ErrNotApplied) {
		t.Errorf("Install = %v, want that nothing was changed", err)
	}
	hold.Rollback(t.Context())
	lost.await(t, "loss")
	h.again(fragile, dsn)
	h.holds(constitution, "after the crash")
	for len(hinted) > 0 {
		<-hinted
	}

	from, to, fence := constitution, amended, uint64(1)
	for range 2 {
		fence++
		go func() { installed <- h.Install(context.WithoutCancel(t.Context()), installation(t, from, to, fence)) }()
		crash(t, fragile)
		told := <-installed
		h.again(fragile, dsn)
		rows, err := h.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch found := policy.Digest(rows); {
		case found == digestOf(t, to) && !errors.Is(told, moderation.ErrNotApplied):
			from, to = to, from
		case found == digestOf(t, from) && told != nil:
		default:
			t.Errorf("the installer was told %v, and the database holds %.12s", told, found)
		}
		h.holds(from, "after a further crash")
	}
	hinted.await(t, "hint from the new server")
}

func crash(t *testing.T, s *postgrestest.Server) {
	t.Helper()
	if err := errors.Join(s.Crash(), s.Resume(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// again opens the house over new connections.
func (h *house) again(s *postgrestest.Server, dsn string) {
	h.t.Helper()
	h.pool = s.Connect(h.t, dsn)
	h.Table = h.open()
}
