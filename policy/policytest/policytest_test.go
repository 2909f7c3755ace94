package policytest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
	"github.com/elevenminutes/interlock/policy/policytest"
)

// recorder is a testing.TB that keeps what a test fails with.
type recorder struct {
	testing.TB
	ctx      context.Context
	failures []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

var noon = time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)

const sound = `p, mod, request, *, normal, *, allow
p, mod, undo, *, *, *, allow
p, lead, request, *, protected, *, allow
p, lead, approve, *, *, *, allow
p2, request, *, normal, *, *, none, -, -
p2, request, *, protected, *, *, lead, 10m, 24h
p3, person, *, *, *, requests, 10, 1h, refuse
g, ann, mod, *, -, 2017-12-01
g, lea, lead, *, -, -
g, lou, lead, *, -, -
g, liz, lead, *, -, -
`

func load(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Load(context.Background(), policy.Config{Source: policy.CSV("policy.csv", text), Kinds: []string{"account.suspend", "post.remove"}, Tiers: []string{"normal", "protected"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// leaves gives a person a last day.
func leaves(d analysis.Directory, id string, end time.Time) analysis.Directory {
	for i := range d.People {
		if d.People[i].ID == id {
			d.People[i].LastDay = moderation.LastDayAt(end)
		}
	}
	return d
}

func TestAssertionsHoldOrTellAStory(t *testing.T) {
	t.Parallel()
	december := time.Date(2017, 12, 1, 0, 0, 0, 0, time.UTC)
	at := policytest.At(noon)
	for name, tc := range map[string]struct {
		rows   string
		old    string
		new    string
		assert func(t testing.TB, p *policy.Policy, d analysis.Directory)
		story  []string // parts of the only failure; none where it holds
	}{
		"nobody alone on a protected tier": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at, policytest.Tier("protected"))
		}},
		"somebody alone on a normal one": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at)
		}, story: []string{"ann, by the login ann, takes the step request: account.suspend of a target of tier normal", "done at once",
			"policy.csv:1  p, mod, request, *, normal, *, allow", "policy.csv:5  p2,", "20 times (reach unbounded) in any hour, 250 times", "policy.csv:7  p3,"}},
		"another kind": {old: "p, mod, request, *,", new: "p, mod, request, post.remove,", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at, policytest.Kind("account.suspend"))
		}},
		"by bypass": {rows: "p, mod, bypass, post.remove, protected, *, allow\np2, bypass, *, *, *, *, lead, -, 1h\n", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at, policytest.Tier("protected"))
		}, story: []string{"takes the step bypass: post.remove"}},
		"a step that is not asserted of": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at, policytest.Step(moderation.StepFreeze))
		}},
		"several people": {old: "p, mod, request, *, normal,", new: "p, lead, request, *, normal,", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at)
		}, story: []string{"2 other people can do such things alone"}},
		"later": {rows: "p, temp, request, *, normal, *, allow\ng, eve, temp, *, 2017-11-03, -\n", old: "p, mod, request, *, normal,", new: "p, mod, read, *, normal,", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at, policytest.Until(noon.AddDate(0, 0, 1)))
		}, story: []string{"on 2017-11-03T00:00:00Z", "eve, by the login eve"}},
		"undo by one": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.UndoNeedsAtMost(t, p, d, 1, at)
		}},
		"undo by two": {rows: "p2, undo, *, protected, *, *, lead, -, 1h\n", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.UndoNeedsAtMost(t, p, d, 1, at)
		}, story: []string{"What takes 2 to do can't be undone by 1", "To undo it takes 2:", "approves as lead", "policy.csv:12"}},
		"undo by two is enough": {rows: "p2, undo, *, protected, *, *, lead, -, 1h\n", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.UndoNeedsAtMost(t, p, d, 2, at)
		}},
		"undo by nobody": {old: "p, mod, undo", new: "p, mod, read", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.UndoNeedsAtMost(t, p, d, 5, at)
		}, story: []string{"Nobody can undo it"}},
		"undo of what can't be undone": {old: "p, mod, undo", new: "p, mod, read", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			d.Kinds = []moderation.Kind{{Name: "account.suspend"}, {Name: "post.remove"}}
			policytest.UndoNeedsAtMost(t, p, d, 5, at)
		}},
		"as many as it should take": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.TakesAtLeast(t, p, d, 2, at, policytest.Tier("protected"))
		}},
		"fewer than it should take": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.TakesAtLeast(t, p, d, 3, at, policytest.Tier("protected"))
		}, story: []string{"A set of 2 is enough where it should take 3", "lea, by the login lea, takes the step request", "liz, by the login liz, approves as lead", "policy.csv:6"}},
		"every tier has somebody": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.EveryTierHasSomebody(t, p, d, at)
		}},
		"a tier that is immune": {old: "p, lead, request", new: "p, lead, read", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.EveryTierHasSomebody(t, p, d, at)
		}, story: []string{"Nobody can act on a target of tier protected"}},
		"nobody past the last day": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyPastLastDay(t, p, leaves(d, "ann", december), at)
		}},
		"a grant that ends a moment late": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyPastLastDay(t, p, leaves(d, "ann", december.Add(-1)), at)
		}, story: []string{"The last day of ann ended at 2017-11-30T23:59:59Z", "still has mod", "policy.csv:8  g, ann, mod, *, -, 2017-12-01", "policy.csv:1  p, mod, request"}},
		"a grant that begins later": {rows: "g, ann, lead, *, 2018-01-01, -\n", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyPastLastDay(t, p, leaves(d, "ann", december), at)
		}, story: []string{"On 2018-01-01T00:00:00Z the login ann still has lead"}},
		"no findings": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) { policytest.NoFindings(t, p, d, at) }},
		"findings": {rows: "p, lead, request, account.suspend, *, *, allow\n", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NoFindings(t, p, d, at)
		}, story: []string{"has 1 findings", "wildcard_reaches_protected"}},
		"findings that are known": {rows: "p, lead, request, account.suspend, *, *, allow\n", assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NoFindings(t, p, d, at, policytest.Except(analysis.CodeWildcardReachesProtected))
		}},
		"a tier that there is not": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at, policytest.Tier("protcted"))
		}, story: []string{`knows no tier "protcted"`}},
		"a kind that there is not": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.TakesAtLeast(t, p, d, 9, at, policytest.Kind("post"))
		}, story: []string{`knows no kind "post"`}},
		"a zero option": {assert: func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.NobodyAlone(t, p, d, at, policytest.Option{}, policytest.Tier("protected"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(sound, tc.old, tc.new, 1)
			p := load(t, text+tc.rows)
			r := &recorder{ctx: t.Context()}
			tc.assert(r, p, analysis.EachLogin(p))
			if (len(r.failures) > 0) != (len(tc.story) > 0) || len(r.failures) > 1 {
				t.Fatalf("%d failures: %s", len(r.failures), strings.Join(r.failures, "\n"))
			}
			for _, part := range tc.story {
				if !strings.Contains(r.failures[0], part) {
					t.Errorf("no %q in the story:\n%s", part, r.failures[0])
				}
			}
		})
	}
}

// An assertion never holds because there was nothing to look at.
func TestWithoutAPolicyOrPeopleEveryAssertionFails(t *testing.T) {
	t.Parallel()
	p := load(t, sound)
	for name, assert := range map[string]func(t testing.TB, p *policy.Policy, d analysis.Directory){
		"NobodyAlone":          func(t testing.TB, p *policy.Policy, d analysis.Directory) { policytest.NobodyAlone(t, p, d) },
		"UndoNeedsAtMost":      func(t testing.TB, p *policy.Policy, d analysis.Directory) { policytest.UndoNeedsAtMost(t, p, d, 9) },
		"TakesAtLeast":         func(t testing.TB, p *policy.Policy, d analysis.Directory) { policytest.TakesAtLeast(t, p, d, 0) },
		"EveryTierHasSomebody": func(t testing.TB, p *policy.Policy, d analysis.Directory) { policytest.EveryTierHasSomebody(t, p, d) },
		"NobodyPastLastDay":    func(t testing.TB, p *policy.Policy, d analysis.Directory) { policytest.NobodyPastLastDay(t, p, d) },
		"NoFindings":           func(t testing.TB, p *policy.Policy, d analysis.Directory) { policytest.NoFindings(t, p, d) },
		"DifferenceIs": func(t testing.TB, p *policy.Policy, d analysis.Directory) {
			policytest.DifferenceIs(t, p, p, d, "nowhere", false)
		},
	} {
		for what, tc := range map[string]struct {
			p *policy.Policy
			d analysis.Directory
		}{"no policy": {nil, analysis.EachLogin(p)}, "nobody": {p, analysis.Directory{}}} {
			r := &recorder{ctx: t.Context()}
			assert(r, tc.p, tc.d)
			if len(r.failures) != 1 {
				t.Errorf("%s with %s: %d failures, want one", name, what, len(r.failures))
			}
		}
	}
}

func TestTheGoldenDifference(t *testing.T) {
	t.Parallel()
	before, after := load(t, sound), load(t, sound+"p, mod, request, *, protected, *, allow\n")
	people, at := analysis.EachLogin(before), policytest.At(noon)
	golden := filepath.Join(t.TempDir(), "difference.txt")
	for _, step := range []struct {
		name   string
		after  *policy.Policy
		update bool
		want   int
	}{{"missing", after, false, 1}, {"written", after, true, 0}, {"the same", after, false, 0}, {"another", before, false, 1}} {
		r := &recorder{ctx: t.Context()}
		policytest.DifferenceIs(r, before, step.after, people, golden, step.update, at)
		if len(r.failures) != step.want {
			t.Errorf("%s: %d failures, want %d: %v", step.name, len(r.failures), step.want, r.failures)
		}
	}
	text, err := os.ReadFile(golden)
	want := "what   step     who  kind; tier; domain  when                        before  after\ngains  request  ann  *; protected; *     until 2017-12-01T00:00:00Z  -       -\n"
	if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
		t.Errorf("%v; the golden file (-want +got):\n%s", err, diff)
	}
}
