//go:build unix

package benchmarks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail"
)

// fsckWorkers is more than the files that one damaged file is at odds with:
// fsck loses a worker with each that it finds, and hangs once it has none.
const fsckWorkers = 8

func TestTesserasFsckAcceptsOurLog(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 255, 256, 257, 1_000} {
		t.Run(fmt.Sprintf("closed with %d entries", size), func(t *testing.T) {
			t.Parallel()
			l := openTrail(t, unpublished(t))
			grow(t, l, 0, size)
			closeAndAccept(t, l, size)
		})
	}
	t.Run("published while it is open and grows, then closed", func(t *testing.T) {
		t.Parallel()
		l, before := openTrail(t, unpublished(t)), 0
		for _, size := range []int{1, 255, 256, 257, 1_000, 70_000} {
			grow(t, l, before, size)
			if err := l.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			accept(t, l, size)
			before = size
		}
		grow(t, l, before, before+300)
		closeAndAccept(t, l, before+300)
	})
	t.Run("published all the time", func(t *testing.T) {
		t.Parallel()
		c := unpublished(t)
		c.PublishEvery = time.Millisecond
		l := openTrail(t, c)
		grow(t, l, 0, 3_000)
		closeAndAccept(t, l, 3_000)
	})
}

// unpublished configures a log that publishes nothing unless it is told to or
// has to, in small write-ahead files, so that it has to.
func unpublished(tb testing.TB) trail.Config {
	c := trailConfig(logDir(tb))
	c.PublishEvery = time.Hour
	c.Room = 8 << 20
	return c
}

// grow adds records to a log that has before entries until it has size. From
// three more on, the last record is one in parts, and from 56 more on there are
// such among the others.
func grow(tb testing.TB, l *openLog, before, size int) {
	tb.Helper()
	more, last := size-before, 0
	if more >= longEntries {
		last = longEntries
	}
	var records []audit.Record
	for n := 0; n < more-last; n++ {
		if n%700 == 50 && n+longEntries <= more-last {
			records = append(records, long(fmt.Sprint(before+n)))
			n += longEntries - 1
			continue
		}
		records = append(records, short(fmt.Sprint(before+n)))
	}
	l.addAll(tb, records, 1024, func(int, time.Duration) {})
	if last > 0 {
		l.addAll(tb, []audit.Record{long(fmt.Sprintf("last of %d", size))}, 1, func(int, time.Duration) {})
	}
}

// accept lets Tessera's fsck check a log of a size.
func accept(tb testing.TB, l *openLog, size int) {
	tb.Helper()
	if got, err := verifyWithFsck(tb.Context(), l, fsckWorkers); err != nil || got != uint64(size) {
		tb.Fatalf("fsck accepted %d entries, want %d: %v", got, size, err)
	}
}

func closeAndAccept(tb testing.TB, l *openLog, size int) {
	tb.Helper()
	if err := l.close(); err != nil {
		tb.Fatal(err)
	}
	accept(tb, l, size)
}

func TestTesserasFsckRefusesOurLogOnceAByteOfItIsChanged(t *testing.T) {
	t.Parallel()
	const size = 1_000
	whole := openTrail(t, unpublished(t))
	grow(t, whole, 0, size)
	closeAndAccept(t, whole, size)
	tests := map[string]struct {
		file string
		at   int64 // from the end, if negative
	}{
		"first entry":                     {"tile/entries/000", 100},
		"last entry":                      {"tile/entries/003.p/232", -1},
		"first hash of a full tile":       {"tile/0/000", 0},
		"last hash of a partial tile":     {"tile/0/003.p/232", -1},
		"hash of a tile above":            {"tile/1/000.p/3", 40},
		"size that the checkpoint claims": {"checkpoint", int64(len(origin + "\n"))},
		"root that the checkpoint claims": {"checkpoint", int64(len(origin+"\n1000\n")) + 5},
		"signature of the checkpoint":     {"checkpoint", -20},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := *whole
			damaged.dir = logDir(t)
			if err := os.CopyFS(damaged.dir, os.DirFS(whole.dir)); err != nil {
				t.Fatal(err)
			}
			accept(t, &damaged, size)
			flip(t, filepath.Join(damaged.dir, filepath.FromSlash(tt.file)), tt.at)
			if got, err := verifyWithFsck(t.Context(), &damaged, fsckWorkers); err == nil {
				t.Errorf("fsck accepted %d entries", got)
			}
		})
	}
}

// flip changes a bit of the byte of a file that stands at an offset.
func flip(tb testing.TB, file string, at int64) {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	if at < 0 {
		at += int64(len(b))
	}
	b[at] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		tb.Fatal(err)
	}
}
