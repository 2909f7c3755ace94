package policytest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
	"github.com/elevenminutes/interlock/policy/policytest"
)

// printer stands for the *testing.T that a test has: it prints failures.
type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Context() context.Context          { return context.Background() }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// before is the policy of a service where support deactivates any account alone.
func before() *policy.Policy {
	p, err := policy.Load(context.Background(), policy.Config{
		Source: policy.CSV("policy.csv", `
p, support, request, account.deactivate, *, *, allow
p, support, undo,    account.deactivate, *, *, allow
p2, request, *, *, *, *, none, -, -
p3, person, *, *, *, actions, 30, 1h, refuse
g, contractor, support, *, -, -
g, colleague,  support, *, -, -
`),
		Kinds: []string{"account.deactivate"},
		Tiers: []string{"ordinary", "newsworthy"},
	})
	if err != nil {
		panic(err)
	}
	return p
}

var at = policytest.At(time.Date(2017, 11, 2, 18, 59, 0, 0, time.UTC))

func ExampleNobodyAlone() {
	var t testing.TB = printer{} // the test's own t
	p := before()
	policytest.NobodyAlone(t, p, analysis.EachLogin(p), policytest.Tier("newsworthy"), at)
	// Output:
	// One person alone can do this, on 2017-11-02T18:59:00Z:
	//   colleague, by the login colleague, takes the step request: account.deactivate of a target of tier newsworthy in any domain.
	//   Nobody need agree; it is done at once.
	//   Allowed by
	//     policy.csv:2  p, support, request, account.deactivate, *, *, allow
	//     policy.csv:4  p2, request, *, *, *, *, none, -, -
	//   It can be done 60 times (reach unbounded) in any hour, 750 times (reach unbounded) in any day.
	//   Bounded by
	//     policy.csv:5  p3, person, *, *, *, actions, 30, 1h, refuse
	//   One other person can do such things alone.
}

func ExampleTakesAtLeast() {
	var t testing.TB = printer{}
	p := before()
	policytest.TakesAtLeast(t, p, analysis.EachLogin(p), 3, policytest.Tier("newsworthy"), at)
	// Output:
	// A set of 1 is enough where it should take 3, on 2017-11-02T18:59:00Z:
	//   colleague, by the login colleague, takes the step request: account.deactivate of a target of tier newsworthy in the domain (any other).
	//   Allowed by
	//     policy.csv:2  p, support, request, account.deactivate, *, *, allow
	//     policy.csv:4  p2, request, *, *, *, *, none, -, -
}

func ExampleUndoNeedsAtMost() {
	var t testing.TB = printer{}
	p := before()
	policytest.UndoNeedsAtMost(t, p, analysis.EachLogin(p), 1, at)
	policytest.EveryTierHasSomebody(t, p, analysis.EachLogin(p), at)
	policytest.NobodyPastLastDay(t, p, analysis.EachLogin(p), at)
	fmt.Println("undo needs one person, no tier is immune, and nobody has a last day")
	// Output:
	// undo needs one person, no tier is immune, and nobody has a last day
}

// Options narrow what an assertion is about, and when.
func ExampleOption() {
	var t testing.TB = printer{}
	p := before()
	policytest.NobodyAlone(t, p, analysis.EachLogin(p), at,
		policytest.Until(time.Date(2017, 12, 1, 0, 0, 0, 0, time.UTC)),
		policytest.Tier("newsworthy"), policytest.Kind("account.deactivate"), policytest.Step("freeze"))
	policytest.NoFindings(t, p, analysis.EachLogin(p), at, policytest.Except(analysis.CodeWildcardReachesProtected))
	fmt.Println("nobody freezes newsworthy accounts, and there are no other findings")
	// Output:
	// nobody freezes newsworthy accounts, and there are no other findings
}

func ExampleAt() {
	var t testing.TB = printer{}
	p := before()
	lastEvening := policytest.At(time.Date(2017, 11, 2, 18, 59, 0, 0, time.UTC))
	policytest.EveryTierHasSomebody(t, p, analysis.EachLogin(p), lastEvening)
	fmt.Println("no tier was immune that evening")
	// Output:
	// no tier was immune that evening
}
