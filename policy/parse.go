package policy

import (
	"slices"
	"strings"
)

// parsed is a policy whose rows are right, each by itself.
type parsed struct {
	table  *rowTable
	rules  []*rule
	grants *grantBook
	needs  []*need
	limits []*limit
}

// columns returns the names of a row type's columns; none for no row type.
func columns(rowType string) []string {
	switch rowType {
	case "p":
		return []string{"role", "step", "kind", "tier", "domain", "eft"}
	case "p2":
		return []string{"step", "kind", "tier", "domain", "when", "quorum", "hold", "deadline"}
	case "p3":
		return []string{"per", "kind", "tier", "domain", "unit", "amount", "window", "over"}
	case "g":
		return []string{"login", "role", "domain", "from", "until"}
	}
	return nil
}

// columnCount returns how many columns a row type has; zero for no row type.
func columnCount(rowType string) int {
	switch rowType {
	case "p":
		return 6
	case "p2", "p3":
		return 8
	case "g":
		return 5
	}
	return 0
}

// parseRows understands each row by itself and reports all that is wrong.
// again are the rows that stand in the policy before.
func parseRows(rows []Row, table *rowTable, again map[int]int, v *vocabulary, rep *report) *parsed {
	p := &parsed{table: table, grants: newGrantBook(rows, table)}
	a := &at{report: rep}
	for i, row := range rows {
		a.row, a.number, a.bad = row, i, false
		if checkColumns(a); a.bad {
			continue
		}
		if first, ok := again[i]; ok {
			a.wrong("", "", "is the same row as %s; remove one of them", rows[first].Source)
			continue
		}
		p.parse(a, v)
	}
	return p
}

func (p *parsed) parse(a *at, v *vocabulary) {
	if a.row.Type == "g" {
		if g := parseGrant(a, v); !a.bad {
			p.grants.add(a.number, &g)
		}
		return
	}
	// What is kept of the row then keeps no text but the table's.
	if a.row.Type == "p" {
		a.columns = p.table.appendFields(a.columns[:0], a.number)
		a.row.Fields = a.columns
		p.rules = append(p.rules, parseRule(a, v))
		return
	}
	a.row = p.table.row(a.number)
	switch a.row.Type {
	case "p2":
		p.needs = append(p.needs, parseNeed(a, v))
	case "p3":
		p.limits = append(p.limits, parseLimit(a, v))
	}
}

// checkColumns refuses rows of unknown type, with columns too few or too many,
// and columns that no row may have.
func checkColumns(a *at) {
	width := columnCount(a.row.Type)
	if width == 0 {
		types := newNames([]string{"p", "p2", "p3", "g"})
		a.wrong("type", a.row.Type, "is no row type; %s", types.hint(a.row.Type))
		return
	}
	if len(a.row.Fields) != width {
		want := columns(a.row.Type)
		a.wrong("", "", "has %d columns behind %s; it needs %d: %s", len(a.row.Fields), a.row.Type, len(want), strings.Join(want, ", "))
		return
	}
	for i, value := range a.row.Fields {
		if problem := checkText(value); problem != "" {
			a.wrong(columns(a.row.Type)[i], value, "%s", problem)
		}
	}
}

// column returns what stands in a column of the row, by the column's name.
func (r Row) column(name string) string {
	return r.Fields[slices.Index(columns(r.Type), name)]
}
