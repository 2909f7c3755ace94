package policy

import (
	"math"
	"slices"
)

// roles is who holds which role, where and when: a graph from classes of
// logins over roles to roles. It is not changed once it is built.
type roles struct {
	names []string          // sorted; a role's number is its place
	ids   map[string]uint32 // of roles only
	// people has, for each login that the rows name, the number of its class,
	// and roleName for names of roles.
	people *nameTable
	// ofRole are the grants of roles, by their number.
	ofRole [][]roleLink
	closures
}

// link is a grant as it is walked: a role in a domain (0 for all) for a time.
type link struct {
	role, domain uint32
	span         span
}

// holds reports whether a grant is about a domain (0 for one that no g row
// names, and for all at once) and a moment.
func (l *link) holds(domain uint32, now int64) bool {
	return (l.domain == 0 || l.domain == domain) && l.span.holds(now)
}

type roleLink struct {
	link
	row uint32
}

const (
	noRole    = math.MaxUint32 // of a person that is a login
	roleName  = math.MaxUint32 // instead of a class
	strangers = 0              // the class of logins that no row names
)

// newRoles numbers the roles that the rows name and links them. A name is a
// role where it is granted, allowed or denied something, or asked to approve;
// other grantees are logins. Classes are made by newClosures.
func newRoles(p *parsed) *roles {
	b := p.grants
	isRole := make([]bool, len(b.at))
	for i := range b.grants {
		isRole[b.grants[i].role] = true
	}
	for name, row := range p.rolesOutsideGrants() {
		if person := b.person(name, p.table.position(row, name)); int(person) < len(isRole) {
			isRole[person] = true
		} else {
			isRole = append(isRole, true)
		}
	}
	r := &roles{ids: make(map[string]uint32), people: b.people}
	for person, is := range isRole {
		if is {
			r.names = append(r.names, b.name(uint32(person)))
		}
	}
	slices.Sort(r.names)
	for i, name := range r.names {
		r.ids[name] = uint32(i)
	}
	b.roleOf = make([]uint32, len(isRole))
	for person, is := range isRole {
		b.roleOf[person] = noRole
		if is {
			b.roleOf[person] = r.ids[b.name(uint32(person))]
		}
	}
	r.ofRole = make([][]roleLink, len(r.names))
	for i := range b.grants {
		g := &b.grants[i]
		if from := b.roleOf[g.grantee]; from != noRole {
			r.ofRole[from] = append(r.ofRole[from], roleLink{b.link(g), g.row})
		}
	}
	return r
}

// rolesOutsideGrants are the roles of all rows but g, with a row of each.
func (p *parsed) rolesOutsideGrants() map[string]int {
	rows := make(map[string]int)
	for _, r := range p.rules {
		if r.role != "" {
			rows[r.role] = r.row
		}
	}
	for _, n := range p.needs {
		for _, slot := range n.slots {
			for _, role := range slot {
				rows[role] = n.number
			}
		}
	}
	for _, l := range p.limits {
		for _, slot := range l.over {
			for _, role := range slot {
				rows[role] = l.number
			}
		}
	}
	return rows
}

func (r *roles) isRole(name string) bool {
	_, ok := r.ids[name]
	return ok
}

// class returns the class of a login.
func (r *roles) class(login string) uint32 {
	if class, ok := r.people.find(login); ok {
		return class
	}
	return strangers
}

// hold returns the roles, in their order, that a class of logins holds in a
// domain at a moment, over any number of hops, each of which must be valid then
// and there.
func (r *roles) hold(class, domain uint32, now int64) []uint32 {
	if class == roleName {
		return nil
	}
	if set, ok := r.set(class, domain, now); ok {
		return r.roleSet(set)
	}
	return r.walk(class, func(l *link) bool { return l.holds(domain, now) })
}

// holdAnywhere returns the roles that a class holds at a moment in any domain,
// or over hops in several: what is denied to one of them is not allowed
// everywhere.
func (r *roles) holdAnywhere(class uint32, now int64) []uint32 {
	return r.walk(class, func(l *link) bool { return l.span.holds(now) })
}

func (r *roles) appendNames(list []string, held []uint32) []string {
	for _, role := range held {
		list = append(list, r.names[role])
	}
	return list
}

func (r *roles) walk(class uint32, valid func(*link) bool) []uint32 {
	seen := make([]bool, len(r.names))
	var held []uint32
	visit := func(l *link) {
		if valid(l) && !seen[l.role] {
			seen[l.role] = true
			held = append(held, l.role)
		}
	}
	links := r.linksOf(class)
	for i := range links {
		visit(&links[i])
	}
	for next := 0; next < len(held); next++ {
		further := r.ofRole[held[next]]
		for i := range further {
			visit(&further[i].link)
		}
	}
	slices.Sort(held)
	return held
}
