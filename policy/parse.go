package policy

import (
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// parsed is a policy whose rows are right, each by itself.
type parsed struct {
	rules  []*rule
	grants []*grant
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

// parseRows understands each row by itself and reports all that is wrong.
func parseRows(rows []Row, v *vocabulary, rep *report) *parsed {
	p := new(parsed)
	first := make(map[string]string, len(rows)) // a row's encoding to where it stands first
	for _, row := range rows {
		a := &at{report: rep, row: row}
		if checkColumns(a); a.bad {
			continue
		}
		key := string(encode(nil, row))
		if source, ok := first[key]; ok {
			a.wrong("", "", "is the same row as %s; remove one of them", source)
			continue
		}
		first[key] = row.Source
		p.parse(a, v)
	}
	return p
}

func (p *parsed) parse(a *at, v *vocabulary) {
	switch a.row.Type {
	case "p":
		p.rules = append(p.rules, parseRule(a, v))
	case "p2":
		p.needs = append(p.needs, parseNeed(a, v))
	case "p3":
		p.limits = append(p.limits, parseLimit(a, v))
	case "g":
		p.grants = append(p.grants, parseGrant(a, v))
	}
}

// checkColumns refuses rows of unknown type, with columns too few or too many,
// and columns that no row may have.
func checkColumns(a *at) {
	want := columns(a.row.Type)
	if want == nil {
		types := newNames([]string{"p", "p2", "p3", "g"})
		a.wrong("type", a.row.Type, "is no row type; %s", types.hint(a.row.Type))
		return
	}
	if len(a.row.Fields) != len(want) {
		a.wrong("", "", "has %d columns behind %s; it needs %d: %s", len(a.row.Fields), a.row.Type, len(want), strings.Join(want, ", "))
		return
	}
	for i, value := range a.row.Fields {
		if problem := checkText(value); problem != "" {
			a.wrong(want[i], value, "%s", problem)
		}
	}
}

// column returns what stands in a column of the row, by the column's name.
func (r Row) column(name string) string {
	return r.Fields[slices.Index(columns(r.Type), name)]
}

// quorums returns the slots of every row that asks for approvals.
func (p *parsed) quorums() [][]moderation.Slot {
	var all [][]moderation.Slot
	for _, n := range p.needs {
		all = append(all, n.slots)
	}
	for _, l := range p.limits {
		all = append(all, l.over)
	}
	return all
}
