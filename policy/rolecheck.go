package policy

import (
	"slices"
	"time"
)

// holders returns logins that can hold a role in a domain at some moment, over
// hops that are valid together; no more than limit.
func (r *roles) holders(role, domain string, limit int) []string {
	type reached struct {
		role        int
		from, until time.Time
	}
	var logins []string
	open, seen := []reached{{role: r.ids[role]}}, map[reached]bool{}
	for len(open) > 0 && len(logins) < limit {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		for _, g := range r.granted[last.role] {
			from, until, some := intersect(g, last.from, last.until)
			if !some || !g.domain.covers(domain) {
				continue
			}
			grantee, isRole := r.ids[g.grantee]
			next := reached{grantee, from, until}
			switch {
			case !isRole && len(logins) < limit && !slices.Contains(logins, g.grantee):
				logins = append(logins, g.grantee)
			case isRole && !seen[next]:
				seen[next] = true
				open = append(open, next)
			}
		}
	}
	return logins
}

// intersect returns when a grant and a time span hold together.
func intersect(g *grant, from, until time.Time) (time.Time, time.Time, bool) {
	if g.from.After(from) {
		from = g.from
	}
	if until.IsZero() || !g.until.IsZero() && g.until.Before(until) {
		until = g.until
	}
	return from, until, until.IsZero() || from.Before(until)
}

// implied returns a role and the roles that its holders hold through it in a
// domain, at some moment or, where always is set, at every moment.
func (r *roles) implied(role, domain string, always bool) []string {
	start := r.ids[role]
	var set roleSet
	set.reset(len(r.names))
	set.add(start)
	for open := []int{start}; len(open) > 0; {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		for _, l := range r.ofRole[last] {
			bounded := !l.grant.from.IsZero() || !l.grant.until.IsZero()
			if l.grant.domain.covers(domain) && !(always && bounded) && set.add(l.role) {
				open = append(open, l.role)
			}
		}
	}
	return set.appendNames(nil, r.names)
}

// cycle returns the grants of one cycle of roles, in order; nil where there is
// none. Bounds and domains are no excuse: a cycle is a mistake.
func (r *roles) cycle() []*grant {
	onCycle := r.behindNoEnd()
	for start := range r.names {
		if !onCycle[start] {
			continue
		}
		// Every role left leads to another one that is left, so this walk
		// comes back to a role that it has seen.
		var path []*grant
		seenAt := make(map[int]int)
		for role := start; ; {
			if first, seen := seenAt[role]; seen {
				return path[first:]
			}
			seenAt[role] = len(path)
			next := slices.IndexFunc(r.ofRole[role], func(l link) bool { return onCycle[l.role] })
			path = append(path, r.ofRole[role][next].grant)
			role = r.ofRole[role][next].role
		}
	}
	return nil
}

// behindNoEnd returns the roles from which a walk need never end, by taking
// away again and again what leads nowhere.
func (r *roles) behindNoEnd() []bool {
	left, leads := make([]bool, len(r.names)), make([]int, len(r.names))
	var ends []int
	for role, links := range r.ofRole {
		left[role], leads[role] = true, len(links)
		if len(links) == 0 {
			ends = append(ends, role)
		}
	}
	for len(ends) > 0 {
		role := ends[len(ends)-1]
		ends = ends[:len(ends)-1]
		left[role] = false
		for _, g := range r.granted[role] {
			if from, ok := r.ids[g.grantee]; ok {
				if leads[from]--; leads[from] == 0 {
					ends = append(ends, from)
				}
			}
		}
	}
	return left
}
