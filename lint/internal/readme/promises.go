package readme

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/markdown"
)

var (
	// testName matches a span that names a test, with or without a subtest.
	testName = regexp.MustCompile(`^((?:Test|Example|Fuzz|Benchmark)(?:[A-Z_]\w*)?)(?:/.*|\(\))?$`)
	// promised matches the heading of a section whose items are promises.
	promised = regexp.MustCompile(`(?i)\bpromises\b`)
	// disclaimed matches the heading of one that says what is not promised.
	disclaimed = regexp.MustCompile(`(?i)\b(not|limits of)\b`)
)

// Promises checks that each item or row of the README's section on promises
// links to a test file and names a test in it, and that, wherever in the
// README a test is named beside such a link, the test is there.
func Promises(tree fs.FS) []finding.Finding {
	document, err := fs.ReadFile(tree, readme)
	if err != nil {
		return []finding.Finding{finding.At(readme, 0, "%v", err)}
	}
	var findings []finding.Finding
	promises := 0
	_, prose := markdown.Split(string(document))
	for _, unit := range markdown.Units(prose) {
		found := mentionsIn(unit.Text)
		if unit.Form != markdown.Paragraph && isPromise(unit.Heading) {
			promises++
			if len(found) == 0 {
				findings = append(findings, finding.At(readme, unit.Line,
					"promise lacks the test that could break it: name it in backquotes and link to its _test.go file"))
			}
		}
		for _, m := range found {
			findings = append(findings, m.check(tree, unit.Line)...)
		}
	}
	if promises == 0 {
		findings = append(findings, finding.At(readme, 0, "has no list or table under a heading with the word promises"))
	}
	return findings
}

func isPromise(heading string) bool {
	return promised.MatchString(heading) && !disclaimed.MatchString(heading)
}

// mention is a test that is named beside links to test files.
type mention struct {
	test  string
	files []string // it must be in one of them
}

// mentionsIn returns the tests that text names, each with the file that its
// own link leads to, else with all test files that text links to. It returns
// none where there is no such link.
func mentionsIn(text string) []mention {
	var files []string
	var mentions []mention
	for _, link := range markdown.Links(text) {
		target, _, _ := strings.Cut(link.Target, "#")
		if !strings.HasSuffix(target, "_test.go") || strings.Contains(target, "://") {
			continue
		}
		file := path.Clean(target)
		files = append(files, file)
		for _, test := range testNames(link.Text) {
			mentions = append(mentions, mention{test, []string{file}})
		}
		text = strings.Replace(text, link.Text, "", 1)
	}
	if len(files) == 0 {
		return nil
	}
	for _, test := range testNames(text) {
		mentions = append(mentions, mention{test, files})
	}
	return mentions
}

func testNames(text string) []string {
	var names []string
	for _, span := range markdown.Spans(text) {
		if found := testName.FindStringSubmatch(span); found != nil {
			names = append(names, found[1])
		}
	}
	return names
}

// check reports a test that is in none of the files, and files that can't be
// read.
func (m mention) check(tree fs.FS, line int) []finding.Finding {
	for _, file := range m.files {
		declared, err := functions(tree, file)
		if err != nil {
			return []finding.Finding{finding.At(readme, line, "cannot look for %s in %s: %v", m.test, file, err)}
		}
		if slices.Contains(declared, m.test) {
			return nil
		}
	}
	return []finding.Finding{finding.At(readme, line, "%s is not in %s", m.test, strings.Join(m.files, ", "))}
}

// functions returns the names of the functions that the file declares.
func functions(tree fs.FS, file string) ([]string, error) {
	text, err := fs.ReadFile(tree, file)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), path.Base(file), text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, declaration := range parsed.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil {
			names = append(names, function.Name.Name)
		}
	}
	return names, nil
}
