package index

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Flush makes the records of the leaves below below durable and drops them from
// memory; the caller gives no more than are durable in the log, and has added
// all of them. It then merges runs, a few of them while the caller waits, many
// in the background. Neither holds up Add or Find.
//
// After an error the records are still found, and the next Flush tries again.
// It may also be the error of a merge, in the background too, when all was
// flushed: [Index.Covered] and [Index.Pending] tell. One that wraps
// [audit.ErrCorrupt] does not go away before the directory is deleted.
func (x *Index) Flush(below uint64) error {
	x.flushing.Lock()
	defer x.flushing.Unlock()
	for {
		m, err := x.freeze(below)
		if err != nil {
			return err
		}
		if m == nil {
			break
		}
		if err := x.flush(m); err != nil {
			return fmt.Errorf("index: flushing to %s: %w", x.dir, err)
		}
	}
	err := x.merge()
	x.filterOld()
	return errors.Join(err, x.backgroundError())
}

// freeze returns the memory that is to be flushed next, or nil.
func (x *Index) freeze(below uint64) (*memory, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.usable(); err != nil {
		return nil, err
	}
	if below > x.next {
		return nil, fmt.Errorf("index: leaf %d can't be flushed: leaves from %d on were not added", below-1, x.next)
	}
	if x.frozen != nil { // by a Flush that failed
		return x.frozen, nil
	}
	rest := x.active.split(below)
	if rest == nil {
		return nil, nil
	}
	x.frozen, x.active = x.active, rest
	return x.frozen, nil
}

// flush puts a run in the place of what is frozen.
func (x *Index) flush(m *memory) error {
	sorted := m.sorted()
	h := header{first: x.covered, end: m.below, entries: uint64(len(sorted))}
	var err error
	if h.root, err = x.root(h.end); err != nil {
		return fmt.Errorf("the root of the log at size %d: %w", h.end, err)
	}
	r, err := x.write(h, withoutErrors(sorted), zonesOf(h, m.times()), x.room(distinct(sorted), nil))
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.runs = append(slices.Clip(x.runs), r)
	x.flushed += r.end - r.first
	x.covered = r.end
	x.frozen = nil
	return nil
}

// distinct is how many different hashes ascending entries have.
func distinct(ascending []entry) (n uint64) {
	for i := range ascending {
		if i == 0 || ascending[i].hash != ascending[i-1].hash {
			n++
		}
	}
	return n
}

func withoutErrors(all []entry) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}
