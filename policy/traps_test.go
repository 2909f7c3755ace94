package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
)

// Ways in which Casbin enforcers allow what they should not. The others stand
// where the feature is tested: empty policies, effects, short rows and circles
// of roles with Open, rows lost with the adapter, reloads with Reload.

// An empty request is allowed by a Casbin matcher over an empty policy.
func TestEmptyRequestIsDenied(t *testing.T) {
	t.Parallel()
	a := open(t, base)
	q := moderation.Question{Count: 1, Time: noon, Target: moderation.Target{}}
	for _, s := range append(moderation.Steps(), "") {
		q.Step = s
		if allowed(t, a, q) {
			t.Errorf("step %q is allowed to nobody", s)
		}
	}
}

// Casbin follows ten roles and drops denials behind them.
func TestDenyBehindManyRolesDenies(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(base + "p, deep, request, *, *, *, deny\ng, ann, r0, *, -, -\ng, r40, deep, *, -, -\n")
	for i := range 40 {
		fmt.Fprintf(&text, "g, r%d, r%d, *, -, -\n", i, i+1)
	}
	if d := decide(t, open(t, text.String()), ask("ann")); d.Allowed || d.Code != moderation.CodeDenied {
		t.Errorf("decision is %+v", d)
	}
}

// To Casbin a user named like a role has it.
func TestLoginNamedLikeRoleHoldsNothing(t *testing.T) {
	t.Parallel()
	a := open(t, base)
	for _, login := range []string{"mod", "lead", "director"} {
		for _, s := range moderation.Steps() {
			if d := decide(t, a, ask(login, step(s))); d.Allowed || d.Roles != nil {
				t.Errorf("%s by %s: %+v", s, login, d)
			}
		}
	}
}

// Casbin's caches and policy maps join names.
func TestNamesThatAreJoinedAlikeStayApart(t *testing.T) {
	t.Parallel()
	a := open(t, request+`p, b$$c, request, *, *, *, allow
p, c, request, *, normal, *, allow
g, a, b$$c, *, -, -
g, a$$b, c, *, -, -
`)
	for login, want := range map[string][]string{"a": {"b$$c"}, "a$$b": {"c"}, "a$$b$$c": nil, "b": nil, "": nil, "a ": nil, "A": nil} {
		d := decide(t, a, ask(login))
		if diff := cmp.Diff(want, d.Roles); diff != "" || d.Allowed != (want != nil) {
			t.Errorf("%q: roles (-want +got):\n%s%+v", login, diff, d)
		}
	}
}

// Casbin hands out its live slices: who writes to them edits the policy.
func TestWritingToAnAnswerChangesNoPolicy(t *testing.T) {
	t.Parallel()
	a := open(t, base+"p, mod, request, account.limit, *, *, deny\np3, all, *, *, *, requests, 5, 1h, lead\n")
	questions := []moderation.Question{
		ask("lea", tier("protected")), ask("ann"), ask("ann", kind("account.limit")), ask("dan", step(moderation.StepApprove)), ask("eve"),
	}
	for _, q := range questions {
		want := decide(t, a, q)
		spoiled := decide(t, a, q)
		for _, rules := range [][]moderation.Rule{spoiled.Rules, spoiled.Requirement.Rules} {
			for i := range rules {
				rules[i] = moderation.Rule{Source: "spoiled"}
			}
			_ = append(rules, moderation.Rule{Source: "spoiled"})
		}
		for i := range spoiled.Roles {
			spoiled.Roles[i] = "director"
		}
		_ = append(spoiled.Roles, "director")
		for i, slot := range spoiled.Requirement.Quorum.Slots {
			_ = append(slot, "mod")
			slot[0] = "mod"
			spoiled.Requirement.Quorum.Slots[i] = nil
		}
		if diff := cmp.Diff(want, decide(t, a, q)); diff != "" {
			t.Errorf("decision (-want +got):\n%s", diff)
		}
	}
}

// Appending to one part of an answer does not write into another.
func TestPartsOfAnAnswerShareNothing(t *testing.T) {
	t.Parallel()
	d := decide(t, open(t, base), ask("lea", tier("protected")))
	_ = append(d.Roles, "x", "x", "x")
	_ = append(d.Requirement.Quorum.Slots[0], "x")
	_ = append(d.Rules, moderation.Rule{Source: "x"})
	want := []moderation.Slot{{"lead", "director"}, {"director"}}
	if diff := cmp.Diff(want, d.Requirement.Quorum.Slots); diff != "" || d.Requirement.Rules[0].Source != "policy.csv:7" {
		t.Errorf("slots (-want +got):\n%s%+v", diff, d.Requirement.Rules)
	}
}

// Casbin's bounds of roles are gone after a load, on a second hop in a domain,
// and where nobody registered a condition.
func TestBoundsOutliveReloads(t *testing.T) {
	t.Parallel()
	a, s := openSource(t, request+"p, mod, request, *, *, *, allow\ng, ann, junior, en, -, -\ng, junior, mod, en, -, 2017-11-02T12:00:00Z\n", 0)
	for range 2 {
		if !allowed(t, a, ask("ann", when(noon.Add(-1)))) || allowed(t, a, ask("ann", when(noon))) {
			t.Error("the bound on the second hop does not hold")
		}
		s.setText(request + "# edited\np, mod, request, *, *, *, allow\ng, ann, junior, en, -, -\ng, junior, mod, en, -, 2017-11-02T12:00:00Z\n")
		if err := a.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Casbin's bounds go by the wall clock; ours by the question's moment, in
// whatever zone it is told.
func TestBoundsGoByTheQuestion(t *testing.T) {
	t.Parallel()
	a := open(t, request+"p, mod, request, *, *, *, allow\ng, ann, mod, *, 2017-11-02, 2017-11-03\n")
	last := time.Date(2017, 11, 2, 18, 59, 59, 0, time.FixedZone("PDT", -5*3600))
	if !allowed(t, a, ask("ann", when(last))) || allowed(t, a, ask("ann", when(last.Add(time.Second)))) || allowed(t, a, ask("ann", when(time.Now()))) {
		t.Error("the bounds go by another clock than the question's")
	}
}

// Casbin's keyMatch and regexMatch read names as patterns.
func TestNamesAreNoPatterns(t *testing.T) {
	t.Parallel()
	a := open(t, request+"p, mod, request, account.*, *, *, allow\np, r.d, request, post.remove, *, *, allow\ng, a.n, mod, *, -, -\ng, a.n, r.d, e., -, -\n")
	for _, q := range []moderation.Question{ask("ann"), ask("a.n", kind("post.remove")), ask("a.n", kind("accountXsuspend")), ask(".*"), ask("a*")} {
		if allowed(t, a, q) {
			t.Errorf("%s of %s is allowed", q.Actor.Login, q.Kind)
		}
	}
	if !allowed(t, a, ask("a.n")) || !allowed(t, a, ask("a.n", kind("post.remove"), domain("e."))) {
		t.Error("what is named letter by letter is denied")
	}
}
