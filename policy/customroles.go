package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// roleGraph answers g, g2 and so on in place of Casbin's role manager, which
// stops after ten roles, forgets conditions, and keeps each answer for ever. It
// is never changed.
type roleGraph struct {
	definition roleDefinition
	rules      ModelRoles
	grants     map[string][]roleGrant // by who is granted
	patterns   []string               // those who are granted, where names are patterns
	names      []string               // all, where names are patterns
	roles      map[string]bool        // all that are granted
}

type roleGrant struct {
	role, domain string
	columns      []string
}

func (m *casbinModel) graphs(c *ModelConfig, rows []Row) map[string]*roleGraph {
	graphs := make(map[string]*roleGraph)
	for name, d := range m.roles {
		g := &roleGraph{definition: d, rules: c.RoleDefinitions[name], grants: make(map[string][]roleGrant), roles: make(map[string]bool)}
		g.rules.MatchDomain = m.matchDomain(c, name)
		for _, row := range rows {
			if row.Type == name {
				g.add(row.Fields)
			}
		}
		graphs[name] = g
	}
	return graphs
}

func (g *roleGraph) add(fields []string) {
	grant := roleGrant{role: fields[1], columns: fields[len(fields)-g.definition.params:]}
	if g.definition.domains {
		grant.domain = fields[2]
	}
	if g.rules.Match != nil {
		if len(g.grants[fields[0]]) == 0 {
			g.patterns = append(g.patterns, fields[0])
		}
		for _, name := range fields[:2] {
			if !slices.Contains(g.names, name) {
				g.names = append(g.names, name)
			}
		}
	}
	g.grants[fields[0]] = append(g.grants[fields[0]], grant)
	g.roles[fields[1]] = true
}

// holds reports whether a grant is valid in a domain at a moment.
func (g *roleGraph) holds(grant roleGrant, domain string, at time.Time) (bool, error) {
	if g.definition.domains && grant.domain != domain && (g.rules.MatchDomain == nil || !g.rules.MatchDomain(domain, grant.domain)) {
		return false, nil
	}
	if g.definition.params == 0 {
		return true, nil
	}
	return g.rules.Holds(at, slices.Clone(grant.columns))
}

func (g *roleGraph) matches(name, pattern string) bool {
	return name == pattern || g.rules.Match != nil && g.rules.Match(name, pattern)
}

// reach returns a name and all that it has by grants, over any number of them.
// Where names are patterns, a granted pattern stands for all known names that
// match it, and for asked.
func (g *roleGraph) reach(name, asked, domain string, at time.Time) (map[string]bool, error) {
	reached, open := map[string]bool{name: true}, []string{name}
	visit := func(found string) {
		if !reached[found] {
			reached[found] = true
			open = append(open, found)
		}
	}
	for len(open) > 0 {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		for _, from := range g.grantees(last) {
			for _, grant := range g.grants[from] {
				ok, err := g.holds(grant, domain, at)
				if err != nil {
					return nil, fmt.Errorf("the condition of a role: %w", err)
				}
				if !ok {
					continue
				}
				visit(grant.role)
				for _, known := range g.names {
					if g.matches(known, grant.role) {
						visit(known)
					}
				}
				if asked != "" && g.matches(asked, grant.role) {
					visit(asked)
				}
			}
		}
	}
	return reached, nil
}

// grantees are the name itself and the patterns that it matches.
func (g *roleGraph) grantees(name string) []string {
	list := []string{name}
	for _, pattern := range g.patterns {
		if pattern != name && g.matches(name, pattern) {
			list = append(list, pattern)
		}
	}
	return list
}

// checkRoles reports roles in a circle, at which Casbin hangs where it sorts by
// them, and roles from which it can't tell the order.
func (m *casbinModel) checkRoles(rows []Row, rep *report) {
	for name := range m.roles {
		of := make(map[string][]Row)
		for _, row := range rows {
			if row.Type == name {
				of[row.Fields[0]] = append(of[row.Fields[0]], row)
			}
		}
		if row, path := circle(of); path != nil {
			rep.add(row, "role", row.Fields[1], "roles go in a circle: %s; remove one of the rows", strings.Join(path, " has "))
		}
		if !m.subjects || name != "g" {
			continue
		}
		for _, grants := range of {
			for i, row := range grants {
				if slices.ContainsFunc(grants[:i], func(other Row) bool { return !m.roles[name].domains || other.Fields[2] == row.Fields[2] }) {
					rep.add(row, "role", row.Fields[1], "is a second role; subjectPriority needs a tree, and Casbin picks one of the roles by chance")
				}
			}
		}
	}
}

// circle returns the last row of a circle and the names on it; none where
// there is no circle.
func circle(of map[string][]Row) (Row, []string) {
	type step struct {
		name string
		next int
	}
	done := make(map[string]bool)
	for start := range of {
		walk, on := []step{{name: start}}, map[string]bool{start: true}
		for len(walk) > 0 && !done[start] {
			last := &walk[len(walk)-1]
			if last.next == len(of[last.name]) {
				done[last.name], on[last.name] = true, false
				walk = walk[:len(walk)-1]
				continue
			}
			row := of[last.name][last.next]
			last.next++
			switch role := row.Fields[1]; {
			case on[role]:
				var path []string
				for _, s := range walk[slices.IndexFunc(walk, func(s step) bool { return s.name == role }):] {
					path = append(path, s.name)
				}
				return row, append(path, role)
			case !done[role]:
				walk, on[role] = append(walk, step{name: role}), true
			}
		}
	}
	return Row{}, nil
}

var errRoleArguments = errors.New("a role definition is called with other arguments than it has columns, or with one that is no text")

// call is g as a matcher calls it.
func (g *roleGraph) call(args []any, closure func(name, asked, domain string) (map[string]bool, error)) (any, error) {
	texts := make([]string, len(args))
	for i, arg := range args {
		text, ok := arg.(string)
		if !ok {
			return false, errRoleArguments
		}
		texts[i] = text
	}
	want, domain := 2, ""
	if g.definition.domains {
		want = 3
	}
	if len(texts) != want {
		return false, errRoleArguments
	}
	if want == 3 {
		domain = texts[2]
	}
	if g.matches(texts[0], texts[1]) {
		return true, nil
	}
	reached, err := closure(texts[0], texts[1], domain)
	if err != nil || reached[texts[1]] {
		return err == nil, err
	}
	if g.rules.Match == nil {
		return false, nil
	}
	for name := range reached {
		if g.matches(name, texts[1]) {
			return true, nil
		}
	}
	return false, nil
}
