package versions

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// line is a row of policy_version: one version.
type line struct {
	number   int64 // from 1
	digest   string
	size     int
	replaces string
	cause    cause
	ticket   string
	fence    uint64
}

// cause says why a version was written.
type cause string

const (
	causeFirst   cause = "first"
	causeChange  cause = "change"
	causeRestore cause = "restore"
)

// look returns the digest that commits ask for and the newest version, the zero
// line where there is none.
func (t *Table) look(ctx context.Context, tx pgx.Tx) (inForce string, newest line, err error) {
	var fence int64
	err = tx.QueryRow(ctx, t.sql(`
		SELECT c.policy, coalesce(v.number, 0), coalesce(v.digest, ''), coalesce(v.size, 0), coalesce(v.replaces, ''), coalesce(v.cause, ''), coalesce(v.ticket, ''), coalesce(v.fence, 0)
		FROM @schema@.chain c LEFT JOIN (SELECT * FROM @schema@.policy_version ORDER BY number DESC LIMIT 1) v ON true`)).
		Scan(&inForce, &newest.number, &newest.digest, &newest.size, &newest.replaces, &newest.cause, &newest.ticket, &fence)
	newest.fence = uint64(max(0, fence))
	if errors.Is(err, pgx.ErrNoRows) {
		err = &policy.AlteredError{Err: errors.New("the table chain has no row, so that no commit is made; it was edited by hand: put it back from a backup")}
	}
	return inForce, newest, err
}

// notApplied says that nothing was changed.
func notApplied(err error) error { return fmt.Errorf("%w (%w)", err, moderation.ErrNotApplied) }

// inTurn runs f in a transaction, one writer of versions after the other, and
// commits it. An error that wraps moderation.ErrNotApplied says for certain that
// nothing was changed; one that does not came from the commit itself.
//
// Writers have a lock of their own, so that commits of tickets wait for the last
// statement and not for ten thousand rows.
func (t *Table) inTurn(ctx context.Context, f func(tx pgx.Tx) error) error {
	tx, err := t.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return notApplied(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('interlock policy ' || $1, 0))`, t.schema); err != nil {
		return notApplied(err)
	}
	if err := f(tx); err != nil {
		return notApplied(err)
	}
	err = tx.Commit(ctx)
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return notApplied(err)
	}
	return err
}

// write writes a version whole and makes it the one that commits ask for, if they
// ask for expected until then. The lock of the chain comes last.
func (t *Table) write(ctx context.Context, tx pgx.Tx, v line, rows []policy.Row, expected string) error {
	if v.fence > math.MaxInt64 {
		return fmt.Errorf("fence %d is more than the database can hold", v.fence)
	}
	if _, err := tx.Exec(ctx, t.sql(`INSERT INTO @schema@.policy_version (number, digest, size, replaces, cause, ticket, fence) VALUES ($1, $2, $3, $4, $5, $6, $7)`),
		v.number, v.digest, len(rows), v.replaces, string(v.cause), v.ticket, int64(v.fence)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, t.sql(`DELETE FROM @schema@.policy_row WHERE version >= $1`), v.number); err != nil { // of nobody, or by hand
		return err
	}
	next := pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		fields := rows[i].Fields
		if fields == nil {
			fields = []string{}
		}
		return []any{v.number, i + 1, rows[i].Type, fields}, nil
	})
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.schema, "policy_row"}, []string{"version", "place", "type", "fields"}, next); err != nil {
		return err
	}
	moved, err := tx.Exec(ctx, t.sql(`UPDATE @schema@.chain SET policy = $1 WHERE policy = $2`), v.digest, expected)
	if err == nil && moved.RowsAffected() != 1 {
		err = fmt.Errorf("commits ask for another version than %.12s", expected)
	}
	return err
}
