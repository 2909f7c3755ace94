package versions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/policy"
)

// Restore mends tables that were edited by hand: it writes the version that should
// be in force once more, whatever they hold, as a new version that says so. Which
// one that is approvals knows (policy.TicketApprovals of the guard's store), and
// pinned is as in the configuration. It brings nothing into force that an executed
// ticket did not.
//
// rows are those of the version; nil reads them from what was proposed. For the
// first version, which nobody proposed, give those of its file, or of a replica
// that still runs (policy.Authorizer.Rows). Where everything is as it should be
// nothing is written.
//
// Look at the quarantine first. What was edited is not put right but superseded:
// its rows stay under their number for whoever looks into it.
func (t *Table) Restore(ctx context.Context, approvals policy.Approvals, pinned string, rows []policy.Row) error {
	switch {
	case !t.isOpen():
		return errNotOpen
	case typednil.Is(approvals):
		return errors.New("versions: Restore: no approvals are given, which say what should be in force")
	}
	approved, err := approvals.Approved(ctx, pinned)
	if err != nil {
		return fmt.Errorf("versions: what should be in force can't be told: %w", err)
	}
	if len(approved) != 1 {
		return fmt.Errorf("versions: %d versions may be in force, as a change of the policy is under way or unknown; resolve its ticket first", len(approved))
	}
	if err := t.restore(ctx, approved[0], rows); err != nil {
		return fmt.Errorf("versions: restoring version %.12s: %w", approved[0].Digest, err)
	}
	return nil
}

func (t *Table) restore(ctx context.Context, a policy.Approval, rows []policy.Row) error {
	if rows == nil {
		var err error
		if rows, err = t.Proposals().Load(ctx, a.Digest); err != nil {
			return fmt.Errorf("%w; give its rows", err)
		}
	}
	if found := policy.Digest(rows); found != a.Digest || len(rows) == 0 {
		return fmt.Errorf("the %d rows have digest %.12s", len(rows), found)
	}
	if s, err := t.read(ctx); err == nil && s.check() == nil && s.newest.digest == a.Digest && s.newest.fence == a.Fence {
		return nil
	}
	return t.inTurn(ctx, func(tx pgx.Tx) error {
		inForce, newest, err := t.look(ctx, tx)
		if err != nil {
			return err
		}
		next := line{number: newest.number + 1, digest: a.Digest, replaces: newest.digest, cause: causeRestore, fence: a.Fence}
		return t.write(ctx, tx, next, slices.Clone(rows), inForce)
	})
}
