package policytest

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// DifferenceIs asserts that what changes in meaning from one policy to another
// is what a golden file says, as Difference.WriteTable writes it. With update,
// which is usually a flag of the test, the file is written anew instead. The
// moment should be given by [At]; other options do not narrow it.
func DifferenceIs(t testing.TB, before, after *policy.Policy, d analysis.Directory, golden string, update bool, options ...Option) {
	t.Helper()
	difference, err := analysis.Diff(t.Context(), before, after, d, newQuestion(options).at)
	if err != nil {
		t.Errorf("policytest: %v", err)
		return
	}
	got := difference.String()
	if update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Errorf("policytest: %v", err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Errorf("policytest: %v; write it with update", err)
		return
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the difference in meaning is not that of %s (-want +got):\n%s", golden, diff)
	}
}
