package policy

import (
	"maps"
	"slices"
	"sort"
)

// granting is a policy's grants the other way: from each role to those who have
// it. It lasts as long as a load.
type granting struct {
	*grantBook
	roles *roles
	order []uint32 // grants by role, and by domain within a role
	ends  []uint32 // where each role's grants end in order
}

func newGranting(r *roles, b *grantBook) *granting {
	byDomain, _ := group(len(b.domains)+1, len(b.grants), func(i int) uint32 { return b.grants[i].domain })
	order, ends := group(len(r.names), len(b.grants), func(i int) uint32 { return b.roleOf[b.grants[byDomain[i]].role] })
	for i := range order {
		order[i] = byDomain[order[i]]
	}
	return &granting{b, r, order, ends}
}

// of returns the grants of a role, those for all domains first.
func (g *granting) of(role uint32) []uint32 {
	start := uint32(0)
	if role > 0 {
		start = g.ends[role-1]
	}
	return g.order[start:g.ends[role]]
}

// in returns the grants of a role for one domain, by its number.
func (g *granting) in(role, domain uint32) []uint32 {
	grants := g.of(role)
	from := func(domain uint32) int {
		return sort.Search(len(grants), func(i int) bool { return g.grants[grants[i]].domain >= domain })
	}
	return grants[from(domain):from(domain+1)]
}

// holders returns logins, by number, that can hold a role in a domain at some
// moment, over hops that are valid together; no more than limit.
func (g *granting) holders(role, domain uint32, limit int) []uint32 {
	type reached struct {
		role uint32
		span span
	}
	found, seen := make(map[uint32]bool), map[reached]bool{}
	open := []reached{{role, always()}}
	visit := func(grants []uint32, last span) {
		for i := 0; i < len(grants) && len(found) < limit; i++ {
			grant := &g.grants[grants[i]]
			both := span{max(grant.span.from, last.from), min(grant.span.until, last.until)}
			next := reached{g.roleOf[grant.grantee], both}
			switch {
			case both.from >= both.until:
			case next.role == noRole:
				found[grant.grantee] = true
			case !seen[next]:
				seen[next] = true
				open = append(open, next)
			}
		}
	}
	for len(open) > 0 && len(found) < limit {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		visit(g.in(last.role, 0), last.span)
		if domain != 0 {
			visit(g.in(last.role, domain), last.span)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// implied returns a role and the roles that its holders hold through it in a
// domain, at some moment or, where always is set, at every moment.
func (r *roles) implied(role, domain uint32, always bool) []uint32 {
	seen := map[uint32]bool{role: true}
	found := []uint32{role}
	for next := 0; next < len(found); next++ {
		for _, l := range r.ofRole[found[next]] {
			covers := l.domain == 0 || l.domain == domain
			if covers && !(always && l.span.isBounded()) && !seen[l.role] {
				seen[l.role] = true
				found = append(found, l.role)
			}
		}
	}
	return found
}

// cycle returns the grants of one cycle of roles, in order; nil where there is
// none. Bounds and domains are no excuse: a cycle is a mistake.
func (g *granting) cycle() []roleLink {
	onCycle := g.behindNoEnd()
	start := slices.Index(onCycle, true)
	if start < 0 {
		return nil
	}
	// Every role left leads to another one that is left, so this walk comes
	// back to a role that it has seen.
	var path []roleLink
	seenAt := make(map[uint32]int)
	for role := uint32(start); ; {
		if first, seen := seenAt[role]; seen {
			return path[first:]
		}
		seenAt[role] = len(path)
		links := g.roles.ofRole[role]
		next := links[slices.IndexFunc(links, func(l roleLink) bool { return onCycle[l.role] })]
		path, role = append(path, next), next.role
	}
}

// behindNoEnd returns the roles from which a walk need never end, by taking
// away again and again what leads nowhere.
func (g *granting) behindNoEnd() []bool {
	left, leads := make([]bool, len(g.roles.names)), make([]int, len(g.roles.names))
	var ends []uint32
	for role, links := range g.roles.ofRole {
		left[role], leads[role] = true, len(links)
		if len(links) == 0 {
			ends = append(ends, uint32(role))
		}
	}
	for len(ends) > 0 {
		role := ends[len(ends)-1]
		ends = ends[:len(ends)-1]
		left[role] = false
		for _, grant := range g.of(role) {
			if from := g.roleOf[g.grants[grant].grantee]; from != noRole {
				if leads[from]--; leads[from] == 0 {
					ends = append(ends, from)
				}
			}
		}
	}
	return left
}
