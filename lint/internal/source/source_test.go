package source_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/lint/internal/source"
)

// tree returns a file system of the given files. The go.mod of a directory d
// names module example.com/d.
func tree(files ...string) fstest.MapFS {
	t := fstest.MapFS{}
	for _, file := range files {
		t[file] = &fstest.MapFile{Data: []byte("module example.com/" + file + "\n")}
	}
	return t
}

func TestModulesFindsEachGoModRootFirst(t *testing.T) {
	t.Parallel()
	got, err := source.Modules(tree(
		"go.mod", "a.go", "adapters/postgres/go.mod", "0/go.mod",
		"testdata/go.mod", "x/testdata/y/go.mod", "vendor/v/go.mod", ".git/go.mod", "_old/go.mod", "notgo.mod",
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []source.Module{
		{Dir: ".", Path: "example.com/go.mod"},
		{Dir: "0", Path: "example.com/0/go.mod"},
		{Dir: "adapters/postgres", Path: "example.com/adapters/postgres/go.mod"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestModulesRefusesATreeThatItCannotTell(t *testing.T) {
	t.Parallel()
	nameless := tree("go.mod")
	nameless["go.mod"].Data = []byte("go 1.25\n")
	tests := map[string]fstest.MapFS{
		"nothing there":         tree(),
		"no module at root":     tree("a/go.mod"),
		"a module with no name": nameless,
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := source.Modules(files); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
}

func TestPackagesGivesEachFileToItsInnermostModule(t *testing.T) {
	t.Parallel()
	files := tree("go.mod", "a.go", "p/b.go", "p/b_test.go", "p/q/go.mod", "p/q/c.go", "p/q/r/d.go", "p/qq/e.go")
	modules, err := source.Modules(files)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string][]string{
		".":   {".": {"a.go"}, "p": {"p/b.go", "p/b_test.go"}, "p/qq": {"p/qq/e.go"}},
		"p/q": {"p/q": {"p/q/c.go"}, "p/q/r": {"p/q/r/d.go"}},
	}
	got := map[string]map[string][]string{}
	for _, m := range modules {
		if got[m.Dir], err = source.Packages(files, modules, m); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
