package policy

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// validate reports what is wrong with rows that are right by themselves. They
// are indexed already.
func (s *snapshot) validate(name string, rep *report) {
	p, g := s.parsed, newGranting(s.roles, s.parsed.grants)
	p.checkAnyAllow(name, rep)
	g.checkGrantees(rep)
	g.checkCycle(rep)
	p.checkLimits(rep)
	if len(rep.errs) > 0 {
		return // the checks below would only find the same again
	}
	u := newUniverse(p, s.words)
	s.checkCovered(u, rep)
	checkQuorums(s, g, u, rep)
	s.checkChange(g, rep)
}

func (p *parsed) checkAnyAllow(name string, rep *report) {
	if !slices.ContainsFunc(p.rules, func(r *rule) bool { return !r.deny }) {
		rep.add(Row{Source: name}, "", "", "the policy allows nothing: it needs a p row that allows")
	}
}

// checkGrantees: a grantee that is a role somewhere, but that nobody is
// granted, is in truth a login. Casbin would let the login hold the role.
func (g *granting) checkGrantees(rep *report) {
	for i := range g.grants {
		if role := g.roleOf[g.grants[i].grantee]; role != noRole && len(g.of(role)) == 0 {
			rep.add(g.table.row(int(g.grants[i].row)), "login", g.roles.names[role], "is the name of a role that nobody is granted; rename the login, or grant the role")
		}
	}
}

func (g *granting) checkCycle(rep *report) {
	links := g.cycle()
	if links == nil {
		return
	}
	var path, rows []string
	for _, l := range links {
		row := g.table.row(int(l.row))
		path, rows = append(path, row.column("login")), append(rows, row.Source)
	}
	path = append(path, path[0])
	rep.add(g.table.row(int(links[0].row)), "role", path[1], "roles go in a circle: %s (%s); remove one of the rows", strings.Join(path, " has "), strings.Join(rows, ", "))
}

// checkLimits: two limits of one shape would share a bucket.
func (p *parsed) checkLimits(rep *report) {
	first := make(map[shape]Row)
	for _, l := range p.limits {
		if other, ok := first[l.shape]; ok {
			rep.add(l.row, "over", l.row.Fields[7], "is all that differs from %s; remove one of the rows", other.Source)
			continue
		}
		first[l.shape] = l.row
	}
}

// universe is what questions can be about, as far as rows can tell it apart.
type universe struct {
	kinds, tiers []string
	domains      []string // those that the policy or the configuration name
	open         bool     // there may be domains that no row names
}

// otherDomain stands for the domains that no row names.
const otherDomain = "\x00"

func newUniverse(p *parsed, v *vocabulary) *universe {
	u := &universe{tiers: v.tiers.list, domains: v.domains.list, open: len(v.domains.list) == 0}
	kinds := slices.Clone(v.kinds.list)
	for s := range p.scopes() {
		if isOwnKind(s.kind.text) && !s.namesChange() { // which checkChange looks at
			kinds = append(kinds, s.kind.representative())
		}
	}
	if u.open {
		u.domains = slices.Sorted(maps.Keys(p.grants.domains))
	}
	u.kinds = newNames(kinds).list
	return u
}

// representative returns a name that the pattern covers.
func (p pattern) representative() string {
	if p.form == prefix {
		return p.text + "*"
	}
	return p.text
}

// scopes yields the scope of every row that has one.
func (p *parsed) scopes() iter.Seq[*scope] {
	return func(yield func(*scope) bool) {
		for _, r := range p.rules {
			if !yield(&r.scope) {
				return
			}
		}
		for _, n := range p.needs {
			if !yield(&n.scope) {
				return
			}
		}
		for _, l := range p.limits {
			if !yield(&l.shape.scope) {
				return
			}
		}
	}
}

// point is one kind, tier and domain.
type point struct{ kind, tier, domain string }

func (p point) String() string { return place(p.kind, p.tier, p.domain) }

// points yields what a scope covers.
func (u *universe) points(s scope, domains []string) iter.Seq[point] {
	kinds, tiers, domains := s.kind.among(u.kinds), s.tier.among(u.tiers), s.domain.among(domains)
	return func(yield func(point) bool) {
		for _, kind := range kinds {
			for _, tier := range tiers {
				for _, domain := range domains {
					if !yield(point{kind, tier, domain}) {
						return
					}
				}
			}
		}
	}
}

// among returns the names that a pattern covers.
func (p pattern) among(names []string) []string {
	if p.form == all {
		return names
	}
	var list []string
	for _, name := range names {
		if p.covers(name) {
			list = append(list, name)
		}
	}
	return list
}

// allDomains are the domains of questions.
func (u *universe) allDomains() []string {
	if u.open {
		return append(slices.Clone(u.domains), otherDomain)
	}
	return u.domains
}

// staffedDomains are the domains in which somebody must be able to approve:
// those with a name, or all in one where none has a name.
func (u *universe) staffedDomains() []string {
	if len(u.domains) == 0 {
		return []string{otherDomain}
	}
	return u.domains
}

// mustState reports whether a step without a p2 row is refused; undo and
// freeze then need nothing.
func mustState(s moderation.Step) bool {
	return s.Required() && s != moderation.StepUndo && s != moderation.StepFreeze
}

// checkCovered reports rows that allow a step for which no row says what it
// needs: one without conditions, since those may not hold.
func (s *snapshot) checkCovered(u *universe, rep *report) {
	type asked struct {
		step  moderation.Step
		scope scope
	}
	type gap struct {
		first   point
		missing int
	}
	known := make(map[asked]gap)
	for _, r := range s.parsed.rules {
		if r.deny || !mustState(r.step) {
			continue
		}
		key := asked{r.step, r.scope}
		found, ok := known[key]
		if !ok {
			for at := range s.uncovered(u, r.step, r.scope) {
				if found.missing++; found.missing == 1 {
					found.first = at
				}
			}
			known[key] = found
		}
		if found.missing > 0 {
			rep.add(s.table.row(r.row), "step", string(r.step), "is allowed, but no p2 row says what it needs for %s%s; add one whose when is *", found.first, more(found.missing-1))
		}
	}
}

func (s *snapshot) uncovered(u *universe, step moderation.Step, about scope) iter.Seq[point] {
	if step == moderation.StepUnfreeze {
		u = u.withAny()
	}
	return func(yield func(point) bool) {
		for at := range u.points(about, u.allDomains()) {
			always := func(need uint32) bool { return len(s.parsed.needs[need].when) == 0 }
			if !slices.ContainsFunc(s.needsAt(step, at), always) && !yield(at) {
				return
			}
		}
	}
}

// needsAt returns the rows that ask something at a point, by number.
func (s *snapshot) needsAt(step moderation.Step, at point) []uint32 {
	var l locus
	s.places.locate(&l, at.kind, at.tier, at.domain)
	return s.asks.rowsAbout(stepNumber(step), &l)
}

// withAny adds what a question about everything is about.
func (u *universe) withAny() *universe {
	return &universe{
		kinds:   append(slices.Clone(u.kinds), moderation.Any),
		tiers:   append(slices.Clone(u.tiers), moderation.Any),
		domains: append(slices.Clone(u.allDomains()), moderation.Any),
	}
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
