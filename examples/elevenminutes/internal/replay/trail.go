package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/moderation"
)

// auditTrail is a Merkle log that can be told to fail, and that reads from the
// records how the tickets stand.
type auditTrail struct {
	config trail.Config
	broken atomic.Bool

	mu      sync.Mutex
	log     *trail.Log
	records int
	states  map[string]moderation.Ticket // by ID
}

// openTrail begins a new log.
func openTrail(ctx context.Context, config trail.Config) (*auditTrail, error) {
	log, err := trail.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	if n := log.Size(); n > 0 {
		return nil, errors.Join(fmt.Errorf("%s has %d entries of another run already; name a new place", config.Dir, n), log.Close())
	}
	return &auditTrail{config: config, log: log, states: make(map[string]moderation.Ticket)}, nil
}

// reopen closes the log and opens it again, as a new process would.
func (t *auditTrail) reopen(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.log.Close(); err != nil {
		return err
	}
	log, err := trail.Open(ctx, t.config)
	if err != nil {
		return err
	}
	t.log = log
	return nil
}

var errFull = fmt.Errorf("the disk of the audit trail is full: %w", audit.ErrNoRoom)

// Append stores a record and learns from it.
func (t *auditTrail) Append(ctx context.Context, r audit.Record) error {
	if t.broken.Load() {
		return errFull
	}
	var state struct {
		Tickets []moderation.Ticket `json:"tickets"`
	}
	if len(r.State) > 0 {
		if err := json.Unmarshal(r.State, &state); err != nil {
			return fmt.Errorf("the state in a record can't be read: %w: %w", audit.ErrNotWritten, err)
		}
	}
	if err := t.opened().Append(ctx, r); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records++
	for _, ticket := range state.Tickets {
		t.states[ticket.ID] = ticket
	}
	return nil
}

// Replay reads the log from its beginning.
func (t *auditTrail) Replay(ctx context.Context) iter.Seq2[audit.Record, error] {
	return t.opened().Replay(ctx)
}

// SaveSnapshot keeps the guard's state, so that a restart need not read all
// records.
func (t *auditTrail) SaveSnapshot(ctx context.Context, write func(io.Writer) error) error {
	if t.broken.Load() {
		return errFull
	}
	return t.opened().SaveSnapshot(ctx, write)
}

// ReplaySnapshot reads that state, and the log from there on.
func (t *auditTrail) ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return t.opened().ReplaySnapshot(ctx, read)
}

// Close closes the log.
func (t *auditTrail) Close() error { return t.opened().Close() }

func (t *auditTrail) opened() *trail.Log {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.log
}

func (t *auditTrail) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.records
}

// ticket is how a ticket stands by the last record about it.
func (t *auditTrail) ticket(id string) (moderation.Ticket, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ticket, ok := t.states[id]
	return ticket, ok
}

func (t *auditTrail) tickets() []moderation.Ticket {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.states))
}
