// Package index finds the records of a log by ID, ticket, actor, target and
// time. It is derived from the log: its directory can be deleted while the log
// is closed, and is then built anew. What it must never do is to miss a record:
// a missed ID would make one record two leaves.
//
// # How it answers
//
// Each text that a record can be found by is hashed together with its [Kind];
// the index holds pairs of such a hash and a leaf, and no text. So it can name
// a leaf whose record has another text with the same hash: the caller looks at
// the record. It never leaves one out. Times are kept as the earliest and the
// latest second of every 256 leaves, whatever their order.
//
// # In memory
//
// What is added is kept in memory until [Index.Flush]: about 110 bytes a record
// where tickets, actors and targets recur, 160 where no text does. Adding hashes
// nothing ([Prepare] has) and moves little, so that it can be done under a lock.
//
// # On disk
//
// A run is a file that covers the leaves from one to before another. It is
// written once, under another name, synced, renamed, and never changed.
// Integers are big-endian; checksums are CRC-32C.
//
//	header   4,096 bytes: magic, first leaf, leaf after the last, number of
//	         pairs, root of the log's tree of that size, zeros, checksum
//	pages    4,096 bytes each: 255 pairs of hash and leaf (8 bytes each), sorted;
//	         zeros; checksum
//	firsts   8 bytes a page: the first hash in it
//	zones    16 bytes for each 256 leaves: earliest and latest second
//	checksum of firsts and zones
//
// The checksum of the header goes into all others, together with the number of
// the page, so that a page from elsewhere is damage like any other. A look-up
// searches the firsts, which are in memory, and reads one page of each run; two
// where the hash is the first of its page.
//
// # Filters
//
// Each run that this process has written has a filter of its hashes in memory,
// so that a look-up of what it does not have reads nothing, but for one in a
// hundred. A run that was there when the index was opened is given one in the
// background, once 32,768 leaves were flushed; all its pages are read and held
// against their checksums first, and where one is damaged there is no filter. So
// a filter is never wrong about what a run had when it was whole: a page that is
// damaged later is still an error for who needs what may be in it, and none for
// who does not. All filters together take 64 MiB at most, 10 bits for each hash;
// while runs are merged there is a second one of what they have. A run that finds
// no room for its filter is read for each look-up.
//
// Runs follow one upon the other without a gap. A run that is less than four
// times as long as all that come after it is merged with them, so that there
// are few: about one, and one more for each time that the log has become four
// times as long as 65,536 records. Large merges are done in the background.
//
// Memory does not grow with the log apart from the filters, to their bound, the
// firsts and the zones: with five texts a record, 157 KB and 63 KB a million records, twice that while all
// of them are merged.
//
// # What is damaged
//
// [Open] reads headers, firsts and zones. A run in which they are damaged is
// removed, and with it all runs after the gap that it leaves; so are runs of
// which the log says that it has, or had, other leaves (see [Root]). The caller
// adds again what [Index.Covered] says is missing. A page that is found to be
// damaged when it is read is an error that wraps [audit.ErrCorrupt] and says
// what to delete.
package index

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk"
)

// Root returns the root of the log's Merkle tree when it had that many leaves
// (RFC 6962, section 2.1), and an error if it can't tell or never had as many.
// It ties the index to the log from which it was built. It is called by Open
// and by Flush, in their goroutine, for sizes that were given to Flush.
type Root func(size uint64) (tlog.Hash, error)

// Index is the index of one log. [Open] makes one; the zero Index is closed.
// Its methods may be called by many goroutines at once. After a call of Add
// that breaks its rules all but Close, Covered and Pending fail.
type Index struct {
	fs      disk.FS
	dir     string
	root    Root
	smaller uint64    // merges of fewer leaves are done by Flush itself
	pages   sync.Pool // of *page

	flushing    sync.Mutex // held by Flush and Close
	flushed     uint64     // leaves, since Open
	filterAfter uint64     // once they are as many older runs get filters
	background  sync.WaitGroup
	closing     atomic.Bool // merges are to stop

	mu        sync.RWMutex // never held while the disk is used
	open      bool
	misuse    error
	runs      []*run  // never changed, but replaced
	merging   []*run  // those of runs that are merged in the background
	mergeErr  error   // that nobody was told
	filters   uint64  // bytes that filters may take
	filtering bool    // a run gets a filter in the background
	covered   uint64  // by runs
	next      uint64  // lowest leaf that may be added
	frozen    *memory // what is being flushed, or nil
	active    *memory // what came later
}

// smallMerge is how many leaves a merge may have that Flush waits for: well
// under a second's work.
const smallMerge = 1 << 18

// longestGap is how many leaves may lie between two records. They are parts of
// the second one, which are appended together with it.
const longestGap = 1 << 16

// Open opens the index in a directory, which it makes if it is missing; the one
// above it must be there. Only one Index may have it open at a time; the caller
// sees to that. It reads what it keeps in memory (see the package comment), and removes
// what it can't use. An error is that of the disk; damage is none. A file that
// is not a run is left alone.
func Open(fs disk.FS, dir string, root Root) (*Index, error) {
	if fs == nil || dir == "" || root == nil {
		return nil, errors.New("index: Open needs a file system, a directory and the roots of the log")
	}
	if err := makeDir(fs, dir); err != nil {
		return nil, fmt.Errorf("index: making its directory: %w", err)
	}
	runs, err := recoverRuns(fs, dir, root)
	if err != nil {
		return nil, fmt.Errorf("index: opening %s: %w", dir, err)
	}
	x := &Index{fs: fs, dir: dir, root: root, smaller: smallMerge, filters: maxFilters, filterAfter: filterAfter, open: true, runs: runs, active: newMemory(0)}
	x.pages.New = func() any { return new(page) }
	if len(runs) > 0 {
		x.covered = runs[len(runs)-1].end
	}
	x.next = x.covered
	return x, nil
}

// makeDir makes the directory, and its name durable.
func makeDir(fs disk.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return fs.SyncDir(filepath.Dir(dir))
}

// Covered returns the number of leaves, from the first one on, whose records
// are in durable runs. Until every record of a higher leaf has been added, the
// index misses those that were not.
func (x *Index) Covered() uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.covered
}

// Pending returns the number of records in memory. A caller flushes from time
// to time, at 65,536 for instance, and before it closes the index.
func (x *Index) Pending() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.frozen.count() + x.active.count()
}

// Add adds the record of a leaf to what is in memory. It takes less than a
// microsecond, and may be called while a lock is held. It does nothing once the
// index is closed.
//
// Leaves are added in ascending order, each once, from [Index.Covered] on; those
// that are no record's leaf are left out. Add has no error to return: a leaf out
// of order, one that is further from the last than the parts of a record can
// be, and keys that Prepare did not make are a fault of the caller's, after
// which Find, Spans and Flush fail rather than to miss a record.
func (x *Index) Add(leaf uint64, p Prepared) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.open || x.misuse != nil {
		return
	}
	if x.misuse = x.refuse(leaf, p); x.misuse != nil {
		return
	}
	x.active.add(leaf, p)
	x.next = leaf + 1
}

// refuse says why a record can't be added.
func (x *Index) refuse(leaf uint64, p Prepared) error {
	var why string
	switch {
	case !p.made:
		why = "its keys are not from Prepare"
	case leaf < x.next:
		why = "lower ones were to be added before"
	case leaf-x.next > longestGap || leaf >= math.MaxInt64:
		why = "records between the two are missing"
	case x.active.full():
		why = "there are too many in memory; Flush was to be called"
	default:
		return nil
	}
	return fmt.Errorf("index: leaf %d was added where leaf %d was due: %s; close the log and open it again", leaf, x.next, why)
}

// usable returns nil unless the index can't answer. x.mu must be held.
func (x *Index) usable() error {
	if !x.open {
		return fmt.Errorf("%w: the index of the log", audit.ErrClosed)
	}
	return x.misuse
}

// Close waits for Flush, ends merges that are under way, and closes the index.
// What is in memory is not written: Flush writes it. Iterations that have begun
// may go on to their end; later calls fail with [audit.ErrClosed]. The error is
// that of a merge that nobody was told of yet. Further calls, and one on the
// zero Index, do nothing.
func (x *Index) Close() error {
	x.closing.Store(true)
	x.flushing.Lock()
	defer x.flushing.Unlock()
	x.background.Wait()

	x.mu.Lock()
	runs, err := x.runs, x.mergeErr
	x.open, x.runs, x.mergeErr = false, nil, nil
	x.frozen, x.active = nil, nil
	x.mu.Unlock()
	for _, r := range runs {
		r.release()
	}
	return err
}
