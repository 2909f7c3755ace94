package policy_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// The zero Policy and a nil one deny, and hold nothing.
func TestZeroPolicyDenies(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*policy.Policy{"nil": nil, "zero": new(policy.Policy)} {
		if d := p.Decide(ask("ann")); d.Allowed || d.Code == "" {
			t.Errorf("%s policy answers %+v", name, d)
		}
		rows := len(slices.Collect(p.Rows())) + len(slices.Collect(p.Rules())) + len(slices.Collect(p.Grants())) +
			len(slices.Collect(p.Requirements())) + len(slices.Collect(p.Limits()))
		words := len(p.Kinds()) + len(p.Tiers()) + len(p.Labels()) + len(p.Domains()) + len(p.Roles("ann", "en", noon))
		if rows != 0 || words != 0 || p.Digest() != "" {
			t.Errorf("%s policy holds %d rows, %d names and the digest %q", name, rows, words, p.Digest())
		}
	}
}

// What a policy hands out are copies.
func TestPolicyIsNotChangedThroughItsRows(t *testing.T) {
	t.Parallel()
	p := open(t, base).Policy()
	before := slices.Collect(p.Requirements())
	for r := range p.Requirements() {
		for i := range r.Slots {
			clear(r.Slots[i])
		}
		clear(r.Row.Fields)
	}
	for r := range p.Rows() {
		clear(r.Fields)
	}
	if diff := cmp.Diff(before, slices.Collect(p.Requirements())); diff != "" {
		t.Error(diff)
	}
}

func TestPolicyShowsItsRowsAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	p, err := policy.Load(context.Background(), config(base+
		"p, @leaving, *, account.*, *, *, deny\n"+
		"p2, request, *, *, *, duration>168h & @leaving, lead, 10m, 24h\n"+
		"p3, person, account.*, *, *, undo.requests, 3, 1h, refuse\n"+
		"g, zoe, lead, en, 2017-01-01, 2018-01-01\n"))
	if err != nil {
		t.Fatal(err)
	}
	last := func(rule policy.RuleRow, need policy.RequirementRow, limit policy.LimitRow, grant policy.GrantRow) {
		if rule.Label != "leaving" || rule.Role != "" || !rule.Deny || rule.Step != policy.AllSteps || rule.Scope != (policy.Scope{Kind: "account.*", Tier: "*", Domain: "*"}) {
			t.Errorf("rule is %+v", rule)
		}
		want := []policy.Condition{{About: "duration", Above: int64(168 * time.Hour)}, {About: "label", Label: "leaving"}}
		if diff := cmp.Diff(want, need.When); diff != "" || need.Hold != 10*time.Minute || need.Deadline != 24*time.Hour {
			t.Errorf("requirement is %+v\n%s", need, diff)
		}
		if limit.Per != "person" || limit.Step != moderation.StepUndo || limit.Unit != "requests" || limit.Amount != 3 || limit.Window != time.Hour || len(limit.Over) != 0 {
			t.Errorf("limit is %+v", limit)
		}
		if grant.Grantee != "zoe" || grant.IsRole || grant.Domain != "en" || grant.Until.Year() != 2018 {
			t.Errorf("grant is %+v", grant)
		}
	}
	last(lastOf(p.Rules()), lastOf(p.Requirements()), lastOf(p.Limits()), lastOf(p.Grants()))
}

func lastOf[T any](seq func(func(T) bool)) (last T) {
	seq(func(t T) bool { last = t; return true })
	return last
}

// A typed pattern matches what the row's own does.
func TestPattern(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern         policy.Pattern
		name            string
		covers, touches bool
	}{
		{"", "account", false, false},
		{"", moderation.Any, false, false},
		{"*", "account", true, true},
		{"*", moderation.Any, true, true},
		{"account.*", "account.suspend", true, true},
		{"account.*", "account", false, false},
		{"account.*", "accounts.x", false, false},
		{"account.*", moderation.Any, false, true},
		{"en", "en", true, true},
		{"en", "enx", false, false},
		{"en", moderation.Any, false, true},
	} {
		if c, o := tt.pattern.Covers(tt.name), tt.pattern.Touches(tt.name); c != tt.covers || o != tt.touches {
			t.Errorf("%q and %q: covers %v, touches %v", tt.pattern, tt.name, c, o)
		}
	}
}
