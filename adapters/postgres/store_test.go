package postgres_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// opened is a store with the pool that it is over.
type opened struct {
	*postgres.Store
	pool   *pgxpool.Pool
	schema string
}

// open returns a store over a new database.
func open(tb testing.TB) opened {
	tb.Helper()
	pool := server.Pool(tb)
	if err := postgres.Migrate(tb.Context(), pool, postgres.DefaultSchema); err != nil {
		tb.Fatal(err)
	}
	return over(tb, pool)
}

// over returns a store over a database that was migrated.
func over(tb testing.TB, pool *pgxpool.Pool) opened {
	tb.Helper()
	return in(tb, pool, postgres.DefaultSchema)
}

// in returns a store over a schema that was migrated.
func in(tb testing.TB, pool *pgxpool.Pool, schema string) opened {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), postgres.Config{Pool: pool, Schema: schema})
	if err != nil {
		tb.Fatal(err)
	}
	return opened{s, pool, schema}
}

// exec changes something in the database behind the store's back.
func (o opened) exec(tb testing.TB, sql string, arguments ...any) {
	tb.Helper()
	if _, err := o.pool.Exec(tb.Context(), sql, arguments...); err != nil {
		tb.Fatal(err)
	}
}

// records are what the outbox holds, in order.
func (o opened) records(tb testing.TB) []audit.Record {
	tb.Helper()
	rows, err := o.pool.Query(tb.Context(), `SELECT body FROM `+o.schema+`.outbox ORDER BY seq`)
	if err != nil {
		tb.Fatal(err)
	}
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r audit.Record, err error) {
		var body []byte
		if err := row.Scan(&body); err != nil {
			return r, err
		}
		return r, json.Unmarshal(body, &r)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return records
}

// A store needs but a schema: all of these share a database.
func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	var schemas atomic.Int64
	open := func(t *testing.T) moderation.Store {
		schema := fmt.Sprint("store_", schemas.Add(1))
		if err := postgres.Migrate(t.Context(), pool, schema); err != nil {
			t.Fatal(err)
		}
		return in(t, pool, schema)
	}
	moderationtest.TestStore(t, open, moderationtest.StoreOptions{
		Reopen:  func(t *testing.T, s moderation.Store) moderation.Store { return in(t, pool, s.(opened).schema) },
		Records: func(t *testing.T, s moderation.Store) []audit.Record { return s.(opened).records(t) },
		Fill: func(t *testing.T, s moderation.Store) func() {
			o := s.(opened)
			o.exec(t, `CREATE FUNCTION `+o.schema+`.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				RAISE EXCEPTION 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'; END $$;
				CREATE TRIGGER full_disk BEFORE INSERT ON `+o.schema+`.outbox EXECUTE FUNCTION `+o.schema+`.full_disk()`)
			var once sync.Once
			return func() { once.Do(func() { o.exec(t, `DROP FUNCTION `+o.schema+`.full_disk CASCADE`) }) }
		},
	})
}

// migrated returns a store over a database that it migrates.
func migrated(tb testing.TB, dsn string) opened {
	tb.Helper()
	pool := server.Connect(tb, dsn)
	if err := postgres.Migrate(tb.Context(), pool, postgres.DefaultSchema); err != nil {
		tb.Fatal(err)
	}
	return over(tb, pool)
}
