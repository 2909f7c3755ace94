package postgres_test

import (
	"encoding/json"
	"sync"
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
	pool *pgxpool.Pool
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
	s, err := postgres.Open(tb.Context(), postgres.Config{Pool: pool})
	if err != nil {
		tb.Fatal(err)
	}
	return opened{s, pool}
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
	rows, err := o.pool.Query(tb.Context(), `SELECT body FROM interlock.outbox ORDER BY seq`)
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

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	moderationtest.TestStore(t, func(t *testing.T) moderation.Store { return open(t) }, moderationtest.StoreOptions{
		Reopen:  func(t *testing.T, s moderation.Store) moderation.Store { return over(t, s.(opened).pool) },
		Records: func(t *testing.T, s moderation.Store) []audit.Record { return s.(opened).records(t) },
		Fill: func(t *testing.T, s moderation.Store) func() {
			o := s.(opened)
			o.exec(t, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				RAISE EXCEPTION 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'; END $$;
				CREATE TRIGGER full_disk BEFORE INSERT ON interlock.outbox EXECUTE FUNCTION full_disk()`)
			var once sync.Once
			return func() {
				once.Do(func() { o.exec(t, `DROP TRIGGER full_disk ON interlock.outbox; DROP FUNCTION full_disk`) })
			}
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
