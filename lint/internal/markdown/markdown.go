// Package markdown reads as much of Markdown as the checks of documents need:
// fenced code, links, headings, and the list items, table rows and paragraphs
// between them.
package markdown

import (
	"regexp"
	"strings"
)

// Fence is a fenced block of code.
type Fence struct {
	Line     int    // of its opening line, from 1
	Language string // first word after the opening marks, lower case
	Body     string // the lines between the marks
	Closed   bool   // false where the document ends within the block
}

// Line is one line outside of fenced code.
type Line struct {
	Number int // from 1
	Text   string
}

var opening = regexp.MustCompile("^[ \t]*(?:[-*+>][ \t]+)*(`{3,}|~{3,})[ \t]*([^` \t]*)[^`]*$")

// Split parts a document into its fenced blocks and the lines outside of them.
func Split(document string) ([]Fence, []Line) {
	var (
		fences []Fence
		prose  []Line
		marks  string // of the open block; empty outside
	)
	for i, text := range strings.Split(document, "\n") {
		text = strings.TrimSuffix(text, "\r")
		if marks != "" {
			open := &fences[len(fences)-1]
			if closes(text, marks) {
				open.Closed, marks = true, ""
			} else {
				open.Body += text + "\n"
			}
			continue
		}
		if found := opening.FindStringSubmatch(text); found != nil {
			marks = found[1]
			fences = append(fences, Fence{Line: i + 1, Language: strings.ToLower(found[2])})
			continue
		}
		prose = append(prose, Line{Number: i + 1, Text: text})
	}
	return fences, prose
}

func closes(text, marks string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, marks) && strings.Trim(text, marks[:1]) == ""
}

// Text returns the lines, each at its place in the document, with an empty line
// for each one that is left out.
func Text(lines []Line) string {
	var b strings.Builder
	next := 1
	for _, line := range lines {
		b.WriteString(strings.Repeat("\n", line.Number-next))
		b.WriteString(line.Text)
		next = line.Number
	}
	return b.String()
}

// Link is a link, an image or the definition of one.
type Link struct {
	Text   string // what stands in its brackets, empty where they hold an image
	Target string
	Offset int // of the target in the text that was searched
}

var (
	span       = regexp.MustCompile("`+(?:[^`\n]|\n[^`\n])*`+")
	inline     = regexp.MustCompile(`(?:\[([^\[\]]*))?\]\(\s*<?([^)\s>]+)>?(?:\s+["'(][^)]*["')])?\s*\)`)
	definition = regexp.MustCompile(`(?m)^ {0,3}\[([^\]^][^\]]*)\]:\s*<?([^\s>]+)>?`)
	attribute  = regexp.MustCompile(`\b(src|href)\s*=\s*["']([^"']+)["']`)
)

// Links returns the links in text, leaving out what stands in code spans.
func Links(text string) []Link {
	// The mask keeps the places of everything else.
	masked := span.ReplaceAllStringFunc(text, func(code string) string { return strings.Repeat("_", len(code)) })
	var links []Link
	for _, form := range []*regexp.Regexp{inline, definition, attribute} {
		for _, at := range form.FindAllStringSubmatchIndex(masked, -1) {
			link := Link{Target: text[at[4]:at[5]], Offset: at[4]}
			if at[2] >= 0 && form != attribute {
				link.Text = text[at[2]:at[3]]
			}
			links = append(links, link)
		}
	}
	return links
}

// Spans returns the contents of the code spans in text.
func Spans(text string) []string {
	var contents []string
	for _, found := range span.FindAllString(text, -1) {
		contents = append(contents, strings.Trim(found, "` "))
	}
	return contents
}
