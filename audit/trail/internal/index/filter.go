package index

import "math/bits"

// filter tells of most hashes that a run does not have that it does not have
// them, without reading the run. Of no hash that was added does it say so: it
// is a Bloom filter (Bloom 1970), whose bits are only ever set. All bits of a
// hash lie in one block (Putze, Sanders and Singler 2007), one in each of its
// words, so that to ask costs one cache line. The nil filter knows nothing.
//
// It never comes from the disk. Who makes it has the entries in hand that it
// writes, or reads all pages of a run and holds each against its checksum.
type filter struct {
	blocks []filterBlock
	hashes uint64 // how many there was room for
}

// filterBlock is 256 bits.
type filterBlock [8]uint32

const (
	// filterBits is how many bits a hash is given: one in a hundred of those
	// that were not added is then thought to be there.
	filterBits = 10
	blockBits  = 256
	blockBytes = blockBits / 8
	// maxFilters bounds the filters of all runs, in bytes. A run that finds no
	// room is read for each look-up.
	maxFilters = 64 << 20
)

// filterSize is how many bytes a filter of so many hashes takes.
func filterSize(hashes uint64) uint64 {
	return (hashes*filterBits/blockBits + 1) * blockBytes
}

func newFilter(hashes uint64) *filter {
	return &filter{make([]filterBlock, filterSize(hashes)/blockBytes), hashes}
}

// block returns the block of a hash, which its upper bits choose.
func (f *filter) block(hash uint64) *filterBlock {
	n, _ := bits.Mul64(hash, uint64(len(f.blocks)))
	return &f.blocks[n]
}

// add adds a hash. Its lower 40 bits choose one in each word.
func (f *filter) add(hash uint64) {
	b := f.block(hash)
	for i := range b {
		b[i] |= 1 << (hash & 31)
		hash >>= 5
	}
}

// lacks reports that a hash was certainly not added.
func (f *filter) lacks(hash uint64) bool {
	if f == nil {
		return false
	}
	b := f.block(hash)
	missing := uint32(0)
	for i := range b {
		missing |= ^b[i] & (1 << (hash & 31))
		hash >>= 5
	}
	return missing != 0
}

// size is how many bytes it takes.
func (f *filter) size() uint64 {
	if f == nil {
		return 0
	}
	return uint64(len(f.blocks)) * blockBytes
}

// room returns an empty filter for so many hashes, or nil if those that there
// are leave no room for it beside them. Filters of runs that go away are not
// counted.
func (x *Index) room(hashes uint64, leaving []*run) *filter {
	x.mu.RLock()
	defer x.mu.RUnlock()
	taken := filterSize(hashes)
	for _, r := range x.runs {
		taken += r.filter.Load().size()
	}
	for _, r := range leaving {
		taken -= r.filter.Load().size()
	}
	if taken > x.filters {
		return nil
	}
	return newFilter(hashes)
}

// hashes is at least how many different ones a run has.
func (r *run) hashes() uint64 {
	if f := r.filter.Load(); f != nil {
		return f.hashes
	}
	return r.entries
}

// filterAfter is how many records are flushed before runs are given filters
// that were there when the index was opened: who adds few has no use for them.
const filterAfter = 1 << 15

// filterOld gives filters to the runs that have none, in the background: those
// that were there before. x.flushing must be held.
func (x *Index) filterOld() {
	if x.flushed < x.filterAfter {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.filtering {
		return
	}
	for _, r := range x.runs {
		if r.filter.Load() == nil && !r.unfiltered {
			r.unfiltered, x.filtering = true, true // tried once
			r.hold()
			x.background.Go(func() { x.readFilter(r) })
			return
		}
	}
}

// readFilter gives a run a filter. If that fails it goes without: who looks for
// something in it is told of the damage.
func (x *Index) readFilter(r *run) {
	defer r.release()
	defer func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.filtering = false
	}()
	f := x.room(r.entries, nil)
	if f == nil {
		return
	}
	for e, err := range merged([]*run{r}, &x.closing) {
		if err != nil {
			return
		}
		f.add(e.hash)
	}
	r.filter.Store(f)
}
