package policy

import (
	"maps"
	"slices"
	"time"
)

// roles is who holds which role, where and when: a graph from logins over
// roles to roles. It is not changed once it is built.
type roles struct {
	names []string       // sorted; a role's number is its place
	ids   map[string]int // of roles only
	// grants of logins, and of roles by their number.
	ofLogin map[string][]link
	ofRole  [][]link
	// granted are the grants of each role, the other way.
	granted [][]*grant
}

// link is a grant as it is walked.
type link struct {
	role  int
	grant *grant
}

// newRoles numbers the roles that the rows name and links them. A name is a
// role where it is granted, allowed or denied something, or asked to approve;
// other grantees are logins.
func newRoles(p *parsed) *roles {
	set := make(map[string]bool)
	for _, g := range p.grants {
		set[g.role] = true
	}
	for _, r := range p.rules {
		if r.role != "" {
			set[r.role] = true
		}
	}
	for _, slots := range p.quorums() {
		for _, slot := range slots {
			for _, role := range slot {
				set[role] = true
			}
		}
	}
	r := &roles{names: slices.Sorted(maps.Keys(set)), ids: make(map[string]int, len(set)), ofLogin: make(map[string][]link)}
	for i, name := range r.names {
		r.ids[name] = i
	}
	r.ofRole, r.granted = make([][]link, len(r.names)), make([][]*grant, len(r.names))
	for _, g := range p.grants {
		r.link(g)
	}
	return r
}

func (r *roles) link(g *grant) {
	to := r.ids[g.role]
	r.granted[to] = append(r.granted[to], g)
	if from, ok := r.ids[g.grantee]; ok {
		r.ofRole[from] = append(r.ofRole[from], link{to, g})
		return
	}
	r.ofLogin[g.grantee] = append(r.ofLogin[g.grantee], link{to, g})
}

func (r *roles) isRole(name string) bool {
	_, ok := r.ids[name]
	return ok
}

// hold returns the roles that a login holds in a domain at a moment, over any
// number of hops, each of which must be valid then and there. A login that is
// named like a role holds none.
func (r *roles) hold(set *roleSet, login, domain string, now time.Time) {
	r.walk(set, login, func(g *grant) bool {
		return g.domain.covers(domain) && g.validAt(now)
	})
}

// holdAnywhere returns the roles that a login holds at a moment in any domain,
// or over hops in several: what is denied to one of them is not allowed
// everywhere.
func (r *roles) holdAnywhere(set *roleSet, login string, now time.Time) {
	r.walk(set, login, func(g *grant) bool { return g.validAt(now) })
}

func (r *roles) walk(set *roleSet, login string, valid func(*grant) bool) {
	set.reset(len(r.names))
	var room [32]int
	open := room[:0]
	for _, l := range r.ofLogin[login] {
		if valid(l.grant) && set.add(l.role) {
			open = append(open, l.role)
		}
	}
	for len(open) > 0 {
		role := open[len(open)-1]
		open = open[:len(open)-1]
		for _, l := range r.ofRole[role] {
			if valid(l.grant) && set.add(l.role) {
				open = append(open, l.role)
			}
		}
	}
}

func (g *grant) validAt(now time.Time) bool {
	return !now.Before(g.from) && (g.until.IsZero() || now.Before(g.until))
}
