// Package layout checks how the code is parted into packages and files: by
// names that say something, in files that can be read in one go, with imports
// that run one way.
package layout

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/source"
)

// empty are words that say nothing about what a package or file holds.
var empty = []string{"common", "helper", "manager", "util"}

var separator = regexp.MustCompile(`[^A-Za-z0-9]+`)

// Names checks that no package, directory of Go files or Go file has a name
// with a word that says nothing about what is in it.
func Names(tree fs.FS) []finding.Finding {
	files, err := source.Files(tree, ".go")
	if err != nil {
		return []finding.Finding{finding.At(source.Root, 0, "%v", err)}
	}
	var findings []finding.Finding
	directories := map[string]bool{}
	for _, file := range files {
		if word := emptyWord(strings.TrimSuffix(path.Base(file), ".go")); word != "" {
			findings = append(findings, finding.At(file, 0, "name of file %s", advice(word)))
		}
		if word := emptyWord(packageName(tree, file)); word != "" {
			findings = append(findings, finding.At(file, 0, "name of package %s", advice(word)))
		}
		for dir := path.Dir(file); dir != source.Root; dir = path.Dir(dir) {
			if word := emptyWord(path.Base(dir)); word != "" && !directories[dir] {
				directories[dir] = true
				findings = append(findings, finding.At(dir, 0, "name of directory %s", advice(word)))
			}
		}
	}
	return findings
}

func advice(word string) string {
	return fmt.Sprintf("has %q, which could hold anything: name what it does", word)
}

// emptyWord returns the empty word with which a word of name, in the singular,
// begins or ends.
func emptyWord(name string) string {
	for _, word := range separator.Split(strings.ToLower(name), -1) {
		word = strings.TrimSuffix(word, "s")
		for _, e := range empty {
			if strings.HasPrefix(word, e) || strings.HasSuffix(word, e) {
				return e
			}
		}
	}
	return ""
}

// packageName returns the name in the package clause; a file without one is
// for the compiler to report.
func packageName(tree fs.FS, file string) string {
	text, err := fs.ReadFile(tree, file)
	if err != nil {
		return ""
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return parsed.Name.Name
}
