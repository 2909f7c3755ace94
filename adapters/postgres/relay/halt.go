package relay

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// execer is a connection or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// halt keeps the store from accepting anything. The first reason stays.
func halt(ctx context.Context, conn execer, schema, reason string) error {
	_, err := conn.Exec(ctx, inSchema(schema, `UPDATE @schema@.chain SET halted = $1 WHERE halted = ''`), reason)
	if err != nil {
		return fmt.Errorf("relay: the store could not be halted: %w", err)
	}
	return nil
}

// Lift lets a halted store go on, if its chain is whole from the first record
// to the last, and every relay's place is in it. Otherwise nothing changes, and
// the [*ChainError] says what is still wrong. Nothing is committed while it
// looks. It reads every record that was not pruned, so ctx should allow for
// that.
//
// A record that a sink can never take stops that sink's relay again, at once.
// Who must go on without a sink deletes its row of the table relay.
func Lift(ctx context.Context, pool *pgxpool.Pool, schema string) error {
	return inChain(ctx, pool, schema, func(tx pgx.Tx, end place) error {
		if err := verify(ctx, tx, schema, end); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, inSchema(schema, `UPDATE @schema@.chain SET halted = ''`))
		return err
	})
}

// inChain calls do in a transaction in which nothing else is committed to the
// chain, with its end.
func inChain(ctx context.Context, pool *pgxpool.Pool, schema string, do func(tx pgx.Tx, end place) error) error {
	if err := checkPool(pool, schema); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var end place
		if err := tx.QueryRow(ctx, inSchema(schema, `SELECT seq, hash FROM @schema@.chain FOR UPDATE`)).Scan(&end.seq, &end.hash); err != nil {
			return fmt.Errorf("relay: reading the end of the chain: %w", err)
		}
		return do(tx, end)
	})
}
