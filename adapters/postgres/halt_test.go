package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
)

func TestAHaltedStoreWritesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.exec(t, `UPDATE interlock.chain SET halted = 'record 7 is missing'`)
	c := change(sample("a"))
	err := s.Commit(t.Context(), c)
	if !errors.Is(err, postgres.ErrHalted) || !strings.Contains(err.Error(), "record 7 is missing") || errors.Is(err, moderation.ErrConflict) {
		t.Errorf("Commit = %v, want ErrHalted with its reason", err)
	}
	if reason, err := s.Halted(t.Context()); reason != "record 7 is missing" || err != nil {
		t.Errorf("Halted = %q, %v", reason, err)
	}
	if _, err := s.Ticket(t.Context(), c.Tickets[0].ID); !errors.Is(err, moderation.ErrNoTicket) {
		t.Errorf("Ticket = %v, want ErrNoTicket", err)
	}
	s.exec(t, `UPDATE interlock.chain SET halted = ''`)
	if err := s.Commit(t.Context(), c); err != nil {
		t.Errorf("after the halt was lifted: %v", err)
	}
	if reason, err := s.Halted(t.Context()); reason != "" || err != nil {
		t.Errorf("Halted = %q, %v", reason, err)
	}
}

func TestAnotherPolicyInForceIsAConflict(t *testing.T) {
	t.Parallel()
	s := open(t)
	under := func(policy string) error {
		c := change(sample("a"))
		c.Policy = policy
		return s.Commit(t.Context(), c)
	}
	if err := under("old"); err != nil {
		t.Errorf("where the policy is kept elsewhere: %v", err)
	}
	s.exec(t, `UPDATE interlock.chain SET policy = 'new'`)
	if err := under("old"); !errors.Is(err, moderation.ErrConflict) {
		t.Errorf("under another policy: %v, want ErrConflict", err)
	}
	if err := errors.Join(under("new"), under("")); err != nil {
		t.Errorf("under the policy in force, and without a decision: %v", err)
	}
}
