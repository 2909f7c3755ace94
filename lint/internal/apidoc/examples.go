package apidoc

import (
	"go/ast"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/example"
	"github.com/elevenminutes/interlock/lint/internal/finding"
)

// Examples checks that every exported function whose first result is an
// exported type of its own package, or a pointer to one, has an Example that
// states its output, so that go test runs it. An Example of that type will do
// if the function's name is in it.
func Examples(tree fs.FS) []finding.Finding {
	return each(tree, func(tree fs.FS, l library) []finding.Finding {
		examples, findings := examplesOf(tree, l)
		types := types(l)
		for _, file := range l.files {
			for _, declaration := range file.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if made := constructs(function, types); made != "" {
					findings = append(findings, l.shown(function, made, examples)...)
				}
			}
		}
		return findings
	})
}

// shown reports where no Example shows the function, which makes a value of
// the named type.
func (l library) shown(f *ast.FuncDecl, made string, examples []example.Example) []finding.Finding {
	name := f.Name.Name
	silent := ""
	for _, e := range examples {
		if !isOf(e, name) && !(isOf(e, made) && slices.Contains(e.Uses, name)) {
			continue
		}
		if e.Run {
			return nil
		}
		silent = e.Name
	}
	if silent != "" {
		return []finding.Finding{l.at(f, "Example%s states no output, so that go test does not run it", silent)}
	}
	return []finding.Finding{l.at(f, "%s has no Example%s, nor is it in an Example%s", name, name, made)}
}

// isOf reports whether the Example is one of the named function or type, and
// not one of a method, whose name would follow in upper case.
func isOf(e example.Example, name string) bool {
	subject, suffix, _ := strings.Cut(e.Name, "_")
	return subject == name && !ast.IsExported(suffix)
}

// examplesOf returns the Examples of the package.
func examplesOf(tree fs.FS, l library) ([]example.Example, []finding.Finding) {
	var examples []example.Example
	var findings []finding.Finding
	for _, name := range l.tests {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			findings = append(findings, finding.At(name, 0, "%v", err))
			continue
		}
		found, err := example.Parse(path.Base(name), text)
		if err != nil {
			findings = append(findings, notGo(name, err))
			continue
		}
		examples = append(examples, found...)
	}
	return examples, findings
}

// types returns the names of the types that the package declares.
func types(l library) map[string]bool {
	names := map[string]bool{}
	for _, file := range l.files {
		for _, declaration := range file.Decls {
			if d, ok := declaration.(*ast.GenDecl); ok {
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						names[s.Name.Name] = true
					}
				}
			}
		}
	}
	return names
}

// constructs returns the name of the exported type that the function makes, or
// nothing.
func constructs(f *ast.FuncDecl, types map[string]bool) string {
	if f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil {
		return ""
	}
	result := typeName(f.Type.Results.List[0].Type)
	if !ast.IsExported(result) || !types[result] {
		return ""
	}
	return result
}
