package versions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/policy"
)

// Proposals returns where proposed versions are kept, for all replicas and for
// good: policy.ChangesConfig.Proposals. It is nil for a Table that was not opened,
// which policy.NewChanges takes for none.
func (t *Table) Proposals() policy.Proposals {
	if !t.isOpen() {
		return nil
	}
	return proposals{t}
}

type proposals struct{ table *Table }

// Save keeps rows under their digest. What somebody has edited there is put right.
func (p proposals) Save(ctx context.Context, digest string, rows []policy.Row) error {
	if found := policy.Digest(rows); found != digest {
		return fmt.Errorf("versions: the rows to keep as version %.12s have digest %.12s", digest, found)
	}
	body, err := json.Marshal(arrays(rows))
	if err != nil {
		return fmt.Errorf("versions: %w", err)
	}
	if _, err := p.table.pool.Exec(ctx, p.table.sql(`
		INSERT INTO @schema@.policy_proposal AS kept (digest, body) VALUES ($1, $2)
		ON CONFLICT (digest) DO UPDATE SET body = excluded.body WHERE kept.body <> excluded.body`), digest, string(body)); err != nil {
		return fmt.Errorf("versions: keeping version %.12s: %w", digest, err)
	}
	return nil
}

// Load returns rows as they are kept. Who asks holds them against the digest.
func (p proposals) Load(ctx context.Context, digest string) ([]policy.Row, error) {
	var body []byte
	err := p.table.pool.QueryRow(ctx, p.table.sql(`SELECT body FROM @schema@.policy_proposal WHERE digest = $1`), digest).Scan(&body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("versions: %.12s: %w", digest, policy.ErrNoProposal)
	case err != nil:
		return nil, fmt.Errorf("versions: reading version %.12s: %w", digest, err)
	}
	var list [][]string
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("versions: what is kept as version %.12s was edited by hand; propose it again: %w", digest, err)
	}
	rows := make([]policy.Row, len(list))
	for i, columns := range list {
		if len(columns) == 0 {
			return nil, fmt.Errorf("versions: what is kept as version %.12s was edited by hand; propose it again: row %d has no columns", digest, i+1)
		}
		rows[i] = policy.Row{Type: known(columns[0]), Fields: columns[1:], Source: fmt.Sprintf("proposal %.12s:%d", digest, i+1)}
	}
	return rows, nil
}

func arrays(rows []policy.Row) [][]string {
	list := make([][]string, len(rows))
	for i, r := range rows {
		list[i] = append([]string{r.Type}, r.Fields...)
	}
	return list
}
