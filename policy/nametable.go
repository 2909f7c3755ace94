package policy

import (
	"hash/maphash"
	"math/bits"
	"strings"
)

// nameTable gives names numbers. It is an open hash table (linear probing)
// whose names are parts of one text: a million logins that the rows hold
// already cost a slot each.
type nameTable struct {
	seed  maphash.Seed
	text  string
	slots []nameSlot
	count int
	isFew bool
}

type nameSlot struct {
	tag    uint32 // a part of the name's hash; zero where the slot is free
	start  uint32 // where the name begins in text
	number uint32
	size   uint32
}

// newNameTable returns a table for about so many names of a text.
func newNameTable(text string, about int) *nameTable {
	return &nameTable{seed: maphash.MakeSeed(), text: text, slots: make([]nameSlot, about+about/3+4), isFew: about <= fewNames}
}

// numberNames numbers a list, from first on.
func numberNames(list []string, first uint32) *nameTable {
	// Join may return a name as it is, which would keep all that it is part of.
	t := newNameTable(strings.Clone(strings.Join(list, "")), len(list))
	start := uint32(0)
	for i, name := range list {
		t.add(name, start, first+uint32(i))
		start += uint32(len(name))
	}
	return t
}

// fewNames is up to how many names a weak hash, which looks at the ends of a
// name, is good enough: should all of them agree there, so many are compared.
const fewNames = 64

func (t *nameTable) hash(name string) uint64 {
	if !t.isFew {
		return maphash.String(t.seed, name)
	}
	h := uint64(len(name))
	if n := len(name); n >= 8 {
		h += (eightBytes(name)*0x9e3779b97f4a7c15 ^ eightBytes(name[n-8:]))
	} else {
		for i := range n {
			h = h<<8 | uint64(name[i])
		}
	}
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

func eightBytes(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// find returns a name's number.
func (t *nameTable) find(name string) (uint32, bool) {
	hash := t.hash(name)
	tag, size := uint32(hash)|1, uint32(len(name))
	for i := t.first(hash); ; i++ { // as in slot, which would cost a call
		if i == len(t.slots) {
			i = 0
		}
		slot := &t.slots[i]
		if slot.tag == tag && slot.size == size && t.name(slot) == name {
			return slot.number, true
		}
		if slot.tag == 0 {
			return 0, false
		}
	}
}

// slot returns the slot of a name, or the free one where it would stand. One
// slot is always free.
func (t *nameTable) slot(name string, hash uint64) *nameSlot {
	tag := uint32(hash) | 1
	for i := t.first(hash); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		slot := &t.slots[i]
		if slot.tag == 0 || slot.tag == tag && t.name(slot) == name {
			return slot
		}
	}
}

// first spreads the upper half of a hash over the slots.
func (t *nameTable) first(hash uint64) int {
	i, _ := bits.Mul64(hash, uint64(len(t.slots)))
	return int(i)
}

func (t *nameTable) name(slot *nameSlot) string {
	return t.text[slot.start : slot.start+slot.size]
}

// add returns the number of a name that begins at start in the text; a new
// name is given number.
func (t *nameTable) add(name string, start, number uint32) (is uint32, added bool) {
	hash := t.hash(name)
	slot := t.slot(name, hash)
	if slot.tag != 0 {
		return slot.number, false
	}
	if t.count+t.count/4 >= len(t.slots)-1 {
		t.resize(2 * t.count)
		slot = t.slot(name, hash)
	}
	*slot = nameSlot{tag: uint32(hash) | 1, start: start, number: number, size: uint32(len(name))}
	t.count++
	return number, true
}

// resize makes room for so many names, or gives back what they don't need.
func (t *nameTable) resize(names int) {
	old := t.slots
	t.slots = make([]nameSlot, names+names/3+4)
	for i := range old {
		if old[i].tag != 0 {
			name := t.name(&old[i])
			*t.slot(name, t.hash(name)) = old[i]
		}
	}
}

// renumber gives every name another number.
func (t *nameTable) renumber(numbers []uint32) {
	for i := range t.slots {
		if t.slots[i].tag != 0 {
			t.slots[i].number = numbers[t.slots[i].number]
		}
	}
}

// trim gives back room that is not needed.
func (t *nameTable) trim() {
	if len(t.slots) > 2*t.count+8 {
		t.resize(t.count)
	}
}
