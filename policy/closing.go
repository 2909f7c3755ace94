package policy

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// closing works out closures.
type closing struct {
	roles *roles
	// budget bounds what is worked out, and so time and room. A policy has to
	// be of an odd make to need more; the classes for which nothing is left are
	// walked when they are asked about.
	budget  int
	plain   []bool   // roles that bring the same roles always and everywhere
	plainIs []uint32 // and the set of each that was needed, with itself
	known   map[string]uint32
	seen    []uint32 // roles that were met in a walk, by the walk's number
	walks   uint32
	key     []byte
}

const noSet = 1<<32 - 1

// newClosures makes the classes of all logins and prepares their sets.
func newClosures(r *roles, b *grantBook) {
	c := &closing{roles: r, budget: 1<<24 + 64*len(b.grants), known: make(map[string]uint32), seen: make([]uint32, len(r.names))}
	c.findPlain()
	c.intern(nil)
	c.prepare(nil)
	classOf := make([]uint32, len(b.at))
	one, several := make(map[link]uint32), make(map[string]uint32)
	for person, grants := range b.byGrantee() {
		if b.roleOf[person] != noRole {
			classOf[person] = roleName
			continue
		}
		classOf[person] = c.class(b, grants, one, several)
	}
	r.people.renumber(classOf)
	r.people.trim()
	r.closures.clip()
}

func (c *closures) clip() {
	c.classes, c.links, c.bounds = slices.Clone(c.classes), slices.Clone(c.links), slices.Clone(c.bounds)
	c.named, c.sets = slices.Clone(c.named), slices.Clone(c.sets)
	c.members, c.ends = slices.Clone(c.members), slices.Clone(c.ends)
}

// class returns the class of a login with some grants.
func (c *closing) class(b *grantBook, grants []uint32, one map[link]uint32, several map[string]uint32) uint32 {
	if len(grants) == 1 {
		l := b.link(&b.grants[grants[0]])
		class, ok := one[l]
		if !ok {
			class = c.prepare([]link{l})
			one[l] = class
		}
		return class
	}
	links := make([]link, len(grants))
	for i, g := range grants {
		links[i] = b.link(&b.grants[g])
	}
	slices.SortFunc(links, compareLinks)
	c.key = c.key[:0]
	for _, l := range links {
		c.key = binary.LittleEndian.AppendUint32(c.key, l.role)
		c.key = binary.LittleEndian.AppendUint32(c.key, l.domain)
		c.key = binary.LittleEndian.AppendUint64(c.key, uint64(l.span.from))
		c.key = binary.LittleEndian.AppendUint64(c.key, uint64(l.span.until))
	}
	class, ok := several[string(c.key)]
	if !ok {
		key := string(c.key)
		class = c.prepare(links)
		several[key] = class
	}
	return class
}

func compareLinks(a, b link) int {
	return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.domain, b.domain),
		cmp.Compare(a.span.from, b.span.from), cmp.Compare(a.span.until, b.span.until))
}

// prepare adds a class and its sets.
func (c *closing) prepare(links []link) uint32 {
	out := &c.roles.closures
	k := class{firstLink: uint32(len(out.links)), links: uint32(len(links)),
		firstBound: uint32(len(out.bounds)), firstName: uint32(len(out.named)), firstSet: uint32(len(out.sets))}
	out.links = append(out.links, links...)
	bounds, named := c.edges(links)
	if c.budget > 0 && (len(named)+1)*(len(bounds)+1) <= c.budget && c.work(links, bounds, named) {
		k.bounds, k.names = uint32(len(bounds)), uint32(len(named))
		out.bounds, out.named = append(out.bounds, bounds...), append(out.named, named...)
	} else {
		out.sets = out.sets[:k.firstSet]
		k.firstSet = notPrepared
	}
	out.classes = append(out.classes, k)
	return uint32(len(out.classes) - 1)
}

// edges returns the moments and the domains at which the roles of a class can
// change.
func (c *closing) edges(links []link) (bounds []int64, named []uint32) {
	always := always()
	note := func(l *link) {
		if l.span.from != always.from {
			bounds = append(bounds, l.span.from)
		}
		if l.span.until != always.until {
			bounds = append(bounds, l.span.until)
		}
		if l.domain != 0 {
			named = append(named, l.domain)
		}
	}
	for i := range links {
		note(&links[i])
	}
	changing := func(role uint32) bool { return !c.plain[role] }
	for _, role := range slices.DeleteFunc(c.reach(links, whenever, changing), func(role uint32) bool { return c.plain[role] }) {
		for i := range c.roles.ofRole[role] {
			note(&c.roles.ofRole[role][i].link)
		}
	}
	slices.Sort(bounds)
	slices.Sort(named)
	return slices.Compact(bounds), slices.Compact(named)
}

// work appends the sets of a class. It reports whether the budget was enough.
func (c *closing) work(links []link, bounds []int64, named []uint32) bool {
	for i := -1; i < len(named); i++ {
		domain := uint32(0)
		if i >= 0 {
			domain = named[i]
		}
		for j := -1; j < len(bounds); j++ {
			now := always().from
			if j >= 0 {
				now = bounds[j]
			}
			c.roles.sets = append(c.roles.sets, c.setAt(links, domain, now))
			if c.budget--; c.budget < 0 {
				return false
			}
		}
	}
	return true
}

// setAt returns the set that links bring in a domain at a moment.
func (c *closing) setAt(links []link, domain uint32, now int64) uint32 {
	valid := func(l *link) bool { return l.holds(domain, now) }
	only, more := uint32(noRole), false
	for i := range links {
		if l := &links[i]; valid(l) {
			more = more || only != noRole && l.role != only || !c.plain[l.role]
			only = l.role
		}
	}
	switch {
	case more:
		return c.intern(c.reach(links, valid, onward))
	case only == noRole:
		return 0
	}
	return c.plainSet(only)
}

// plainSet returns the set that a plain role brings, with itself.
func (c *closing) plainSet(role uint32) uint32 {
	if c.plainIs[role] == noSet {
		itself := []link{{role: role, span: always()}}
		c.plainIs[role] = c.intern(c.reach(itself, whenever, onward))
	}
	return c.plainIs[role]
}

func whenever(*link) bool { return true }
func onward(uint32) bool  { return true }

// reach returns the roles to which valid links lead, going on from roles where
// further.
func (c *closing) reach(links []link, valid func(*link) bool, further func(uint32) bool) []uint32 {
	c.walks++
	var found []uint32
	visit := func(l *link) {
		c.budget--
		if c.seen[l.role] != c.walks && valid(l) {
			c.seen[l.role] = c.walks
			found = append(found, l.role)
		}
	}
	for i := range links {
		visit(&links[i])
	}
	for next := 0; next < len(found) && c.budget > 0; next++ {
		if !further(found[next]) {
			continue
		}
		leads := c.roles.ofRole[found[next]]
		for i := range leads {
			visit(&leads[i].link)
		}
	}
	return found
}

// intern returns the number of a set of roles, which it may sort.
func (c *closing) intern(found []uint32) uint32 {
	slices.Sort(found)
	key := make([]byte, 0, 64)
	for _, role := range found {
		key = binary.LittleEndian.AppendUint32(key, role)
	}
	out := &c.roles.closures
	set, ok := c.known[string(key)]
	if !ok {
		set = uint32(len(out.ends))
		out.members = append(out.members, found...)
		out.ends = append(out.ends, uint32(len(out.members)))
		c.known[string(key)] = set
	}
	return set
}

// findPlain finds the roles from which no grant leads on that is bound to a
// time or a domain.
func (c *closing) findPlain() {
	r := c.roles
	c.plain, c.plainIs = make([]bool, len(r.names)), make([]uint32, len(r.names))
	below := make([][]uint32, len(r.names)) // who has each role
	var open []uint32
	for role, links := range r.ofRole {
		c.plain[role], c.plainIs[role] = true, noSet
		for _, l := range links {
			below[l.role] = append(below[l.role], uint32(role))
			if c.plain[role] && (l.domain != 0 || l.span.isBounded()) {
				c.plain[role] = false
				open = append(open, uint32(role))
			}
		}
	}
	for len(open) > 0 {
		role := open[len(open)-1]
		open = open[:len(open)-1]
		for _, has := range below[role] {
			if c.plain[has] {
				c.plain[has] = false
				open = append(open, has)
			}
		}
	}
}
