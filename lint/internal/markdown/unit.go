package markdown

import (
	"regexp"
	"strings"
)

// Form is what a unit of text is.
type Form int

// The forms of a unit.
const (
	Paragraph Form = iota
	Item           // of a list, with what is nested in it
	Row            // of a table, its head left out
)

// Unit is a stretch of text that belongs together.
type Unit struct {
	Form    Form
	Line    int    // of its first line, from 1
	Heading string // the text of the heading that it stands under
	Text    string // its lines, joined by newlines
}

var (
	heading = regexp.MustCompile(`^#{1,6}[ \t]+(.*?)[ \t#]*$`)
	bullet  = regexp.MustCompile(`^([ \t]*)(?:[-*+]|[0-9]+[.)])[ \t]+`)
	divider = regexp.MustCompile(`^[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$`)
)

// Units returns the units of the lines, in order.
func Units(lines []Line) []Unit {
	u := &units{}
	for _, line := range lines {
		u.add(line)
	}
	return u.found
}

type units struct {
	found   []Unit
	heading string
	indent  int  // of the bullet of the open item
	open    bool // the last unit found may go on
	blank   bool // the last line was empty
}

func (u *units) add(line Line) {
	text := line.Text
	head := heading.FindStringSubmatch(text)
	point := bullet.FindStringSubmatch(text)
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	within := u.open && u.last().Form == Item && indent > u.indent

	switch {
	case strings.TrimSpace(text) == "":
		u.blank = true
		return
	case head != nil:
		u.heading, u.open = head[1], false
	case within, u.open && !u.blank && point == nil && !isRow(text) && u.last().Form != Row:
		u.last().Text += "\n" + text
	case point != nil:
		u.indent = len(point[1])
		u.start(Item, line)
	case isRow(text):
		u.row(line)
	default:
		u.start(Paragraph, line)
	}
	u.blank = false
}

func isRow(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "|") }

// row starts a row, or drops the one before where text divides the head of a
// table from its body.
func (u *units) row(line Line) {
	if !divider.MatchString(line.Text) {
		u.start(Row, line)
		return
	}
	if u.open && u.last().Form == Row {
		u.found = u.found[:len(u.found)-1]
		u.open = false
	}
}

func (u *units) start(form Form, line Line) {
	u.found = append(u.found, Unit{Form: form, Line: line.Number, Heading: u.heading, Text: line.Text})
	u.open = true
}

func (u *units) last() *Unit { return &u.found[len(u.found)-1] }
