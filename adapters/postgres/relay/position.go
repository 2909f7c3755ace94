package relay

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
)

// Position is how far the records of a store were moved to a sink.
type Position struct {
	// Relayed is how many the sink has, the first ones of the chain.
	Relayed int64
	// Committed is how many there are.
	Committed int64
	// Halted is why the store accepts no more; empty while it does.
	Halted string
}

// Behind is how many records the sink does not have yet.
func (p Position) Behind() int64 { return p.Committed - p.Relayed }

// Position reads how far this relay's sink is, whoever leads.
func (r *Relay) Position(ctx context.Context) (Position, error) {
	if r == nil || r.config.Pool == nil {
		return Position{}, errors.New("relay: the zero Relay has no position; make one with New")
	}
	var p Position
	err := r.config.Pool.QueryRow(ctx, r.config.in(`
		SELECT c.seq, c.halted, coalesce((SELECT seq FROM @schema@.relay WHERE name = $1), 0)
		FROM @schema@.chain c`), r.config.Name).Scan(&p.Committed, &p.Halted, &p.Relayed)
	if err != nil {
		return Position{}, fmt.Errorf("relay: reading the position: %w", err)
	}
	return p, nil
}

func checkPool(pool *pgxpool.Pool, schema string) error {
	if pool == nil {
		return errors.New("relay: pool is nil")
	}
	return postgres.CheckSchema(schema)
}
