package engine_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
)

func TestMigrateIsMadeOnceByManyReplicasOfFewConnections(t *testing.T) {
	t.Parallel()
	c := server.Pool(t).Config()
	c.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := engine.Migrate(t.Context(), pool, "jobs"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := postgres.Migrate(t.Context(), pool, "jobs"); err != nil { // both may share a schema
		t.Error(err)
	}
	var jobs int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM jobs.river_job`).Scan(&jobs); err != nil {
		t.Error(err)
	}
}

func TestMigrateRefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	if err := engine.Migrate(t.Context(), nil, ""); err == nil {
		t.Error("no pool was accepted")
	}
	if err := engine.Migrate(t.Context(), server.Pool(t), "Jobs; DROP"); err == nil {
		t.Error("a name that needs quotes was accepted")
	}
}
