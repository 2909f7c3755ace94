package policy

import (
	"fmt"
	"slices"
	"strings"
)

// maxDifferentRows bounds how many rows a difference shows.
const maxDifferentRows = 200

// RowDifference says which rows differ between two versions: how many of each
// type, then one row a line, + for a row that is new, - for one that is gone, ~
// for one of which only what it grants or asks for has changed. It shows the
// first 200, in the order of types and columns, and says how many more there
// are. Order and sources of rows do not count. A nil version has no rows; where
// nothing differs the text is empty.
//
// It is what Config.Difference is where none is given. It says what was
// edited. What that means is for package analysis to say.
func RowDifference(old, next *Policy) string {
	lines, counts := rowChanges(old.sortedRows(), next.sortedRows())
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(counts)
	for i, line := range lines {
		if i == maxDifferentRows {
			fmt.Fprintf(&b, "\nand %d more", len(lines)-i)
			break
		}
		b.WriteString("\n" + line)
	}
	return b.String()
}

// sortedRows returns the rows in the order of compareRows; the rows share their
// columns with the policy.
func (p *Policy) sortedRows() []Row {
	if !p.isLoaded() {
		return nil
	}
	rows := slices.Clone(p.compiled.rows)
	slices.SortFunc(rows, compareRows)
	return rows
}

// rowChanges walks two sorted lists. A row that is gone and one that is new are
// one changed row where the columns that say what they are about agree.
func rowChanges(old, next []Row) (lines []string, counts string) {
	type count struct{ added, removed, changed int }
	byType := make(map[string]*count)
	of := func(r Row) *count {
		if byType[r.Type] == nil {
			byType[r.Type] = &count{}
		}
		return byType[r.Type]
	}
	gone, fresh := onlyIn(old, next), onlyIn(next, old)
	for len(gone) > 0 || len(fresh) > 0 {
		switch {
		case len(gone) > 0 && len(fresh) > 0 && gone[0].subject() == fresh[0].subject():
			of(gone[0]).changed++
			lines = append(lines, "~ "+gone[0].String()+" -> "+fresh[0].String())
			gone, fresh = gone[1:], fresh[1:]
		case len(fresh) == 0 || len(gone) > 0 && compareRows(gone[0], fresh[0]) < 0:
			of(gone[0]).removed++
			lines = append(lines, "- "+gone[0].String())
			gone = gone[1:]
		default:
			of(fresh[0]).added++
			lines = append(lines, "+ "+fresh[0].String())
			fresh = fresh[1:]
		}
	}
	var parts []string
	for _, t := range []string{"p", "p2", "p3", "g"} {
		if c := byType[t]; c != nil {
			parts = append(parts, fmt.Sprintf("%s: %d added, %d removed, %d changed", t, c.added, c.removed, c.changed))
		}
	}
	return lines, strings.Join(parts, "; ")
}

// onlyIn returns the rows of one sorted list that are not in another.
func onlyIn(rows, others []Row) []Row {
	var only []Row
	for _, r := range rows {
		for len(others) > 0 && compareRows(others[0], r) < 0 {
			others = others[1:]
		}
		if len(others) == 0 || compareRows(others[0], r) != 0 {
			only = append(only, r)
		}
	}
	return only
}

// subject is the part of a row that says what it is about, in one text that no
// two subjects share.
func (r Row) subject() string {
	about := map[string]int{"p": 5, "p2": 5, "p3": 5, "g": 3}[r.Type]
	return string(encode(nil, Row{Type: r.Type, Fields: r.Fields[:min(about, len(r.Fields))]}))
}
