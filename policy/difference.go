package policy

import (
	"fmt"
	"maps"
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
	lines, counts := rowChanges(old.apart(next))
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

// apart returns the rows that only the one version has, and those that only the
// other has, each in the order of compareRows. They share their columns with the
// versions. Only rows that differ are sorted: most don't.
func (p *Policy) apart(other *Policy) (gone, fresh []Row) {
	mine := make(map[string]Row)
	if p.isLoaded() {
		for _, r := range p.compiled.rows() {
			mine[string(encode(nil, r))] = r
		}
	}
	if other.isLoaded() {
		for _, r := range other.compiled.rows() {
			key := encode(nil, r)
			if _, both := mine[string(key)]; both {
				delete(mine, string(key))
				continue
			}
			fresh = append(fresh, r)
		}
	}
	gone = slices.SortedFunc(maps.Values(mine), compareRows)
	slices.SortFunc(fresh, compareRows)
	return gone, fresh
}

// rowChanges walks two sorted lists of rows that differ. A row that is gone and one that is new are
// one changed row where the columns that say what they are about agree.
func rowChanges(gone, fresh []Row) (lines []string, counts string) {
	type count struct{ added, removed, changed int }
	byType := make(map[string]*count)
	of := func(r Row) *count {
		if byType[r.Type] == nil {
			byType[r.Type] = &count{}
		}
		return byType[r.Type]
	}
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

// subject is the part of a row that says what it is about, in one text that no
// two subjects share.
func (r Row) subject() string {
	about := map[string]int{"p": 5, "p2": 5, "p3": 5, "g": 3}[r.Type]
	return string(encode(nil, Row{Type: r.Type, Fields: r.Fields[:min(about, len(r.Fields))]}))
}
