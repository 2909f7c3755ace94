package index

import (
	"iter"
	"runtime"
	"slices"
)

const (
	// sortBits are those by which entries are put in order first.
	sortBits = 14
	// shortSort is how many entries are sorted by insertion.
	shortSort = 24
	// politely is how many entries are worked on before others may.
	politely = 1 << 10
)

// sorted returns entries in ascending order. Hashes are evenly spread: it is
// enough to put entries in order by the upper bits of theirs, and then the few
// that share them. It goes twice through all.
func sorted(all iter.Seq[entry]) []entry {
	starts, count := make([]int, 1<<sortBits+1), 0
	for e := range all {
		starts[e.hash>>(64-sortBits)+1]++
		if count++; count%politely == 0 {
			runtime.Gosched()
		}
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	placed := make([]entry, count)
	for e := range all {
		at := &starts[e.hash>>(64-sortBits)]
		placed[*at] = e
		*at++
		if count--; count%politely == 0 {
			runtime.Gosched()
		}
	}
	begin := 0
	for i, end := range starts[:1<<sortBits] { // where each ends by now
		sortFew(placed[begin:end])
		begin = end
		if i%(politely/16) == 0 {
			runtime.Gosched()
		}
	}
	return placed
}

// sortFew sorts entries of which there are few, or most are in order already:
// those of one text, in the order in which they were added.
func sortFew(entries []entry) {
	if len(entries) > shortSort {
		slices.SortFunc(entries, entry.compare)
		return
	}
	for i := 1; i < len(entries); i++ {
		e, at := entries[i], i
		for ; at > 0 && e.compare(entries[at-1]) < 0; at-- {
			entries[at] = entries[at-1]
		}
		entries[at] = e
	}
}
