// Package readme checks that what README.md shows and promises is tested.
package readme

import (
	"cmp"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/example"
	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/markdown"
	"github.com/elevenminutes/interlock/lint/internal/source"
)

const (
	readme   = "README.md"
	programs = "examples"
)

// code is a stretch of Go in the repository that a block may equal.
type code struct {
	place string // names it in a finding
	text  string // as gofmt has it
	gap   string // why it is not tested; empty where it is
}

// Code checks that each block of Go in the README equals, once both are
// formatted, a file of a program below examples that has a test, or the body
// of a godoc Example of the root module that states its output. The comment
// with the output may be left out.
func Code(tree fs.FS) []finding.Finding {
	document, err := fs.ReadFile(tree, readme)
	if err != nil {
		return []finding.Finding{finding.At(readme, 0, "%v", err)}
	}
	sources, err := sources(tree)
	if err != nil {
		return []finding.Finding{finding.At(readme, 0, "cannot read what its Go may equal: %v", err)}
	}
	var findings []finding.Finding
	blocks := 0
	fences, _ := markdown.Split(string(document))
	for _, fence := range fences {
		if !fence.Closed {
			findings = append(findings, finding.At(readme, fence.Line, "block of code is never closed"))
		}
		if fence.Language != "go" && fence.Language != "golang" {
			continue
		}
		blocks++
		if lack := lacks(fence.Body, sources); lack != "" {
			findings = append(findings, finding.At(readme, fence.Line, "%s", lack))
		}
	}
	if blocks == 0 {
		findings = append(findings, finding.At(readme, 0, "has no block of Go; show a whole program"))
	}
	return findings
}

// lacks says what keeps the block from being tested code, or nothing.
func lacks(block string, sources []code) string {
	text, err := formatted(block)
	if err != nil {
		return "block is not Go: " + syntax(err)
	}
	gap := ""
	for _, source := range sources {
		switch {
		case source.text != text:
		case source.gap == "":
			return ""
		default:
			gap = fmt.Sprintf("block equals %s, which %s", source.place, source.gap)
		}
	}
	if gap != "" {
		return gap
	}
	return difference(text, sources)
}

// syntax returns the first error without its column, which counts what
// go/format puts before a list of statements.
func syntax(err error) string {
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return fmt.Sprintf("line %d of it: %s", list[0].Pos.Line, list[0].Msg)
	}
	return err.Error()
}

// difference compares the block with the source that it is most like.
func difference(block string, sources []code) string {
	const advice = "copy it from a tested program below examples or a godoc Example"
	lines := strings.Split(block, "\n")
	shared := func(source code) int {
		rest := strings.Split(source.text, "\n")
		count := 0
		for _, line := range lines {
			if i := slices.Index(rest, line); i >= 0 && strings.TrimSpace(line) != "" {
				rest = slices.Delete(rest, i, i+1)
				count++
			}
		}
		return count
	}
	if len(sources) == 0 {
		return "block equals no tested code: " + advice
	}
	nearest := slices.MaxFunc(sources, func(a, b code) int { return cmp.Compare(shared(a), shared(b)) })
	if shared(nearest) == 0 {
		return "block equals no tested code: " + advice
	}
	want := strings.Split(nearest.text, "\n")
	for i := range max(len(lines), len(want)) {
		if have, wanted := line(lines, i), line(want, i); have != wanted {
			return fmt.Sprintf("block equals no tested code; the nearest is %s, whose line %d is %s where the block has %s",
				nearest.place, i+1, wanted, have)
		}
	}
	return "" // not reached: equal texts were found before
}

func line(lines []string, i int) string {
	if i >= len(lines) {
		return "missing"
	}
	return fmt.Sprintf("%q", lines[i])
}

// sources returns the files of programs and the bodies of Examples.
func sources(tree fs.FS) ([]code, error) {
	modules, err := source.Modules(tree)
	if err != nil {
		return nil, err
	}
	var all []code
	for _, m := range modules {
		packages, err := source.Packages(tree, modules, m)
		if err != nil {
			return nil, err
		}
		for directory, files := range packages {
			tested := slices.ContainsFunc(files, source.IsTest)
			for _, file := range files {
				found, err := sourcesIn(tree, file, tested, m.Dir == source.Root)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", directory, err)
				}
				all = append(all, found...)
			}
		}
	}
	slices.SortFunc(all, func(a, b code) int { return strings.Compare(a.place, b.place) })
	return all, nil
}

func sourcesIn(tree fs.FS, file string, tested, root bool) ([]code, error) {
	text, err := fs.ReadFile(tree, file)
	if err != nil {
		return nil, err
	}
	switch {
	case source.IsTest(file) && root:
		return examplesIn(file, text)
	case !source.IsTest(file) && strings.HasPrefix(file, programs+"/") && isProgram(text):
		whole, err := formatted(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(file), err)
		}
		program := code{place: file, text: whole}
		if !tested {
			program.gap = "has no test"
		}
		return []code{program}, nil
	}
	return nil, nil
}

func isProgram(text []byte) bool {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.PackageClauseOnly)
	return err == nil && file.Name.Name == "main"
}

func examplesIn(file string, text []byte) ([]code, error) {
	examples, err := example.Parse(path.Base(file), text)
	if err != nil {
		return nil, err
	}
	var found []code
	for _, e := range examples {
		gap := ""
		if !e.Run {
			gap = "states no output, so that go test does not run it"
		}
		for _, body := range []string{e.Body, e.Bare} {
			text, err := formatted(body)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path.Base(file), e.Line, err)
			}
			place := fmt.Sprintf("Example%s in %s", e.Name, file)
			found = append(found, code{place: place, text: text, gap: gap})
		}
	}
	return found, nil
}

// formatted returns a file or a list of statements as gofmt has it.
func formatted(text string) (string, error) {
	out, err := format.Source([]byte(strings.TrimSpace(text)))
	return strings.TrimSpace(string(out)), err
}
