package policy_test

import (
	"context"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func chargedFor(what moderation.ChargeFor, target string) func(*moderation.Charge) {
	return func(c *moderation.Charge) { c.For, c.Target = what, target }
}

// A batch draws all limits but those per target, and each member only those.
func TestABatchAndItsMembersDrawEachLimitOnce(t *testing.T) {
	t.Parallel()
	l := limiter(t, "p3, person, *, *, *, requests, 30, 1h, refuse\np3, target, *, *, *, requests, 1, 1h, refuse\n")
	for i, s := range []struct {
		what    moderation.ChargeFor
		target  string
		count   int
		allowed bool
		limits  int
	}{
		{moderation.ChargeForBatch, "set", 25, true, 1}, // although a target may be asked about once
		{moderation.ChargeForMember, "7", 1, true, 1},
		{moderation.ChargeForMember, "8", 1, true, 1},
		{moderation.ChargeForMember, "7", 1, false, 1}, // a second batch has it too
		{moderation.ChargeForBatch, "set", 6, false, 1},
		{moderation.ChargeForTarget, "8", 1, false, 2},
		{moderation.ChargeForTarget, "9", 5, false, 2}, // five on one target
		{moderation.ChargeForBatch, "set", 5, true, 1},
	} {
		u := take(t, l, charge("ann", s.count, noon, chargedFor(s.what, s.target)))
		if u.Allowed != s.allowed || len(u.Limits) != s.limits {
			t.Errorf("charge %d: %+v, want allowed %t with %d limits", i, u, s.allowed, s.limits)
		}
	}
	if _, err := l.Take(context.Background(), charge("ann", 1, noon, chargedFor("all", "7"))); err == nil {
		t.Error("a charge for nothing known is taken")
	}
}
