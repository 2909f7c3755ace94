package gotest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/lint/internal/gotest"
)

func TestReadProfileCountsABlockOnce(t *testing.T) {
	t.Parallel()
	// The same blocks as two test programs saw them.
	const profile = `mode: atomic
m/a/a.go:1.1,2.2 2 0
m/a/a.go:3.1,4.2 3 7
m/b/b.go:1.1,2.2 5 0
m/a/a.go:1.1,2.2 2 1
m/a/a.go:3.1,4.2 3 0
`
	got, err := gotest.ReadProfile(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]gotest.Coverage{
		"m/a": {Statements: 5, Covered: 5},
		"m/b": {Statements: 5, Covered: 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if total := gotest.Total(got); total != (gotest.Coverage{Statements: 10, Covered: 5}) {
		t.Errorf("total is %v, want 5 of 10", total)
	}
}

func TestReadProfileNamesTheLineThatIsBad(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"x", "a.go 1 1", "a.go:1 x 1", "a.go:1 1 x", "a.go:1 1 -1", "a.go:1 1"} {
		_, err := gotest.ReadProfile(strings.NewReader("mode: set\n" + line))
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: got %v, want an error that names line 2", line, err)
		}
	}
}

func TestCoverageNeverLooksBetterThanItIs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		coverage gotest.Coverage
		text     string
		percent  float64
	}{
		"nothing to cover": {gotest.Coverage{}, "0.0 % (0 of 0 statements)", 0},
		"none":             {gotest.Coverage{Statements: 3}, "0.0 % (0 of 3 statements)", 0},
		"all":              {gotest.Coverage{Statements: 3, Covered: 3}, "100.0 % (3 of 3 statements)", 100},
		"just below 90":    {gotest.Coverage{Statements: 10000, Covered: 8999}, "89.9 % (8999 of 10000 statements)", 89.99},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.coverage.String(); got != tt.text {
				t.Errorf("got %q, want %q", got, tt.text)
			}
			if got := tt.coverage.Percent(); got != tt.percent {
				t.Errorf("got %v %%, want %v", got, tt.percent)
			}
		})
	}
}
