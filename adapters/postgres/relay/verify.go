package relay

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Verify checks the chain from the first record to the last: every record is
// there, is what was committed (of one that was pruned only its sum is left),
// and each relay's place is in the chain. It returns how many records there
// are, or a [*ChainError] that names the first at fault. Memory does not grow
// with the chain, and commits go on meanwhile.
func Verify(ctx context.Context, pool *pgxpool.Pool, schema string) (records int64, err error) {
	if err := checkPool(pool, schema); err != nil {
		return 0, err
	}
	asSeen := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, pool, asSeen, func(tx pgx.Tx) error {
		var end place
		if err := tx.QueryRow(ctx, inSchema(schema, `SELECT seq, hash FROM @schema@.chain`)).Scan(&end.seq, &end.hash); err != nil {
			return fmt.Errorf("relay: reading the end of the chain: %w", err)
		}
		records = end.seq
		return verify(ctx, tx, schema, end)
	})
	return records, err
}

// verify checks a chain that ends at a place, and the places of the relays.
func verify(ctx context.Context, tx pgx.Tx, schema string, end place) error {
	places, err := places(ctx, tx, schema)
	if err != nil {
		return err
	}
	var pruned int64
	if err := tx.QueryRow(ctx, inSchema(schema, `SELECT seq FROM @schema@.pruned`)).Scan(&pruned); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, inSchema(schema, `SELECT `+entryColumns+` FROM @schema@.outbox ORDER BY seq`))
	if err != nil {
		return err
	}
	defer rows.Close()
	var at place
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		if at, err = at.next(e); err != nil {
			return err
		}
		if e.seq > pruned || e.body != nil {
			if _, err := e.record(); err != nil {
				return err
			}
		}
		if known, ok := places[at.seq]; ok && !bytes.Equal(known, at.hash) {
			return &ChainError{Seq: at.seq, Problem: "is not the one that was relayed"}
		}
		delete(places, at.seq)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for seq := range places {
		if seq > at.seq {
			return &ChainError{Seq: seq, Problem: "was relayed, and is gone"}
		}
	}
	return at.atEnd(end)
}

// places reads how far the relays are.
func places(ctx context.Context, tx pgx.Tx, schema string) (map[int64][]byte, error) {
	rows, err := tx.Query(ctx, inSchema(schema, `SELECT seq, hash FROM @schema@.relay`))
	if err != nil {
		return nil, err
	}
	known := make(map[int64][]byte)
	var p place
	_, err = pgx.ForEachRow(rows, []any{&p.seq, &p.hash}, func() error {
		known[p.seq] = p.hash
		return nil
	})
	return known, err
}
