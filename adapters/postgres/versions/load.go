package versions

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/elevenminutes/interlock/policy"
)

// ErrNoVersion is wrapped where there is no version yet: call [Table.Bootstrap].
var ErrNoVersion = errors.New("there is no version of the policy yet")

// Load returns the rows of the version in force, in the order in which they were
// written. It reads them in one snapshot of the database, in two round trips
// besides those of the transaction, and returns them only if they have the
// version's digest and it is the one that commits ask for; otherwise a
// [policy.AlteredError] that says what does not fit. A database without a version
// is refused with [ErrNoVersion]. Rows are named after their version and place,
// such as version 7:12.
func (t *Table) Load(ctx context.Context) ([]policy.Row, error) {
	if !t.isOpen() {
		return nil, errNotOpen
	}
	s, err := t.read(ctx)
	if err == nil {
		err = s.check()
	}
	if errors.Is(err, ErrNoVersion) && t.had.Load() {
		err = s.altered(errors.New("all versions are gone"))
	}
	if err != nil {
		return nil, fmt.Errorf("versions: %w", err)
	}
	t.had.Store(true)
	return s.rows, nil
}

// stored is what the tables hold.
type stored struct {
	inForce string // chain.policy
	newest  line   // the zero line where there is none
	rows    []policy.Row
	strange error // why a row could not be read
}

// read takes one look at all tables.
func (t *Table) read(ctx context.Context) (s stored, err error) {
	tx, err := t.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return stored{}, err
	}
	defer tx.Rollback(ctx)
	if s.inForce, s.newest, err = t.look(ctx, tx); err != nil {
		return stored{}, gone(err)
	}
	rows, err := tx.Query(ctx, t.sql(`SELECT place, type, fields FROM @schema@.policy_row WHERE version = $1 ORDER BY place`), s.newest.number)
	if err != nil {
		return stored{}, gone(err)
	}
	s.rows, err = collect(rows, s.newest)
	var strange pgx.ScanArgError
	if errors.As(err, &strange) {
		s.rows, s.strange = nil, strange
		return s, nil
	}
	return s, gone(err)
}

// collect reads rows, which it expects to be as many as the version has.
func collect(rows pgx.Rows, of line) ([]policy.Row, error) {
	defer rows.Close()
	name := "version " + strconv.FormatInt(of.number, 10) + ":"
	list := make([]policy.Row, 0, max(0, min(of.size, 1<<20)))
	var place int64
	var kind string
	for rows.Next() {
		var fields []string
		if err := rows.Scan(&place, &kind, &fields); err != nil {
			return nil, err
		}
		list = append(list, policy.Row{Type: known(kind), Fields: fields, Source: name + strconv.FormatInt(place, 10)})
	}
	return list, rows.Err()
}

// known saves a string for each row of a type that there is.
func known(kind string) string {
	switch kind {
	case "p":
		return "p"
	case "p2":
		return "p2"
	case "p3":
		return "p3"
	case "g":
		return "g"
	}
	return kind
}

// check holds what was read against what was written.
func (s *stored) check() error {
	found := policy.Digest(s.rows)
	switch {
	case s.newest.number == 0 && s.inForce == "" && len(s.rows) == 0:
		return fmt.Errorf("%w: call Bootstrap first", ErrNoVersion)
	case s.newest.number == 0:
		return s.altered(fmt.Errorf("policy_version is empty, but commits ask for version %.12s", s.inForce))
	case s.strange != nil:
		return s.altered(fmt.Errorf("a row of version %d can't be read: %w", s.newest.number, s.strange))
	case found != s.newest.digest:
		return s.altered(fmt.Errorf("version %d was written with digest %.12s and %d rows, and policy_row holds %.12s with %d", s.newest.number, s.newest.digest, s.newest.size, found, len(s.rows)))
	case s.inForce == "":
		return s.altered(errors.New("chain.policy is empty, so that commits do not ask for a version"))
	case s.inForce != s.newest.digest:
		return s.altered(fmt.Errorf("commits ask for version %.12s (chain.policy), and the newest is %.12s, so that none is made", s.inForce, s.newest.digest))
	}
	return nil
}

// altered says that somebody edited the tables.
func (s *stored) altered(why error) error {
	digest := s.newest.digest
	if digest == "" {
		digest = s.inForce
	}
	return &policy.AlteredError{Digest: digest, Rows: s.rows, Err: fmt.Errorf("%w: the tables were edited by hand; find out by whom, then mend them with Table.Restore", why)}
}

// gone tells tables that were dropped or renamed from a database that does not
// answer.
func gone(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "42P01" && refused.Code != "42703" { // undefined_table, undefined_column
		return err
	}
	return &policy.AlteredError{Err: fmt.Errorf("the tables were edited by hand: %w; put them back from a backup, then call Table.Restore", err)}
}
