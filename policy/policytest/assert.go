package policytest

import (
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// NobodyAlone asserts that no one person can restrict anything alone, neither
// by asking nor by bypass. Tier, Kind, Step, At and Until narrow it.
func NobodyAlone(t testing.TB, p *policy.Policy, d analysis.Directory, options ...Option) {
	t.Helper()
	q := newQuestion(options, moderation.StepRequest, moderation.StepBypass)
	a := q.analyse(t, p, d)
	if a == nil {
		return
	}
	e, err := a.Exposure(t.Context())
	if err != nil {
		t.Errorf("policytest: %v", err)
		return
	}
	var shortest *deed
	people := 0
	for _, g := range e.Groups {
		found := false
		for i := range g.Deeds {
			one := &deed{person: g.People[0], Deed: g.Deeds[i]}
			if !slices.Contains(q.steps, one.Step) || !about(q.tiers, []string{one.Tier}) || !about(q.kinds, one.Kinds) {
				continue
			}
			found = true
			if shortest == nil || one.shorter(shortest) {
				shortest = one
			}
		}
		if found {
			people += len(g.People)
		}
	}
	if shortest != nil {
		t.Errorf("%s", shortest.story(p, people-1))
	}
}

// UndoNeedsAtMost asserts that whatever can be restricted can be taken back by
// that many people. Tier, Kind, At and Until narrow it.
func UndoNeedsAtMost(t testing.TB, p *policy.Policy, d analysis.Directory, people int, options ...Option) {
	t.Helper()
	collusion, q, ok := collude(t, p, d, options)
	if !ok {
		return
	}
	for _, s := range collusion.Sets {
		if s.Step != moderation.StepRequest || s.Size == 0 || !about(q.tiers, []string{s.Tier}) || !about(q.kinds, s.Kinds) {
			continue
		}
		i := slices.IndexFunc(collusion.Sets, func(u analysis.Coalition) bool {
			return u.Step == moderation.StepUndo && u.Tier == s.Tier && slices.Equal(u.Kinds, s.Kinds) && (u.Size == 0 || u.Size > people)
		})
		if i >= 0 && !irreversible(d, s.Kinds) {
			t.Errorf("%s", tooMany(p, s, collusion.Sets[i], people))
			return
		}
	}
}

// irreversible reports whether the directory says that kinds can't be undone,
// so that nobody can be missed who undoes them.
func irreversible(d analysis.Directory, kinds []string) bool {
	return slices.ContainsFunc(d.Kinds, func(k moderation.Kind) bool { return k.Undo == nil && slices.Contains(kinds, k.Name) })
}

// TakesAtLeast asserts that restricting anything takes that many people. Tier,
// Kind, Step, At and Until narrow it. What nobody can do holds; see
// [EveryTierHasSomebody].
func TakesAtLeast(t testing.TB, p *policy.Policy, d analysis.Directory, people int, options ...Option) {
	t.Helper()
	collusion, q, ok := collude(t, p, d, options)
	if !ok {
		return
	}
	var smallest *analysis.Coalition
	for i := range collusion.Sets {
		s := &collusion.Sets[i]
		if s.Size > 0 && s.Size < people && slices.Contains(q.steps, s.Step) && about(q.tiers, []string{s.Tier}) && about(q.kinds, s.Kinds) &&
			(smallest == nil || s.Size < smallest.Size) {
			smallest = s
		}
	}
	if smallest != nil {
		t.Errorf("%s", tooFew(p, *smallest, people))
	}
}

func collude(t testing.TB, p *policy.Policy, d analysis.Directory, options []Option) (analysis.Collusion, question, bool) {
	t.Helper()
	q := newQuestion(options, moderation.StepRequest)
	a := q.analyse(t, p, d)
	if a == nil {
		return analysis.Collusion{}, q, false
	}
	collusion, err := a.Collusion(t.Context())
	if err != nil {
		t.Errorf("policytest: %v", err)
	}
	return collusion, q, err == nil
}

// EveryTierHasSomebody asserts that some people, as many as it takes, can act
// on each tier in some way: that protection is not immunity. Tier and At narrow
// it.
func EveryTierHasSomebody(t testing.TB, p *policy.Policy, d analysis.Directory, options ...Option) {
	t.Helper()
	collusion, q, ok := collude(t, p, d, options)
	if !ok {
		return
	}
	for _, tier := range q.tiersOf(p) {
		if _, can := collusion.Smallest(moderation.StepRequest, tier); !can {
			t.Errorf("Nobody can act on a target of tier %s, of whatever kind and whoever helps: it is immune.\n"+
				"Allow somebody to request it, with a quorum that can be filled.", tier)
		}
	}
}

// NoFindings asserts that analysis.Lint finds nothing. Except and At narrow it.
func NoFindings(t testing.TB, p *policy.Policy, d analysis.Directory, options ...Option) {
	t.Helper()
	q := newQuestion(options)
	a := q.analyse(t, p, d)
	if a == nil {
		return
	}
	found, err := a.Lint(t.Context())
	if err != nil {
		t.Errorf("policytest: %v", err)
		return
	}
	found = slices.DeleteFunc(found, func(f analysis.Finding) bool { return slices.Contains(q.except, f.Code) })
	if len(found) > 0 {
		t.Errorf("The policy has %d findings:\n%s", len(found), found)
	}
}
