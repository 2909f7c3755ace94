package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// validate reports what is wrong with rows that are right by themselves. It
// returns the roles, which need validation to be used.
func validate(p *parsed, v *vocabulary, name string, rep *report) *roles {
	r := newRoles(p)
	p.checkAnyAllow(name, rep)
	p.checkGrantees(r, rep)
	p.checkCycle(r, rep)
	p.checkLimits(rep)
	if len(rep.errs) > 0 {
		return r // the checks below would only find the same again
	}
	u := newUniverse(p, v)
	p.checkCovered(u, rep)
	checkQuorums(p, r, u, rep)
	p.checkChange(r, rep)
	return r
}

func (p *parsed) checkAnyAllow(name string, rep *report) {
	if !slices.ContainsFunc(p.rules, func(r *rule) bool { return !r.deny }) {
		rep.add(Row{Source: name}, "", "", "the policy allows nothing: it needs a p row that allows")
	}
}

// checkGrantees: a grantee that is a role somewhere, but that nobody is
// granted, is in truth a login. Casbin would let the login hold the role.
func (p *parsed) checkGrantees(r *roles, rep *report) {
	for _, g := range p.grants {
		if id, isRole := r.ids[g.grantee]; isRole && len(r.granted[id]) == 0 {
			rep.add(g.row, "login", g.grantee, "is the name of a role that nobody is granted; rename the login, or grant the role")
		}
	}
}

func (p *parsed) checkCycle(r *roles, rep *report) {
	grants := r.cycle()
	if grants == nil {
		return
	}
	var path, rows []string
	for _, g := range grants {
		path, rows = append(path, g.grantee), append(rows, g.row.Source)
	}
	path = append(path, grants[0].grantee)
	rep.add(grants[0].row, "role", grants[0].role, "roles go in a circle: %s (%s); remove one of the rows", strings.Join(path, " has "), strings.Join(rows, ", "))
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
	for _, s := range p.scopes() {
		if isOwnKind(s.kind.text) && !s.namesChange() { // which checkChange looks at
			kinds = append(kinds, s.kind.representative())
		}
		if u.open && s.domain.form == exact {
			u.domains = append(u.domains, s.domain.text)
		}
	}
	for _, g := range p.grants {
		if u.open && g.domain.form == exact {
			u.domains = append(u.domains, g.domain.text)
		}
	}
	u.kinds, u.domains = newNames(kinds).list, newNames(u.domains).list
	return u
}

// representative returns a name that the pattern covers.
func (p pattern) representative() string {
	if p.form == prefix {
		return p.text + "*"
	}
	return p.text
}

func (p *parsed) scopes() []scope {
	var list []scope
	for _, r := range p.rules {
		list = append(list, r.scope)
	}
	for _, n := range p.needs {
		list = append(list, n.scope)
	}
	for _, l := range p.limits {
		list = append(list, l.shape.scope)
	}
	return list
}

// point is one kind, tier and domain.
type point struct{ kind, tier, domain string }

func (p point) String() string { return place(p.kind, p.tier, p.domain) }

// points returns what a scope covers.
func (u *universe) points(s scope, domains []string) []point {
	var list []point
	for _, kind := range u.kinds {
		for _, tier := range u.tiers {
			for _, domain := range domains {
				if s.covers(kind, tier, domain) {
					list = append(list, point{kind, tier, domain})
				}
			}
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
func (p *parsed) checkCovered(u *universe, rep *report) {
	type asked struct {
		step  moderation.Step
		scope scope
	}
	known := make(map[asked][]point)
	for _, r := range p.rules {
		if r.deny || !mustState(r.step) {
			continue
		}
		key := asked{r.step, r.scope}
		missing, ok := known[key]
		if !ok {
			missing = p.uncovered(u, r.step, r.scope)
			known[key] = missing
		}
		if len(missing) > 0 {
			rep.add(r.row, "step", string(r.step), "is allowed, but no p2 row says what it needs for %s%s; add one whose when is *", missing[0], more(len(missing)-1))
		}
	}
}

func (p *parsed) uncovered(u *universe, step moderation.Step, s scope) []point {
	if step == moderation.StepUnfreeze {
		u = u.withAny()
	}
	return slices.DeleteFunc(u.points(s, u.allDomains()), func(at point) bool {
		return slices.ContainsFunc(p.needs, func(n *need) bool {
			return n.step == step && len(n.when) == 0 && n.scope.covers(at.kind, at.tier, at.domain)
		})
	})
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
