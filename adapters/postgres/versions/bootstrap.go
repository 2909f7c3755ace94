package versions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/policy"
)

// Bootstrap writes the first version into a database that has none. pinned is its
// digest as the configuration has it (policy.Config.Pinned), so that a file that
// is not what was agreed on is refused. Every replica may call it at its start:
// one writes, and where pinned was in force once, first or later, nothing is
// changed. A database that has versions, but never had this one, is refused.
//
// first was validated by policy.Load, so that what is written can be opened.
func (t *Table) Bootstrap(ctx context.Context, first *policy.Policy, pinned string) error {
	if !t.isOpen() {
		return errNotOpen
	}
	switch {
	case first.Digest() == "":
		return errors.New("versions: the first version is nil or was not made by policy.Load")
	case first.Digest() != pinned:
		return fmt.Errorf("versions: the first version has digest %s, but %.70q is pinned; look at what has changed in it before you pin another", first.Digest(), pinned)
	}
	if err := t.inTurn(ctx, func(tx pgx.Tx) error { return t.bootstrap(ctx, tx, first) }); err != nil {
		return fmt.Errorf("versions: writing the first version %.12s: %w", pinned, err)
	}
	return nil
}

func (t *Table) bootstrap(ctx context.Context, tx pgx.Tx, first *policy.Policy) error {
	inForce, newest, err := t.look(ctx, tx)
	switch {
	case err != nil:
		return err
	case newest.number > 0:
		return t.knows(ctx, tx, first.Digest())
	case inForce != "" && inForce != first.Digest():
		return fmt.Errorf("there are no versions, but commits ask for %.12s (chain.policy): the tables were edited by hand, or another version is kept elsewhere; mend them with Table.Restore", inForce)
	}
	rows := slices.Collect(first.Rows())
	return t.write(ctx, tx, line{number: 1, digest: first.Digest(), cause: causeFirst}, rows, inForce)
}

// knows returns nil if a version was in force once.
func (t *Table) knows(ctx context.Context, tx pgx.Tx, digest string) error {
	var there bool
	err := tx.QueryRow(ctx, t.sql(`SELECT EXISTS (SELECT FROM @schema@.policy_version WHERE digest = $1)`), digest).Scan(&there)
	if err == nil && !there {
		err = errors.New("the database has versions, and this was never one of them; a policy is changed by a ticket of the kind interlock.policy.change, and Pinned names the first version or a later one")
	}
	return err
}
