package policy_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
)

func TestTakeChargesEachLimitThatMatches(t *testing.T) {
	t.Parallel()
	l := limiter(t, `p3, person, *, *, *, requests, 3, 1h, refuse
p3, all, account.*, *, *, requests, 10, 1h, refuse
p3, all, post.*, *, *, requests, 10, 1h, refuse
p3, tier, *, protected, *, requests, 10, 1h, refuse
p3, all, *, *, *, undo.requests, 10, 1h, refuse
p3, all, *, *, *, actions, 10, 1h, refuse
`)
	got := take(t, l, charge("ann", 2, noon))
	want := moderation.Usage{Allowed: true, Limits: []moderation.LimitState{
		{Rule: moderation.Rule{Source: "policy.csv:7", Text: "p3, person, *, *, *, requests, 3, 1h, refuse"}, Key: "person=ann", Unit: "requests", Charged: 2, Left: 1},
		{Rule: moderation.Rule{Source: "policy.csv:8", Text: "p3, all, account.*, *, *, requests, 10, 1h, refuse"}, Key: "all", Unit: "requests", Charged: 2, Left: 8},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

// All or none: what is refused by one limit is drawn from no other.
func TestTakeDrawsFromAllOrNone(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, all, *, *, *, requests, 10, 1h, refuse\np3, person, *, *, *, requests, 1, 1h, refuse\np3, tier, *, *, *, requests, 10, 1h, refuse\n")
	take(t, l, charge("ann", 1, noon))
	for range 20 {
		got := take(t, l, charge("ann", 1, noon))
		want := moderation.Usage{RetryAfter: time.Hour, Limits: []moderation.LimitState{
			{Rule: moderation.Rule{Source: "policy.csv:8", Text: "p3, person, *, *, *, requests, 1, 1h, refuse"}, Key: "person=ann", Unit: "requests"},
			{Rule: moderation.Rule{Source: "policy.csv:7", Text: "p3, all, *, *, *, requests, 10, 1h, refuse"}, Key: "all", Unit: "requests", Left: 9},
			{Rule: moderation.Rule{Source: "policy.csv:9", Text: "p3, tier, *, *, *, requests, 10, 1h, refuse"}, Key: "tier=normal", Unit: "requests", Left: 9},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("usage (-want +got):\n%s", diff)
		}
	}
	for i := range 9 {
		if u := take(t, l, charge("bob"+string(rune('0'+i)), 1, noon)); !u.Allowed {
			t.Fatalf("after refusals of others, request %d: %+v", i, u)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		unit   string
		change func(*moderation.Charge)
		want   int64 // charged; -1 where the limit does not apply
	}{
		{"requests", func(*moderation.Charge) {}, 3},
		{"actions", func(*moderation.Charge) {}, -1},
		{"reach", func(*moderation.Charge) {}, -1},
		{"open", ticket("t"), 1},
		{"requests", executed(40_000_000), -1},
		{"open", executed(40_000_000), -1},
		{"actions", executed(40_000_000), 3},
		{"reach", executed(40_000_000), 40_000_000},
		{"reach", executed(0), 0},
		{"undo.requests", func(*moderation.Charge) {}, -1},
		{"requests", func(c *moderation.Charge) { c.Step = moderation.StepUndo }, -1},
		{"undo.requests", func(c *moderation.Charge) { c.Step = moderation.StepUndo }, 3},
		{"freeze.requests", func(c *moderation.Charge) { c.Step = moderation.StepFreeze }, 3},
		{"unfreeze.requests", func(c *moderation.Charge) { c.Step = moderation.StepUnfreeze }, 3},
		{"bypass.actions", func(c *moderation.Charge) { c.Step, c.At = moderation.StepBypass, moderation.ChargeExecute }, 3},
		{"reject.requests", func(c *moderation.Charge) { c.Step = moderation.StepReject }, 3},
		{"requests", func(c *moderation.Charge) { c.Step = moderation.StepReject }, -1},
	} {
		t.Run(tc.unit, func(t *testing.T) {
			t.Parallel()
			window := "1h"
			if tc.unit == "open" {
				window = "-"
			}
			u := take(t, limiter(t, "p3, all, *, *, *, "+tc.unit+", 9007199254740992, "+window+", refuse\n"), charge("ann", 3, noon, tc.change))
			got := int64(-1)
			if len(u.Limits) > 0 {
				got = u.Limits[0].Charged
				if left := u.Limits[0].Left; left != 9007199254740992-got {
					t.Errorf("left is %d", left)
				}
			}
			if got != tc.want || !u.Allowed {
				t.Errorf("charged %d, want %d: %+v", got, tc.want, u)
			}
		})
	}
}

func TestKeysAreCountedApart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		per   string
		other func(*moderation.Charge)
		key   string
	}{
		{"person", func(c *moderation.Charge) { c.Person = "bob" }, "person=ann"},
		{"actor", func(c *moderation.Charge) { c.Actor = "ann2" }, "actor=ann1"},
		{"target", func(c *moderation.Charge) { c.Target = "8" }, "target=7"},
		{"kind", func(c *moderation.Charge) { c.Kind = "post.remove" }, "kind=account.suspend"},
		{"tier", func(c *moderation.Charge) { c.Tier = "protected" }, "tier=normal"},
		{"domain", func(c *moderation.Charge) { c.Domain = "de" }, "domain=en"},
	} {
		t.Run(tc.per, func(t *testing.T) {
			t.Parallel()
			l := limiter(t, "p3, "+tc.per+", *, *, *, requests, 1, 1h, refuse\n")
			if u := take(t, l, charge("ann", 1, noon)); !u.Allowed || u.Limits[0].Key != tc.key {
				t.Errorf("usage is %+v, want key %s", u, tc.key)
			}
			if u := take(t, l, charge("ann", 1, noon)); u.Allowed {
				t.Error("the same key has two buckets")
			}
			if u := take(t, l, charge("ann", 1, noon, tc.other)); !u.Allowed {
				t.Error("two keys have one bucket")
			}
		})
	}
}

// A row with a pattern is one bucket for all that it matches.
func TestPatternIsOneBucket(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, account.*, *, *, requests, 1, 1h, refuse\n")
	limit := func(c *moderation.Charge) { c.Kind, c.Tier, c.Domain = "account.limit", "protected", "de" }
	post := func(c *moderation.Charge) { c.Kind = "post.remove" }
	take(t, l, charge("ann", 1, noon))
	if take(t, l, charge("ann", 1, noon, limit)).Allowed || !take(t, l, charge("ann", 1, noon, post)).Allowed {
		t.Error("the row's kinds don't share its bucket")
	}
}

// A freeze of every tier draws on the budget of one.
func TestChargeForEverythingIsChargedToParts(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, protected, en, freeze.requests, 1, 1h, refuse\n")
	freeze := func(c *moderation.Charge) {
		c.Step, c.Kind, c.Tier, c.Domain = moderation.StepFreeze, moderation.FreezeKind, moderation.Any, moderation.Any
	}
	if u := take(t, l, charge("ann", 1, noon, freeze)); !u.Allowed || len(u.Limits) != 1 {
		t.Errorf("usage is %+v", u)
	}
	if take(t, l, charge("ann", 1, noon, freeze)).Allowed {
		t.Error("two freezes of everything within a budget of one")
	}
}

func TestPeekAnswersAsTakeAndChargesNothing(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 2, 1h, refuse\np3, person, *, *, *, open, 1, -, lead\n")
	for i, id := range []string{"a", "b", "c"} {
		c := charge("ann", 1, noon, ticket(id))
		one, two, taken := peek(t, l, c), peek(t, l, c), take(t, l, c)
		if diff := cmp.Diff(one, two) + cmp.Diff(two, taken); diff != "" {
			t.Errorf("%d: peek and take differ:\n%s", i, diff)
		}
	}
}

func TestHoldsWithoutLimits(t *testing.T) {
	t.Parallel()
	if u := take(t, limiter(t, ""), charge("ann", math.MaxInt, noon)); !u.Allowed || u.Limits != nil {
		t.Errorf("usage is %+v", u)
	}
}

func TestNever(t *testing.T) {
	t.Parallel()
	huge := executed(math.MaxInt64)
	for _, tc := range []struct {
		name, rows string
		c          moderation.Charge
		want       moderation.Usage
	}{
		{"more than the burst", "p3, all, *, *, *, requests, 5, 1h, refuse\n", charge("ann", 6, noon), moderation.Usage{Never: true}},
		{"all that there is", "p3, all, *, *, *, reach, 9007199254740992, 1h, refuse\n", charge("ann", 1, noon, huge), moderation.Usage{Never: true}},
		{"most targets that can be", "p3, all, *, *, *, requests, 5, 1h, refuse\n", charge("ann", math.MaxInt, noon), moderation.Usage{Never: true}},
		{"more than the burst, with approvals", "p3, all, *, *, *, requests, 5, 1h, lead|mod lead\n", charge("ann", 6, noon), moderation.Usage{Never: true, Over: []moderation.Slot{{"lead", "mod"}, {"lead"}}}},
		{"two limits of which one takes no approvals", "p3, all, *, *, *, requests, 5, 1h, lead\np3, person, *, *, *, requests, 5, 1h, refuse\n", charge("ann", 6, noon), moderation.Usage{Never: true}},
		{"two limits that add up", "p3, all, *, *, *, requests, 5, 1h, lead\np3, person, *, *, *, requests, 4, 1h, lead\n", charge("ann", 6, noon), moderation.Usage{Never: true, Over: []moderation.Slot{{"lead"}, {"lead"}}}},
		{"one limit of two in the way", "p3, all, *, *, *, requests, 5, 1h, lead\np3, person, *, *, *, requests, 9, 1h, lead\n", charge("ann", 6, noon), moderation.Usage{Never: true, Over: []moderation.Slot{{"lead"}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := limiter(t, "p, mod, approve, *, *, *, allow\ng, lou, mod, *, -, -\n"+tc.rows)
			u := take(t, l, tc.c)
			if len(u.Limits) == 0 {
				t.Error("the limits are not named")
			}
			u.Limits = nil
			if diff := cmp.Diff(tc.want, u); diff != "" {
				t.Errorf("usage (-want +got):\n%s", diff)
			}
		})
	}
}

// Approvals let a charge over the limits that take them, which are drawn as
// far as they go; the others still hold.
func TestOverrun(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 5, 1h, lead\np3, all, *, *, *, requests, 12, 1h, refuse\n")
	steps := []struct {
		c          moderation.Charge
		allowed    bool
		over       bool
		personLeft int64
		allLeft    int64
		wait       time.Duration
	}{
		{charge("ann", 3, noon, overrun), true, false, 2, 9, 0},
		{charge("ann", 3, noon), false, true, 2, 9, 12 * time.Minute},
		{charge("ann", 3, noon, overrun), true, false, 0, 6, 0},
		{charge("ann", 6, noon), false, true, 0, 6, 0},
		{charge("ann", 6, noon, overrun), true, false, 0, 0, 0},
		{charge("ann", 1, noon, overrun), false, false, 0, 0, 5 * time.Minute},
		{charge("ann", 1, noon), false, false, 0, 0, 12 * time.Minute},
	}
	for i, s := range steps {
		u := take(t, l, s.c)
		left := map[string]int64{}
		for _, limit := range u.Limits {
			left[limit.Key] = limit.Left
		}
		if u.Allowed != s.allowed || (u.Over != nil) != s.over || left["person=ann"] != s.personLeft || left["all"] != s.allLeft || u.RetryAfter != s.wait {
			t.Errorf("step %d: %+v; want %+v", i, u, s)
		}
	}
}

// Writing to the slots of an answer changes no policy.
func TestOverIsACopy(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, all, *, *, *, requests, 5, 1h, lead\n")
	take(t, l, charge("ann", 6, noon)).Over[0][0] = "ann"
	if got := take(t, l, charge("ann", 6, noon)).Over[0][0]; got != "lead" {
		t.Errorf("the slot became %q", got)
	}
}

// Names that would make one key when joined.
func TestHostileNamesHaveBucketsOfTheirOwn(t *testing.T) {
	t.Parallel()
	l := limiter(t, `p3, person, *, *, *, requests, 1, 1h, refuse
p3, actor, *, *, *, requests, 1, 1h, refuse
p3, all, *, *, *, requests, 1000, 1h, refuse
`)
	for _, name := range []string{"all", "a", "a,b", "a\x00b", "person=a", "a=b", "1h", "a ", " a", "A", "\u00e1", "a\u0301", strings.Repeat("a", 300)} {
		c := charge(name, 1, noon)
		c.Actor = "actor=" + name
		if u := take(t, l, c); !u.Allowed {
			t.Errorf("%q shares a bucket: %+v", name, u)
		}
	}
}

// Exactly as many as there is room for, whoever comes first.
func TestConcurrentTakesNeverExceed(t *testing.T) {
	t.Parallel()
	l := limiter(t, `p3, all, *, *, *, requests, 50, 1h, refuse
p3, person, *, *, *, requests, 30, 1h, refuse
p3, target, *, *, *, requests, 40, 1h, refuse
p3, all, *, *, *, open, 45, -, refuse
`)
	var taken [2]atomic.Int64
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			person := i % 2
			c := charge([]string{"ann", "bob"}[person], 1, noon, ticket("t"+string(rune(i))))
			c.Target = []string{"7", "8"}[i/2%2]
			if u, err := l.Take(context.Background(), c); err != nil {
				t.Error(err)
			} else if u.Allowed {
				taken[person].Add(1)
			}
			if _, err := l.Peek(context.Background(), c); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if ann, bob := taken[0].Load(), taken[1].Load(); ann+bob != 45 || ann > 30 || bob > 30 {
		t.Errorf("ann took %d and bob %d; want 45 together and at most 30 each", ann, bob)
	}
}
