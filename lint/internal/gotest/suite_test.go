package gotest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/elevenminutes/interlock/lint/internal/gotest"
)

// A module that passes: two of its three statements are covered.
const sound = `
-- go.mod --
module example.com/m

go 1.25
-- a.go --
package m

func A(x int) int {
	if x > 0 {
		return 1
	}
	return 2
}
-- a_test.go --
package m

import "testing"

func TestA(t *testing.T) {
	if A(1) != 1 {
		t.Error("bad")
	}
}
`

func TestSuite(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tree  string
		least float64
		want  string   // the error; empty for none
		lines []string // of the output
	}{
		"all is well": {
			tree:  sound,
			least: 66,
			lines: []string{
				"== example.com/m (.)",
				"ok  \texample.com/m",
				"66.6 % (2 of 3 statements)",
				"1 tests passed in 1 packages of 1 modules, 0 failed, 0 skipped",
			},
		},
		"too little is covered": {
			tree:  sound,
			least: 66.7,
			want:  "coverage is 66.6 % (2 of 3 statements), below 66.7 %",
		},
		"what no test imports counts as uncovered": {
			tree:  sound + "-- p/p.go --\npackage p\n\nfunc P() { println() }\n",
			least: 66,
			want:  "coverage is 50.0 % (2 of 4 statements), below 66 %",
		},
		"what a test of another package runs counts as covered": {
			tree: sound + "-- p/p.go --\npackage p\n\nfunc P() { println() }\n" +
				"-- b_test.go --\npackage m\n\nimport (\n\t\"testing\"\n\n\t\"example.com/m/p\"\n)\n\nfunc TestP(t *testing.T) { p.P() }\n",
			least: 75,
			lines: []string{"75.0 % (3 of 4 statements)"},
		},
		"a skipped test": {
			tree: sound + "-- b_test.go --\npackage m\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { t.Skip(\"why not\") }\n",
			want: "skipped test example.com/m TestB: b_test.go:5: why not",
		},
		"a test that fails": {
			tree:  sound + "-- b_test.go --\npackage m\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { t.Fatal(\"wrong\") }\n",
			want:  "example.com/m: go test failed: example.com/m TestB, example.com/m",
			lines: []string{"b_test.go:5: wrong", "1 tests passed in 1 packages of 1 modules, 2 failed, 0 skipped"},
		},
		"a data race": {
			tree: sound + "-- b_test.go --\npackage m\n\nimport \"testing\"\n\n" +
				"func TestB(t *testing.T) {\n\tx, done := 0, make(chan int)\n" +
				"\tgo func() { x++; close(done) }()\n\tx++\n\t<-done\n}\n",
			want:  "go test failed: example.com/m TestB",
			lines: []string{"race detected during execution of test"},
		},
		"a nested module that does not build": {
			tree:  sound + "-- n/go.mod --\nmodule example.com/n\n-- n/n.go --\npackage n\n\nvar X = y\n",
			want:  "example.com/n: go build ./... failed",
			lines: []string{"ok  \texample.com/m", "== example.com/n (n)", "undefined: y"},
		},
		"a nested module without code": {
			tree:  sound + "-- n/go.mod --\nmodule example.com/n\n\ngo 1.99\n",
			lines: []string{"== example.com/n (n)\nno Go files, so nothing to build or test"},
		},
		"a module that asks for a newer Go": {
			tree: sound + "-- n/go.mod --\nmodule example.com/n\n\ngo 1.99\n-- n/n.go --\npackage n\n",
			want: "Install that version of Go or a newer one",
		},
		"a module that leans on another by a workspace": {
			tree: sound + "-- go.work --\ngo 1.25\n\nuse (\n\t.\n\t./n\n)\n" +
				"-- n/go.mod --\nmodule example.com/n\n\ngo 1.25\n-- n/n.go --\npackage n\n\nimport _ \"example.com/m\"\n",
			want: "example.com/n: go build ./... failed",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var output strings.Builder
			suite := gotest.Suite{
				Root:    write(t, tt.tree),
				Out:     &output,
				Env:     []string{"GOTOOLCHAIN=local", "GOPROXY=off", "GOFLAGS="},
				Least:   tt.least,
				Profile: filepath.Join(t.TempDir(), "profile"),
			}
			err := suite.Run(t.Context())
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			for _, line := range tt.lines {
				if !strings.Contains(output.String(), line) {
					t.Errorf("output lacks %q", line)
				}
			}
			if t.Failed() {
				t.Logf("output:\n%s", &output)
			}
		})
	}
}

// write returns a directory with the files of the archive.
func write(t *testing.T, tree string) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range txtar.Parse([]byte(tree)).Files {
		name := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, file.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
