// Package example reads the godoc Examples of a test file.
package example

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
)

// Example is one Example function.
type Example struct {
	Name string // of what it shows, as in the name of the function after Example
	Line int    // of the function
	Run  bool   // it states its output, so that go test runs it
	Body string // the statements, as they stand in the file
	// Bare is Body without the comment that states the output.
	Bare string
	Uses []string // the names in Body, sorted, each once
}

// output is how a comment that states the output of an Example begins.
var output = regexp.MustCompile(`(?i)^//\s*(unordered )?output:`)

// Parse returns the Examples in the text of a test file. The name is used in
// errors only.
func Parse(name string, text []byte) ([]Example, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	run := map[string]bool{}
	for _, e := range doc.Examples(file) {
		run[e.Name] = e.Output != "" || e.EmptyOutput
	}
	var examples []Example
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Recv != nil || function.Body == nil {
			continue
		}
		shown, ok := shows(function.Name.Name)
		if !ok {
			continue
		}
		from, to := function.Body.Lbrace+1, function.Body.Rbrace
		offset := func(p token.Pos) int { return fset.Position(p).Offset }
		examples = append(examples, Example{
			Name: shown,
			Line: fset.Position(function.Pos()).Line,
			Run:  run[shown],
			Body: string(text[offset(from):offset(to)]),
			Bare: string(text[offset(from):offset(statement(file, from, to))]),
			Uses: names(function.Body),
		})
	}
	return examples, nil
}

// names returns the identifiers in the body, those of fields and of what is
// imported among them.
func names(body *ast.BlockStmt) []string {
	found := map[string]bool{}
	ast.Inspect(body, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok {
			found[name.Name] = true
		}
		return true
	})
	return slices.Sorted(maps.Keys(found))
}

func shows(function string) (string, bool) {
	const prefix = "Example"
	if len(function) < len(prefix) || function[:len(prefix)] != prefix {
		return "", false
	}
	return function[len(prefix):], true
}

// statement returns where the output is stated between from and to, or to. Only
// the last comment can state it.
func statement(file *ast.File, from, to token.Pos) token.Pos {
	var last *ast.CommentGroup
	for _, group := range file.Comments {
		if from <= group.Pos() && group.End() <= to {
			last = group
		}
	}
	if last == nil || !output.MatchString(last.List[0].Text) {
		return to
	}
	return last.Pos()
}
