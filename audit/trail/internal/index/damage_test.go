package index_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
)

const pageSize = 4096

func runName(first, end uint64) string { return fmt.Sprintf("%016x-%016x.run", first, end) }

// rightOrDamaged opens an index over damaged files, adds what it says that it
// misses, and checks that each answer is right, or an error that says what is
// wrong. It reports whether there was such an error. It asks for every text of
// every step-th record.
func (h *history) rightOrDamaged(t *testing.T, fs *ramDisk, step int) (damaged bool) {
	t.Helper()
	x := open(t, keeping{fs})
	h.addTo(x, x.Covered())
	for text, leaves := range h.leaves {
		if text.text == "" || leaves[0]%uint64(step) != 0 {
			continue
		}
		got, err := found(x, text.kind, text.text, 0, math.MaxInt64)
		switch {
		case errors.Is(err, audit.ErrCorrupt) && strings.Contains(err.Error(), "delete the directory "+dir):
			damaged = true
		case err != nil:
			t.Errorf("kind %d, text %q: %v", text.kind, text.text, err)
		case !slices.Equal(got, h.find(text.kind, text.text, 0, math.MaxInt64)):
			t.Errorf("kind %d, text %q: found %v with %d covered", text.kind, text.text, got, x.Covered())
		}
	}
	all, err := spans(x, epoch, epoch.Add(time.Hour), 0, math.MaxInt64)
	if err != nil || len(all) != 1 || all[0] != (index.Span{First: 0, End: h.next()}) {
		t.Errorf("spans: %v, %v", all, err)
	}
	closeIndex(t, x)
	return damaged
}

// keeping is a disk that keeps what is damaged.
type keeping struct{ *ramDisk }

func (keeping) Remove(string) error { return errors.ErrUnsupported }

// smallLog is one of which a run has two pages.
func smallLog() *history {
	log := &history{}
	for n := range uint64(70) {
		k := usual(n / 20)
		k.ID = fmt.Sprint(n)
		k.Time = epoch.Add(time.Duration(n) * time.Second)
		log.append(n, k)
	}
	return log
}

func TestAByteThatChangedIsNeverAMissedRecord(t *testing.T) {
	t.Parallel()
	const parts = 4
	for part := range parts {
		t.Run(fmt.Sprintf("part %d", part), func(t *testing.T) {
			t.Parallel()
			fs, log := newRAMDisk(), smallLog()
			fill(t, fs, log, log.next())
			name := runName(0, log.next())
			b := fs.read(t, name)
			fs.write(name, b)
			for i := part; i < len(b); i += parts {
				flipped := byte(1) << (i / parts % 8)
				b[i] ^= flipped
				inPages := i >= pageSize && i < 3*pageSize
				if damaged := log.rightOrDamaged(t, fs, 35); damaged != inPages {
					t.Fatalf("byte %d changed: found damaged while reading: %v", i, damaged)
				}
				b[i] ^= flipped
			}
			if log.rightOrDamaged(t, fs, 1) {
				t.Error("a run that is whole is called damaged")
			}
		})
	}
}

func TestARunThatWasCutOrGrewIsBuiltAnew(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), smallLog()
	fill(t, fs, log, log.next())
	name := runName(0, log.next())
	whole := fs.read(t, name)
	covered := func(b []byte) uint64 {
		fs.write(name, b)
		x := open(t, keeping{fs})
		defer x.Close()
		return x.Covered()
	}
	for length := range whole {
		if got := covered(whole[:length]); got != 0 {
			t.Fatalf("cut to %d bytes: %d covered", length, got)
		}
	}
	if got := covered(append(slices.Clone(whole), 0)); got != 0 {
		t.Errorf("one byte more: %d covered", got)
	}
	if got := covered(whole); got != log.next() {
		t.Errorf("whole: %d covered", got)
	}
}

// TestFilesThatChangedWhileClosed has an index of runs that end before leaves
// 100, 200 and 300, each with several pages.
func TestFilesThatChangedWhileClosed(t *testing.T) {
	t.Parallel()
	log := usualHistory(300)
	const a, b, c, all = "0000000000000000-0000000000000064.run", "0000000000000064-00000000000000c8.run", "00000000000000c8-000000000000012c.run", "0000000000000000-000000000000012c.run"
	move := func(t *testing.T, fs *ramDisk, from, to string, n, m int) {
		file := fs.read(t, to)
		copy(file[m*pageSize:], fs.read(t, from)[n*pageSize:(n+1)*pageSize])
		fs.write(to, file)
	}
	tests := map[string]struct {
		change  func(t *testing.T, fs *ramDisk)
		covered uint64
		damaged bool // found when it is read
	}{
		"nothing changed":                       {func(*testing.T, *ramDisk) {}, 300, false},
		"the first is gone":                     {func(t *testing.T, fs *ramDisk) { fs.remove(t, a) }, 0, false},
		"the second is gone":                    {func(t *testing.T, fs *ramDisk) { fs.remove(t, b) }, 100, false},
		"the last is gone":                      {func(t *testing.T, fs *ramDisk) { fs.remove(t, c) }, 200, false},
		"all are gone":                          {func(t *testing.T, fs *ramDisk) { fs.remove(t, a, b, c) }, 0, false},
		"the second is empty":                   {func(_ *testing.T, fs *ramDisk) { fs.write(b, nil) }, 100, false},
		"two pages of a run are one":            {func(t *testing.T, fs *ramDisk) { move(t, fs, a, a, 1, 2) }, 300, true},
		"a page of another run":                 {func(t *testing.T, fs *ramDisk) { move(t, fs, a, b, 1, 1) }, 300, true},
		"the header of another run":             {func(t *testing.T, fs *ramDisk) { move(t, fs, a, b, 0, 0) }, 100, false},
		"a merge that never ended":              {func(t *testing.T, fs *ramDisk) { fs.write(all+".tmp", fs.read(t, a)[:5000]) }, 300, false},
		"runs that were merged are still there": {func(t *testing.T, fs *ramDisk) { mergeBeside(t, fs, log, 300) }, 300, false},
		"a merge of the first two and the hole after it": {func(t *testing.T, fs *ramDisk) {
			mergeBeside(t, fs, log, 200)
			fs.remove(t, c)
		}, 200, false},
		"a merge is damaged, and what was merged still there": {func(t *testing.T, fs *ramDisk) {
			mergeBeside(t, fs, log, 300)
			fs.write(all, make([]byte, 9*pageSize))
		}, 300, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := newRAMDisk()
			fill(t, fs, log, 100, 200, 300)
			tt.change(t, fs)
			for range 2 { // the second time without what the first has removed
				x := open(t, fs)
				if got := x.Covered(); got != tt.covered {
					t.Errorf("%d covered, want %d", got, tt.covered)
				}
				if files := fs.list(); len(files) != x.Runs() {
					t.Errorf("%d runs, and the files %q", x.Runs(), files)
				}
				closeIndex(t, x)
				if damaged := log.rightOrDamaged(t, fs, 1); damaged != tt.damaged {
					t.Errorf("found damaged while reading: %v", damaged)
				}
			}
		})
	}
}

// mergeBeside puts a run of the leaves below end beside those that are there.
func mergeBeside(t *testing.T, fs *ramDisk, log *history, end uint64) {
	t.Helper()
	merged := newRAMDisk()
	fill(t, merged, log, end)
	fs.write(runName(0, end), merged.read(t, runName(0, end)))
}

func TestARunUnderTheNameOfAnotherIsRemoved(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), usualHistory(100)
	fill(t, fs, log, 100)
	fs.write(runName(0, 200), fs.read(t, runName(0, 100)))
	fs.remove(t, runName(0, 100))
	if x := open(t, fs); x.Covered() != 0 || len(fs.list()) != 0 {
		t.Errorf("%d covered; there are %q", x.Covered(), fs.list())
	}
}

// TestAPageInThePlaceOfOneWithTheSameHashes has runs with one text only, the
// pages of which differ in their leaves alone.
func TestAPageInThePlaceOfOneWithTheSameHashes(t *testing.T) {
	t.Parallel()
	log := &history{}
	for n := range uint64(1200) {
		log.append(n, index.Keys{Ticket: "the one", Time: epoch})
	}
	for name, from := range map[string]string{"of the same run": runName(0, 600), "of another run": runName(600, 1200)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := newRAMDisk()
			fill(t, fs, log, 600, 1200)
			b := fs.read(t, runName(0, 600))
			copy(b[pageSize:2*pageSize], fs.read(t, from)[2*pageSize:])
			if from == runName(600, 1200) {
				copy(b[pageSize:2*pageSize], fs.read(t, from)[pageSize:])
			}
			fs.write(runName(0, 600), b)
			if !log.rightOrDamaged(t, fs, 1) {
				t.Error("no damage was found")
			}
		})
	}
}

// TestRunsThatNobodyWrote have right checksums and wrong contents.
func TestRunsThatNobodyWrote(t *testing.T) {
	t.Parallel()
	zeroRoot := func(uint64) (tlog.Hash, error) { return tlog.Hash{}, nil }
	log := smallLog()
	put := func(b []byte, at int, v uint64) { binary.BigEndian.PutUint64(b[at:], v) }
	tests := map[string]func(b []byte){ // of a run that covers 70 to 140
		"it ends where it begins":        func(b []byte) { put(b, 24, 70) },
		"it ends before it begins":       func(b []byte) { put(b, 24, 69) },
		"it ends beyond all logs":        func(b []byte) { put(b, 24, 1<<63) },
		"it has more zones than a disk":  func(b []byte) { put(b, 24, 1<<62) },
		"it has more entries than pages": func(b []byte) { put(b, 32, 1<<60) },
		"it has fewer entries":           func(b []byte) { put(b, 32, 1) },
		"its pages are not in order":     func(b []byte) { put(b, 3*pageSize, math.MaxUint64) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := newRAMDisk()
			fill(t, fs, log, log.next())
			first := fs.read(t, runName(0, log.next()))
			second := slices.Clone(first)
			put(second, 16, 70)
			put(second, 24, 140)
			fs.write(index.Reseal(first), first)
			covered := func() uint64 {
				x, err := index.Open(fs, dir, zeroRoot)
				if err != nil {
					t.Fatal(err)
				}
				defer x.Close()
				return x.Covered()
			}
			fs.write(index.Reseal(second), second)
			if got := covered(); got != 140 {
				t.Fatalf("%d covered, want the runs to be whole", got)
			}
			change(second)
			fs.remove(t, runName(70, 140))
			fs.write(index.Reseal(second), second)
			if got := covered(); got != 70 {
				t.Errorf("%d covered, want 70", got)
			}
		})
	}
}

func TestEntriesOutOfOrderAreNotMerged(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), smallLog()
	fill(t, fs, log, log.next())
	b := fs.read(t, runName(0, log.next()))
	copy(b[pageSize:], slices.Concat(b[pageSize+64:pageSize+128], b[pageSize:pageSize+64]))
	fs.write(index.Reseal(b), b)
	x, err := index.Open(fs, dir, func(uint64) (tlog.Hash, error) { return tlog.Hash{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	usualHistory(100).addTo(x, log.next())
	if err := x.Flush(100); err == nil || x.Covered() != 100 || x.Runs() != 2 {
		t.Errorf("%v: %d covered by %d runs", err, x.Covered(), x.Runs())
	}
}

func TestAFileThatIsCutWhileItIsOpenIsDamaged(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), usualHistory(200)
	fill(t, fs, log, 200)
	x := open(t, fs)
	fs.cut(runName(0, 200), pageSize+100)
	if _, err := found(x, index.ID, usual(7).ID, 0, math.MaxInt64); !errors.Is(err, audit.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// TestAMergeOfDamagedRunsIsNotDone has a run of which one page is damaged.
func TestAMergeOfDamagedRunsIsNotDone(t *testing.T) {
	t.Parallel()
	for name, background := range map[string]uint64{"Flush waits": math.MaxInt64, "in the background": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs, log := newRAMDisk(), usualHistory(300)
			fill(t, fs, log, 200)
			b := fs.read(t, runName(0, 200))
			b[2*pageSize+8] ^= 4
			fs.write(runName(0, 200), b)

			x := open(t, fs)
			x.MergeInBackground(background)
			log.addTo(x, 200)
			err := x.Flush(300)
			if background == 0 {
				x.Settle()
				err = x.Flush(300)
			}
			if !errors.Is(err, audit.ErrCorrupt) || !strings.Contains(err.Error(), runName(0, 200)) {
				t.Errorf("got %v", err)
			}
			if x.Covered() != 300 || x.Pending() != 0 || x.Runs() != 2 {
				t.Errorf("%d covered, %d pending, %d runs", x.Covered(), x.Pending(), x.Runs())
			}
			_ = x.Close() // which may tell of one more merge
			if !log.rightOrDamaged(t, fs, 1) {
				t.Error("the damage is gone")
			}
		})
	}
}
