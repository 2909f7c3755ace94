package analysis_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy/analysis"
)

func lint(t *testing.T, a *analysis.Analysis) analysis.Findings {
	t.Helper()
	found, err := a.Lint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sound is a policy in which there is nothing to find, for three kinds, two
// tiers and enough people.
const sound = `p, mod, request, *, normal, *, allow
p, mod, undo, *, *, *, allow
p, lead, request, *, protected, *, allow
p, lead, approve, *, *, *, allow
p2, request, *, normal, *, *, none, -, -
p2, request, *, protected, *, *, lead, 10m, 24h
g, ann, mod, *, -, -
g, lea, lead, *, -, -
g, lou, lead, *, -, -
g, liz, lead, *, -, -
`

func TestASoundPolicyHasNoFindings(t *testing.T) {
	t.Parallel()
	p := load(t, sound)
	if found := lint(t, analyse(t, p, analysis.EachLogin(p))); len(found) > 0 {
		t.Errorf("found in a sound policy:\n%s", found)
	}
}

// Each change makes the sound policy worse in one way.
func TestEachFlawIsFound(t *testing.T) {
	t.Parallel()
	ends := noon.AddDate(0, 1, 0)
	for name, tc := range map[string]struct {
		rows   string // behind the sound ones
		old    string // replaced by what is new
		new    string
		change func(*analysis.Directory)
		code   analysis.Code
		where  []string
		text   string
	}{
		"a role that nobody has":              {rows: "p, boss, read, *, *, *, allow\n", code: analysis.CodeRoleWithoutHolder, where: []string{"policy.csv:11"}, text: "Nobody has the role boss"},
		"a role that nobody will have again":  {rows: "p, boss, read, *, *, *, allow\ng, ann, boss, *, -, 2017-11-01\n", code: analysis.CodeRoleWithoutHolder, where: []string{"policy.csv:11", "policy.csv:12"}, text: "boss"},
		"a role of somebody who is gone":      {change: func(d *analysis.Directory) { d.People[0].LastDay = lastDay(noon) }, code: analysis.CodeRoleWithoutHolder, where: []string{"policy.csv:1", "policy.csv:2", "policy.csv:7"}, text: "mod"},
		"a row within another":                {rows: "p, mod, request, account.suspend, normal, en, allow\n", code: analysis.CodeShadowed, where: []string{"policy.csv:11", "policy.csv:1"}},
		"a row within one of an implied role": {rows: "p, lead, undo, account.*, *, *, allow\ng, lead, mod, *, -, -\n", code: analysis.CodeShadowed, where: []string{"policy.csv:11", "policy.csv:2"}},
		"a deny row within another":           {rows: "p, @contractor, *, *, *, *, deny\np, @contractor, undo, *, *, *, deny\n", code: analysis.CodeShadowed, where: []string{"policy.csv:12", "policy.csv:11"}},
		"a row that is wholly denied":         {rows: "p, mod, read, account.*, *, *, allow\np, mod, read, *, *, *, deny\n", code: analysis.CodeContradicted, where: []string{"policy.csv:11", "policy.csv:12"}},
		"a domain in which nobody has a role": {rows: "p, local, read, *, *, de, allow\ng, ann, local, en, -, -\n", code: analysis.CodeNeverMatches, where: []string{"policy.csv:11"}, text: "local"},
		"a requirement of nothing":            {rows: "p2, request, *, *, *, permanent, none, -, -\n", code: analysis.CodeWithoutEffect, where: []string{"policy.csv:11"}},
		"a wildcard for requests":             {rows: "p, lead, request, account.limit, *, *, allow\n", code: analysis.CodeWildcardReachesProtected, where: []string{"policy.csv:11"}},
		"a login of nobody":                   {change: func(d *analysis.Directory) { d.People[1].Logins = nil }, code: analysis.CodeUnknownLogin, where: []string{"policy.csv:8"}},
		"a grant beyond the last day":         {change: func(d *analysis.Directory) { d.People[1].LastDay = lastDay(ends) }, code: analysis.CodeGrantWithoutEnd, where: []string{"policy.csv:8"}},
		"a quorum of too few people": {change: func(d *analysis.Directory) {
			d.People = []analysis.Person{d.People[0], person("lea", "lea", "lou", "liz")}
		}, code: analysis.CodeQuorumUnfillable, where: []string{"policy.csv:6"}},
		"a quorum that a condition makes too large": {rows: "p2, request, *, protected, *, reach>1000000, lead lead, -, 1h\n", code: analysis.CodeQuorumUnfillable, where: []string{"policy.csv:6", "policy.csv:11"}, text: "where all conditions hold"},
		"a quorum that only some can fill": {old: "protected, *, *, lead,", new: "protected, *, *, lead lead,", change: func(d *analysis.Directory) {
			d.People[1].Logins = append(d.People[1].Logins, d.People[2].Logins...)
			d.People[2].Logins = nil
		}, code: analysis.CodeQuorumUnfillable},
		"a quorum of a fixed group":       {rows: "p, mod, request, *, protected, *, allow\n", old: "protected, *, *, lead,", new: "protected, *, *, lead lead lead,", code: analysis.CodeQuorumFixedGroup, text: "lea, liz, lou"},
		"a tier that is immune":           {old: "p, lead, request, *, protected, *, allow", new: "#", code: analysis.CodeTierUntouchable, text: "tier protected"},
		"a kind that nobody can do":       {old: "p, mod, request, *, normal, *, allow", new: "p, mod, request, account.*, normal, *, allow", code: analysis.CodeKindUntouchable, text: "post.remove (tier normal"},
		"what nobody can undo":            {old: "p, mod, undo, *, *, *, allow", new: "p, mod, undo, *, normal, *, allow", code: analysis.CodeNobodyCanUndo, text: "tier protected"},
		"an undo that nobody can approve": {rows: "p2, undo, *, protected, *, *, mod lead, -, 1h\np, mod, approve, *, *, *, allow\n", code: analysis.CodeNobodyCanUndo, text: "tier protected"},
		"approvals that add up":           {rows: "p2, request, *, protected, *, permanent, lead, -, 1h\n", code: analysis.CodeQuorumAddsUp, where: []string{"policy.csv:6", "policy.csv:11"}, text: "up to 2 approvals (lead, lead), of which 1 always"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := sound
			if tc.old != "" {
				rows = strings.Replace(rows, tc.old, tc.new, 1)
				if rows == sound {
					t.Fatalf("the sound policy has no %q", tc.old)
				}
			}
			p := load(t, rows+tc.rows)
			d := analysis.EachLogin(p)
			if tc.change != nil {
				tc.change(&d)
			}
			found := lint(t, analyse(t, p, d))
			i := slices.IndexFunc(found, func(f analysis.Finding) bool {
				return f.Code == tc.code && (tc.where == nil || slices.Equal(f.Rows, tc.where)) && strings.Contains(f.Text, tc.text)
			})
			if i < 0 {
				t.Fatalf("no %s at %v with %q among:\n%s", tc.code, tc.where, tc.text, found)
			}
			if found[i].Fix == "" || !strings.HasSuffix(found[i].Text, ".") {
				t.Errorf("no whole sentence, or nothing said to mend it: %+v", found[i])
			}
		})
	}
}

// Where domains have names, nobody need act in those that have none.
func TestDomainsWithoutANameNeedNobody(t *testing.T) {
	t.Parallel()
	p := load(t, strings.NewReplacer("mod, *, -, -", "mod, en, -, -", "lead, *, -, -", "lead, en, -, -").Replace(sound))
	if found := lint(t, analyse(t, p, analysis.EachLogin(p))); len(found) > 0 {
		t.Errorf("found:\n%s", found)
	}
}

// Tiers that are protected are the caller's to name.
func TestWildcardsMayReachWhatIsNotProtected(t *testing.T) {
	t.Parallel()
	p := load(t, sound+"p, lead, request, account.limit, *, *, allow\n")
	found := lint(t, analyse(t, p, analysis.EachLogin(p), func(c *analysis.Config) { c.Protected = []string{} }))
	if len(found) > 0 {
		t.Errorf("with no tier protected:\n%s", found)
	}
}

// A kind that can't be undone need not be.
func TestWhatIsIrreversibleIsNotMissed(t *testing.T) {
	t.Parallel()
	p := load(t, strings.Replace(sound, "p2, request, *, normal, *, *, none, -, -", "p2, request, *, normal, *, *, lead, -, 1h", 1))
	d := analysis.EachLogin(p)
	d.Kinds = kindsWith(func(k *moderation.Kind) { k.Undo = nil })
	if found := lint(t, analyse(t, p, d)); len(found) > 0 {
		t.Errorf("found:\n%s", found)
	}
}

func TestCodesAreListedOnce(t *testing.T) {
	t.Parallel()
	codes := analysis.Codes()
	sorted := slices.Clone(codes)
	slices.Sort(sorted)
	if diff := cmp.Diff(len(codes), len(slices.Compact(sorted))); diff != "" {
		t.Errorf("codes (-listed +different):\n%s", diff)
	}
}
