package postgres_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres"
)

func TestMigrateIsMadeOnceByManyReplicas(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if err := postgres.Migrate(t.Context(), pool, "interlock"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := postgres.CheckMigrated(t.Context(), pool, "interlock"); err != nil {
		t.Error(err)
	}
	var rows, steps int
	if err := pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM interlock.chain), (SELECT count(*) FROM interlock.migration)`).Scan(&rows, &steps); err != nil {
		t.Fatal(err)
	}
	if rows != 1 || steps == 0 {
		t.Errorf("%d ends of the chain and %d steps, want one and some", rows, steps)
	}
}

func TestMigrateRefusesASchemaThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a step of a newer version":     `INSERT INTO interlock.migration (version, name, sum) SELECT max(version) + 1, 'later', '' FROM interlock.migration`,
		"a step made from another text": `UPDATE interlock.migration SET sum = 'other' WHERE version = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := server.Pool(t)
			if err := postgres.Migrate(t.Context(), pool, "interlock"); err != nil {
				t.Fatal(err)
			}
			if _, err := pool.Exec(t.Context(), change); err != nil {
				t.Fatal(err)
			}
			if err := postgres.Migrate(t.Context(), pool, "interlock"); !errors.Is(err, postgres.ErrSchema) {
				t.Errorf("Migrate = %v, want ErrSchema", err)
			}
			if err := postgres.CheckMigrated(t.Context(), pool, "interlock"); !errors.Is(err, postgres.ErrSchema) {
				t.Errorf("CheckMigrated = %v, want ErrSchema", err)
			}
		})
	}
}

func TestCheckMigratedRefusesAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	if err := postgres.CheckMigrated(t.Context(), server.Pool(t), "interlock"); !errors.Is(err, postgres.ErrSchema) {
		t.Errorf("CheckMigrated = %v, want ErrSchema", err)
	}
}

func TestSchemasHavePlainNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Interlock", "a b", `a"b`, "1a", "pg_x", "a;drop", "ünï", "a.b"} {
		if err := postgres.Migrate(t.Context(), server.Pool(t), name); err == nil {
			t.Errorf("schema %q was accepted", name)
		}
	}
}
