package layout_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/layout"
	"github.com/elevenminutes/interlock/lint/internal/treetest"
)

func TestNames(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata/names", layout.Names)
}

func TestImports(t *testing.T) {
	t.Parallel()
	treetest.Run(t, "testdata/imports", layout.Imports)
}

func TestLength(t *testing.T) {
	t.Parallel()
	const tooLong = "has 501 lines; part it by subject into files of at most 500"
	tests := map[string]struct {
		name string
		text string
		want []finding.Finding
	}{
		"empty":                      {"p/a.go", "", nil},
		"500 lines":                  {"p/a.go", strings.Repeat("\n", 500), nil},
		"500 lines, last unfinished": {"p/a.go", strings.Repeat("\n", 499) + "x", nil},
		"501 lines":                  {"p/a.go", strings.Repeat("\n", 501), []finding.Finding{finding.At("p/a.go", 0, tooLong)}},
		"501 lines, last unfinished": {"p/a.go", strings.Repeat("\n", 500) + "x", []finding.Finding{finding.At("p/a.go", 0, tooLong)}},
		"a long test":                {"p/a_test.go", strings.Repeat("\n", 501), []finding.Finding{finding.At("p/a_test.go", 0, tooLong)}},
		"a long file of test data":   {"p/testdata/a.go", strings.Repeat("\n", 501), nil},
		"a long file, not Go":        {"p/a.md", strings.Repeat("\n", 501), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{tt.name: {Data: []byte(tt.text)}}
			if diff := cmp.Diff(tt.want, layout.Length(tree)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
