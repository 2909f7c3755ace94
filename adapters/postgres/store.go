package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrHalted is wrapped by what Commit answers while the store accepts no
// further record, since something is wrong with those that it has. Nothing is
// written. See [Store.Halted] for the reason.
var ErrHalted = errors.New("the store is halted")

// Store is a [moderation.Store] in PostgreSQL. Its methods may be called by many
// goroutines at once, and many stores may share a schema. It need not be closed:
// it keeps nothing open but what its pool does, and what it does behind a commit
// is done soon. The zero Store refuses.
type Store struct {
	pool      *pgxpool.Pool
	scheduler Scheduler
	sql       statements
	patience  time.Duration // with the scheduler
	queue     queue
	replaced  replaced
}

// statements are the texts of what the store asks, in its schema.
type statements struct {
	schema                       string
	commit, ticket, head, halted string
}

func statementsFor(schema string) statements {
	return statements{
		schema: schema,
		commit: inSchema(schema, `SELECT why_halted, answers FROM @schema@.commit_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, `+
			`$20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)`),
		ticket: inSchema(schema, `SELECT state FROM @schema@.ticket WHERE id = $1`),
		head: inSchema(schema, `SELECT h.fence, h.tier, h.tier_seen,
			coalesce((SELECT b.id FROM @schema@.ticket b WHERE b.target = h.target AND b.busy ORDER BY b.seq DESC, b.id LIMIT 1), ''),
			ARRAY(SELECT s.state FROM @schema@.ticket s WHERE s.target = h.target AND s.stands ORDER BY s.executed, s.fence, s.id),
			(SELECT l.state FROM @schema@.ticket l WHERE l.id = h.last)
			FROM @schema@.head h WHERE h.target = $1`),
		halted: inSchema(schema, `SELECT halted FROM @schema@.chain ORDER BY seq DESC LIMIT 1`),
	}
}

// Ticket implements [moderation.Store].
func (s *Store) Ticket(ctx context.Context, id string) (moderation.Ticket, error) {
	if s == nil || s.pool == nil {
		return moderation.Ticket{}, errZero
	}
	if !storable(id) {
		return moderation.Ticket{}, fmt.Errorf("%w: %.60q", moderation.ErrNoTicket, id)
	}
	var state []byte
	switch err := s.pool.QueryRow(ctx, s.sql.ticket, id).Scan(&state); {
	case errors.Is(err, pgx.ErrNoRows):
		return moderation.Ticket{}, fmt.Errorf("%w: %.60q", moderation.ErrNoTicket, id)
	case err != nil:
		return moderation.Ticket{}, fmt.Errorf("postgres: reading ticket %.60q: %w", id, err)
	}
	t, err := decode(state)
	if err == nil && t.ID != id {
		return moderation.Ticket{}, fmt.Errorf("postgres: ticket %.60q: what is stored is ticket %.60q: %w", id, t.ID, audit.ErrCorrupt)
	}
	return t, err
}

// Head implements [moderation.Store].
func (s *Store) Head(ctx context.Context, targetID string) (moderation.Head, error) {
	if s == nil || s.pool == nil {
		return moderation.Head{}, errZero
	}
	if !storable(targetID) {
		return moderation.Head{}, nil
	}
	var h moderation.Head
	var fence int64
	var seen string
	var standing [][]byte
	var last []byte
	switch err := s.pool.QueryRow(ctx, s.sql.head, targetID).Scan(&fence, &h.Tier, &seen, &h.Busy, &standing, &last); {
	case errors.Is(err, pgx.ErrNoRows):
		return moderation.Head{}, nil
	case err != nil:
		return moderation.Head{}, fmt.Errorf("postgres: reading the head of %.60q: %w", targetID, err)
	}
	h.Fence = uint64(fence)
	var err error
	if h.TierSeen, err = readMoment(seen); err != nil {
		return moderation.Head{}, fmt.Errorf("postgres: the head of %.60q: %w: %w", targetID, audit.ErrCorrupt, err)
	}
	for _, state := range standing {
		t, err := decode(state)
		if err != nil {
			return moderation.Head{}, err
		}
		h.Standing = append(h.Standing, t)
	}
	if last != nil {
		t, err := decode(last)
		if err != nil {
			return moderation.Head{}, err
		}
		h.Last = &t
	}
	return h, nil
}

// Halted returns why the store accepts no further record, or nothing while it
// does. Package relay halts a store whose records have a gap.
func (s *Store) Halted(ctx context.Context) (reason string, err error) {
	if s == nil || s.pool == nil {
		return "", errZero
	}
	if err := s.pool.QueryRow(ctx, s.sql.halted).Scan(&reason); err != nil {
		return "", fmt.Errorf("postgres: reading whether the store is halted: %w", err)
	}
	return reason, nil
}

// decode reads a ticket. What a newer version wrote may restrict more than this
// one knows: it is refused.
func decode(state []byte) (t moderation.Ticket, err error) {
	d := json.NewDecoder(bytes.NewReader(state))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return moderation.Ticket{}, fmt.Errorf("postgres: a ticket can't be read: %w: %w", audit.ErrCorrupt, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return moderation.Ticket{}, fmt.Errorf("postgres: ticket %.60q can't be read: something follows it: %w", t.ID, audit.ErrCorrupt)
	}
	return t, nil
}
