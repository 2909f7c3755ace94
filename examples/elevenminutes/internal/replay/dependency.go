package replay

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

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
