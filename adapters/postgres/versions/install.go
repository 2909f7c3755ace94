package versions

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/policy"
)

// Install writes a version that an executed change of the policy brings, in one
// transaction with its digest and its ticket, and makes it the one that commits
// ask for; see [policy.Installer]. From the moment when it returns nil no commit
// is made that was decided under another version.
//
// It refuses, with an error that wraps moderation.ErrNotApplied, rows that do not
// have their digest, a version that would replace another one than is in force, a
// fence that is not above that of the version in force, and tables that were
// edited by hand. Called again for what it has done, it changes nothing and
// returns nil. Of several at once the first wins, and the others are told which
// version is in force by then.
func (t *Table) Install(ctx context.Context, i policy.Installation) error {
	if !t.isOpen() {
		return notApplied(errNotOpen)
	}
	err := checkInstallation(i)
	if err != nil {
		err = notApplied(err)
	} else {
		err = t.inTurn(ctx, func(tx pgx.Tx) error { return t.install(ctx, tx, i) })
	}
	if err != nil {
		return fmt.Errorf("versions: installing version %.12s: %w", i.Digest, err)
	}
	return nil
}

func checkInstallation(i policy.Installation) error {
	switch found := policy.Digest(i.Rows); {
	case len(i.Rows) == 0:
		return errors.New("it has no rows")
	case found != i.Digest:
		return fmt.Errorf("its rows have digest %.12s", found)
	case i.Replaces == "":
		return errors.New("it does not say which version it replaces; the first is written by Bootstrap")
	case i.Ticket == "" || i.Fence == 0:
		return errors.New("it names no ticket with a fence under which it was approved")
	}
	return nil
}

func (t *Table) install(ctx context.Context, tx pgx.Tx, i policy.Installation) error {
	inForce, newest, err := t.look(ctx, tx)
	switch {
	case err != nil:
		return err
	case newest.number == 0:
		return fmt.Errorf("%w: call Bootstrap first", ErrNoVersion)
	case inForce != newest.digest:
		return fmt.Errorf("commits ask for version %.12s (chain.policy), and the newest is %.12s: the tables were edited by hand; mend them with Table.Restore", inForce, newest.digest)
	case inForce == i.Digest && newest.ticket == i.Ticket && newest.fence == i.Fence:
		return nil // by this very call, made again
	case inForce != i.Replaces:
		return fmt.Errorf("version %.12s is in force (by ticket %q), not %.12s, which this replaces", inForce, newest.ticket, i.Replaces)
	case i.Fence <= newest.fence:
		return fmt.Errorf("fence %d is not above %d, under which the version in force was installed: somebody was faster", i.Fence, newest.fence)
	}
	next := line{number: newest.number + 1, digest: i.Digest, replaces: i.Replaces, cause: causeChange, ticket: i.Ticket, fence: i.Fence}
	return t.write(ctx, tx, next, i.Rows, i.Replaces)
}
