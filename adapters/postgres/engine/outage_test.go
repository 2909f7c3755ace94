package engine_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

func TestAnEngineGoesOnAfterTheDatabaseCrashed(t *testing.T) {
	t.Parallel()
	own, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	})
	l := openLedger(t, own.Pool(t))
	if err := engine.Migrate(t.Context(), l.pool, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := l.pool.Exec(t.Context(), ledgerTable); err != nil {
		t.Fatal(err)
	}
	l.starts(t)
	l.add(t, time.Now(), "before")
	l.waits(t, 1, advanced)
	l.add(t, time.Now().Add(2*time.Second), "meanwhile")
	if err := own.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := own.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	reachable(t, l.pool)
	l.add(t, time.Now(), "after")
	l.waits(t, 3, advanced)
}

// reachable waits until the pool has thrown out its broken connections.
func reachable(tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	for range 100 {
		if pool.Ping(tb.Context()) == nil {
			return
		}
	}
	tb.Fatal("the database can't be reached")
}
