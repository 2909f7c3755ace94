// Package dependencies checks what the root module's go.mod asks for.
package dependencies

import (
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/elevenminutes/interlock/lint/internal/finding"
)

const root = "go.mod"

// allowed are the only modules that the root module may depend on directly.
var allowed = []string{
	"github.com/casbin/casbin/v2",
	"github.com/google/go-cmp",
	"github.com/hashicorp/go-multierror",
	"golang.org/x/mod",
	"golang.org/x/time",
}

// Root checks that the root module depends directly on allowed modules only,
// and pins no tool and replaces or excludes nothing: that would bind those who
// work on the library, but not those who use it.
func Root(tree fs.FS) []finding.Finding {
	text, err := fs.ReadFile(tree, root)
	if err != nil {
		return []finding.Finding{finding.At(root, 0, "%v", err)}
	}
	file, err := modfile.Parse(root, text, nil)
	if err != nil {
		return []finding.Finding{finding.At(root, 0, "%v", err)}
	}
	var findings []finding.Finding
	add := func(line *modfile.Line, format string, args ...any) {
		findings = append(findings, finding.At(root, line.Start.Line, format, args...))
	}
	for _, r := range file.Require {
		if !r.Indirect && !slices.Contains(allowed, r.Mod.Path) {
			add(r.Syntax, "%s is not among the direct dependencies allowed (%s); put what needs it into a nested module",
				r.Mod.Path, strings.Join(allowed, ", "))
		}
	}
	for _, r := range file.Replace {
		add(r.Syntax, "%s is replaced, which nobody who uses the module would get", r.Old.Path)
	}
	for _, e := range file.Exclude {
		add(e.Syntax, "%s is excluded, which nobody who uses the module would get", e.Mod.Path)
	}
	for _, t := range file.Tool {
		add(t.Syntax, "tool %s belongs into a module below lint", t.Path)
	}
	return findings
}
