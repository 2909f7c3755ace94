package policy_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// ownModel is a host's model in Casbin's usual terms.
const ownModel = `[request_definition]
r = sub, step, kind, tier, dom

[policy_definition]
p = sub, step, kind, tier, dom, eft

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = g(r.sub, p.sub, r.dom) && (p.step == "any" || r.step == p.step) && keyMatch(r.kind, p.kind) && (p.tier == "any" || r.tier == p.tier) && (p.dom == "any" || r.dom == p.dom)
`

const ownRows = `p, mod, request, account.*, normal, any, allow
p, mod, undo, *, any, any, allow
p, lead, request, *, any, any, allow
p, lead, approve, *, any, any, allow
p, barred, any, *, any, any, deny
g, ann, mod, en
g, bob, mod, en
g, bob, barred, en
g, lea, lead, en
g, lead, mod, en
`

// oneSlot is what protected targets need.
var oneSlot = moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}, Deadline: time.Hour}

func modelConfig(model, rows string) policy.ModelConfig {
	return policy.ModelConfig{
		Model:  model,
		Source: policy.CSV("rows.csv", rows),
		Request: func(q moderation.Question) (policy.ModelRequest, error) {
			return policy.ModelRequest{Values: []any{q.Actor.Login, string(q.Step), q.Kind, q.Target.Tier, q.Target.Domain}}, nil
		},
		Requirement: func(_ context.Context, q moderation.Question) (moderation.Requirement, error) {
			if q.Target.Tier == "protected" {
				return oneSlot, nil
			}
			return moderation.Requirement{Quorum: moderation.Quorum{None: true}}, nil
		},
		Steps:   []moderation.Step{moderation.StepRequest, moderation.StepApprove, moderation.StepUndo, moderation.StepFreeze},
		Kinds:   []string{"account.suspend", "account.limit", "post.remove"},
		Tiers:   []string{"normal", "protected"},
		Domains: []string{"en", "de"},
	}
}

// sameRequest is for models whose request is sub, dom, obj, act.
func sameRequest(q moderation.Question) (policy.ModelRequest, error) {
	return policy.ModelRequest{Values: []any{q.Actor.Login, q.Target.Domain, q.Kind, q.Target.Tier}}, nil
}

// threeColumns is a configuration for models whose request is sub, obj, act.
func threeColumns(model, rows string) policy.ModelConfig {
	c := modelConfig(model, rows)
	c.Request = func(q moderation.Question) (policy.ModelRequest, error) {
		return policy.ModelRequest{Values: []any{q.Actor.Login, q.Kind, q.Target.Tier}}, nil
	}
	return c
}

// basicModel is Casbin's usual first model, with parts to replace.
func basicModel(p, g, e, m string) string {
	if g != "" {
		g = "[role_definition]\n" + g + "\n"
	}
	return fmt.Sprintf("[request_definition]\nr = sub, obj, act\n[policy_definition]\n%s\n%s[policy_effect]\n%s\n[matchers]\n%s\n", p, g, e, m)
}

const (
	basicPolicy  = "p = sub, obj, act"
	effectPolicy = "p = sub, obj, act, eft"
	someAllow    = "e = some(where (p.eft == allow))"
	allowAndDeny = "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))"
	basicMatcher = "m = r.sub == p.sub && r.obj == p.obj && r.act == p.act"
	roleMatcher  = "m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"
	basicRow     = "p, ann, account.suspend, normal\n"
)

func openModel(t testing.TB, c policy.ModelConfig) *policy.ModelAuthorizer {
	t.Helper()
	a, err := policy.OpenModel(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func modelAllows(t testing.TB, a *policy.ModelAuthorizer, q moderation.Question) bool {
	t.Helper()
	d, err := a.Decide(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return d.Allowed
}

// adapterOf is a Casbin adapter that adds rows as they are, and reports what a
// model can't hold.
func adapterOf(rows ...[]string) persist.Adapter {
	return casbinAdapter{load: func(m model.Model) error {
		for _, row := range rows {
			if m["p"] == nil {
				return errors.New("no row types")
			}
			if err := m.AddPolicy(row[0][:1], row[0], row[1:]); err != nil {
				return err
			}
		}
		return nil
	}}
}
