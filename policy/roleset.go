package policy

import "math/bits"

// roleSet is a set of roles by number, without allocation for up to 256.
type roleSet struct {
	few  [4]uint64
	many []uint64 // used instead of few where there are more roles
}

func (s *roleSet) reset(size int) {
	if size > 64*len(s.few) {
		s.many = make([]uint64, (size+63)/64)
	}
}

func (s *roleSet) words() []uint64 {
	if s.many != nil {
		return s.many
	}
	return s.few[:]
}

// add reports whether the role was not in the set.
func (s *roleSet) add(role int) bool {
	word, bit := &s.words()[role/64], uint64(1)<<(role%64)
	added := *word&bit == 0
	*word |= bit
	return added
}

func (s *roleSet) has(role int) bool { return s.words()[role/64]&(1<<(role%64)) != 0 }

func (s *roleSet) len() int {
	n := 0
	for _, w := range s.words() {
		n += bits.OnesCount64(w)
	}
	return n
}

// appendNames appends the names of the roles, in their order.
func (s *roleSet) appendNames(list, names []string) []string {
	for i, w := range s.words() {
		for ; w != 0; w &= w - 1 {
			list = append(list, names[i*64+bits.TrailingZeros64(w)])
		}
	}
	return list
}
