package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/elevenminutes/interlock/adapters/postgres"
)

// Migrate brings River's tables in a schema (empty means
// [postgres.DefaultSchema]) up to what the River that this package is built
// with needs, by River's own migrations, and creates the schema if it is not
// there. Each replica may call it at its start: one migrates, the others wait.
// It changes nothing where nothing is missing, and leaves alone what a newer
// River has migrated. Where it fails, the steps that were made stay made, and
// the next call goes on behind them.
//
// It opens two connections of its own, made like those of the pool, and closes
// them. A host that runs River has its tables already, and need not call it.
func Migrate(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	schema = orDefault(schema, postgres.DefaultSchema)
	if pool == nil {
		return errors.New("engine: Migrate: pool is nil")
	}
	if err := postgres.CheckSchema(schema); err != nil {
		return err
	}
	if err := migrate(ctx, pool, schema); err != nil {
		return fmt.Errorf("engine: migrating River's tables in schema %s: %w", schema, err)
	}
	return nil
}

// migrate holds a lock on one connection while River migrates on another. With
// those of the host's pool, callers that wait for the lock could leave none to
// the one that has it.
func migrate(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	c := pool.Config()
	c.MaxConns, c.MinConns, c.MinIdleConns = 2, 0, 0
	own, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return err
	}
	defer own.Close()
	return pgx.BeginFunc(ctx, own, func(lock pgx.Tx) error {
		if _, err := lock.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('interlock engine migration ' || $1, 0))`, schema); err != nil {
			return err
		}
		if _, err := own.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
			return err
		}
		m, err := rivermigrate.New(riverpgxv5.New(own), &rivermigrate.Config{Schema: schema, Logger: warnings()})
		if err != nil {
			return err
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}

// checkMigrated refuses a schema whose River tables are missing or too old.
func checkMigrated(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema, Logger: warnings()})
	if err != nil {
		return err
	}
	found, err := m.Validate(ctx, nil)
	if err != nil {
		return err
	}
	if !found.OK {
		return fmt.Errorf("schema %s: %w: River's tables: %s; call Migrate first", schema, postgres.ErrSchema, strings.Join(found.Messages, "; "))
	}
	return nil
}
