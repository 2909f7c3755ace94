package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fileInReadme is a file of the README's example: its name, and its text.
var fileInReadme = regexp.MustCompile("(?m)^`([a-z]+\\.(?:txt|csv))`\n\n```text\n((?s:.*?))```$")

func TestTheExampleInTheReadmeIsComplete(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "readme")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	files := fileInReadme.FindAllStringSubmatch(readme(t), -1)
	if len(files) != 5 {
		t.Fatalf("the README has %d files; want 5", len(files))
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(dir, file[1]), []byte(file[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := runProgram(t, "-dir", dir, "-trail", t.TempDir())
	o.want(t, exitGood, "All 7 expectations hold.", "")
}

func TestTheReadmeListsEveryFormOfLine(t *testing.T) {
	t.Parallel()
	if want := strings.Join(scenario.Usage(), "\n"); !strings.Contains(readme(t), want) {
		t.Errorf("the README lacks the forms of lines as they are now:\n%s", want)
	}
}
