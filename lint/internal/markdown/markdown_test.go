package markdown_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/lint/internal/markdown"
)

// document writes ' for the backquotes that a raw string can't hold.
func document(text string) string { return strings.ReplaceAll(text, "'", "`") }

func TestSplitFindsFencedBlocksAndLeavesProse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		document string
		fences   []markdown.Fence
		prose    []markdown.Line
	}{
		"a block between prose": {
			document: "one\n'''go\nx := 1\n\n'''\ntwo",
			fences:   []markdown.Fence{{Line: 2, Language: "go", Body: "x := 1\n\n", Closed: true}},
			prose:    []markdown.Line{{Number: 1, Text: "one"}, {Number: 6, Text: "two"}},
		},
		"language with attributes, in capitals": {
			document: "'''Go title=x\n'''",
			fences:   []markdown.Fence{{Line: 1, Language: "go", Closed: true}},
		},
		"shorter marks inside longer ones": {
			document: "''''md\n'''go\n'''\n''''",
			fences:   []markdown.Fence{{Line: 1, Language: "md", Body: "```go\n```\n", Closed: true}},
		},
		"tildes": {
			document: "~~~go\nx\n~~~",
			fences:   []markdown.Fence{{Line: 1, Language: "go", Body: "x\n", Closed: true}},
		},
		"a block that is never closed": {
			document: "'''go\nx",
			fences:   []markdown.Fence{{Line: 1, Language: "go", Body: "x\n"}},
		},
		"lines that end in CR LF": {
			document: "'''go\r\nx\r\n'''\r",
			fences:   []markdown.Fence{{Line: 1, Language: "go", Body: "x\n", Closed: true}},
		},
		"inline code opens no block": {
			document: "'''x''' y",
			prose:    []markdown.Line{{Number: 1, Text: "```x``` y"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fences, prose := markdown.Split(document(tt.document))
			if diff := cmp.Diff(tt.fences, fences); diff != "" {
				t.Errorf("fences (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.prose, prose); diff != "" {
				t.Errorf("prose (-want +got):\n%s", diff)
			}
		})
	}
}

var withoutOffset = cmpopts.IgnoreFields(markdown.Link{}, "Offset")

func TestLinksGivesThePlaceOfEachTarget(t *testing.T) {
	t.Parallel()
	text := document("'code' [a](x), [b](y)")
	links := markdown.Links(text)
	if len(links) != 2 {
		t.Fatalf("got %d links, want 2", len(links))
	}
	for _, link := range links {
		if got := text[link.Offset:][:len(link.Target)]; got != link.Target {
			t.Errorf("offset %d leads to %q, want %q", link.Offset, got, link.Target)
		}
	}
}

func TestTextKeepsEachLineInItsPlace(t *testing.T) {
	t.Parallel()
	_, prose := markdown.Split(document("one\n'''\nhidden\n'''\nfive\n\nseven"))
	if diff := cmp.Diff("one\n\n\n\nfive\n\nseven", markdown.Text(prose)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want []markdown.Link
	}{
		"a link":                     {"see [the guard](moderation/guard.go).", []markdown.Link{{Text: "the guard", Target: "moderation/guard.go"}}},
		"two links in one line":      {"[a](x) and [b](y)", []markdown.Link{{Text: "a", Target: "x"}, {Text: "b", Target: "y"}}},
		"code in the text of a link": {"['TestX'](x_test.go)", []markdown.Link{{Text: "`TestX`", Target: "x_test.go"}}},
		"text over two lines":        {"[a\nb](x)", []markdown.Link{{Text: "a\nb", Target: "x"}}},
		"a title":                    {`[a](x "the title")`, []markdown.Link{{Text: "a", Target: "x"}}},
		"angle brackets":             {"[a](<x>)", []markdown.Link{{Text: "a", Target: "x"}}},
		"an image that is a link":    {"[![a](x.svg)](y)", []markdown.Link{{Text: "a", Target: "x.svg"}, {Text: "", Target: "y"}}},
		"a definition":               {"text\n[a]: docs/x.md", []markdown.Link{{Text: "a", Target: "docs/x.md"}}},
		"HTML":                       {`<img src="x.png">`, []markdown.Link{{Text: "", Target: "x.png"}}},
		"not in a code span":         {"'[a](x)'", nil},
		"not a footnote":             {"[^1]: words", nil},
		"not a call":                 {"f(x)", nil},
		"after a lone backquote":     {"a ' b\n\n[a](x) '", []markdown.Link{{Text: "a", Target: "x"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, markdown.Links(document(tt.text)), withoutOffset); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	got := markdown.Spans(document("'TestA' and ['TestB/row'](x) but not TestC"))
	if diff := cmp.Diff([]string{"TestA", "TestB/row"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	_, prose := markdown.Split(document(`first
paragraph

## Promises ##
intro
1. one
   goes on

   and on
   - nested
2. two
'''go
hidden
'''
- three
not indented, yet three
# Table
| head | x |
|------|---|
| row  | a |
| row  | b |
after`))
	want := []markdown.Unit{
		{Line: 1, Text: "first\nparagraph"},
		{Line: 5, Heading: "Promises", Text: "intro"},
		{Form: markdown.Item, Line: 6, Heading: "Promises", Text: "1. one\n   goes on\n   and on\n   - nested"},
		{Form: markdown.Item, Line: 11, Heading: "Promises", Text: "2. two"},
		{Form: markdown.Item, Line: 15, Heading: "Promises", Text: "- three\nnot indented, yet three"},
		{Form: markdown.Row, Line: 20, Heading: "Table", Text: "| row  | a |"},
		{Form: markdown.Row, Line: 21, Heading: "Table", Text: "| row  | b |"},
		{Line: 22, Heading: "Table", Text: "after"},
	}
	if diff := cmp.Diff(want, markdown.Units(prose)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
