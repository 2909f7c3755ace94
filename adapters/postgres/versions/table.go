package versions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
)

// Config says where the versions are. Pool is required.
type Config struct {
	// Pool leads to the database of the guard's store. The table does not close
	// it. [Table.Listen] makes one connection more, with the pool's settings.
	Pool *pgxpool.Pool
	// Schema is where the tables are, the same as that of the store; see
	// postgres.Migrate. Empty means postgres.DefaultSchema.
	Schema string
	// Verify is how often a poll reads all rows though nothing says that they
	// have changed: so long an edit can stay unnoticed that was made past the
	// tables' triggers. It takes no force meanwhile. Zero means one minute. Not
	// negative.
	Verify time.Duration
}

// Table is a policy in a database, version by version: a [policy.Source] that is
// [policy.Revisioned], and a [policy.Installer]. Make one with [Open]; the zero
// Table and a nil one refuse everything. All methods may be called by many
// goroutines at once, in many processes.
//
// No method goes on after its context is done. A context without an end waits as
// long as the database does.
type Table struct {
	pool   *pgxpool.Pool
	schema string
	verify time.Duration

	had atomic.Bool // a version was read

	mu       sync.Mutex
	verified time.Time // when Revision last asked for a whole load
	round    uint64    // how often it has
}

// defaultVerify is Config.Verify where nothing is said.
const defaultVerify = time.Minute

// Open returns the policy in a database whose tables postgres.Migrate has laid;
// a schema without them is refused with postgres.ErrSchema. It reads no version:
// a new database has none before [Table.Bootstrap].
func Open(ctx context.Context, c Config) (*Table, error) {
	switch {
	case c.Pool == nil:
		return nil, errors.New("versions: Config.Pool is missing")
	case c.Verify < 0:
		return nil, fmt.Errorf("versions: Config.Verify is %v; it can't be negative", c.Verify)
	}
	if c.Schema == "" {
		c.Schema = postgres.DefaultSchema
	}
	if c.Verify == 0 {
		c.Verify = defaultVerify
	}
	if err := postgres.CheckMigrated(ctx, c.Pool, c.Schema); err != nil {
		return nil, fmt.Errorf("versions: %w", err)
	}
	return &Table{pool: c.Pool, schema: c.Schema, verify: c.Verify}, nil
}

var errNotOpen = errors.New("versions: the Table was not made with Open")

func (t *Table) isOpen() bool { return t != nil && t.pool != nil }

// sql puts the schema's name into a statement.
func (t *Table) sql(text string) string { return strings.ReplaceAll(text, "@schema@", t.schema) }

// channel is where writes are told.
func (t *Table) channel() string { return t.schema + "_policy" }
