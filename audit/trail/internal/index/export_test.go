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
