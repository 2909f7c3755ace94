package apidoc

import (
	"go/ast"
	"go/token"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/elevenminutes/interlock/lint/internal/finding"
)

// Comments checks that every package that can be imported, and all that it
// exports, has a comment. A type, a function and a method need one of their
// own. For a constant or variable that of its declaration is enough, and for a
// method of an interface that of the interface, where it names the method. For
// all of these and for a field, so is the comment above the first of several
// that stand together without a blank line or another comment between them.
func Comments(tree fs.FS) []finding.Finding {
	return each(tree, func(_ fs.FS, l library) []finding.Finding {
		c := comments{library: l}
		c.check()
		return c.findings
	})
}

type comments struct {
	library
	findings []finding.Finding
}

func (c *comments) lacks(node ast.Node, what string) {
	c.findings = append(c.findings, c.at(node, "%s has no comment", what))
}

func (c *comments) check() {
	explained := false
	var first *ast.File
	for _, file := range c.files {
		explained = explained || has(file.Doc)
		if first == nil || file.FileStart < first.FileStart {
			first = file
		}
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				c.function(d)
			case *ast.GenDecl:
				c.declaration(d)
			}
		}
	}
	if !explained {
		c.lacks(first.Name, "package "+first.Name.Name)
	}
}

func (c *comments) function(f *ast.FuncDecl) {
	name := f.Name.Name
	if f.Recv != nil {
		receiver := typeName(f.Recv.List[0].Type)
		if !ast.IsExported(receiver) {
			return
		}
		name = receiver + "." + name
	}
	if f.Name.IsExported() && !has(f.Doc) {
		c.lacks(f, name)
	}
}

func (c *comments) declaration(d *ast.GenDecl) {
	var group group
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if !s.Name.IsExported() {
				continue
			}
			alone := !d.Lparen.IsValid() && has(d.Doc)
			if !alone && !has(s.Doc) && !has(s.Comment) {
				c.lacks(s, s.Name.Name)
			}
			c.members(s.Name.Name, words(d.Doc, s.Doc), s.Type)
		case *ast.ValueSpec:
			covered := group.covers(c.library, s, s.Doc, s.Comment)
			if exported := firstExported(s.Names); exported != nil && !covered && !has(d.Doc) {
				c.lacks(exported, exported.Name)
			}
			if s.Type != nil && firstExported(s.Names) != nil {
				c.members(firstExported(s.Names).Name, nil, s.Type)
			}
		}
	}
}

// members checks the fields of a struct and the methods of an interface,
// wherever they stand within the type, but for methods among those that the
// comment of the interface names. What is embedded is explained where it
// is declared.
func (c *comments) members(owner string, named []string, expression ast.Expr) {
	switch t := expression.(type) {
	case *ast.StructType:
		c.fields(owner, nil, t.Fields)
	case *ast.InterfaceType:
		c.fields(owner, named, t.Methods)
	case *ast.StarExpr:
		c.members(owner, nil, t.X)
	case *ast.ArrayType:
		c.members(owner, nil, t.Elt)
	case *ast.MapType:
		c.members(owner, nil, t.Value)
	case *ast.ChanType:
		c.members(owner, nil, t.Value)
	}
}

func (c *comments) fields(owner string, named []string, list *ast.FieldList) {
	var group group
	for _, field := range list.List {
		covered := group.covers(c.library, field, field.Doc, field.Comment)
		exported := firstExported(field.Names)
		if exported == nil {
			continue
		}
		if !covered && !slices.Contains(named, exported.Name) {
			c.lacks(exported, owner+"."+exported.Name)
		}
		c.members(owner+"."+exported.Name, nil, field.Type)
	}
}

// words returns the words of the comments.
func words(comments ...*ast.CommentGroup) []string {
	var all []string
	for _, comment := range comments {
		all = append(all, strings.FieldsFunc(comment.Text(), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_'
		})...)
	}
	return all
}

// group follows the members of a declaration to tell whether each is covered
// by its own comment or by the one above it and its neighbours.
type group struct {
	above bool      // a comment stands above the members seen last
	end   token.Pos // of the last member and its comment
}

func (g *group) covers(l library, node ast.Node, doc, line *ast.CommentGroup) bool {
	together := g.end.IsValid() && l.line(node.Pos()) <= l.line(g.end)+1
	switch {
	case has(doc):
		g.above = true
	case !together:
		g.above = false
	}
	g.end = node.End()
	return g.above || has(line)
}

// has reports whether the comment says anything to a reader; directives to
// tools do not.
func has(comment *ast.CommentGroup) bool { return comment != nil && comment.Text() != "" }

func firstExported(names []*ast.Ident) *ast.Ident {
	i := slices.IndexFunc(names, (*ast.Ident).IsExported)
	if i < 0 {
		return nil
	}
	return names[i]
}

// typeName returns the name of the type that the expression is, is a pointer
// to, or is an instance of, or nothing.
func typeName(expression ast.Expr) string {
	switch t := expression.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.ParenExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	}
	return ""
}
