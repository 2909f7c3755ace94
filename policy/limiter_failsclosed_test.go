package policy_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func TestLimiterFailsClosed(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	rows := `p3, person, account.*, *, *, requests, 1, 1h, refuse
p3, actor, *, normal, *, requests, 1, 1h, refuse
p3, target, *, *, en, requests, 1, 1h, refuse
p3, kind, *, *, *, actions, 1, 1h, refuse
p3, tier, *, *, *, undo.requests, 1, 1h, refuse
p3, domain, *, *, *, undo.actions, 1, 1h, refuse
p3, all, *, *, *, freeze.open, 1, -, refuse
`
	change := func(f func(*moderation.Charge)) moderation.Charge { return charge("ann", 1, noon, f) }
	for _, tc := range []struct {
		name string
		ctx  context.Context
		l    *policy.Limiter
		c    moderation.Charge
		want string
	}{
		{"nil limiter", t.Context(), nil, charge("ann", 1, noon), "policy: the limiter was not made with NewLimiter"},
		{"zero limiter", t.Context(), new(policy.Limiter), charge("ann", 1, noon), "policy: the limiter was not made with NewLimiter"},
		{"context that is done", done, limiter(t, rows), charge("ann", 1, noon), "policy: charge: context canceled"},
		{"zero charge", t.Context(), limiter(t, rows), moderation.Charge{}, "Charge.At"},
		{"no moment", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.At = "" }), `Charge.At is ""`},
		{"unknown moment", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.At = "later" }), `Charge.At is "later"`},
		{"no step", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Step = "" }), `Charge.Step is ""`},
		{"unknown step", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Step = "ban" }), `Charge.Step is "ban"`},
		{"no time", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Time = time.Time{} }), "Charge.Time is zero"},
		{"time before the epoch", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Time = time.Unix(-1, 0) }), "Charge.Time is"},
		{"time that overflows", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Time = noon.AddDate(500, 0, 0) }), "Charge.Time is"},
		{"no target", t.Context(), limiter(t, rows), charge("ann", 0, noon), "Charge.Count is 0"},
		{"fewer targets than none", t.Context(), limiter(t, rows), charge("ann", math.MinInt, noon), "Charge.Count is -"},
		{"negative reach", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Reach = -1 }), "Charge.Reach is -1"},
		{"no person", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Person = "" }), "Charge.Person is empty; the limit of policy.csv:7"},
		{"no actor", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Actor = "" }), "Charge.Actor is empty; the limit of policy.csv:8"},
		{"no target ID", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Target = "" }), "Charge.Target is empty; the limit of policy.csv:9"},
		{"no kind, by which a row goes", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Kind = "" }), "Charge.Kind is empty; the limit of policy.csv:7 goes by it"},
		{"no tier, by which a row goes", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Tier = "" }), "Charge.Tier is empty; the limit of policy.csv:8 goes by it"},
		{"no domain, by which a row goes", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Domain = "" }), "Charge.Domain is empty; the limit of policy.csv:9 goes by it"},
		{"no kind, by which a row counts", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Kind, c.At = "", moderation.ChargeExecute }), "Charge.Kind is empty; the limit of policy.csv:10"},
		{"no tier, by which a row counts", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Tier, c.Step = "", moderation.StepUndo }), "Charge.Tier is empty; the limit of policy.csv:11"},
		{"no domain, by which a row counts", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) {
			c.Domain, c.Step, c.At = "", moderation.StepUndo, moderation.ChargeExecute
		}), "Charge.Domain is empty; the limit of policy.csv:12"},
		{"no ticket for a limit of open ones", t.Context(), limiter(t, rows), change(func(c *moderation.Charge) { c.Step = moderation.StepFreeze }), "Charge.Ticket is empty; the limit of policy.csv:13"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			calls := map[string]func() (moderation.Usage, error){
				"Take":    func() (moderation.Usage, error) { return tc.l.Take(tc.ctx, tc.c) },
				"Peek":    func() (moderation.Usage, error) { return tc.l.Peek(tc.ctx, tc.c) },
				"Restore": func() (moderation.Usage, error) { return moderation.Usage{}, tc.l.Restore(tc.ctx, tc.c) },
			}
			for name, call := range calls {
				u, err := call()
				if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "policy: ") {
					t.Errorf("%s: %v; want it to say %q", name, err, tc.want)
				}
				if diff := cmp.Diff(moderation.Usage{}, u); diff != "" {
					t.Errorf("%s returns a usage with its error:\n%s", name, diff)
				}
			}
			if tc.l == nil || strings.HasPrefix(tc.name, "zero limiter") {
				return
			}
			if u := peek(t, tc.l, charge("ann", 1, noon)); !u.Allowed {
				t.Errorf("something was charged: %+v", u)
			}
		})
	}
}

func TestReleaseFailsClosed(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	l := limiter(t, "")
	if err := new(policy.Limiter).Release(t.Context(), charge("ann", 1, noon, ticket("t"))); err == nil {
		t.Error("the zero limiter releases")
	}
	if err := l.Release(done, charge("ann", 1, noon, ticket("t"))); !errors.Is(err, context.Canceled) {
		t.Errorf("Release: %v", err)
	}
	if err := l.Release(t.Context(), charge("ann", 1, noon)); err == nil || !strings.Contains(err.Error(), "Charge.Ticket is empty") {
		t.Errorf("Release without a ticket: %v", err)
	}
	if err := l.Release(t.Context(), charge("ann", 1, noon, ticket("unknown"))); err != nil {
		t.Errorf("Release of an unknown ticket: %v", err)
	}
}
