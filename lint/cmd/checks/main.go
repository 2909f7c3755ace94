// Checks runs the repository's own checks and prints what they find.
package main

import (
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/elevenminutes/interlock/lint/internal/apidoc"
	"github.com/elevenminutes/interlock/lint/internal/dependencies"
	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/layout"
	"github.com/elevenminutes/interlock/lint/internal/links"
	"github.com/elevenminutes/interlock/lint/internal/readme"
)

var checks = []struct {
	name string
	find func(fs.FS) []finding.Finding
}{
	{"README shows tested code", readme.Code},
	{"README's promises have tests", readme.Promises},
	{"relative links resolve", links.Relative},
	{"the root module has only the dependencies allowed", dependencies.Root},
	{"all that is exported is explained", apidoc.Comments},
	{"constructors have Examples", apidoc.Examples},
	{"names say something", layout.Names},
	{"files are short", layout.Length},
	{"imports run one way", layout.Imports},
}

func main() {
	root := flag.String("root", "..", "directory of the repository")
	flag.Parse()
	if report(os.Stdout, os.DirFS(*root)) > 0 {
		os.Exit(1)
	}
}

// report runs all checks over tree, prints their findings and returns how many
// there are.
func report(w io.Writer, tree fs.FS) int {
	total := 0
	for _, check := range checks {
		findings := check.find(tree)
		finding.Sort(findings)
		verdict := "ok"
		if len(findings) > 0 {
			verdict = fmt.Sprintf("%d findings", len(findings))
		}
		fmt.Fprintf(w, "%s: %s\n", check.name, verdict)
		for _, f := range findings {
			fmt.Fprintf(w, "  %s\n", f)
		}
		total += len(findings)
	}
	return total
}
