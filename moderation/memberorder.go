package moderation

import "encoding/binary"

// memberOrder is the order in which the members of a set have their turn. The
// places of a set are by ID, and what is done first should not be the oldest
// accounts: so the turns are spread over it, by a fixed stride that the root
// gives. It is a permutation: place = stride × turn + start, modulo count.
type memberOrder struct{ count, stride, back, start uint64 }

func orderOf(root Digest, count int) memberOrder {
	n := uint64(max(count, 1))
	o := memberOrder{count: n, start: binary.BigEndian.Uint64(root[8:]) % n}
	o.stride = max(binary.BigEndian.Uint64(root[:])%n, 1)
	for gcd(o.stride, n) != 1 {
		o.stride = o.stride%n + 1
	}
	o.back = inverse(o.stride, n)
	return o
}

// place returns the place of a turn.
func (o memberOrder) place(turn int) int {
	return int((uint64(turn)*o.stride + o.start) % o.count)
}

// turn returns the turn of a place.
func (o memberOrder) turn(place int) int {
	return int((uint64(place) + o.count - o.start) % o.count * o.back % o.count)
}

// Turn returns the place of the member whose turn it is at the given number, from
// 0 to Len()-1: the members of a stage are spread over the whole set.
func (s *MemberSet) Turn(turn int) (place int) {
	return orderOf(s.Root(), s.Len()).place(turn)
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// inverse returns x with a × x = 1 modulo n, for a that shares no factor with n:
// the extended algorithm of Euclid.
func inverse(a, n uint64) uint64 {
	x, next := int64(1), int64(0)
	r, rest := int64(a), int64(n)
	for rest != 0 {
		q := r / rest
		r, rest = rest, r-q*rest
		x, next = next, x-q*next
	}
	m := int64(n)
	return uint64((x%m + m) % m)
}
