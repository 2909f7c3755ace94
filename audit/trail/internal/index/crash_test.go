package index_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

var errFault = errors.New("fault")

// story opens and uses an index twice, until something fails. It returns what
// was certainly durable by then.
func (h *history) story(fs disk.FS) (covered uint64, err error) {
	for _, ends := range [][]uint64{{15, 30}, {37, 45}} {
		now, err := h.use(fs, ends)
		covered = max(covered, now)
		if err != nil {
			return covered, err
		}
	}
	return covered, nil
}

// use flushes leaves below each end, at first with merges that Flush waits for.
func (h *history) use(fs disk.FS, ends []uint64) (covered uint64, err error) {
	x, err := index.Open(fs, dir, rootOf)
	if err != nil {
		return 0, err
	}
	defer x.Close()
	h.addTo(x, x.Covered())
	for _, end := range ends {
		if err := x.Flush(end); err != nil {
			return x.Covered(), err
		}
		x.Settle()
		x.MergeInBackground(0)
	}
	return x.Covered(), x.Close()
}

func TestWhatWasFlushedSurvivesACrash(t *testing.T) {
	t.Parallel()
	log := usualHistory(45)
	none := func(int) func(string, int) bool { return nil }
	names := func(int) func(string, int) bool {
		return func(path string, _ int) bool { return filepath.Ext(path) == "" }
	}
	some := func(n int) func(string, int) bool {
		random := rand.New(rand.NewPCG(uint64(n), 7))
		return func(string, int) bool { return random.IntN(2) == 0 }
	}
	tests := map[string]struct {
		crash    error
		survives func(n int) func(path string, change int) bool // of what was not synced; nil: all
	}{
		"of the process":                      {disktest.ErrCrashed, nil},
		"of the process, in a write":          {disktest.ErrTorn, nil},
		"of the machine":                      {disktest.ErrCrashed, none},
		"of the machine, names survive":       {disktest.ErrCrashed, names},
		"of the machine, some of all is left": {disktest.ErrTorn, some},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				ram := newRAMDisk()
				fs := &disktest.Faulty{FS: ram, Fail: disktest.FailAt(n, tt.crash)}
				if fs.LoseUnsynced = tt.survives != nil; fs.LoseUnsynced {
					fs.Survives = tt.survives(n)
				}
				durable, err := log.story(fs)
				if !fs.Crashed() {
					if err != nil || n < 60 {
						t.Errorf("the story ends after %d operations: %v", n, err)
					}
					return
				}
				x := open(t, ram)
				if x.Covered() < durable {
					t.Fatalf("%d covered after a crash at operation %d, want %d", x.Covered(), n, durable)
				}
				log.addTo(x, x.Covered())
				log.everything(t, x)
				flush(t, x, log.next())
				log.everything(t, x)
			}
		})
	}
}

// failingDisk is a disk on which one operation fails, of those while it is armed.
type failingDisk struct {
	disktest.Faulty
	armed atomic.Bool
	left  int // operations before the one that fails
}

func newFailing(fs disk.FS, n int, failure error) *failingDisk {
	d := &failingDisk{left: n}
	d.FS = fs
	d.Fail = func(int, string, string) error {
		if !d.armed.Load() {
			return nil
		}
		d.left--
		if d.left == -1 {
			return failure
		}
		return nil
	}
	return d
}

// during lets the operation fail if it is one of what f does.
func (d *failingDisk) during(f func() error) error {
	d.armed.Store(true)
	defer d.armed.Store(false)
	return f()
}

func TestNoRecordIsMissedWhicheverOperationFails(t *testing.T) {
	t.Parallel()
	log := usualHistory(45)
	for name, failure := range map[string]error{"with an error": errFault, "half way in silence": disktest.Short} {
		for merges, background := range map[string]uint64{"": 1000, ", merges in the background": 0} {
			t.Run(name+merges, func(t *testing.T) {
				t.Parallel()
				for n := 0; ; n++ {
					if failed := log.storyWithFault(t, newFailing(newRAMDisk(), n, failure), background); !failed {
						if n < 40 {
							t.Errorf("the story has %d operations", n)
						}
						return
					}
				}
			})
		}
	}
}

// storyWithFault goes on with the same index after a fault, and opens it once
// more at the end.
func (h *history) storyWithFault(t *testing.T, fs *failingDisk, background uint64) (failed bool) {
	t.Helper()
	var x *index.Index
	reopen := func() (err error) {
		x, err = index.Open(fs, dir, rootOf)
		return err
	}
	if err := fs.during(reopen); err != nil {
		x = open(t, fs)
	}
	h.addTo(x, 0)
	x.MergeInBackground(background)
	for _, end := range []uint64{15, 30, 45} {
		first := fs.during(func() error {
			err := x.Flush(end)
			x.Settle()
			return err
		})
		h.everything(t, x)
		_ = x.Flush(end) // tells of what failed in the background
		if err := x.Flush(end); err != nil || x.Covered() != end || x.Pending() != 45-int(end) {
			t.Fatalf("%v, then %v: %d covered, %d pending", first, err, x.Covered(), x.Pending())
		}
		h.everything(t, x)
	}
	closeIndex(t, x)
	if err := fs.during(reopen); err != nil {
		x = open(t, fs)
	}
	if x.Covered() != 45 {
		t.Fatalf("%d covered", x.Covered())
	}
	h.everything(t, x)
	closeIndex(t, x)
	if n := fs.FS.(*ramDisk).open.Load(); n != 0 {
		t.Fatalf("%d files were left open", n)
	}
	return fs.left < 0
}

func TestOpenThatFailsLeavesNoFileOpen(t *testing.T) {
	t.Parallel()
	ram, log := newRAMDisk(), usualHistory(45)
	fill(t, ram, log, 15, 30, 45)
	for n := 0; ; n++ {
		x, err := index.Open(&disktest.Faulty{FS: ram, Fail: disktest.FailAt(n, errFault)}, dir, rootOf)
		if err == nil {
			closeIndex(t, x)
			if n < 15 {
				t.Errorf("Open has %d operations", n)
			}
			break
		}
		if open := ram.open.Load(); x != nil || !errors.Is(err, errFault) || open != 0 {
			t.Fatalf("operation %d failed: %d files open: %v", n, open, err)
		}
	}
	if files := ram.list(); len(files) != 3 {
		t.Errorf("what can't be read was removed; there are %q", files)
	}
}

func TestAReadThatFailsIsNoAnswer(t *testing.T) {
	t.Parallel()
	ram, log := newRAMDisk(), usualHistory(45)
	fill(t, ram, log, 45)
	fs := newFailing(ram, 0, errFault)
	x := open(t, fs)
	err := fs.during(func() error {
		_, err := found(x, index.ID, usual(7).ID, 0, math.MaxInt64)
		return err
	})
	if !errors.Is(err, errFault) || errors.Is(err, audit.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	log.everything(t, x)
}
