// Package links checks that documents link to what is there.
package links

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/markdown"
	"github.com/elevenminutes/interlock/lint/internal/source"
)

// lineAnchor matches an anchor that counts lines, as forges understand it.
var lineAnchor = regexp.MustCompile(`^L[0-9]+`)

// Relative checks that each relative link in a Markdown file leads to a file
// or directory of the repository. Anchors are not followed, but may not count
// lines, since no check could tell when they lead to other lines.
func Relative(tree fs.FS) []finding.Finding {
	documents, err := source.Files(tree, ".md")
	if err != nil {
		return []finding.Finding{finding.At(source.Root, 0, "%v", err)}
	}
	var findings []finding.Finding
	for _, document := range documents {
		text, err := fs.ReadFile(tree, document)
		if err != nil {
			findings = append(findings, finding.At(document, 0, "%v", err))
			continue
		}
		findings = append(findings, followAll(tree, document, string(text))...)
	}
	return findings
}

func followAll(tree fs.FS, document, text string) []finding.Finding {
	var findings []finding.Finding
	_, lines := markdown.Split(text)
	prose := markdown.Text(lines)
	for _, link := range markdown.Links(prose) {
		if wrong := follow(tree, document, link.Target); wrong != "" {
			line := 1 + strings.Count(prose[:link.Offset], "\n")
			findings = append(findings, finding.At(document, line, "link to %s %s", link.Target, wrong))
		}
	}
	return findings
}

// follow says what is wrong with a link in the document, or nothing.
func follow(tree fs.FS, document, link string) string {
	target, err := url.Parse(link)
	switch {
	case err != nil:
		return "is no URL: " + err.Error()
	case target.Scheme != "" || target.Host != "" || target.Path == "":
		return "" // elsewhere, or within the document
	case lineAnchor.MatchString(target.Fragment):
		return "counts lines, which move: name what is meant instead"
	}
	file := path.Join(path.Dir(document), target.Path)
	if strings.HasPrefix(target.Path, "/") {
		file = path.Join(source.Root, strings.TrimLeft(target.Path, "/"))
	}
	if !fs.ValidPath(file) {
		return "leads out of the repository"
	}
	if _, err := fs.Stat(tree, file); err != nil {
		return "leads nowhere: there is no " + file
	}
	return ""
}
