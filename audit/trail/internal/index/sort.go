package index

import "slices"

const (
	sortBits  = 14
	shortSort = 24
)

// sorted returns entries in ascending order, in other memory.
// Hashes are evenly spread: it is enough to put entries in order by the upper
// bits of theirs, and then the few that share them.
func sorted(entries []entry) []entry {
	starts := make([]int, 1<<sortBits+1)
	for _, e := range entries {
		starts[e.hash>>(64-sortBits)+1]++
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	placed := make([]entry, len(entries))
	for _, e := range entries {
		at := &starts[e.hash>>(64-sortBits)]
		placed[*at] = e
		*at++
	}
	begin := 0
	for _, end := range starts[:1<<sortBits] { // where each ends by now
		sortFew(placed[begin:end])
		begin = end
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
