package finding_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/lint/internal/finding"
)

func TestStringNamesTheLineWhereThereIsOne(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		finding finding.Finding
		want    string
	}{
		"in a line":      {finding.At("a.go", 3, "bad %s", "name"), "a.go:3: bad name"},
		"the whole file": {finding.At("a.go", 0, "too long"), "a.go: too long"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.finding.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSortOrdersByFileThenLineAsANumber(t *testing.T) {
	t.Parallel()
	findings := []finding.Finding{{"b", 1, "x"}, {"a", 10, "x"}, {"a", 9, "y"}, {"a", 9, "x"}}
	want := []finding.Finding{{"a", 9, "x"}, {"a", 9, "y"}, {"a", 10, "x"}, {"b", 1, "x"}}
	finding.Sort(findings)
	if diff := cmp.Diff(want, findings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
