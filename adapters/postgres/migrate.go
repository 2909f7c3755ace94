package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migration is one step from a schema to the next.
type migration struct {
	version int
	name    string
	text    string // with @schema@ for the schema's quoted name
}

// sum tells whether a migration is still what it was when it was applied.
func (m migration) sum() string {
	h := sha256.Sum256([]byte(m.text))
	return hex.EncodeToString(h[:])
}

// ErrSchema says that the tables in the database are not those that this
// version of the package needs. The text says what to do.
var ErrSchema = errors.New("the schema does not fit")

// schemaName is what a schema may be called: what needs no quotes in SQL and
// leaves room for the names derived from it.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

// CheckSchema returns an error unless name can be the name of a schema here:
// lower-case letters, digits and underscores, at most 40, not a digit first,
// and not one of PostgreSQL's own (pg_…).
func CheckSchema(name string) error {
	if !schemaName.MatchString(name) || strings.HasPrefix(name, "pg_") {
		return fmt.Errorf("postgres: schema %.60q: up to 40 lower-case letters, digits and underscores are needed, such as interlock", name)
	}
	return nil
}

// Migrate brings the tables of a schema up to what this version of the package
// needs, and creates the schema if it is not there. Each step is made once, in
// a transaction, under a lock that other callers wait for: every replica may
// call it at its start. It changes nothing where nothing is missing.
//
// A schema that a newer version has migrated, or one with a step that is not
// what this package has under the same number, is refused with [ErrSchema].
// The tables of River are River's own: see package engine.
func Migrate(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	if pool == nil {
		return errors.New("postgres: Migrate: pool is nil")
	}
	if err := CheckSchema(schema); err != nil {
		return err
	}
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return migrate(ctx, tx, schema, steps) }); err != nil {
		return fmt.Errorf("postgres: migrating schema %s: %w", schema, err)
	}
	return nil
}

func migrate(ctx context.Context, tx pgx.Tx, schema string, steps []migration) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('interlock migration ' || $1, 0))`, schema); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, inSchema(schema, `
		CREATE SCHEMA IF NOT EXISTS @schema@;
		CREATE TABLE IF NOT EXISTS @schema@.migration (
			version integer PRIMARY KEY,
			name    text NOT NULL,
			sum     text NOT NULL,
			at      timestamptz NOT NULL DEFAULT now()
		)`)); err != nil {
		return err
	}
	done, err := applied(ctx, tx, schema)
	if err != nil {
		return err
	}
	if err := compare(done, steps); err != nil {
		return err
	}
	for _, m := range steps[len(done):] {
		if _, err := tx.Exec(ctx, inSchema(schema, m.text)); err != nil {
			return fmt.Errorf("step %d (%s): %w", m.version, m.name, err)
		}
		if _, err := tx.Exec(ctx, inSchema(schema, `INSERT INTO @schema@.migration (version, name, sum) VALUES ($1, $2, $3)`), m.version, m.name, m.sum()); err != nil {
			return fmt.Errorf("step %d (%s): %w", m.version, m.name, err)
		}
	}
	return nil
}

// applied reads which steps were made, in order.
func applied(ctx context.Context, q querier, schema string) ([]migration, error) {
	rows, err := q.Query(ctx, inSchema(schema, `SELECT version, name, sum FROM @schema@.migration ORDER BY version`))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m migration, err error) {
		return m, row.Scan(&m.version, &m.name, &m.text)
	})
}

// querier is what reads: a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// compare refuses steps that were made and are not ours. Of those made, text is
// the sum.
func compare(done, steps []migration) error {
	if len(done) > len(steps) {
		return fmt.Errorf("%w: step %d was made by a newer version of this package; upgrade it", ErrSchema, done[len(done)-1].version)
	}
	for i, m := range done {
		if m.version != steps[i].version || m.text != steps[i].sum() {
			return fmt.Errorf("%w: step %d (%s) was made from another text than this package has; it was edited, or the schema is somebody else's", ErrSchema, m.version, m.name)
		}
	}
	return nil
}

// CheckMigrated returns nil if the schema has every step that this version of
// the package needs, and otherwise an error that wraps [ErrSchema], also for a
// schema that a newer version has migrated.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	if pool == nil {
		return errors.New("postgres: pool is nil")
	}
	if err := CheckSchema(schema); err != nil {
		return err
	}
	steps, err := readMigrations(migrations)
	if err != nil {
		return err
	}
	done, err := applied(ctx, pool, schema)
	if err != nil {
		return fmt.Errorf("postgres: schema %s: %w: its steps can't be read (call Migrate first): %w", schema, ErrSchema, err)
	}
	if err := compare(done, steps); err != nil {
		return fmt.Errorf("postgres: schema %s: %w", schema, err)
	}
	if len(done) < len(steps) {
		return fmt.Errorf("postgres: schema %s: %w: %d of %d steps were made; call Migrate first", schema, ErrSchema, len(done), len(steps))
	}
	return nil
}

// readMigrations reads the steps from files named NNN_name.sql. Their numbers
// run from 1 without a gap.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var steps []migration
	for _, path := range names {
		number, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(path, "migrations/"), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("postgres: migration %s: no number before the first underscore", path)
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{version, name, string(text)})
	}
	slices.SortFunc(steps, func(a, b migration) int { return cmp.Compare(a.version, b.version) })
	for i, m := range steps {
		if m.version != i+1 {
			return nil, fmt.Errorf("postgres: migration %d (%s): number %d is missing or there twice", m.version, m.name, i+1)
		}
	}
	return steps, nil
}

// inSchema puts the schema's name into a text.
func inSchema(schema, text string) string { return strings.ReplaceAll(text, "@schema@", schema) }
