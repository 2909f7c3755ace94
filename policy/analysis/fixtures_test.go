package analysis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

var noon = time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)

// base is a small policy: a moderator acts on normal accounts alone, a
// protected one needs a lead and a director.
const base = `p, mod, request, account.*, normal, *, allow
p, mod, undo, *, *, *, allow
p, lead, request, *, protected, *, allow
p, lead, approve, *, *, *, allow
p, director, approve, *, *, *, allow
p2, request, *, *, *, *, none, -, -
p2, request, *, protected, *, *, lead director, 10m, 24h
p3, person, *, *, *, requests, 10, 1h, refuse
g, ann, mod, *, -, -
g, lea, lead, *, -, -
g, lou, lead, *, -, -
g, dan, director, *, -, -
`

var allKinds = []string{"account.suspend", "account.limit", "post.remove"}

func config(text string) policy.Config {
	return policy.Config{Source: policy.CSV("policy.csv", text), Kinds: allKinds, Tiers: []string{"normal", "protected"}, Labels: []string{"contractor"}}
}

func load(t testing.TB, text string, change ...func(*policy.Config)) *policy.Policy {
	t.Helper()
	c := config(text)
	for _, f := range change {
		f(&c)
	}
	p, err := policy.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func analyse(t testing.TB, p *policy.Policy, d analysis.Directory, change ...func(*analysis.Config)) *analysis.Analysis {
	t.Helper()
	c := analysis.Config{Policy: p, Directory: d, At: noon}
	for _, f := range change {
		f(&c)
	}
	a, err := analysis.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func exposure(t testing.TB, a *analysis.Analysis) analysis.Exposure {
	t.Helper()
	e, err := a.Exposure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func collusion(t testing.TB, a *analysis.Analysis) analysis.Collusion {
	t.Helper()
	c, err := a.Collusion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func difference(t testing.TB, before, after *policy.Policy, d analysis.Directory) analysis.Difference {
	t.Helper()
	diff, err := analysis.Diff(t.Context(), before, after, d, noon)
	if err != nil {
		t.Fatal(err)
	}
	return diff
}

// deeds are what a person can do alone, a line each: step, kinds, tier, domains.
func deeds(e analysis.Exposure, person string) []analysis.Deed {
	for _, g := range e.Groups {
		for _, p := range g.People {
			if p == person {
				return g.Deeds
			}
		}
	}
	return nil
}

// brief is a deed in a few words.
func brief(d analysis.Deed) string {
	return fmt.Sprintf("%s %s %s %s", d.Step, strings.Join(d.Kinds, "+"), d.Tier, strings.Join(d.Domains, "+"))
}

func briefs(list []analysis.Deed) []string {
	var texts []string
	for _, d := range list {
		texts = append(texts, brief(d))
	}
	return texts
}

func lastDay(at time.Time) moderation.LastDay { return moderation.LastDayAt(at) }

func person(id string, logins ...string) analysis.Person {
	p := analysis.Person{ID: id, LastDay: moderation.NoLastDay()}
	for _, login := range logins {
		p.Logins = append(p.Logins, analysis.Login{Name: login})
	}
	return p
}
