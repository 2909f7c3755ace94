package postgres

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultSchema is the schema where Config names none.
const DefaultSchema = "interlock"

// Config is what a [Store] is made of. Pool is required.
type Config struct {
	// Pool leads to the database. The store does not close it. It uses one
	// connection to commit and one for each question that is being answered.
	Pool *pgxpool.Pool
	// Schema is where the tables are; see [Migrate]. Empty means
	// [DefaultSchema].
	Schema string
	// Scheduler is told when tickets are due, and which moments nobody needs any
	// more where it is an [Unscheduler]. Nil for nobody: then each replica runs
	// moderation.Guard.Run, which polls.
	Scheduler Scheduler
}

// Open returns the store over the tables of a schema. It refuses a schema that
// is not as this version of the package needs it, with [ErrSchema], and a server
// that may lose what it has acknowledged, with a [*SettingError] that says what
// to set: synchronous_commit and fsync and full_page_writes must be on
// (synchronous_commit may also be local, remote_write or remote_apply), and
// default_transaction_isolation must be read committed. PostgreSQL 14 is the
// oldest that it accepts.
//
// Many stores, in many processes, may be open over one schema.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.Pool == nil {
		return nil, errors.New("postgres: Config.Pool is nil")
	}
	if v := reflect.ValueOf(config.Scheduler); v.Kind() == reflect.Pointer && v.IsNil() && config.Scheduler != nil {
		return nil, fmt.Errorf("postgres: Config.Scheduler is a nil %T; leave the field out for none", config.Scheduler)
	}
	if config.Schema == "" {
		config.Schema = DefaultSchema
	}
	if err := CheckMigrated(ctx, config.Pool, config.Schema); err != nil {
		return nil, err
	}
	if err := checkSettings(ctx, config.Pool); err != nil {
		return nil, err
	}
	return &Store{pool: config.Pool, scheduler: config.Scheduler, sql: statementsFor(config.Schema), patience: schedulerTimeout}, nil
}

// SettingError says which setting of the server keeps a store from being
// durable.
type SettingError struct {
	Name  string // of the setting, as PostgreSQL calls it
	Value string // that it has
	Want  string // what it must be
}

// Error says what to set.
func (e *SettingError) Error() string {
	return fmt.Sprintf("postgres: the server's %s is %s; it must be %s", e.Name, e.Value, e.Want)
}

// oldest is the oldest version of the server that is accepted, as PostgreSQL
// numbers them.
const oldest = 140000

// checkSettings refuses a server that may lose what it has acknowledged.
func checkSettings(ctx context.Context, pool *pgxpool.Pool) error {
	var version int
	var commit, fsync, pages, isolation string
	err := pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('synchronous_commit'),
		current_setting('fsync'), current_setting('full_page_writes'), current_setting('default_transaction_isolation')`).
		Scan(&version, &commit, &fsync, &pages, &isolation)
	switch {
	case err != nil:
		return fmt.Errorf("postgres: reading the server's settings: %w", err)
	case version < oldest:
		return &SettingError{"server_version_num", fmt.Sprint(version), fmt.Sprintf("%d or more", oldest)}
	case commit == "off":
		return &SettingError{"synchronous_commit", commit, "on (or local, remote_write, remote_apply), for this role or database at least"}
	case fsync != "on":
		return &SettingError{"fsync", fsync, "on"}
	case pages != "on":
		return &SettingError{"full_page_writes", pages, "on"}
	case isolation != "read committed":
		return &SettingError{"default_transaction_isolation", isolation, "read committed, for this role or database at least"}
	}
	return nil
}
