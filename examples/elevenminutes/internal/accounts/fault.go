package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// call is which handler goes wrong.
type call struct {
	kind string
	call moderation.Call
}

type fault struct {
	behaviour scenario.Behaviour
	left      int // calls that are still to go wrong; negative for all
}

// Behave lets the handler of a kind go wrong for some calls, or for all where
// times is zero, or work again.
func (s *Service) Behave(kind string, which moderation.Call, behaviour scenario.Behaviour, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if times == 0 {
		times = -1
	}
	s.faults[call{kind, which}] = &fault{behaviour, times}
}

// behaviour is how the next call behaves.
func (s *Service) behaviour(p moderation.Permit) scenario.Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[call{p.Kind, p.Call}]
	if f == nil || f.left == 0 {
		return scenario.Works
	}
	if f.left > 0 {
		f.left--
	}
	return f.behaviour
}

// Wait waits until every handler that was called has come back.
func (s *Service) Wait() { s.underWay.Wait() }

// handle makes a change, or goes wrong on the way as it was told.
func (s *Service) handle(ctx context.Context, p moderation.Permit, change func(*account)) error {
	s.underWay.Add(1)
	defer s.underWay.Done()
	switch behaviour := s.behaviour(p); behaviour {
	case scenario.Works:
		return s.change(p, change)
	case scenario.NotApplied:
		return fmt.Errorf("the accounts service refused the change: %w", moderation.ErrNotApplied)
	case scenario.Fails:
		return errors.New("the accounts service broke off")
	case scenario.LosesAnswer:
		if err := s.change(p, change); err != nil {
			return err
		}
		return errors.New("the accounts service's answer was lost")
	case scenario.Hangs:
		<-ctx.Done()
		return fmt.Errorf("the accounts service did not answer: %w", ctx.Err())
	case scenario.Panics:
		panic("the accounts service's client has a bug")
	default:
		return fmt.Errorf("accounts: no such behaviour %q: %w", behaviour, moderation.ErrNotApplied)
	}
}
