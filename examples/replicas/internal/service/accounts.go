package service

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/moderation"
)

//go:embed tables.sql
var tables string

// accounts are the service's own accounts: what interlock guards.
type accounts struct {
	pool    *pgxpool.Pool
	replica string
}

// suspend is moderation.Apply. The suspension stands under its ticket.
func (a accounts) suspend(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
	return "", a.change(ctx, p, `INSERT INTO service.suspension (ticket, account) VALUES ($1, $2)`, p.Ticket, p.Target)
}

// reinstate is moderation.Undo. It lifts one suspension and leaves the others.
func (a accounts) reinstate(ctx context.Context, p moderation.Permit) error {
	return a.change(ctx, p, `UPDATE service.suspension SET lifted = $1 WHERE ticket = $2 AND lifted = ''`, p.Ticket, p.Undoes)
}

// change makes one change to an account, unless a later permit was here before.
func (a accounts) change(ctx context.Context, p moderation.Permit, statement string, args ...any) error {
	if _, err := a.pool.Exec(ctx, `INSERT INTO service.call (replica, ticket, fence) VALUES ($1, $2, $3)`, a.replica, p.Ticket, int64(p.Fence)); err != nil {
		return fmt.Errorf("%w: %w", moderation.ErrNotApplied, err)
	}
	return pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		fenced, err := tx.Exec(ctx, `UPDATE service.account SET fence = $2 WHERE id = $1 AND fence < $2`, p.Target, int64(p.Fence))
		if err != nil {
			return err
		}
		if fenced.RowsAffected() == 0 {
			return moderation.ErrFenceRefused
		}
		done, err := tx.Exec(ctx, statement, args...)
		if err != nil {
			return err
		}
		if done.RowsAffected() != 1 {
			return moderation.ErrTargetChanged
		}
		return nil
	})
}

// probe is moderation.Probe: it finds out what is true after a crash. It raises
// the fence first, so that a process that was stopped in the middle and wakes up
// can't make the answer false.
func (a accounts) probe(ctx context.Context, p moderation.Permit) (result moderation.ProbeResult, _ moderation.UndoToken, err error) {
	question := `SELECT EXISTS (SELECT FROM service.suspension WHERE ticket = $1)`
	if p.Call == moderation.CallUndo {
		question = `SELECT EXISTS (SELECT FROM service.suspension WHERE lifted = $1)`
	}
	err = pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE service.account SET fence = greatest(fence, $2) WHERE id = $1`, p.Target, int64(p.Fence)); err != nil {
			return err
		}
		var done bool
		if err := tx.QueryRow(ctx, question, p.Ticket).Scan(&done); err != nil {
			return err
		}
		result = moderation.ProbeNotApplied
		if done {
			result = moderation.ProbeApplied
		}
		return nil
	})
	if err != nil {
		return "", "", err
	}
	return result, "", nil
}

// Account is how an account stands.
type Account struct {
	ID        string   `json:"id"`
	Handle    string   `json:"handle"`
	Tier      string   `json:"tier"`
	Followers int64    `json:"followers"`
	Suspended []string `json:"suspended"` // the tickets under which it is
}

// find reads an account by its handle or ID.
func (a accounts) find(ctx context.Context, name string) (Account, error) {
	var found Account
	err := a.pool.QueryRow(ctx, `
		SELECT id, handle, tier, followers,
			coalesce((SELECT array_agg(ticket ORDER BY ticket) FROM service.suspension WHERE account = id AND lifted = ''), '{}')
		FROM service.account WHERE id = $1 OR handle = $1 ORDER BY id = $1 DESC LIMIT 1`, name).
		Scan(&found.ID, &found.Handle, &found.Tier, &found.Followers, &found.Suspended)
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, fmt.Errorf("%w: %.40q", moderation.ErrUnknownTarget, name)
	}
	return found, err
}
