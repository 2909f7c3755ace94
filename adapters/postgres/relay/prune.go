package relay

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pruneBite is how many bodies are dropped in one transaction.
const pruneBite = 1000

// Prune drops the bodies of records that every relay has moved, but for the
// newest keep of them, and returns how many it dropped. What is left of a
// record, its ID and sums, keeps the chain whole and its ID from being used
// again. Where no relay has run yet nothing is dropped. keep must not be
// negative.
//
// After an error some may be dropped; call it again.
func Prune(ctx context.Context, pool *pgxpool.Pool, schema string, keep int64) (pruned int64, err error) {
	if err := checkPool(pool, schema); err != nil {
		return 0, err
	}
	if keep < 0 {
		return 0, fmt.Errorf("relay: keep is %d; it can't be negative", keep)
	}
	for {
		n, err := pruneSome(ctx, pool, schema, keep)
		pruned += n
		if err != nil {
			return pruned, fmt.Errorf("relay: pruning: %w", err)
		}
		if n == 0 {
			return pruned, nil
		}
	}
}

// pruneSome drops the bodies of one bite.
func pruneSome(ctx context.Context, pool *pgxpool.Pool, schema string, keep int64) (pruned int64, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var from, to int64
		if err := tx.QueryRow(ctx, inSchema(schema, `
			SELECT seq, least(seq + $2, coalesce((SELECT min(seq) FROM @schema@.relay), 0) - $1)
			FROM @schema@.pruned FOR UPDATE`), keep, pruneBite).Scan(&from, &to); err != nil {
			return err
		}
		if to <= from {
			return nil
		}
		done, err := tx.Exec(ctx, inSchema(schema, `UPDATE @schema@.outbox SET body = NULL WHERE seq > $1 AND seq <= $2`), from, to)
		if err != nil {
			return err
		}
		pruned = done.RowsAffected()
		_, err = tx.Exec(ctx, inSchema(schema, `UPDATE @schema@.pruned SET seq = $1`), to)
		return err
	})
	return pruned, err
}
