package index

import "encoding/binary"

// Settle waits until the merge in the background has ended, if there is one.
func (x *Index) Settle() {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	x.background.Wait()
}

// MergeInBackground lets Flush wait for no merge of more than that many leaves.
func (x *Index) MergeInBackground(leaves uint64) { x.smaller = leaves }

// NeverMerge stops every merge as soon as it begins.
func (x *Index) NeverMerge() { x.closing.Store(true) }

// Runs returns how many runs there are.
func (x *Index) Runs() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.runs)
}

// Reseal makes all checksums of a run match what is in it, as far as it is
// whole, and the root zero. It returns the name that it is to have.
func Reseal(b []byte) (name string) {
	if len(b) < pageSize {
		return header{end: 1}.name()
	}
	copy(b, magic)
	clear(b[len(magic)+24 : len(magic)+56])
	identity := seal(b[:pageSize], 0)
	h := header{
		first:   binary.BigEndian.Uint64(b[len(magic):]),
		end:     binary.BigEndian.Uint64(b[len(magic)+8:]),
		entries: binary.BigEndian.Uint64(b[len(magic)+16:]),
	}
	rest, n := b[pageSize:], uint64(0)
	for ; h.entries < maxCount && n < h.pageCount() && len(rest) >= pageSize; n++ {
		seal(rest[:pageSize], seedOf(identity, n))
		rest = rest[pageSize:]
	}
	if len(rest) >= checksumSize {
		seal(rest, seedOf(identity, n))
	}
	return h.name()
}

// FilterAfter lets older runs have filters once so many leaves were flushed.
func (x *Index) FilterAfter(leaves uint64) { x.filterAfter = leaves }

// LimitFilters bounds the bytes of all filters.
func (x *Index) LimitFilters(bytes uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.filters = bytes
}

// Filtered returns how many runs have a filter, and the bytes of all.
func (x *Index) Filtered() (runs int, bytes uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, r := range x.runs {
		if f := r.filter.Load(); f != nil {
			runs++
			bytes += f.size()
		}
	}
	return runs, bytes
}

// Filter is the filter of a run.
type Filter struct{ *filter }

// NewFilter returns one for so many hashes.
func NewFilter(hashes uint64) Filter { return Filter{newFilter(hashes)} }

// Add adds a hash.
func (f Filter) Add(hash uint64) { f.add(hash) }

// Lacks reports that a hash was not added.
func (f Filter) Lacks(hash uint64) bool { return f.lacks(hash) }

// Pair is an entry.
type Pair struct{ Hash, Leaf uint64 }

// Sorted sorts as a flush does.
func Sorted(pairs []Pair) (ascending []Pair) {
	for _, e := range sorted(func(yield func(entry) bool) {
		for _, p := range pairs {
			if !yield(entry{p.Hash, p.Leaf}) {
				return
			}
		}
	}) {
		ascending = append(ascending, Pair{e.hash, e.leaf})
	}
	return ascending
}
