// Package apidoc checks that what the modules export is explained by
// comments and shown by Examples.
package apidoc

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/source"
)

// library is a package that others can import.
type library struct {
	dir   string
	fset  *token.FileSet
	files map[string]*ast.File // those that are not tests, by name
	tests []string
}

// check reports what is wrong with one package.
type check func(tree fs.FS, l library) []finding.Finding

// each applies the check to every library in tree. A file that is not Go is a
// finding.
func each(tree fs.FS, check check) []finding.Finding {
	modules, err := source.Modules(tree)
	if err != nil {
		return []finding.Finding{finding.At("go.mod", 0, "%v", err)}
	}
	var findings []finding.Finding
	for _, m := range modules {
		packages, err := source.Packages(tree, modules, m)
		if err != nil {
			return []finding.Finding{finding.At(m.Dir, 0, "%v", err)}
		}
		for dir, files := range packages {
			l, broken := parse(tree, dir, files)
			findings = append(findings, broken...)
			if l.isPublic() {
				findings = append(findings, check(tree, l)...)
			}
		}
	}
	return findings
}

func parse(tree fs.FS, dir string, files []string) (library, []finding.Finding) {
	l := library{dir: dir, fset: token.NewFileSet(), files: map[string]*ast.File{}}
	var findings []finding.Finding
	for _, name := range files {
		if source.IsTest(name) {
			l.tests = append(l.tests, name)
			continue
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			findings = append(findings, finding.At(name, 0, "%v", err))
			continue
		}
		file, err := parser.ParseFile(l.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			findings = append(findings, notGo(name, err))
			continue
		}
		l.files[name] = file
	}
	return l, findings
}

func notGo(name string, err error) finding.Finding {
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return finding.At(name, list[0].Pos.Line, "is not Go: %s", list[0].Msg)
	}
	return finding.At(name, 0, "is not Go: %v", err)
}

// isPublic reports whether code outside of its module can import the package.
func (l library) isPublic() bool {
	if len(l.files) == 0 || slices.Contains(strings.Split(l.dir, "/"), "internal") {
		return false
	}
	for _, file := range l.files {
		if file.Name.Name == "main" {
			return false
		}
	}
	return true
}

// at returns a finding at the position of a node.
func (l library) at(node ast.Node, format string, args ...any) finding.Finding {
	position := l.fset.Position(node.Pos())
	return finding.At(path.Clean(position.Filename), position.Line, format, args...)
}

// line returns the line that the position is in.
func (l library) line(p token.Pos) int { return l.fset.Position(p).Line }
