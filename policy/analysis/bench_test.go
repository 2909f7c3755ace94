package analysis_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// large is a policy of a thousand p rows over twenty kinds, five tiers and four
// languages, for ten thousand people: in four hundred jobs, or each with other
// roles.
func large(b *testing.B, alike bool, more string) *policy.Policy {
	b.Helper()
	var kinds, tiers []string
	for i := range 20 {
		kinds = append(kinds, fmt.Sprintf("group%d.kind%d", i%5, i))
	}
	for i := range 5 {
		tiers = append(tiers, fmt.Sprint("tier", i))
	}
	var rows strings.Builder
	domains := []string{"*", "en", "de", "fr", "ja"}
	steps := []string{"request", "request", "approve", "undo", "read"}
	for i := range 1000 {
		fmt.Fprintf(&rows, "p, role%d, %s, %s, %s, %s, allow\n", i%200, steps[i/200], kinds[(i*7)%20], tiers[(i/3)%5], domains[i%5])
	}
	rows.WriteString("p, lead, approve, *, *, *, allow\np, @leaving, request, *, tier4, *, deny\np2, request, *, *, *, *, none, -, -\n")
	for i := 1; i < 5; i++ {
		fmt.Fprintf(&rows, "p2, request, *, tier%d, *, *, lead%s, 10m, 24h\n", i, strings.Repeat(" lead", i/2))
	}
	rows.WriteString("p2, request, *, *, *, reach>1000000, lead, -, 24h\n")
	for i := range 20 {
		fmt.Fprintf(&rows, "p3, person, %s, *, *, requests, %d, 1h, refuse\n", kinds[i], 10+i)
	}
	rows.WriteString("p3, all, *, *, *, reach, 5000000, 1h, lead\n" + more)
	for i := range 400 { // jobs
		for k := range 3 {
			fmt.Fprintf(&rows, "g, job%d, role%d, *, -, -\n", i, (i*3+k*67+i/200)%200)
		}
	}
	for i := range 10_000 {
		if alike {
			fmt.Fprintf(&rows, "g, login%d, job%d, *, -, -\n", i, i%400)
			continue
		}
		fmt.Fprintf(&rows, "g, login%d, role%d, *, -, -\ng, login%d, role%d, *, -, -\n", i, i%200, i, (i%200+1+i/200)%200)
	}
	for i := range 20 {
		fmt.Fprintf(&rows, "g, login%d, lead, *, -, -\n", i*31)
	}
	p, err := policy.Load(context.Background(), policy.Config{Source: policy.CSV("large.csv", rows.String()), Kinds: kinds, Tiers: tiers})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkAnalysis analyses ten thousand users, a thousand rules, twenty kinds
// and five tiers, from New on: users in 400 classes, and each a class of his
// own. Loading the policy stands beside them.
func BenchmarkAnalysis(b *testing.B) {
	for _, alike := range []bool{true, false} {
		name := "classes=10000"
		if alike {
			name = "classes=400"
		}
		b.Run(name, func(b *testing.B) { benchmarkAnalysis(b, alike) })
	}
}

func benchmarkAnalysis(b *testing.B, alike bool) {
	p := large(b, alike, "")
	changed := large(b, alike, "p, role7, request, *, tier2, *, allow\np2, request, *, tier1, *, permanent, lead, -, 24h\np3, all, *, *, *, actions, 1000, 1d, refuse\n")
	d := analysis.EachLogin(p)
	parts := []struct {
		name string
		run  func(a *analysis.Analysis) (any, error)
	}{
		{"exposure", func(a *analysis.Analysis) (any, error) { return a.Exposure(context.Background()) }},
		{"collusion", func(a *analysis.Analysis) (any, error) { return a.Collusion(context.Background()) }},
		{"lint", func(a *analysis.Analysis) (any, error) { return a.Lint(context.Background()) }},
		{"diff", func(*analysis.Analysis) (any, error) { return analysis.Diff(context.Background(), p, changed, d, noon) }},
	}
	b.Run("part=load", func(b *testing.B) {
		for b.Loop() {
			large(b, alike, "")
		}
	})
	for _, part := range parts {
		b.Run("part="+part.name, func(b *testing.B) {
			for b.Loop() {
				a, err := analysis.New(analysis.Config{Policy: p, Directory: d, At: noon})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := part.run(a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
