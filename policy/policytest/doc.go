// Package policytest holds a policy against what a team expects of it, in the
// team's own Go tests:
//
//	func TestPolicy(t *testing.T) {
//		p, err := policy.Load(t.Context(), policy.Config{Source: policy.File("policy.csv"), …})
//		…
//		people := analysis.EachLogin(p)
//		at := policytest.At(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
//		policytest.NobodyAlone(t, p, people, policytest.Tier("protected"), at)
//		policytest.UndoNeedsAtMost(t, p, people, 1, at)
//		policytest.EveryTierHasSomebody(t, p, people, at)
//		policytest.NobodyPastLastDay(t, p, people, at)
//	}
//
// An assertion that does not hold fails the test with a story: who, by which
// login, asks what of which target, which rows allow it, and how many an hour.
// It is the shortest one there is; how many others there are is said. The test
// goes on, so that all assertions are reported. Package analysis computes what
// is asserted, and its manual says what that means.
//
// A policy that was not loaded, a directory that contradicts itself and an
// option that names what the policy does not know fail the test: an assertion
// never holds because there was nothing to look at.
package policytest
