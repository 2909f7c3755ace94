package policy

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// rowTable keeps rows in one text, and puts a row together again when it is
// asked for: a million rows as slices of strings would weigh more than all
// else.
type rowTable struct {
	text    string   // the rows, one behind the other
	ends    []uint32 // where each row's line ends in text
	origins []origin // where each row stands in its source
	forms   []originForm
}

// joint stands between the columns of a line. No column holds a comma.
const joint = ", "

// origin is a Row.Source: the number of its form, and the number in it.
type origin struct{ form, number uint32 }

// originForm is what the sources of many rows have in common.
type originForm struct {
	before, after string
	numbered      bool
}

// newRowTable copies rows. Those that checkColumns refuses take room but can't
// be read back.
func newRowTable(rows []Row) (*rowTable, error) {
	size := 0
	for _, r := range rows {
		size += len(r.Type)
		for _, field := range r.Fields {
			size += len(joint) + len(field)
		}
	}
	if size > math.MaxUint32 || len(rows) > math.MaxInt32 {
		return nil, errors.New("the policy has more than 4 GiB of text, or more than 2147483647 rows")
	}
	t := &rowTable{ends: make([]uint32, len(rows)), origins: make([]origin, len(rows))}
	var text strings.Builder
	text.Grow(size)
	known := make(map[originForm]uint32)
	for i, r := range rows {
		text.WriteString(r.Type)
		for _, field := range r.Fields {
			text.WriteString(joint)
			text.WriteString(field)
		}
		t.ends[i] = uint32(text.Len())
		t.origins[i] = t.origin(r.Source, known)
	}
	t.text = text.String()
	return t, nil
}

// origin finds the last number in a source's name, so that policy.csv:12 and
// policy.csv:13 are of one form.
func (t *rowTable) origin(source string, known map[originForm]uint32) origin {
	end := len(source)
	for end > 0 && !isDigit(source[end-1]) {
		end--
	}
	start := end
	for start > 0 && isDigit(source[start-1]) && end-start < 9 {
		start--
	}
	form := originForm{before: source}
	number := uint64(0)
	if start < end && (source[start] != '0' || end-start == 1) {
		number, _ = strconv.ParseUint(source[start:end], 10, 32)
		form = originForm{before: source[:start], after: source[end:], numbered: true}
	}
	id, ok := known[form]
	if !ok {
		id = uint32(len(t.forms))
		form.before, form.after = strings.Clone(form.before), strings.Clone(form.after)
		t.forms = append(t.forms, form)
		known[form] = id
	}
	return origin{id, uint32(number)}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (t *rowTable) start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return t.ends[i-1]
}

// line returns a row's type and columns as they are kept.
func (t *rowTable) line(i int) string { return t.text[t.start(i):t.ends[i]] }

func (t *rowTable) isGrant(i int) bool { return strings.HasPrefix(t.line(i), "g"+joint) }

// position returns where a name, which is part of a row, stands in text.
func (t *rowTable) position(i int, name string) uint32 {
	return t.start(i) + uint32(strings.Index(t.line(i), name))
}

func (t *rowTable) source(i int) string {
	form := t.forms[t.origins[i].form]
	if !form.numbered {
		return form.before
	}
	var digits [10]byte
	return form.before + string(strconv.AppendUint(digits[:0], uint64(t.origins[i].number), 10)) + form.after
}

// appendFields appends a row's columns behind the type.
func (t *rowTable) appendFields(list []string, i int) []string {
	_, rest, more := strings.Cut(t.line(i), joint)
	for more {
		var field string
		field, rest, more = strings.Cut(rest, joint)
		list = append(list, field)
	}
	return list
}

// row returns a row, whose fields are the caller's.
func (t *rowTable) row(i int) Row {
	columns := strings.Split(t.line(i), joint)
	return Row{Type: columns[0], Fields: columns[1:len(columns):len(columns)], Source: t.source(i)}
}

// rule returns a row as decisions name it. Its text is that of Row.String.
func (t *rowTable) rule(i int) moderation.Rule {
	text := t.line(i)
	if strings.IndexByte(text, '"') >= 0 {
		text = t.row(i).String()
	}
	return moderation.Rule{Source: t.source(i), Text: text}
}

// holds reports whether the table is of these rows, in their order.
func (t *rowTable) holds(rows []Row) bool {
	if len(rows) != len(t.ends) {
		return false
	}
	for i := range rows {
		if !sameRow(t.row(i), rows[i]) {
			return false
		}
	}
	return true
}
