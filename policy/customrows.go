package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"github.com/casbin/casbin/v2/util"

	"github.com/elevenminutes/interlock/internal/typednil"
)

// rows asks the source for its rows.
func (a *ModelAuthorizer) rows(ctx context.Context) ([]Row, []*RowError, error) {
	if typednil.Is(a.config.Source) {
		return nil, nil, nil
	}
	source := a.config.Source
	if casbin, ok := source.(*adapter); ok {
		source = modelSource{casbin, a.model}
	}
	return loadRows(ctx, source)
}

// modelSource loads a Casbin adapter into a model of the host's own.
type modelSource struct {
	*adapter
	model *casbinModel
}

// Load asks the adapter for its rows.
func (s modelSource) Load(ctx context.Context) ([]Row, error) {
	if typednil.Is(s.adapter.adapter) {
		return nil, fmt.Errorf("%s: the Casbin adapter is nil", s.name)
	}
	m := s.model.empty()
	for name, definition := range s.model.roles {
		// Casbin's loader asks for as many columns as there are tokens, those
		// in parentheses left out. A row that is short must not hide another.
		m["g"][name].Tokens = make([]string, definition.columns)
	}
	if err := s.fill(ctx, m); err != nil {
		return nil, fmt.Errorf("%s: the Casbin adapter: %w", s.name, err)
	}
	if f, ok := s.adapter.adapter.(persist.FilteredAdapter); ok && f.IsFiltered() {
		return nil, fmt.Errorf("%s: the Casbin adapter loaded only a part of the policy (IsFiltered)", s.name)
	}
	rows := s.adapter.rows(m)
	if len(rows) > 0 && !s.reportsErrors(ctx) {
		return nil, fmt.Errorf("%s: the Casbin adapter %T hides errors, so a row that it can't load would be lost in silence; use policy.CSV or an adapter that returns them", s.name, s.adapter.adapter)
	}
	return rows, nil
}

// empty returns a copy of the model that can be filled with rows, and that
// shares nothing that Casbin changes.
func (m *casbinModel) empty() model.Model {
	filled := model.NewModel()
	for _, section := range []string{"r", "p", "g", "e", "m"} {
		for key, definition := range m.parsed[section] {
			if filled[section] == nil {
				filled[section] = make(model.AssertionMap)
			}
			filled[section][key] = &model.Assertion{
				Key:           definition.Key,
				Value:         definition.Value,
				Tokens:        slices.Clone(definition.Tokens),
				ParamsTokens:  slices.Clone(definition.ParamsTokens),
				PolicyMap:     make(map[string]int),
				FieldIndexMap: make(map[string]int),
			}
		}
	}
	return filled
}

// checkRows reports rows that Casbin would pass over, take for others or stop
// at when a question reaches them.
func (m *casbinModel) checkRows(c *ModelConfig, rows []Row, rep *report) {
	first := make(map[string]string, len(rows))
	for _, row := range rows {
		a := &at{report: rep, row: row}
		if m.checkShape(a); a.bad {
			continue
		}
		key := string(encode(nil, row))
		if source, ok := first[key]; ok {
			a.wrong("", "", "is the same row as %s; remove one of them", source)
			continue
		}
		first[key] = row.Source
		if row.Type[0] == 'p' {
			m.checkEffect(a)
		} else if d := m.roles[row.Type]; d.domains && strings.Contains(row.Fields[2], "*") && m.matchDomain(c, row.Type) == nil {
			a.wrong("domain", row.Fields[2], "is the name of one domain to Casbin, which no question has; set ModelConfig.RoleDefinitions[%q].MatchDomain", row.Type)
		}
	}
}

// matchDomain returns what makes the domains of roles patterns; nil where
// nothing does. Casbin does it by itself where the matcher is so written.
func (m *casbinModel) matchDomain(c *ModelConfig, name string) func(domain, pattern string) bool {
	if match := c.RoleDefinitions[name].MatchDomain; match != nil || !strings.Contains(m.parsed["m"]["m"].Value, "keyMatch(r_dom, p_dom)") {
		return match
	}
	return util.KeyMatch
}

// tokens returns the names of a row type's columns; none for no row type.
func (m *casbinModel) tokens(rowType string) []string {
	if d, ok := m.roles[rowType]; ok {
		return []string{"name", "role", "domain", "", "", "", ""}[:min(d.columns, 3)]
	}
	if definition := m.parsed["p"][rowType]; definition != nil {
		return definition.Tokens
	}
	return nil
}

// column names a column of a row, counted from 0.
func (m *casbinModel) column(rowType string, i int) string {
	if names := m.tokens(rowType); i < len(names) && (rowType[0] == 'p' || i < 2 || m.roles[rowType].domains) {
		return strings.TrimPrefix(names[i], rowType+"_")
	}
	return "column " + strconv.Itoa(i+1)
}

func (m *casbinModel) checkShape(a *at) {
	if m.tokens(a.row.Type) == nil {
		a.wrong("type", a.row.Type, "is no row type of the model")
		return
	}
	want := len(m.tokens(a.row.Type))
	if d, ok := m.roles[a.row.Type]; ok {
		want = d.columns
	}
	if len(a.row.Fields) != want {
		a.wrong("", "", "has %d columns behind %s; the model defines %d", len(a.row.Fields), a.row.Type, want)
		return
	}
	if !m.isRead(a.row.Type) {
		a.wrong("type", a.row.Type, "is read by no matcher, so that the row would be ignored; remove it, or use %s in a matcher", a.row.Type)
	}
	for i, value := range a.row.Fields {
		switch problem := checkText(value); {
		case value == "":
			a.wrong(m.column(a.row.Type, i), value, "is empty, which Casbin matches with names that are empty")
		case problem != "":
			a.wrong(m.column(a.row.Type, i), value, "%s", problem)
		}
	}
}

// isRead reports whether rows of a type have an effect. Those of g have, since
// quorums are filled by roles.
func (m *casbinModel) isRead(rowType string) bool {
	for _, read := range m.matchers {
		if read.policy == rowType || rowType[0] == 'g' && callsFunction(read.expression, rowType) {
			return true
		}
	}
	return rowType == "g"
}

// checkEffect refuses effects that Casbin takes for none, and denials that it
// does not heed.
func (m *casbinModel) checkEffect(a *at) {
	tokens := m.tokens(a.row.Type)
	effect := slices.Index(tokens, a.row.Type+"_eft")
	for i, value := range a.row.Fields {
		name := m.column(a.row.Type, i)
		switch {
		case i == effect && value != effectAllow && value != effectDeny:
			a.wrong(name, value, "is neither allow nor deny; Casbin would pass over the row")
		case i == effect && value == effectDeny && !m.heeds:
			a.wrong(name, value, "is not heeded by the effect some(where (p.eft == allow)); add && !some(where (p.eft == deny))")
		case i != effect && strings.EqualFold(value, effectDeny):
			a.wrong(name, value, "is no denial here; Casbin heeds the column eft only")
		case name == "priority" && !isPriority(value):
			a.wrong(name, value, "is no whole number, by which Casbin sorts rows")
		}
	}
}

func isPriority(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && strconv.Itoa(n) == text
}

// checkAllows reports types of rows that a matcher reads and of which none
// allows: Casbin asks a matcher once with every column empty where it finds no
// rows.
func (m *casbinModel) checkAllows(rows []Row) error {
	for key, read := range m.matchers {
		if read.policy == "" {
			continue
		}
		effect := slices.Index(m.tokens(read.policy), read.policy+"_eft")
		if !slices.ContainsFunc(rows, func(r Row) bool {
			return r.Type == read.policy && (effect < 0 || r.Fields[effect] == effectAllow)
		}) {
			return fmt.Errorf("the policy is empty: matcher %s reads %s, and no row of it allows anything", key, read.policy)
		}
	}
	return nil
}

// checkOrder refuses rows that have an order which Casbin does not see: those
// with a number by which nothing is sorted.
func (m *casbinModel) checkOrder(rows []Row) error {
	if !m.ordered || m.subjects {
		return nil
	}
	for name, definition := range m.parsed["p"] {
		if slices.Contains(definition.Tokens, name+"_priority") {
			continue
		}
		for i := range definition.Tokens {
			sorted := func(r Row) bool { return r.Type != name || isPriority(r.Fields[i]) }
			if slices.ContainsFunc(rows, func(r Row) bool { return r.Type == name }) && !slices.ContainsFunc(rows, func(r Row) bool { return !sorted(r) }) {
				return errors.New(name + ": column " + m.column(name, i) + " holds only numbers; Casbin sorts rows by a column that is called priority, and by no other")
			}
		}
	}
	return nil
}
