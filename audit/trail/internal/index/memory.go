package index

import (
	"iter"
	"math"
	"slices"
	"sort"
)

// memory holds records that are in no run yet. Each key leads to the one with
// the same hash that was added before it, so that adding never moves anything,
// and a chain can be followed while others add. A nil memory is empty.
type memory struct {
	newest  table // by hash, number of its newest key, from 1
	keys    list[memoryKey]
	records list[memoryRecord]
	below   uint64 // leaves from here on do not count
	held    int    // records below it
}

type memoryKey struct {
	hash   uint64
	record uint32 // its place among the records
	before uint32 // number of the key with the same hash before it, or 0
}

type memoryRecord struct {
	leaf   uint64
	second int64
}

// newMemory returns one with room for so many different hashes; it takes more.
func newMemory(hashes int) *memory {
	return &memory{newest: newTable(hashes), below: math.MaxUint64}
}

func (m *memory) add(leaf uint64, p Prepared) {
	record := uint32(m.records.length)
	m.records.add(memoryRecord{leaf, p.second})
	m.held++
	for _, h := range p.hashes[:p.count] {
		slot := m.newest.slot(h, &m.keys)
		before := *slot
		m.keys.add(memoryKey{h, record, before})
		*slot = uint32(m.keys.length)
		if before == 0 {
			m.newest.taken(&m.keys)
		}
	}
}

func (m *memory) full() bool { return m.keys.length > math.MaxUint32-maxKeys }

func (m *memory) count() int {
	if m == nil {
		return 0
	}
	return m.held
}

// split makes m end before a leaf, and returns what it held from there on. It
// returns nil, and changes nothing, if m holds nothing below that leaf.
func (m *memory) split(below uint64) *memory {
	held := sort.Search(m.records.length, func(i int) bool { return m.records.at(i).leaf >= below })
	if held == 0 {
		return nil
	}
	m.below, m.held = below, held
	rest := newMemory(m.newest.count)
	key := sort.Search(m.keys.length, func(i int) bool { return int(m.keys.at(i).record) >= held })
	for i := held; i < m.records.length; i++ {
		r := m.records.at(i)
		p := Prepared{second: r.second, made: true}
		for ; key < m.keys.length && int(m.keys.at(key).record) == i; key++ {
			p.hashes[p.count] = m.keys.at(key).hash
			p.count++
		}
		rest.add(r.leaf, p)
	}
	return rest
}

// chain is what a memory held under one hash when it was asked.
type chain struct {
	keys    list[memoryKey]
	records list[memoryRecord]
	newest  uint32
	below   uint64
}

func (m *memory) chain(hash uint64) chain {
	if m == nil {
		return chain{}
	}
	return chain{m.keys, m.records, m.newest.find(hash, &m.keys), m.below}
}

// has reports whether there is a record with a hash.
func (m *memory) has(hash uint64) bool { return m != nil && m.newest.find(hash, &m.keys) != 0 }

// leaves returns the leaves in ascending order.
func (c chain) leaves(from, below uint64) []uint64 {
	var leaves []uint64
	below = min(below, c.below)
	for n := c.newest; n != 0; {
		key := c.keys.at(int(n) - 1)
		leaf := c.records.at(int(key.record)).leaf
		if leaf < from {
			break
		}
		if leaf < below {
			leaves = append(leaves, leaf)
		}
		n = key.before
	}
	slices.Reverse(leaves)
	return leaves
}

// entry is a hash and the leaf of a record that has it.
type entry struct{ hash, leaf uint64 }

func (e entry) compare(o entry) int {
	switch {
	case e.hash < o.hash || e.hash == o.hash && e.leaf < o.leaf:
		return -1
	case e == o:
		return 0
	}
	return 1
}

// sorted returns what is in memory as a run holds it.
func (m *memory) sorted() []entry {
	return sorted(func(yield func(entry) bool) {
		for i := range m.keys.length {
			key := m.keys.at(i)
			if leaf := m.records.at(int(key.record)).leaf; leaf < m.below && !yield(entry{key.hash, leaf}) {
				return
			}
		}
	})
}

// times returns the leaves and seconds of the records that count, ascending by
// leaf.
func (m *memory) times() times {
	if m == nil {
		return times{}
	}
	return times{m.records, m.held}
}

// times is what a memory knew of time when it was asked.
type times struct {
	records list[memoryRecord]
	count   int
}

func (t times) from(leaf uint64) iter.Seq[memoryRecord] {
	return func(yield func(memoryRecord) bool) {
		first := sort.Search(t.count, func(i int) bool { return t.records.at(i).leaf >= leaf })
		for i := first; i < t.count; i++ {
			if !yield(t.records.at(i)) {
				return
			}
		}
	}
}
