package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// directory can be told to fail.
type directory struct {
	*moderation.MapDirectory
	broken atomic.Bool
}

var errDirectory = errors.New("the directory of people and accounts is down")

// Actor fails while the directory is broken.
func (d *directory) Actor(ctx context.Context, login string) (moderation.Actor, error) {
	if d.broken.Load() {
		return moderation.Actor{}, errDirectory
	}
	return d.MapDirectory.Actor(ctx, login)
}

// Resolve fails while the directory is broken.
func (d *directory) Resolve(ctx context.Context, handle string) (string, error) {
	if d.broken.Load() {
		return "", errDirectory
	}
	return d.MapDirectory.Resolve(ctx, handle)
}

// Target fails while the directory is broken.
func (d *directory) Target(ctx context.Context, targetID string) (moderation.Target, error) {
	if d.broken.Load() {
		return moderation.Target{}, errDirectory
	}
	return d.MapDirectory.Target(ctx, targetID)
}

// source is the policy in force, which a timeline can replace.
type source struct {
	mu      sync.Mutex
	current policy.Source
}

func (s *source) use(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = policy.CSV(name, text)
}

// Load returns the rows of the policy in force.
func (s *source) Load(ctx context.Context) ([]policy.Row, error) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	return current.Load(ctx)
}

// trail is a file of records that can be told to fail, and that reads from the
// records how the tickets stand.
type trail struct {
	path   string
	broken atomic.Bool

	mu      sync.Mutex
	file    *audit.File
	records int
	states  map[string]moderation.Ticket // by ID
}

func openTrail(path string) (*trail, error) {
	file, err := audit.OpenFile(path)
	if err != nil {
		return nil, err
	}
	return &trail{path: path, file: file, states: make(map[string]moderation.Ticket)}, nil
}

// reopen closes the file and opens it again, as a new process would.
func (t *trail) reopen() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.file.Close(); err != nil {
		return err
	}
	file, err := audit.OpenFile(t.path)
	if err != nil {
		return err
	}
	t.file = file
	return nil
}

// Append stores a record and learns from it.
func (t *trail) Append(ctx context.Context, r audit.Record) error {
	if t.broken.Load() {
		return fmt.Errorf("the disk of the audit trail is full: %w", audit.ErrNotWritten)
	}
	var state struct {
		Tickets []moderation.Ticket `json:"tickets"`
	}
	if len(r.State) > 0 {
		if err := json.Unmarshal(r.State, &state); err != nil {
			return fmt.Errorf("the state in a record can't be read: %w: %w", audit.ErrNotWritten, err)
		}
	}
	t.mu.Lock()
	file := t.file
	t.mu.Unlock()
	if err := file.Append(ctx, r); err != nil {
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

// Replay reads the file from its beginning.
func (t *trail) Replay(ctx context.Context) iter.Seq2[audit.Record, error] {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.file.Replay(ctx)
}

// Close closes the file.
func (t *trail) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.file.Close()
}

func (t *trail) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.records
}

// ticket is how a ticket stands by the last record about it.
func (t *trail) ticket(id string) (moderation.Ticket, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ticket, ok := t.states[id]
	return ticket, ok
}

func (t *trail) tickets() []moderation.Ticket {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.states))
}
