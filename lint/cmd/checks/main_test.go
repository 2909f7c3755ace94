package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

// files returns a tree of the given names and texts, in turn.
func files(namesAndTexts ...string) fstest.MapFS {
	tree := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		tree[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return tree
}

// fine is a tree in which there is nothing to find.
func fine() fstest.MapFS {
	return files(
		"go.mod", "module example.com/m\n",
		"README.md", "```go\nf()\n```\n## Promises\n- kept: [`TestKept`](m_test.go)\n",
		"m.go", "// Package m does things.\npackage m\n",
		"m_test.go", "package m\n\nfunc TestKept() {}\n\nfunc Example() {\n\tf()\n\t// Output:\n}\n",
	)
}

func TestReportFindsNothingInAFineTree(t *testing.T) {
	t.Parallel()
	var output strings.Builder
	if n := report(&output, fine()); n != 0 {
		t.Errorf("got %d findings, want none:\n%s", n, &output)
	}
	if got := strings.Count(output.String(), ": ok\n"); got != len(checks) {
		t.Errorf("%d checks are said to be ok, want all %d", got, len(checks))
	}
}

func TestReportRunsEveryCheck(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ check, name, text string }{
		"code":         {"README shows tested code", "m_test.go", "package m\n\nfunc TestKept() {}\n"},
		"promises":     {"README's promises have tests", "m_test.go", strings.ReplaceAll(string(fine()["m_test.go"].Data), "Kept", "")},
		"links":        {"relative links resolve", "docs/a.md", "[a](b)"},
		"dependencies": {"the root module has only the dependencies allowed", "go.mod", "module example.com/m\n\nrequire example.com/x v1.0.0\n"},
		"comments":     {"all that is exported is explained", "p/p.go", "package p\n"},
		"examples":     {"constructors have Examples", "p/p.go", "// Package p is.\npackage p\n\n// T is.\ntype T int\n\n// New does.\nfunc New() T { return 0 }\n"},
		"names":        {"names say something", "util.go", "package m\n"},
		"length":       {"files are short", "long.go", "package m\n" + strings.Repeat("\n", 500)},
		"imports":      {"imports run one way", "audit/a.go", "// Package audit is.\npackage audit\n\nimport _ \"example.com/m\"\n"},
	}
	if len(tests) != len(checks) {
		t.Errorf("%d checks are tried, want all %d", len(tests), len(checks))
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fine()
			tree[tt.name] = &fstest.MapFile{Data: []byte(tt.text)}
			var output strings.Builder
			if n := report(&output, tree); n != 1 {
				t.Errorf("got %d findings, want 1:\n%s", n, &output)
			}
			if !strings.Contains(output.String(), tt.check+": 1 findings\n  ") {
				t.Errorf("%s found nothing:\n%s", tt.check, &output)
			}
		})
	}
}
