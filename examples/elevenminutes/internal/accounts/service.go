// Package accounts is a host's service in memory: accounts that are up or
// down, with the handlers that a guard calls. It shows what a careful handler
// does: it acts on the canonical ID, works once for each key, refuses a fence
// older than one that it has seen, and lifts only what nothing else imposes.
package accounts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Service holds the accounts. Its methods may be called by many goroutines at
// once.
type Service struct {
	now func() time.Time

	mu       sync.Mutex
	accounts map[string]*account // by canonical ID
	faults   map[call]*fault
	underWay sync.WaitGroup // calls of handlers
}

type account struct {
	fence    uint64
	imposed  map[string]bool // by ticket: whether it takes the account down
	since    time.Time       // when it went down; zero while it is up
	downtime time.Duration   // before since
	downs    int
}

// State is how an account stands.
type State struct {
	Down     bool
	Since    time.Time     // when it went down; zero while it is up
	Downtime time.Duration // in all, up to now
	Downs    int           // how many times it went down
	Imposed  []string      // the tickets that stand on it, sorted
}

// NewService returns a service with the given accounts, all of them up. The
// time is asked of now.
func NewService(ids []string, now func() time.Time) *Service {
	s := &Service{now: now, accounts: make(map[string]*account), faults: make(map[call]*fault)}
	for _, id := range ids {
		s.Add(id)
	}
	return s
}

// Add makes an account that is up. One that is there already stays as it is.
func (s *Service) Add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[id] == nil {
		s.accounts[id] = &account{imposed: make(map[string]bool)}
	}
}

// State returns how an account stands; ok is false where there is none.
func (s *Service) State(id string) (state State, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[id]
	if !ok {
		return State{}, false
	}
	state = State{Down: a.down(), Since: a.since, Downtime: a.downtime, Downs: a.downs, Imposed: slices.Sorted(maps.Keys(a.imposed))}
	if state.Down {
		state.Downtime += s.now().Sub(a.since)
	}
	return state, true
}

// Apply returns the handler that imposes a kind of restriction, which takes
// the account down or not.
func (s *Service) Apply(down bool) moderation.Apply {
	return func(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
		err := s.handle(ctx, p, func(a *account) { a.imposed[p.Ticket] = down })
		return "", err
	}
}

// Undo returns the handler that lifts what was imposed under one ticket.
func (s *Service) Undo() moderation.Undo {
	return func(ctx context.Context, p moderation.Permit) error {
		return s.handle(ctx, p, func(a *account) { delete(a.imposed, p.Undoes) })
	}
}

// Probe returns what tells, after a crash, whether a call was done.
func (s *Service) Probe() moderation.Probe {
	return func(_ context.Context, p moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		a, ok := s.accounts[p.Target]
		if !ok {
			return "", "", fmt.Errorf("accounts: there is no account %s", p.Target)
		}
		ticket, done := p.Ticket, true
		if p.Call == moderation.CallUndo {
			ticket, done = p.Undoes, false
		}
		if _, imposed := a.imposed[ticket]; imposed == done {
			return moderation.ProbeApplied, "", nil
		}
		return moderation.ProbeNotApplied, "", nil
	}
}

// change makes a change to an account and keeps the time that it was down.
func (s *Service) change(p moderation.Permit, change func(*account)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[p.Target]
	switch {
	case !ok:
		return fmt.Errorf("accounts: there is no account %s: %w", p.Target, moderation.ErrNotApplied)
	case p.Fence < a.fence:
		return fmt.Errorf("accounts: fence %d is older than %d, which was seen: %w", p.Fence, a.fence, moderation.ErrNotApplied)
	}
	a.fence = p.Fence
	wasDown, now := a.down(), s.now()
	change(a)
	switch isDown := a.down(); {
	case isDown && !wasDown:
		a.since, a.downs = now, a.downs+1
	case wasDown && !isDown:
		a.downtime, a.since = a.downtime+now.Sub(a.since), time.Time{}
	}
	return nil
}

// down reports whether something that stands takes the account down.
func (a *account) down() bool {
	for _, down := range a.imposed {
		if down {
			return true
		}
	}
	return false
}
