package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// base is a small policy that loads; tests add to it or change it.
const base = `p, mod, request, account.*, normal, *, allow
p, mod, undo, *, *, *, allow
p, mod, approve, *, normal, *, allow
p, lead, request, *, *, *, allow
p, lead, approve, *, *, *, allow
p, director, approve, *, *, *, allow
p2, request, *, *, *, *, none, -, -
p2, request, *, protected, *, *, lead|director director, 10m, 24h
p3, person, *, *, *, requests, 10, 1h, refuse
g, ann, mod, *, -, -
g, lea, lead, *, -, -
g, lou, lead, *, -, -
g, dan, director, *, -, -
g, lead, mod, *, -, -
`

var noon = time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)

func config(text string) policy.Config {
	return policy.Config{
		Source: policy.CSV("policy.csv", text),
		Kinds:  []string{"account.suspend", "account.limit", "post.remove"},
		Tiers:  []string{"normal", "protected"},
		Labels: []string{"contractor"},
	}
}

func open(t testing.TB, text string) *policy.Authorizer {
	t.Helper()
	a, err := policy.Open(t.Context(), config(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// ask is a question that base allows ann, with changes.
func ask(login string, change ...func(*moderation.Question)) moderation.Question {
	q := moderation.Question{
		Step:     moderation.StepRequest,
		Actor:    moderation.Actor{Login: login},
		Kind:     "account.suspend",
		Target:   moderation.Target{ID: "7", Tier: "normal", Domain: "en"},
		Duration: time.Hour,
		Count:    1,
		Time:     noon,
	}
	for _, f := range change {
		f(&q)
	}
	return q
}

func step(s moderation.Step) func(*moderation.Question) {
	return func(q *moderation.Question) { q.Step = s }
}

func kind(k string) func(*moderation.Question) {
	return func(q *moderation.Question) { q.Kind = k }
}

func tier(t string) func(*moderation.Question) {
	return func(q *moderation.Question) { q.Target.Tier = t }
}

func domain(d string) func(*moderation.Question) {
	return func(q *moderation.Question) { q.Target.Domain = d }
}

func labels(l ...string) func(*moderation.Question) {
	return func(q *moderation.Question) { q.Actor.Labels = l }
}

func when(t time.Time) func(*moderation.Question) {
	return func(q *moderation.Question) { q.Time = t }
}

func everything(q *moderation.Question) {
	q.Kind, q.Target.Tier, q.Target.Domain = moderation.Any, moderation.Any, moderation.Any
}

func decide(t testing.TB, a *policy.Authorizer, q moderation.Question) moderation.Decision {
	t.Helper()
	d, err := a.Decide(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if d.Policy != a.Digest() || d.Policy == "" {
		t.Errorf("the decision names policy %q, want %q", d.Policy, a.Digest())
	}
	return d
}

func allowed(t testing.TB, a *policy.Authorizer, q moderation.Question) bool {
	t.Helper()
	return decide(t, a, q).Allowed
}

// sources are the rows that rules name.
func sources(rules []moderation.Rule) []string {
	var list []string
	for _, r := range rules {
		list = append(list, r.Source)
	}
	return list
}

// rowErrors are all row errors in err.
func rowErrors(t testing.TB, err error) []*policy.RowError {
	t.Helper()
	var all *multierror.Error
	if !errors.As(err, &all) {
		t.Fatalf("%v has no list of errors", err)
	}
	var rows []*policy.RowError
	for _, e := range all.Errors {
		row, ok := e.(*policy.RowError)
		if !ok {
			t.Fatalf("%v is a %T, want a *policy.RowError", e, e)
		}
		rows = append(rows, row)
	}
	return rows
}

// lastLine is the name of the row that follows text.
func lastLine(text string) string {
	return fmt.Sprintf("policy.csv:%d", strings.Count(text, "\n")+1)
}
