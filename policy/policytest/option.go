package policytest

import (
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// Option narrows what an assertion is about. The zero Option changes nothing.
type Option struct{ apply func(*question) }

// question is what an assertion is about.
type question struct {
	at, until    time.Time
	tiers, kinds []string
	steps        []moderation.Step
	except       []analysis.Code
}

// At is the moment that is looked at. Without it that is time.Now, and a test
// can fail tomorrow that holds today: which may be what is wanted.
func At(at time.Time) Option { return Option{func(q *question) { q.at = at }} }

// Until has everything looked at again whenever something changes by itself, up
// to a moment.
func Until(until time.Time) Option { return Option{func(q *question) { q.until = until }} }

// Tier asserts of these tiers only. It may be given several times.
func Tier(names ...string) Option {
	return Option{func(q *question) { q.tiers = append(q.tiers, names...) }}
}

// Kind asserts of these kinds only. It may be given several times.
func Kind(names ...string) Option {
	return Option{func(q *question) { q.kinds = append(q.kinds, names...) }}
}

// Step asserts of these steps only, for [NobodyAlone] and [TakesAtLeast]. It
// may be given several times.
func Step(steps ...moderation.Step) Option {
	return Option{func(q *question) { q.steps = append(q.steps, steps...) }}
}

// Except leaves out findings of these codes, for [NoFindings].
func Except(codes ...analysis.Code) Option {
	return Option{func(q *question) { q.except = append(q.except, codes...) }}
}

// newQuestion applies options; without steps, those that are given.
func newQuestion(options []Option, steps ...moderation.Step) question {
	q := question{at: time.Now()}
	for _, o := range options {
		if o.apply != nil {
			o.apply(&q)
		}
	}
	if len(q.steps) == 0 {
		q.steps = steps
	}
	return q
}

// analyse fails the test where there is nothing to analyse, or where an option
// names what there is not.
func (q question) analyse(t testing.TB, p *policy.Policy, d analysis.Directory) *analysis.Analysis {
	t.Helper()
	a, err := analysis.New(analysis.Config{Policy: p, Directory: d, At: q.at, Until: q.until})
	if err != nil {
		t.Errorf("policytest: %v", err)
		return nil
	}
	for _, named := range []struct {
		what         string
		names, known []string
	}{{"tier", q.tiers, p.Tiers()}, {"kind", q.kinds, p.Kinds()}} {
		for _, name := range named.names {
			if !slices.Contains(named.known, name) {
				t.Errorf("policytest: the policy knows no %s %q, so that nothing would be asserted of it", named.what, name)
				return nil
			}
		}
	}
	return a
}

// about reports whether something is among what is asserted of: a * in a list
// is about everything.
func about(wanted, list []string) bool {
	return len(wanted) == 0 || slices.Contains(list, moderation.Any) || slices.ContainsFunc(list, func(name string) bool { return slices.Contains(wanted, name) })
}

// tiersOf returns the tiers that are asserted of.
func (q question) tiersOf(p *policy.Policy) []string {
	if len(q.tiers) > 0 {
		return q.tiers
	}
	return p.Tiers()
}
