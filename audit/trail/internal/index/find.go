package index

import (
	"fmt"
	"iter"
	"sort"
)

// Find yields leaves whose record may have that text, in ascending order, from
// the leaf from on and below the leaf below. Every such leaf that was added
// before the iteration began is among them. Others may be: the caller looks at
// the record. It holds no lock while it yields, and reads one page after the
// other.
//
// An error ends the iteration, and nothing is then known of the leaves that
// follow: an empty text or an unknown kind, an index that is closed or was
// misused, a disk that fails, or damage, which wraps [audit.ErrCorrupt].
func (x *Index) Find(k Kind, text string, from, below uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		err := x.find(k, text, from, below, func(leaf uint64) bool { return yield(leaf, nil) })
		if err != nil {
			yield(0, err)
		}
	}
}

// Lacks reports that certainly no record was added with the ID of the keys. It
// reads nothing from the disk; while it can't tell, it says false.
func (x *Index) Lacks(p Prepared) bool {
	if !p.made || !p.byID {
		return false
	}
	hash := p.hashes[0]
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.usable() != nil || x.frozen.has(hash) || x.active.has(hash) {
		return false
	}
	for _, r := range x.runs {
		if !r.filter.Load().lacks(hash) {
			return false
		}
	}
	return true
}

// find stops without an error when yield wants no more.
func (x *Index) find(k Kind, text string, from, below uint64, yield func(uint64) bool) error {
	if k < ID || k > Target || text == "" {
		return fmt.Errorf("index: nothing is indexed by the text %.64q of kind %d", text, k)
	}
	hash := hashOf(k, text)
	s, err := x.snapshot(hash)
	if err != nil {
		return err
	}
	defer s.release()
	p := x.pages.Get().(*page)
	defer x.pages.Put(p)
	for _, r := range s.runs {
		if r.filter.Load().lacks(hash) {
			continue
		}
		if more, err := r.find(entry{hash, from}, below, p, yield); err != nil || !more {
			return err
		}
	}
	for _, c := range s.chains {
		for _, leaf := range c.leaves(from, below) {
			if !yield(leaf) {
				return nil
			}
		}
	}
	return nil
}

// snapshot is all that an index holds, of one hash, at one moment.
type snapshot struct {
	runs   []*run
	chains [2]chain
}

func (x *Index) snapshot(hash uint64) (snapshot, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if err := x.usable(); err != nil {
		return snapshot{}, err
	}
	for _, r := range x.runs {
		r.hold()
	}
	return snapshot{x.runs, [2]chain{x.frozen.chain(hash), x.active.chain(hash)}}, nil
}

func (s snapshot) release() {
	for _, r := range s.runs {
		r.release()
	}
}

// find yields the leaves of the entries with least's hash from least on, and
// reports whether yield wants more.
func (r *run) find(least entry, below uint64, p *page, yield func(uint64) bool) (more bool, err error) {
	if r.end <= least.leaf || r.first >= below {
		return true, nil
	}
	n, err := r.pageOf(least, p)
	if err != nil {
		return false, err
	}
	for ; n < r.pageCount() && r.firsts[n] <= least.hash; n++ {
		held, err := r.readPage(n, p)
		if err != nil {
			return false, err
		}
		first := sort.Search(held.count(), func(i int) bool { return held.at(i).compare(least) >= 0 })
		for i := first; i < held.count(); i++ {
			e := held.at(i)
			if e.hash != least.hash || e.leaf >= below {
				return true, nil
			}
			if !yield(e.leaf) {
				return false, nil
			}
		}
	}
	return true, nil
}

// pageOf returns the page from which to look for e and what follows it.
func (r *run) pageOf(e entry, p *page) (uint64, error) {
	// The page before the first one that begins with the hash may end with it.
	begin := sort.Search(len(r.firsts), func(i int) bool { return r.firsts[i] >= e.hash })
	end := begin + sort.Search(len(r.firsts)-begin, func(i int) bool { return r.firsts[begin+i] > e.hash })
	start := uint64(max(begin-1, 0))
	if end-begin < 3 || e.leaf <= r.first {
		return start, nil
	}
	var failure error
	later := sort.Search(end-begin, func(i int) bool {
		held, err := r.readPage(uint64(begin+i), p)
		if err != nil {
			failure = err
			return true
		}
		return held.at(0).leaf > e.leaf
	})
	if failure != nil || later == 0 {
		return start, failure
	}
	return uint64(begin + later - 1), nil
}
