package decide_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	cedarast "github.com/cedar-policy/cedar-go/ast"
	opaast "github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// engines answer questions from an office. Each gets them beforehand in the form
// in which it takes them, and is then asked by number.
var engines = []struct {
	name string
	open func(testing.TB, *office) prepare
}{
	{"interlock", openInterlock},
	{"opa", openOPA},
	{"cedar", openCedar},
}

type prepare func([]question) (ask func(i int) (bool, error))

func openInterlock(t testing.TB, o *office) prepare {
	t.Helper()
	a := openAuthorizer(t, o)
	ctx := context.Background()
	return func(list []question) func(int) (bool, error) {
		asked := make([]moderation.Question, len(list))
		for i, q := range list {
			asked[i] = moderation.Question{
				Step: moderation.StepRequest, Actor: moderation.Actor{Login: q.user}, Kind: q.kind,
				Target: moderation.Target{Tier: q.tier, Domain: "en"}, Duration: time.Hour, Count: 1,
				Time: time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC),
			}
		}
		return func(i int) (bool, error) {
			v, err := a.Check(ctx, &asked[i])
			return v.Allowed(), err
		}
	}
}

func openAuthorizer(t testing.TB, o *office) *policy.Authorizer {
	t.Helper()
	var rows strings.Builder
	for _, r := range o.list {
		fmt.Fprintf(&rows, "p, %s, %s, %s, %s, *, allow\n", r.role, request, r.kind, r.tier)
	}
	fmt.Fprintf(&rows, "p, %s, %s, %s, %s, *, deny\n", o.deny.role, request, o.deny.kind, o.deny.tier)
	rows.WriteString("p2, request, *, *, *, *, none, -, -\n")
	for _, user := range o.users {
		for _, role := range o.roles[user] {
			fmt.Fprintf(&rows, "g, %s, %s, *, -, -\n", user, role)
		}
	}
	c := policy.Config{Source: policy.CSV("office.csv", rows.String()), Tiers: tiers}
	for i := range kindCount {
		c.Kinds = append(c.Kinds, kindName(i))
	}
	a, err := policy.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// module looks up what the office allows, which is data: of all that Rego can
// say, it is what OPA does fastest.
const module = `package office

default allow := false

allow if {
	some role in data.roles[input.user]
	data.allow[role][input.step][input.kind][input.tier]
	not denied
}

denied if {
	some role in data.roles[input.user]
	data.deny[role][input.step][input.kind][input.tier]
}
`

func openOPA(t testing.TB, o *office) prepare {
	t.Helper()
	allow, deny, roles := map[string]any{}, map[string]any{}, map[string]any{}
	for _, r := range o.list {
		set(allow, r.role, request, r.kind, r.tier)
	}
	set(deny, o.deny.role, request, o.deny.kind, o.deny.tier)
	for user, held := range o.roles {
		names := make([]any, len(held))
		for i, role := range held {
			names[i] = role
		}
		roles[user] = names
	}
	store := inmem.NewFromObjectWithOpts(map[string]any{"allow": allow, "deny": deny, "roles": roles},
		inmem.OptRoundTripOnWrite(false))
	ctx := context.Background()
	query, err := rego.New(rego.Query("data.office.allow"), rego.Module("office.rego", module), rego.Store(store)).PrepareForEval(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return func(list []question) func(int) (bool, error) {
		asked := make([]opaast.Value, len(list))
		for i, q := range list {
			asked[i] = opaast.MustInterfaceToValue(map[string]any{"user": q.user, "step": request, "kind": q.kind, "tier": q.tier})
		}
		return func(i int) (bool, error) {
			results, err := query.Eval(ctx, rego.EvalParsedInput(asked[i]))
			return results.Allowed(), err
		}
	}
}

// set sets the leaf of nested objects to true.
func set(object map[string]any, path ...string) {
	for _, key := range path[:len(path)-1] {
		next, ok := object[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[key] = next
		}
		object = next
	}
	object[path[len(path)-1]] = true
}

// policies are Cedar policies in a slice: cedar-go looks at all of them for each
// question, and goes through its own PolicySet, which is a map, more slowly.
type policies []*cedar.Policy

func (p policies) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, one := range p {
			if !yield("", one) {
				return
			}
		}
	}
}

func openCedar(_ testing.TB, o *office) prepare {
	var all policies
	add := func(p *cedarast.Policy, r rule) {
		all = append(all, cedar.NewPolicyFromAST(p.PrincipalIn(uid("Role", r.role)).
			ActionEq(uid("Action", request+" "+r.kind)).ResourceEq(uid("Tier", r.tier))))
	}
	for _, r := range o.list {
		add(cedarast.Permit(), r)
	}
	add(cedarast.Forbid(), o.deny)
	entities := cedar.EntityMap{}
	for user, roles := range o.roles {
		var parents []cedar.EntityUID
		for _, role := range roles {
			parents = append(parents, uid("Role", role))
		}
		entities[uid("User", user)] = cedar.Entity{UID: uid("User", user), Parents: cedar.NewEntityUIDSet(parents...)}
	}
	return func(list []question) func(int) (bool, error) {
		asked := make([]cedar.Request, len(list))
		for i, q := range list {
			asked[i] = cedar.Request{Principal: uid("User", q.user), Action: uid("Action", request+" "+q.kind), Resource: uid("Tier", q.tier)}
		}
		return func(i int) (bool, error) {
			decision, diagnostic := cedar.Authorize(all, entities, asked[i])
			if len(diagnostic.Errors) > 0 {
				return false, errors.New(diagnostic.Errors[0].Message)
			}
			return decision == cedar.Allow, nil
		}
	}
}

func uid(kind cedar.EntityType, name string) cedar.EntityUID {
	return cedar.NewEntityUID(kind, cedar.String(name))
}
