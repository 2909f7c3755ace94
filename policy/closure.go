package policy

import "slices"

// closures are the roles of every class of logins, in every domain and at
// every moment, worked out beforehand. Logins with the same grants are one
// class; sets of roles that are the same are kept once.
type closures struct {
	classes []class
	links   []link
	bounds  []int64
	named   []uint32
	sets    []uint32
	members []uint32
	ends    []uint32 // where each set's members end
}

// class is a class of logins, by the place of its parts in the lists of
// closures. Its set of roles changes with the time at its bounds only, and with
// the domain only in the domains that are named: sets has, for the domains that
// are not named and then for each that is, one set before the first bound and
// one from each bound on.
type class struct {
	firstLink, links   uint32
	firstBound, bounds uint32
	firstName, names   uint32
	firstSet           uint32 // notPrepared where the sets are not worked out
}

const notPrepared = 1<<32 - 1

func (c *closures) linksOf(class uint32) []link {
	k := &c.classes[class]
	return c.links[k.firstLink : k.firstLink+k.links]
}

// set returns the number of the set of roles that a class holds; not ok where
// it was not prepared.
func (c *closures) set(class, domain uint32, now int64) (set uint32, ok bool) {
	k := &c.classes[class]
	if k.firstSet == notPrepared {
		return 0, false
	}
	at := k.firstSet
	if k.names > 0 && domain != 0 {
		at += c.nameAt(k, domain) * (k.bounds + 1)
	}
	if k.bounds > 0 {
		bounds := c.bounds[k.firstBound : k.firstBound+k.bounds]
		i, isBound := slices.BinarySearch(bounds, now)
		if isBound {
			i++ // a bound is the first moment of what comes after
		}
		at += uint32(i)
	}
	return c.sets[at], true
}

// nameAt returns the place of a domain among those of a class, from 1 on; 0
// where it is not named.
func (c *closures) nameAt(k *class, domain uint32) uint32 {
	if k.names == 1 { // most often
		if c.named[k.firstName] == domain {
			return 1
		}
		return 0
	}
	if i, named := slices.BinarySearch(c.named[k.firstName:k.firstName+k.names], domain); named {
		return uint32(i + 1)
	}
	return 0
}

// roleSet returns the roles of a set, in their order.
func (c *closures) roleSet(set uint32) []uint32 {
	start := uint32(0)
	if set > 0 {
		start = c.ends[set-1]
	}
	return c.members[start:c.ends[set]]
}
