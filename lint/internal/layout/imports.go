package layout

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/source"
)

// layer is a directory of the root module with what is below it.
type layer struct {
	name   string
	uses   []string // the layers that it may import beside itself
	casbin bool     // it may import Casbin
}

var layers = []layer{
	{name: "internal"},
	{name: "audit", uses: []string{"internal"}},
	{name: "moderation", uses: []string{"audit", "internal"}},
	{name: "policy", uses: []string{"moderation", "audit", "internal"}, casbin: true},
}

// Imports checks that the code of the root module that is not for tests
// imports one way: internal nothing of the module, audit only internal,
// moderation audit, policy both, and none of them anything else of it. Only policy imports Casbin, and only
// packages whose names end in test import package testing or each other.
func Imports(tree fs.FS) []finding.Finding {
	modules, err := source.Modules(tree)
	if err != nil {
		return []finding.Finding{finding.At("go.mod", 0, "%v", err)}
	}
	packages, err := source.Packages(tree, modules, modules[0])
	if err != nil {
		return []finding.Finding{finding.At("go.mod", 0, "%v", err)}
	}
	var findings []finding.Finding
	for dir, files := range packages {
		for _, file := range files {
			if !source.IsTest(file) {
				findings = append(findings, importsOf(tree, modules[0].Path, dir, file)...)
			}
		}
	}
	return findings
}

func importsOf(tree fs.FS, module, dir, name string) []finding.Finding {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return []finding.Finding{finding.At(name, 0, "%v", err)}
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path.Base(name), text, parser.ImportsOnly)
	if err != nil {
		return []finding.Finding{finding.At(name, 0, "is not Go: %v", err)}
	}
	var findings []finding.Finding
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has seen to it
		}
		if wrong := wrongWay(module, dir, imported); wrong != "" {
			findings = append(findings, finding.At(name, fset.Position(spec.Pos()).Line, "%s", wrong))
		}
	}
	return findings
}

// wrongWay says why the package in dir may not import another, or nothing.
func wrongWay(module, dir, imported string) string {
	own, inModule := strings.CutPrefix(imported, module+"/")
	if imported == module {
		own, inModule = source.Root, true
	}
	if forTests(imported) && !forTests(dir) {
		return fmt.Sprintf("imports %s, which is for tests only", imported)
	}
	l, layered := layerOf(dir)
	if !layered {
		return ""
	}
	if strings.HasPrefix(imported, "github.com/casbin/") && !l.casbin {
		return fmt.Sprintf("%s imports Casbin; only policy may know it", l.name)
	}
	if !inModule {
		return ""
	}
	to, known := layerOf(own)
	if known && l.mayUse(to.name) {
		return ""
	}
	return fmt.Sprintf("%s imports %s; imports run one way, from policy to moderation to audit", l.name, own)
}

func (l layer) mayUse(name string) bool {
	for _, used := range append([]string{l.name}, l.uses...) {
		if used == name {
			return true
		}
	}
	return false
}

// layerOf returns the layer that the directory belongs to.
func layerOf(dir string) (layer, bool) {
	first, _, _ := strings.Cut(dir, "/")
	for _, l := range layers {
		if l.name == first {
			return l, true
		}
	}
	return layer{}, false
}

// forTests reports whether the package is for tests only: testing, what is
// below it, and every package whose name ends in test.
func forTests(name string) bool {
	return name == "testing" || strings.HasPrefix(name, "testing/") || strings.HasSuffix(path.Base(name), "test")
}
