package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// What nobody asked for is denied, and every part of the answer says so.
func TestZeroVerdictDenies(t *testing.T) {
	t.Parallel()
	q := ask("ann")
	for name, v := range map[string]policy.Verdict{
		"the zero Verdict":      {},
		"of a nil Policy":       (*policy.Policy)(nil).Check(&q),
		"of the zero Policy":    new(policy.Policy).Check(&q),
		"of a nil question":     open(t, base).Policy().Check(nil),
		"of the zero question":  open(t, base).Policy().Check(new(moderation.Question)),
		"of a nil Authorizer":   check(t, nil, &q, "not made with Open"),
		"of a done context":     checkDone(t, open(t, base), &q),
		"of an unopened policy": check(t, new(policy.Authorizer), &q, "not made with Open"),
	} {
		if v.Allowed() || v.Code() == "" || v.Missing() == "" || v.Decision().Allowed || len(v.Rules()) != 0 || len(v.Roles()) != 0 {
			t.Errorf("%s answers %+v", name, v.Decision())
		}
		if r := v.Requirement(); r.Quorum.None || len(r.Quorum.Slots) > 0 {
			t.Errorf("%s asks for %+v", name, r)
		}
	}
}

func check(t *testing.T, a *policy.Authorizer, q *moderation.Question, want string) policy.Verdict {
	t.Helper()
	v, err := a.Check(t.Context(), q)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Check = %v, want %s", err, want)
	}
	return v
}

func checkDone(t *testing.T, a *policy.Authorizer, q *moderation.Question) policy.Verdict {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v, err := a.Check(ctx, q)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Check = %v", err)
	}
	return v
}

// A verdict is of its own: neither what is done to what it says nor what becomes
// of the question or the policy changes it.
func TestVerdictStandsByItself(t *testing.T) {
	t.Parallel()
	s := &source{}
	s.setText(base)
	c := config("")
	c.Source = s
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	q := ask("lea", tier("protected"), labels("contractor"))
	v, err := a.Check(t.Context(), &q)
	if err != nil {
		t.Fatal(err)
	}
	want, other := v.Decision(), v
	for _, d := range []moderation.Decision{v.Decision(), {Rules: v.Rules(), Roles: v.Roles(), Requirement: v.Requirement()}} {
		clear(d.Rules)
		clear(d.Roles)
		for _, slot := range d.Requirement.Quorum.Slots {
			clear(slot)
		}
		clear(d.Requirement.Quorum.Slots)
		clear(d.Requirement.Rules)
	}
	q.Actor.Labels[0], q.Actor.Login, q.Kind, q.Time = "leaving", "dan", "post.remove", time.Time{}
	s.setText(strings.ReplaceAll(base, "lead", "head"))
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]policy.Verdict{"verdict": v, "copy": other} {
		if diff := cmp.Diff(want, v.Decision()); diff != "" || !want.Allowed {
			t.Errorf("the %s changes:\n%s", name, diff)
		}
	}
}

// An answer of more rows than a Verdict has room for names all of them, in the
// order of the policy, and once each.
func TestManyRowsAreAllNamed(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("p2, request, *, *, *, *, none, -, -\n")
	var allows, denies, needs []string
	line := 1
	add := func(list *[]string, format string, args ...any) {
		line++
		fmt.Fprintf(&text, format+"\n", args...)
		*list = append(*list, fmt.Sprintf("policy.csv:%d", line))
	}
	for i := range 50 {
		add(&allows, "p, r%d, request, account.*, normal, *, allow", (i*7)%50)
		add(&denies, "p, r%d, *, *, *, de, deny", (i*11)%50)
		add(&needs, "p2, request, account.suspend, normal, *, duration>%ds, none, -, -", i+1)
	}
	needs = append([]string{"policy.csv:1"}, needs...)
	add(&denies, "p, @contractor, *, *, *, de, deny")
	for i := range 50 {
		fmt.Fprintf(&text, "g, ann, r%d, *, -, -\n", i)
	}
	p := open(t, text.String()).Policy()
	d := p.Decide(ask("ann"))
	if diff := cmp.Diff([][]string{allows, needs}, [][]string{sources(d.Rules), sources(d.Requirement.Rules)}); diff != "" || !d.Allowed {
		t.Errorf("%+v\n%s", d.Code, diff)
	}
	for name, question := range map[string]moderation.Question{
		"in one domain":       ask("ann", domain("de"), labels("contractor", "contractor")),
		"about every kind":    ask("ann", domain("de"), labels("contractor", "contractor"), kind(moderation.Any)),
		"about a whole place": ask("ann", labels("contractor", "contractor"), everything),
	} {
		d := p.Decide(question)
		if diff := cmp.Diff(denies, sources(d.Rules)); diff != "" || d.Code != moderation.CodeDenied {
			t.Errorf("%s: %+v\n%s", name, d.Code, diff)
		}
		if want := "an actor without role r0 or role r11 or role r22 or role r33 or role r44 or role r5 or role r16 or role r27 or others"; d.Missing != want {
			t.Errorf("%s: missing is %q, want %q", name, d.Missing, want)
		}
	}
	if got, want := p.Decide(ask("eve")).Missing, "role r0 or r7 or r14 or r21 or r28 or r35 or r42 or r49 or others"; got != want {
		t.Errorf("missing is %q, want %q", got, want)
	}
}

// A label that is given twice is one label.
func TestRowIsNamedOnceForALabelGivenTwice(t *testing.T) {
	t.Parallel()
	a := open(t, base+"p, @contractor, request, *, *, *, deny\n")
	d := decide(t, a, ask("ann", labels("contractor", "leaving", "contractor")))
	if diff := cmp.Diff([]string{lastLine(base)}, sources(d.Rules)); diff != "" || d.Code != moderation.CodeDenied {
		t.Errorf("%s\n%s", d.Code, diff)
	}
}

// What asks for thousands of answers pays for no garbage.
func TestCheckDoesNotAllocate(t *testing.T) {
	p := open(t, base+`p, @leaving, *, account.*, *, en, deny
p, mod, undo, account.*, normal, en, deny
p2, request, account.*, normal, en, permanent & @contractor, lead, -, 24h
g, lea, lead, en, 2017-01-01, 2018-01-01
`).Policy()
	for name, q := range map[string]moderation.Question{
		"allowed":            ask("ann"),
		"with a requirement": ask("lea", tier("protected"), labels("contractor")),
		"denied by a label":  ask("ann", labels("leaving")),
		"denied by a role":   ask("ann", step(moderation.StepUndo)),
		"a stranger":         ask("eve"),
		"an unknown kind":    ask("ann", kind("no.such")),
	} {
		if n := testing.AllocsPerRun(100, func() { p.Check(&q) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A policy too odd for its sets of roles to be worked out is answered all the
// same.
func TestRolesThatChangeTooOftenAreStillFound(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(request + "p, r299, request, *, *, *, allow\n")
	from := time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 299 { // each in two domains and for another time
		for _, d := range []string{"en", fmt.Sprint("d", i)} {
			fmt.Fprintf(&text, "g, r%d, r%d, %s, %s, -\n", i, i+1, d, from.Add(time.Duration(i)*time.Hour).Format(time.RFC3339))
		}
	}
	for i := range 299 {
		fmt.Fprintf(&text, "g, u%d, r%d, *, -, %s\n", i, i, from.AddDate(1, 0, i).Format(time.DateOnly))
	}
	p := open(t, text.String()).Policy()
	if n := policy.NotPrepared(p); n == 0 || n > 299 {
		t.Fatalf("%d classes are not prepared", n)
	}
	last := from.Add(298 * time.Hour)
	for i := range 299 {
		login := fmt.Sprint("u", i)
		for _, tc := range []struct {
			domain string
			time   time.Time
			roles  int
		}{{"en", last, 300 - i}, {"en", last.Add(-1), 299 - i}, {"en", from.AddDate(1, 0, i), 0}, {"fr", last, 1}, {fmt.Sprint("d", i), last, 2}} {
			d := p.Decide(ask(login, domain(tc.domain), when(tc.time)))
			if len(d.Roles) != tc.roles || d.Allowed != slices.Contains(d.Roles, "r299") {
				t.Fatalf("%s in %s at %v has %d roles, want %d (%v)", login, tc.domain, tc.time, len(d.Roles), tc.roles, d.Code)
			}
		}
	}
}
