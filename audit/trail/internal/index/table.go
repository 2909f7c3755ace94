package index

import "math/rand/v2"

// table finds the newest of the keys with a hash by its number. It holds
// numbers only, so that it is small; the hashes are with the keys. The upper
// bits of a hash, times a number that nobody knows, choose where to begin to
// look: nobody can choose texts that crowd a place.
type table struct {
	slots []uint32 // number of a key from 1, or 0; their number is a power of two
	seed  uint64   // odd
	shift int      // 64 less the bits that choose a slot
	count int      // of slots that are taken, at most half of them
}

const leastSlotBits = 8

func newTable(hashes int) table {
	bits := leastSlotBits
	for hashes > 1<<bits/2 {
		bits++
	}
	return table{slots: make([]uint32, 1<<bits), seed: rand.Uint64() | 1, shift: 64 - bits}
}

// slot returns where the number of the newest key with a hash is or, if there
// is none, is to be put.
func (t *table) slot(hash uint64, keys *list[memoryKey]) *uint32 {
	for i := hash * t.seed >> t.shift; ; i = (i + 1) & uint64(len(t.slots)-1) {
		n := &t.slots[i]
		if *n == 0 || keys.at(int(*n)-1).hash == hash {
			return n
		}
	}
}

// find returns the number of the newest key with a hash, or 0.
func (t *table) find(hash uint64, keys *list[memoryKey]) uint32 {
	return *t.slot(hash, keys)
}

// taken notes that one more slot is, and sees that half of them stay free.
func (t *table) taken(keys *list[memoryKey]) {
	t.count++
	if t.count <= len(t.slots)/2 {
		return
	}
	larger := newTable(2 * t.count)
	for _, n := range t.slots {
		if n != 0 {
			*larger.slot(keys.at(int(n)-1).hash, keys) = n
		}
	}
	larger.count = t.count
	*t = larger
}
