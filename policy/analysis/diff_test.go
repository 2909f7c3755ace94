package analysis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/policy/analysis"
)

// changes are the changes of a difference, a line each.
func changes(d analysis.Difference) []string {
	var list []string
	for _, c := range d.Changes {
		line := fmt.Sprintf("%s %s", c.What, c.Step)
		if len(c.People) > 0 {
			line += " " + strings.Join(c.People, "+")
		}
		for _, w := range c.Where {
			place := strings.Join(w.Kinds, "+") + " " + strings.Join(w.Tiers, "+") + " " + strings.Join(w.Domains, "+")
			if w.AtOnce {
				place = "everything"
			}
			line += " [" + place + "]"
		}
		if c.When != "" {
			line += " " + c.When
		}
		if !c.From.IsZero() {
			line += " from " + c.From.Format("2006-01-02")
		}
		if !c.Until.IsZero() {
			line += " until " + c.Until.Format("2006-01-02")
		}
		if c.Old != c.New {
			line += ": " + c.Old + " -> " + c.New
		}
		list = append(list, line)
	}
	return list
}

func TestOnlyMeaningDiffers(t *testing.T) {
	t.Parallel()
	renamed := strings.NewReplacer("lead", "principal", "mod,", "support,").Replace(base)
	lines := strings.SplitAfter(base, "\n")
	slices.Reverse(lines)
	for name, text := range map[string]string{
		"the same":                          base,
		"renamed roles":                     renamed,
		"another order":                     strings.Join(lines, ""),
		"a comment":                         "# new\n" + base,
		"a row that another one says":       base + "p, mod, request, account.limit, normal, *, allow\n",
		"a wildcard instead of its kinds":   strings.Replace(base, "p, mod, undo, *, *, *, allow\n", "p, mod, undo, account.*, *, *, allow\np, mod, undo, post.remove, *, *, allow\n", 1),
		"a role in between":                 strings.Replace(base, "g, ann, mod, *, -, -", "g, ann, junior, *, -, -\ng, junior, mod, *, -, -", 1),
		"a requirement of nothing":          base + "p2, request, *, *, *, permanent, none, -, -\n",
		"requirements split in two":         strings.Replace(base, "lead director, 10m, 24h", "lead, 10m, 24h\np2, request, *, protected, *, *, director, -, 24h", 1),
		"a role that nobody has":            base + "p, ghost, request, *, *, *, allow\n",
		"a limit that is written otherwise": strings.Replace(base, "requests, 10, 1h", "requests, 10, 60m", 1),
		"a grant with an end long gone":     base + "g, ann, lead, *, -, 2016-01-01\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := load(t, base), load(t, text)
			for _, pair := range []analysis.Difference{difference(t, before, after, analysis.EachLogin(before)), difference(t, after, before, analysis.EachLogin(before))} {
				if !pair.Empty() {
					t.Errorf("a difference in meaning:\n%s", pair)
				}
			}
		})
	}
}

func TestWhatChangesInMeaning(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows, old, new string
		want           []string
	}{
		"somebody gains": {rows: "g, ann, lead, *, -, -\n", want: []string{
			"gains request ann [* protected *]", "gains approve ann [everything] [* * *]",
			"other_approvers request [* protected *]"}},
		"for a while": {rows: "g, ann, lead, *, 2017-12-01, 2017-12-24\n", want: []string{
			"gains request ann [* protected *] from 2017-12-01 until 2017-12-24", "gains approve ann [everything] [* * *] from 2017-12-01 until 2017-12-24"}},
		"somebody loses": {old: "g, ann, mod, *, -, -", new: "g, ann, mod, *, -, 2017-12-01", want: []string{
			"loses request ann [account.suspend+account.limit normal *] from 2017-12-01", "loses undo ann [* * *] from 2017-12-01"}},
		"a role for all who have it": {rows: "p, lead, freeze, *, *, *, allow\n", want: []string{"gains freeze lea+lou [everything] [* * *]"}},
		"a row about a label": {rows: "p, @leaving, request, *, *, *, deny\n", want: []string{
			"loses request lea+lou [* protected *] with @leaving", "loses request ann [account.suspend+account.limit normal *] with @leaving"}},
		"more approvals":           {old: "lead director, 10m", new: "lead lead director, 10m", want: []string{"more_approvals request [* protected *]: lead director -> lead lead director"}},
		"fewer approvals":          {old: "lead director, 10m", new: "director, 10m", want: []string{"fewer_approvals request [* protected *]: lead director -> director"}},
		"other approvers":          {old: "lead director, 10m", new: "lead lead|director, 10m", want: []string{"other_approvers request [* protected *]: lead director -> lead lead|director"}},
		"a shorter hold":           {old: "10m, 24h", new: "5m, 24h", want: []string{"shorter_hold request [* protected *]: 10m -> 5m"}},
		"no deadline any more":     {old: "lead director, 10m, 24h", new: "lead director, 10m, 48h", want: []string{"longer_deadline request [* protected *]: 24h -> 48h"}},
		"more in one case":         {rows: "p2, request, *, normal, *, reach>1000, lead, -, 1h\n", want: []string{"more_approvals request [account.suspend+account.limit normal *] reach over 1000: none -> lead", "shorter_deadline request [account.suspend+account.limit normal *] reach over 1000: none -> 1h"}},
		"a tighter limit":          {old: "requests, 10, 1h", new: "requests, 10, 2h", want: []string{"tighter_limit request [* * *]: 10 requests per person in 1h -> 10 requests per person in 2h"}},
		"a looser limit":           {old: "requests, 10, 1h", new: "requests, 11, 1h", want: []string{"looser_limit request [* * *]: 10 requests per person in 1h -> 11 requests per person in 1h"}},
		"a limit that is gone":     {old: "p3, person", new: "#", want: []string{"looser_limit request [* * *]: 10 requests per person in 1h -> none"}},
		"a limit that bursts more": {old: "requests, 10, 1h", new: "requests, 24, 1d", want: []string{"different_limit request [* * *]: 10 requests per person in 1h -> 24 requests per person in 24h"}},
		"a limit for each kind": {old: "p3, person, *, *, *, requests, 10, 1h, refuse", new: "p3, person, account.*, *, *, requests, 10, 1h, refuse\np3, person, post.*, *, *, requests, 10, 1h, refuse", want: []string{
			"regrouped_limit request [* * *]: counted apart or with others -> counted together"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := base
			if tc.old != "" {
				if text = strings.Replace(base, tc.old, tc.new, 1); text == base {
					t.Fatalf("base has no %q", tc.old)
				}
			}
			before, after := load(t, base), load(t, text+tc.rows)
			d := difference(t, before, after, analysis.EachLogin(before))
			if diff := cmp.Diff(tc.want, changes(d)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// Approvers are shown a difference of any size.
func TestADifferenceIsWrittenBoundedAndTheSameEachTime(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for i := range 60 {
		for _, step := range []string{"request", "read", "cancel", "resolve"} {
			fmt.Fprintf(&rows, "p, role%d, %s, %s, normal, domain%d, allow\n", i, step, allKinds[i%3], i)
		}
		fmt.Fprintf(&rows, "g, login%d, role%d, *, -, -\n", i, i)
	}
	before, after := load(t, base), load(t, base+rows.String())
	d := analysis.EachLogin(after)
	first := difference(t, before, after, d).String()
	if again := difference(t, before, after, d).String(); again != first {
		t.Error("the second time it is written otherwise")
	}
	if lines := strings.Count(first, "\n"); lines > 210 || !strings.Contains(first, "more changes, which are not shown") {
		t.Errorf("%d lines, and what is left out is not said", lines)
	}
	if len(first) > 100_000 {
		t.Errorf("%d bytes", len(first))
	}
}
