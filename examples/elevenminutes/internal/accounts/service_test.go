package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/accounts"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

const kind = "account.suspend"

// clock is moved by hand.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func newService(ids ...string) (*accounts.Service, *clock) {
	c := &clock{time.Date(2017, 11, 2, 18, 59, 0, 0, time.UTC)}
	return accounts.NewService(ids, c.Now), c
}

func permit(ticket string, fence uint64) moderation.Permit {
	return moderation.Permit{Ticket: ticket, Call: moderation.CallApply, Kind: kind, Target: "a", Fence: fence}
}

func lift(ticket string, fence uint64) moderation.Permit {
	p := permit("undo-"+ticket, fence)
	p.Call, p.Undoes = moderation.CallUndo, ticket
	return p
}

func wantState(t *testing.T, s *accounts.Service, want accounts.State) {
	t.Helper()
	got, ok := s.State("a")
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); !ok || diff != "" {
		t.Errorf("state, known %v (-want +got):\n%s", ok, diff)
	}
}

func TestAnAccountIsDownWhileSomethingThatTakesItDownStands(t *testing.T) {
	t.Parallel()
	s, c := newService("a")
	start := c.now
	apply, warn, undo := s.Apply(true), s.Apply(false), s.Undo()
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	wantState(t, s, accounts.State{})
	_, err := warn(t.Context(), permit("warning", 1))
	do(err)
	wantState(t, s, accounts.State{Imposed: []string{"warning"}})
	_, err = apply(t.Context(), permit("one", 2))
	do(err)
	c.pass(4 * time.Minute)
	_, err = apply(t.Context(), permit("two", 3))
	do(err)
	wantState(t, s, accounts.State{Down: true, Since: start, Downtime: 4 * time.Minute, Downs: 1, Imposed: []string{"one", "two", "warning"}})
	do(undo(t.Context(), lift("one", 4)))
	c.pass(7 * time.Minute)
	wantState(t, s, accounts.State{Down: true, Since: start, Downtime: 11 * time.Minute, Downs: 1, Imposed: []string{"two", "warning"}})
	do(undo(t.Context(), lift("two", 5)))
	c.pass(time.Hour)
	wantState(t, s, accounts.State{Downtime: 11 * time.Minute, Downs: 1, Imposed: []string{"warning"}})
	_, err = apply(t.Context(), permit("three", 6))
	do(err)
	c.pass(time.Minute)
	wantState(t, s, accounts.State{Down: true, Since: c.now.Add(-time.Minute), Downtime: 12 * time.Minute, Downs: 2, Imposed: []string{"three", "warning"}})
}

func TestAnOlderFenceIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := newService("a")
	if _, err := s.Apply(true)(t.Context(), permit("one", 7)); err != nil {
		t.Fatal(err)
	}
	if err := s.Undo()(t.Context(), lift("one", 6)); !errors.Is(err, moderation.ErrNotApplied) {
		t.Errorf("an older fence: %v; want ErrNotApplied", err)
	}
	if state, _ := s.State("a"); !state.Down {
		t.Error("the older call was carried out")
	}
	if err := s.Undo()(t.Context(), lift("one", 7)); err != nil {
		t.Errorf("the same fence again: %v", err)
	}
}

func TestAnUnknownAccountIsNotChanged(t *testing.T) {
	t.Parallel()
	s, _ := newService()
	if _, err := s.Apply(true)(t.Context(), permit("one", 1)); !errors.Is(err, moderation.ErrNotApplied) {
		t.Errorf("Apply: %v; want ErrNotApplied", err)
	}
	if _, ok := s.State("a"); ok {
		t.Error("the account is there now")
	}
	if found, _, err := s.Probe()(t.Context(), permit("one", 1)); err == nil || found != "" {
		t.Errorf("Probe = %q, %v; want an error", found, err)
	}
	s.Add("a")
	if _, err := s.Apply(true)(t.Context(), permit("one", 1)); err != nil {
		t.Errorf("after Add: %v", err)
	}
	s.Add("a")
	if state, _ := s.State("a"); !state.Down {
		t.Error("a second Add brought the account back up")
	}
}

func TestHandlersGoWrongAsTheyWereTold(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[scenario.Behaviour]struct {
		err     string
		changed bool
		says    bool // that nothing was changed
	}{
		scenario.Works:       {changed: true},
		scenario.NotApplied:  {err: "refused the change", says: true},
		scenario.Fails:       {err: "broke off"},
		scenario.LosesAnswer: {err: "answer was lost", changed: true},
		"dances":             {err: "no such behaviour", says: true},
	} {
		t.Run(string(behaviour), func(t *testing.T) {
			t.Parallel()
			s, _ := newService("a")
			s.Behave(kind, moderation.CallApply, behaviour, 0)
			_, err := s.Apply(true)(t.Context(), permit("one", 1))
			if (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
				t.Errorf("error %v; want %q", err, want.err)
			}
			if errors.Is(err, moderation.ErrNotApplied) != want.says {
				t.Errorf("error %v; does it say that nothing was changed? want %v", err, want.says)
			}
			if state, _ := s.State("a"); state.Down != want.changed {
				t.Errorf("changed: %v; want %v", state.Down, want.changed)
			}
			want := moderation.ProbeNotApplied
			if state, _ := s.State("a"); state.Down {
				want = moderation.ProbeApplied
			}
			if found, _, err := s.Probe()(t.Context(), permit("one", 1)); err != nil || found != want {
				t.Errorf("Probe = %q, %v; want %q", found, err, want)
			}
		})
	}
}

func TestAHandlerGoesWrongForAsManyCallsAsItWasTold(t *testing.T) {
	t.Parallel()
	s, _ := newService("a")
	s.Behave(kind, moderation.CallApply, scenario.Fails, 2)
	for i, want := range []bool{true, true, false} {
		if _, err := s.Apply(true)(t.Context(), permit("one", 1)); (err != nil) != want {
			t.Errorf("call %d: %v; want an error: %v", i+1, err, want)
		}
	}
	if err := s.Undo()(t.Context(), lift("one", 2)); err != nil {
		t.Errorf("the other call: %v", err)
	}
	if found, _, err := s.Probe()(t.Context(), lift("one", 2)); err != nil || found != moderation.ProbeApplied {
		t.Errorf("Probe of the undo = %q, %v; want applied", found, err)
	}
}

func TestAHandlerPanics(t *testing.T) {
	t.Parallel()
	s, _ := newService("a")
	s.Behave(kind, moderation.CallUndo, scenario.Panics, 0)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_ = s.Undo()(t.Context(), lift("one", 1))
}

func TestAHandlerHangsUntilTheGuardGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService("a")
		s.Behave(kind, moderation.CallApply, scenario.Hangs, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := s.Apply(true)(ctx, permit("one", 1))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, moderation.ErrNotApplied) || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v; want the deadline's end, after a minute", time.Since(start), err)
		}
		if state, _ := s.State("a"); state.Down {
			t.Error("the change was made")
		}
	})
}
