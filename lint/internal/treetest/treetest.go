// Package treetest runs a check over small source trees, each a txtar archive
// that says what the check should find in it.
package treetest

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/elevenminutes/interlock/lint/internal/finding"
)

// want is the file of an archive that lists the findings, one a line.
const want = "want"

// Run runs check over every archive in directory as a subtest. It fails where
// the archives don't hold both a tree with findings and one without, for then
// the check was not put to the test.
func Run(t *testing.T, directory string, check func(fs.FS) []finding.Finding) {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(directory, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var good, bad int
	for _, name := range archives {
		tree, wanted := read(t, name)
		if wanted == "" {
			good++
		} else {
			bad++
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(wanted, text(check(tree))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	if good == 0 || bad == 0 {
		t.Fatalf("%s holds %d trees without findings and %d with some, want at least one of each", directory, good, bad)
	}
}

// read returns the tree in the archive and the findings that it should have.
func read(t *testing.T, name string) (fs.FS, string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var files []txtar.File
	wanted, found := "", false
	for _, file := range archive.Files {
		if file.Name == want {
			wanted, found = string(file.Data), true
			continue
		}
		files = append(files, file)
	}
	if !found {
		t.Fatalf("%s has no file named %s", name, want)
	}
	tree, err := txtar.FS(&txtar.Archive{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return tree, wanted
}

func text(findings []finding.Finding) string {
	finding.Sort(findings)
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}
