package versions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Revision returns a text that is another one whenever a version or its rows were
// written, by whomever, or commits ask for another version; and besides, once in
// Config.Verify, so that all is read and held against its digest. It takes one
// round trip, whatever the size of the policy. See [policy.Revisioned].
func (t *Table) Revision(ctx context.Context) (string, error) {
	if !t.isOpen() {
		return "", errNotOpen
	}
	var inForce string
	var number, edits int64
	err := t.pool.QueryRow(ctx, t.sql(`
		SELECT c.policy, coalesce((SELECT max(number) FROM @schema@.policy_version), 0), e.edits
		FROM @schema@.chain c, @schema@.policy_edit e`)).Scan(&inForce, &number, &edits)
	if errors.Is(err, pgx.ErrNoRows) || err != nil && gone(err) != err {
		return "", nil // Load says what is wrong
	}
	if err != nil {
		return "", fmt.Errorf("versions: %w", err)
	}
	return fmt.Sprintf("%s/%d/%d/%d", inForce, number, edits, t.verification()), nil
}

// verification counts the times when a whole load was due.
func (t *Table) verification() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); t.verified.IsZero() || now.Sub(t.verified) >= t.verify {
		t.verified = now
		t.round++
	}
	return t.round
}
