package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestOpenRefusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	pool := server.Pool(t)
	for name, tt := range map[string]struct {
		config postgres.Config
		says   string
	}{
		"no pool":                  {postgres.Config{}, "Pool"},
		"a schema that is none":    {postgres.Config{Pool: pool, Schema: "Inter lock"}, "schema"},
		"a database without it":    {postgres.Config{Pool: pool}, "Migrate"},
		"a scheduler that is none": {postgres.Config{Pool: pool, Scheduler: (*nothing)(nil)}, "Scheduler"},
	} {
		if s, err := postgres.Open(t.Context(), tt.config); s != nil || err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, %v; want an error about %s", name, s, err, tt.says)
		}
	}
}

// nothing is a scheduler of which there is none.
type nothing struct{ schedule }

// reopened connects anew, so that what was set for the database counts.
func reopened(t *testing.T, o opened) *pgxpool.Pool {
	t.Helper()
	return server.Connect(t, o.pool.Config().ConnString())
}

func TestOpenRefusesSettingsThatForget(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"synchronous_commit": "off", "default_transaction_isolation": "repeatable read"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			set := func(value string) {
				s.exec(t, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET `+name+` = %L', current_database(), '`+value+`'); END $$`)
			}
			set(value)
			pool := reopened(t, s)
			_, err := postgres.Open(t.Context(), postgres.Config{Pool: pool})
			var setting *postgres.SettingError
			if !errors.As(err, &setting) || setting.Name != name || setting.Value != value || !strings.Contains(err.Error(), setting.Want) {
				t.Errorf("Open = %v, want a SettingError about %s", err, name)
			}
		})
	}
}

func TestOpenAcceptsEverySettingThatIsDurable(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"on", "local", "remote_write", "remote_apply"} {
		s := open(t)
		s.exec(t, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = `+value+`', current_database()); END $$`)
		if err := over(t, reopened(t, s)).Commit(t.Context(), change(sample("a"))); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// What was set otherwise after Open is found out by each commit.
func TestACommitThatWouldNotBeDurableIsRefused(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"synchronous_commit": `SET synchronous_commit = off`,
		"isolation":          `SET default_transaction_isolation = 'repeatable read'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			config := o.pool.Config()
			config.MaxConns = 1
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pool.Close)
			s := over(t, pool)
			s.exec(t, set)
			c := change(sample("a"))
			if err := s.Commit(t.Context(), c); err == nil || errors.Is(err, moderation.ErrConflict) || !strings.Contains(err.Error(), "interlock:") {
				t.Errorf("Commit = %v, want an error that says what is set", err)
			}
			if _, err := o.Ticket(t.Context(), c.Tickets[0].ID); !errors.Is(err, moderation.ErrNoTicket) {
				t.Errorf("Ticket = %v, want ErrNoTicket", err)
			}
		})
	}
}

func TestOpenRefusesAServerThatDoesNotFlush(t *testing.T) {
	t.Parallel()
	own, err := postgrestest.Start(t.Context(), "fsync=off", "full_page_writes=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Stop() })
	pool := own.Pool(t)
	if err := postgres.Migrate(t.Context(), pool, postgres.DefaultSchema); err != nil {
		t.Fatal(err)
	}
	var setting *postgres.SettingError
	if _, err := postgres.Open(t.Context(), postgres.Config{Pool: pool}); !errors.As(err, &setting) || setting.Name != "fsync" {
		t.Errorf("Open = %v, want a SettingError about fsync", err)
	}
}

func TestTheZeroStoreRefuses(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*postgres.Store{"zero": {}, "nil": nil} {
		if err := s.Commit(t.Context(), change(sample("a"))); err == nil || errors.Is(err, moderation.ErrConflict) {
			t.Errorf("%s: Commit = %v", name, err)
		}
		if _, err := s.Ticket(t.Context(), "a"); err == nil || errors.Is(err, moderation.ErrNoTicket) {
			t.Errorf("%s: Ticket = %v", name, err)
		}
		if _, err := s.Head(t.Context(), "a"); err == nil {
			t.Errorf("%s: Head answers", name)
		}
		if _, err := s.Halted(t.Context()); err == nil {
			t.Errorf("%s: Halted answers", name)
		}
		for _, err := range s.Tickets(t.Context(), moderation.Query{}) {
			if err == nil {
				t.Errorf("%s: Tickets yields", name)
			}
		}
	}
}
