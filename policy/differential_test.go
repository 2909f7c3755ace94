package policy_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// perPolicy is how many questions are asked about each generated policy.
const perPolicy = 1000

// howMany is how many questions are asked in all. POLICY_QUESTIONS asks for
// more, as make differential does.
func howMany(t *testing.T) int {
	t.Helper()
	text := os.Getenv("POLICY_QUESTIONS")
	if text == "" {
		return 50_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < perPolicy {
		t.Fatalf("POLICY_QUESTIONS is %q; it must be a number, of at least %d", text, perPolicy)
	}
	return n
}

// Our judgement is Casbin's, over generated policies and questions, and the
// rows that a decision names are those that match. What a step needs is held
// against a loop over the rows. It is the same whether sets of roles were worked
// out beforehand or not.
func TestDecisionsAreCasbins(t *testing.T) {
	t.Parallel()
	start, policies := seed(t), howMany(t)/perPolicy
	var asked, yes, refused atomic.Int64
	t.Cleanup(func() {
		n := asked.Load()
		t.Logf("%d questions about %d policies: %d allowed, %d malformed", n, policies, yes.Load(), refused.Load())
		if t.Failed() {
			return
		}
		if want := int64(policies * perPolicy); n != want {
			t.Errorf("%d questions were asked, want %d", n, want)
		}
		if yes.Load() < n/50 || yes.Load() > n/2 || refused.Load() < n/100 || refused.Load() > n/4 {
			t.Error("that is too one-sided to show much")
		}
	})
	for i := range uint64(policies) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := newWorld(start + i)
			c := newContest(t, w)
			for range perPolicy {
				q := w.question()
				d := c.compare(t, q)
				if t.Failed() {
					t.Fatalf("question %+v\npolicy\n%s", q, w.text())
				}
				asked.Add(1)
				switch {
				case d.Allowed:
					yes.Add(1)
				case naiveRefusal(w, q) != "":
					refused.Add(1)
				}
			}
		})
	}
}

// contest is a policy, asked in all the ways there are.
type contest struct {
	judges
	prepared *policy.Authorizer
	walked   *policy.Policy
}

func newContest(t testing.TB, w *world) *contest {
	t.Helper()
	c := config("")
	c.Kinds, c.Tiers = w.kinds, w.tiers
	c.Source = &source{load: func(context.Context) ([]policy.Row, error) { return w.rows, nil }}
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("%v\n%s", err, w.text())
	}
	return &contest{judges{w, make(map[judgeAt]*casbin.Enforcer)}, a, policy.Walked(a.Policy())}
}

func (c *contest) compare(t testing.TB, q moderation.Question) moderation.Decision {
	t.Helper()
	d := decide(t, c.prepared, q)
	if other := c.walked.Decide(q); !reflect.DeepEqual(d, other) {
		t.Errorf("with sets worked out and without (-with +without):\n%s", cmp.Diff(d, other))
	}
	v, err := c.prepared.Check(t.Context(), &q)
	parts := moderation.Decision{Allowed: v.Allowed(), Code: v.Code(), Missing: v.Missing(), Rules: v.Rules(), Roles: v.Roles(), Requirement: v.Requirement(), Policy: c.prepared.Digest()}
	if diff := compareParts(d, parts); err != nil || diff != "" {
		t.Errorf("%v; the decision and the verdict's parts (-decision +parts):\n%s", err, diff)
	}
	c.judge(t, q, d)
	return d
}

// compareParts takes no and none of something for the same.
func compareParts(d, parts moderation.Decision) string {
	if reflect.DeepEqual(d, parts) { // cmp is too slow for so many
		return ""
	}
	return cmp.Diff(d, parts, cmpopts.EquateEmpty())
}

func (j *judges) judge(t testing.TB, q moderation.Question, d moderation.Decision) {
	t.Helper()
	if code := naiveRefusal(j.world, q); code != "" {
		if d.Allowed || d.Code != code || d.Missing == "" || d.Roles != nil || d.Rules != nil {
			t.Errorf("answered %+v, want %s", d, code)
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
func (j *judges) compareCasbin(t testing.TB, q moderation.Question, want bool, rules []string) {
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

// A circle of roles is found wherever it is, however long.
func TestCirclesOfRolesAreRefused(t *testing.T) {
	t.Parallel()
	start := seed(t)
	for i := range uint64(20) {
		w := newWorld(start + i)
		from, until := "2001-01-01", w.pick("-", "2002-01-01") // as no other row has it
		length := 1 + w.IntN(len(w.roles))
		for k := range length {
			w.add("g", w.roles[(k+1)%length], w.roles[k], w.domain(), from, until)
		}
		w.Shuffle(len(w.rows), func(i, j int) { w.rows[i], w.rows[j] = w.rows[j], w.rows[i] })
		c := config("")
		c.Kinds, c.Tiers = w.kinds, w.tiers
		c.Source = &source{load: func(context.Context) ([]policy.Row, error) { return w.rows, nil }}
		if _, err := policy.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "circle") {
			t.Fatalf("Open = %v\n%s", err, w.text())
		}
	}
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
