package policy_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Our judgement is Casbin's, over generated policies and questions, and the
// rows that a decision names are those that match. What a step needs is held
// against a loop over the rows.
func TestDecisionsAreCasbins(t *testing.T) {
	t.Parallel()
	const policies, questions = 25, 840
	start := seed(t)
	var yes atomic.Int64
	t.Cleanup(func() {
		n := yes.Load()
		t.Logf("%d of %d questions were allowed", n, policies*questions)
		if !t.Failed() && (n < policies*questions/50 || n > policies*questions/2) {
			t.Errorf("of %d questions %d were allowed: too one-sided to show much", policies*questions, n)
		}
	})
	for i := range uint64(policies) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := newWorld(start + i)
			c := config("")
			c.Kinds, c.Tiers = w.kinds, w.tiers
			c.Source = &source{load: func(context.Context) ([]policy.Row, error) { return w.rows, nil }}
			a, err := policy.Open(t.Context(), c)
			if err != nil {
				t.Fatalf("%v\n%s", err, w.text())
			}
			j := &judges{w, make(map[judgeAt]*casbin.Enforcer)}
			var allowed int
			for range questions {
				q := w.question()
				d := decide(t, a, q)
				if j.compare(t, q, d); t.Failed() {
					t.Fatalf("question %+v\npolicy\n%s", q, w.text())
				}
				if d.Allowed {
					allowed++
				}
			}
			yes.Add(int64(allowed))
		})
	}
}

func (j *judges) compare(t *testing.T, q moderation.Question, d moderation.Decision) {
	t.Helper()
	if slices.Contains(append(j.world.roles, "boss"), q.Actor.Login) {
		if d.Allowed || d.Roles != nil || d.Rules != nil {
			t.Errorf("a login named like a role is answered %+v", d)
		}
		return
	}
	allow, deny, roles := naiveRules(t, j.world, q)
	need, rows, stated := naiveNeeds(t, j.world, q)
	j.compareCasbin(t, q, len(allow) > 0 && len(deny) == 0, append(slices.Clone(allow), deny...))

	want := moderation.Decision{Code: moderation.CodeNoRule, Roles: roles}
	wantRules := []string(nil)
	switch {
	case len(deny) > 0:
		want.Code, wantRules = moderation.CodeDenied, deny
	case len(allow) == 0:
	case q.Step.Required() && !stated:
		want.Code, wantRules = moderation.CodeNoRequirement, rows
	default:
		want, wantRules = moderation.Decision{Allowed: true, Roles: roles}, allow
		if q.Step.Required() {
			want.Requirement = need
		}
	}
	if got := sources(d.Rules); !slices.Equal(wantRules, got) {
		t.Errorf("rules are %q, want %q", got, wantRules)
	}
	if got := sources(d.Requirement.Rules); want.Allowed && q.Step.Required() && !slices.Equal(rows, got) {
		t.Errorf("rules of the requirement are %q, want %q", got, rows)
	}
	if len(want.Roles) == 0 {
		want.Roles = nil
	}
	if len(d.Roles) == 0 {
		d.Roles = nil
	}
	d.Policy, d.Missing, d.Rules, d.Requirement.Rules = "", "", nil, nil
	if !reflect.DeepEqual(want, d) { // cmp is too slow for so many
		t.Errorf("decision (-want +got):\n%s", cmp.Diff(want, d))
	}
}

// compareCasbin holds the naive reading against Casbin, so that neither can
// drift from it.
func (j *judges) compareCasbin(t *testing.T, q moderation.Question, want bool, rules []string) {
	t.Helper()
	if strings.HasPrefix(q.Actor.Login, "@") {
		return // to Casbin whoever is named like a label has it
	}
	got, explained := j.ask(t, q, false)
	if q.Target.Domain == moderation.Any {
		_, row := j.ask(t, q, true)
		if len(row) > 0 && row[5] == "deny" {
			got, explained = false, row
		}
	}
	if got != want {
		t.Errorf("Casbin says %v by %q, we say %v", got, explained, want)
	}
	if len(explained) > 0 && !slices.ContainsFunc(j.world.rows, func(r policy.Row) bool {
		return slices.Equal(r.Fields, explained) && slices.Contains(rules, r.Source)
	}) {
		t.Errorf("Casbin explains by %q, which is not among %q", explained, rules)
	}
}

func (w *world) text() string {
	var b strings.Builder
	for _, row := range w.rows {
		fmt.Fprintf(&b, "%s: %s\n", row.Source, row)
	}
	return b.String()
}

// The answer does not depend on the order of the rows.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	t.Parallel()
	start := seed(t)
	for i := range uint64(10) {
		w := newWorld(start + i)
		authorizer := func() *policy.Authorizer {
			c := config("")
			c.Kinds, c.Tiers = w.kinds, w.tiers
			c.Source = &source{load: func(context.Context) ([]policy.Row, error) { return w.rows, nil }}
			a, err := policy.Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		one := authorizer()
		w.Shuffle(len(w.rows), func(i, j int) { w.rows[i], w.rows[j] = w.rows[j], w.rows[i] })
		two := authorizer()
		if one.Digest() != two.Digest() {
			t.Fatal("the digests differ")
		}
		for range 100 {
			q := w.question()
			x, y := decide(t, one, q), decide(t, two, q)
			if x.Allowed != y.Allowed || x.Code != y.Code || x.Requirement.Hold != y.Requirement.Hold || x.Requirement.Deadline != y.Requirement.Deadline || len(x.Requirement.Quorum.Slots) != len(y.Requirement.Quorum.Slots) {
				t.Fatalf("question %+v\n%+v\n%+v", q, x, y)
			}
		}
	}
}
