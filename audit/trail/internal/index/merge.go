package index

import (
	"errors"
	"fmt"
	"slices"
)

// growth is how many times as long as all runs after it a run is to be.
const growth = 4

// dueMerge returns the runs at the end that are to become one, or nil.
func dueMerge(runs []*run) []*run {
	if len(runs) == 0 {
		return nil
	}
	start := len(runs) - 1
	for total := runs[start].length(); start > 0 && runs[start-1].length() < growth*total; start-- {
		total += runs[start-1].length()
	}
	if start == len(runs)-1 {
		return nil
	}
	return runs[start:]
}

// crowd is how many runs may wait for a merge in the background.
const crowd = 8

// merge merges what is due. x.flushing must be held.
func (x *Index) merge() error {
	for {
		x.mu.RLock()
		busy := len(x.merging) > 0
		due := dueMerge(after(x.runs, x.merging))
		x.mu.RUnlock()
		now := due
		if leavesOf(due) > x.smaller {
			now = x.mergeNow(due)
		}
		switch {
		case len(now) > 1:
			if err := x.combine(now); err != nil {
				return ignoreStopped(err)
			}
		case due == nil || busy: // then a later Flush will do it
			return nil
		default:
			x.mergeInBackground(due)
			return nil
		}
	}
}

// mergeNow returns the runs with which to begin though all that is due is too
// much to wait for: those at the end, if there are so many that closing must
// have stopped the merges time and again.
func (x *Index) mergeNow(due []*run) []*run {
	if len(due) <= crowd {
		return nil
	}
	for leavesOf(due) > x.smaller {
		due = due[1:]
	}
	return due
}

// leavesOf is how many leaves runs cover that follow one upon the other.
func leavesOf(runs []*run) uint64 {
	if len(runs) == 0 {
		return 0
	}
	return runs[len(runs)-1].end - runs[0].first
}

// after returns the runs that come after some of them.
func after(runs, some []*run) []*run {
	if len(some) == 0 {
		return runs
	}
	return runs[slices.Index(runs, some[len(some)-1])+1:]
}

func (x *Index) mergeInBackground(old []*run) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.merging = old
	x.background.Go(func() {
		err := ignoreStopped(x.combine(old))
		x.mu.Lock()
		defer x.mu.Unlock()
		x.merging = nil
		x.mergeErr = err
	})
}

// backgroundError returns the error of the last merge in the background, once.
func (x *Index) backgroundError() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.mergeErr
	x.mergeErr = nil
	return err
}

// combine puts one run in the place of some that follow one upon the other.
func (x *Index) combine(old []*run) error {
	h := old[len(old)-1].header
	h.first, h.entries = old[0].first, 0
	hashes := uint64(0)
	for _, r := range old {
		h.entries += r.entries
		hashes += r.hashes()
	}
	r, err := x.write(h, merged(old, &x.closing), joinZones(h, old), x.room(hashes, old))
	if err != nil {
		return fmt.Errorf("index: merging runs in %s: %w", x.dir, err)
	}
	x.mu.Lock()
	at := slices.Index(x.runs, old[0])
	x.runs = slices.Concat(x.runs[:at], []*run{r}, x.runs[at+len(old):])
	x.mu.Unlock()
	for _, r := range old {
		r.release()
		// Where an open file can't be removed, the next Open does it.
		_ = x.fs.Remove(r.file.Name())
	}
	return nil
}

// errStopped ends a merge when the index is closed.
var errStopped = errors.New("stopped")

func ignoreStopped(err error) error {
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}
