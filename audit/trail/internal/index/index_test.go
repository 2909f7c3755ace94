package index_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
	"github.com/elevenminutes/interlock/internal/disk"
	"github.com/elevenminutes/interlock/internal/disk/disktest"
)

// rootOf is the root of one and the same log at any size.
func rootOf(size uint64) (tlog.Hash, error) {
	return sha256.Sum256([]byte(strconv.FormatUint(size, 10))), nil
}

func open(t testing.TB, fs disk.FS) *index.Index {
	t.Helper()
	x, err := index.Open(fs, dir, rootOf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func flush(t testing.TB, x *index.Index, below uint64) {
	t.Helper()
	if err := x.Flush(below); err != nil {
		t.Fatal(err)
	}
}

func closeIndex(t testing.TB, x *index.Index) {
	t.Helper()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// usualHistory is that of a log with as many records.
func usualHistory(count uint64) *history {
	log := &history{}
	for n := range count {
		log.append(n, usual(n))
	}
	return log
}

// fill makes an index over a log, with runs that end before those leaves and
// are not merged, and closes it.
func fill(t testing.TB, fs disk.FS, log *history, ends ...uint64) {
	t.Helper()
	x := open(t, fs)
	x.NeverMerge()
	log.addTo(x, 0)
	for _, end := range ends {
		flush(t, x, end)
	}
	closeIndex(t, x)
}

func TestRunsAreFewAndCoverAllThatWasFlushed(t *testing.T) {
	t.Parallel()
	for name, background := range map[string]uint64{"Flush waits for merges": math.MaxInt64, "merges in the background": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := newRAMDisk()
			x := open(t, fs)
			x.MergeInBackground(background)
			for leaf := range uint64(1000) {
				x.Add(leaf, index.Prepare(usual(leaf)))
				if leaf%10 == 9 {
					flush(t, x, leaf+1)
					x.Settle()
					if got, most := x.Runs(), 2+int(math.Log2(float64(leaf+1)/10)/2); got > most {
						t.Fatalf("%d runs over %d flushes", got, (leaf+1)/10)
					}
				}
			}
			if x.Covered() != 1000 || x.Pending() != 0 {
				t.Errorf("%d covered, %d pending", x.Covered(), x.Pending())
			}
			usualHistory(1000).everything(t, x)
			if files := fs.list(); len(files) != x.Runs() {
				t.Errorf("%d runs, and the files %q", x.Runs(), files)
			}
		})
	}
}

// TestRunsAreFewThoughNoLargeMergeIsEverDone has an index that is closed time
// and again before a merge in the background ends.
func TestRunsAreFewThoughNoLargeMergeIsEverDone(t *testing.T) {
	t.Parallel()
	const flushed, large = 40, 160
	ram := newRAMDisk()
	for n := range uint64(100) {
		fs := &disktest.Faulty{FS: ram, Fail: func(_ int, op, path string) error {
			var first, end uint64
			_, err := fmt.Sscanf(filepath.Base(path), "%016x-%016x.run.tmp", &first, &end)
			if err == nil && op == disktest.OpSync && end-first > large {
				return errFault
			}
			return nil
		}}
		x := open(t, fs)
		x.MergeInBackground(large)
		for leaf := n * flushed; leaf < (n+1)*flushed; leaf++ {
			x.Add(leaf, index.Prepare(usual(leaf)))
		}
		flush(t, x, (n+1)*flushed)
		if got, most := x.Runs(), 10+int((n+1)*flushed/large); got > most {
			t.Fatalf("%d runs after %d flushes, want at most %d", got, n+1, most)
		}
		if err := x.Close(); err != nil && !errors.Is(err, errFault) {
			t.Fatal(err)
		}
	}
}

// counting is a disk that counts what is read.
type counting struct {
	disktest.Faulty
	reads atomic.Int64
}

func newCounting() *counting {
	d := &counting{}
	d.FS = newRAMDisk()
	d.During = func(op, _ string) {
		if op == disktest.OpRead {
			d.reads.Add(1)
		}
	}
	return d
}

func TestLookUpReadsAtMostTwoPagesOfARun(t *testing.T) {
	t.Parallel()
	fs, log := newCounting(), usualHistory(1000)
	fill(t, fs, log, 300, 1000)
	x := open(t, fs)
	for n := range uint64(1000) {
		for _, id := range []string{usual(n).ID, "no " + usual(n).ID} {
			before := fs.reads.Load()
			log.compare(t, x, index.ID, id, 0, math.MaxInt64)
			if reads := fs.reads.Load() - before; reads > 2*2 {
				t.Fatalf("%d reads of 2 runs", reads)
			}
		}
	}
}

// TestOneTextOfManyRecords has one whose entries fill many pages.
func TestOneTextOfManyRecords(t *testing.T) {
	t.Parallel()
	const count = 100_000
	fs := newCounting()
	x := open(t, fs)
	for leaf := range uint64(count) {
		x.Add(leaf, index.Prepare(index.Keys{ID: usual(leaf).ID, Ticket: "the one"}))
	}
	all := make([]uint64, count)
	for i := range all {
		all[i] = uint64(i)
	}
	tests := []struct{ from, below uint64 }{
		{0, math.MaxInt64}, {0, 1}, {1, 2}, {253, 258}, {50_000, 50_300}, {99_999, 100_000}, {99_990, math.MaxInt64}, {100_000, math.MaxInt64},
	}
	for _, flushed := range []uint64{0, 60_000, count} {
		flush(t, x, flushed)
		for _, tt := range tests {
			got, err := found(x, index.Ticket, "the one", tt.from, tt.below)
			if err != nil {
				t.Fatal(err)
			}
			if want := all[min(tt.from, count):min(tt.below, count)]; !slices.Equal(got, want) {
				t.Errorf("with %d flushed, from %d below %d: got %d leaves, want %d", flushed, tt.from, tt.below, len(got), len(want))
			}
		}
	}
	closeIndex(t, x)

	x = open(t, fs)
	before := fs.reads.Load()
	for leaf, err := range x.Find(index.Ticket, "the one", 77_777, math.MaxInt64) {
		if leaf != 77_777 || err != nil {
			t.Fatal(leaf, err)
		}
		break
	}
	if reads := fs.reads.Load() - before; reads > 15 {
		t.Errorf("%d reads to find one in the middle", reads)
	}
}

func TestTextsOfOneKindAreNotFoundAsAnother(t *testing.T) {
	t.Parallel()
	x := open(t, newRAMDisk())
	x.Add(0, index.Prepare(index.Keys{ID: "a", Ticket: "b", Login: "c", Person: "d", Target: "e"}))
	x.Add(1, index.Prepare(index.Keys{ID: "e", Ticket: "d", Login: "b", Person: "b", Target: "c"}))
	want := map[index.Kind]map[string][]uint64{
		index.ID:     {"a": {0}, "e": {1}},
		index.Ticket: {"b": {0}, "d": {1}},
		index.Actor:  {"b": {1}, "c": {0}, "d": {0}},
		index.Target: {"c": {1}, "e": {0}},
	}
	for _, below := range []uint64{0, 1, 2} {
		flush(t, x, below)
		got := map[index.Kind]map[string][]uint64{}
		for k := range want {
			got[k] = map[string][]uint64{}
			for _, text := range []string{"a", "b", "c", "d", "e"} {
				leaves, err := found(x, k, text, 0, math.MaxInt64)
				if err != nil {
					t.Fatal(err)
				}
				if leaves != nil {
					got[k][text] = leaves
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("flushed below %d (-want +got):\n%s", below, diff)
		}
	}
}

func TestTextsThatAreEmptyTakeNoSpace(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), &history{}
	for n := range uint64(255) {
		log.append(n, index.Keys{ID: usual(n).ID})
	}
	fill(t, fs, log, 255)
	if size := len(fs.read(t, runName(0, 255))); size != 2*pageSize+8+16+4 {
		t.Errorf("a run of 255 texts has %d bytes", size)
	}
}

func TestSpansAtTheEdgesOfTime(t *testing.T) {
	t.Parallel()
	at := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	x := open(t, newRAMDisk())
	for i, year := range []int{2017, 9999, 0, 2005, 2017} { // one to each 256 leaves
		x.Add(uint64(i)*256+7, index.Prepare(index.Keys{Time: at(year).Add(time.Nanosecond)}))
	}
	tests := map[string]struct {
		since, until time.Time
		want         []uint64 // the leaves that must be in a span
	}{
		"all time":                     {time.Time{}, time.Time{}, []uint64{7, 263, 519, 775, 1031}},
		"until before the first":       {time.Time{}, at(0), nil},
		"until the first":              {time.Time{}, at(0).Add(2), []uint64{519}},
		"the clock was set back":       {at(2005), at(2006), []uint64{775}},
		"one nanosecond":               {at(2017).Add(1), at(2017).Add(2), []uint64{7, 1031}},
		"since the last":               {at(9999), time.Time{}, []uint64{263}},
		"since after the last":         {at(9999).Add(time.Second), time.Time{}, nil},
		"until before since":           {at(2018), at(2017), nil},
		"until the second, without it": {at(2016), at(2017), nil},
	}
	for _, flushed := range []uint64{0, 600, 1032} {
		flush(t, x, flushed)
		for name, tt := range tests {
			all, err := spans(x, tt.since, tt.until, 0, math.MaxInt64)
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for leaf := uint64(7); leaf < 1280; leaf += 256 {
				if slices.ContainsFunc(all, func(s index.Span) bool { return s.First <= leaf && leaf < s.End }) {
					got = append(got, leaf)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s, %d flushed: %v (-want +got):\n%s", name, flushed, all, diff)
			}
		}
	}
}

func TestOpenRefusesWhatItCannotWorkWith(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func() (*index.Index, error){
		"no file system": func() (*index.Index, error) { return index.Open(nil, dir, rootOf) },
		"no directory":   func() (*index.Index, error) { return index.Open(newRAMDisk(), "", rootOf) },
		"no roots":       func() (*index.Index, error) { return index.Open(newRAMDisk(), dir, nil) },
	} {
		if x, err := try(); x != nil || err == nil {
			t.Errorf("%s: %v, %v", name, x, err)
		}
	}
}

// failing returns what each way to ask and to flush fails with.
func failing(x *index.Index) map[string]error {
	_, find := found(x, index.ID, "a", 0, math.MaxInt64)
	_, span := spans(x, time.Time{}, time.Time{}, 0, math.MaxInt64)
	return map[string]error{"Find": find, "Spans": span, "Flush": x.Flush(0)}
}

func TestClosedIndexAnswersNothing(t *testing.T) {
	t.Parallel()
	closed := open(t, newRAMDisk())
	closed.Add(0, index.Prepare(usual(0)))
	for range 2 {
		closeIndex(t, closed)
	}
	for name, x := range map[string]*index.Index{"closed": closed, "zero": new(index.Index)} {
		x.Add(1, index.Prepare(usual(1)))
		for call, err := range failing(x) {
			if !errors.Is(err, audit.ErrClosed) {
				t.Errorf("%s, %s: %v", name, call, err)
			}
		}
		if x.Pending() != 0 || x.Covered() != 0 {
			t.Errorf("%s: %d pending, %d covered", name, x.Pending(), x.Covered())
		}
		closeIndex(t, x)
	}
}

func TestIndexThatWasMisusedAnswersNothing(t *testing.T) {
	t.Parallel()
	for name, misuse := range map[string]func(x *index.Index){
		"the same leaf twice":         func(x *index.Index) { x.Add(6, index.Prepare(usual(6))) },
		"a leaf that is covered":      func(x *index.Index) { x.Add(2, index.Prepare(usual(2))) },
		"keys not prepared":           func(x *index.Index) { x.Add(7, index.Prepared{}) },
		"records left out":            func(x *index.Index) { x.Add(7+1<<16+1, index.Prepare(usual(7))) },
		"a leaf that no log can have": func(x *index.Index) { x.Add(math.MaxUint64, index.Prepare(usual(7))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := open(t, newRAMDisk())
			usualHistory(7).addTo(x, 0)
			flush(t, x, 5)
			misuse(x)
			x.Add(7, index.Prepare(usual(7)))
			for call, err := range failing(x) {
				if err == nil || !strings.Contains(err.Error(), "close the log and open it again") {
					t.Errorf("%s: %v", call, err)
				}
			}
			if x.Covered() != 5 || x.Pending() != 2 {
				t.Errorf("%d covered, %d pending", x.Covered(), x.Pending())
			}
		})
	}
}

func TestFlushRefusesLeavesThatWereNotAdded(t *testing.T) {
	t.Parallel()
	x := open(t, newRAMDisk())
	log := usualHistory(7)
	log.addTo(x, 0)
	if err := x.Flush(8); err == nil || x.Covered() != 0 {
		t.Errorf("%v, %d covered", err, x.Covered())
	}
	flush(t, x, 7)
	log.everything(t, x)
}

func TestNothingIsFoundByNoTextOrNoKind(t *testing.T) {
	t.Parallel()
	x := open(t, newRAMDisk())
	x.Add(0, index.Prepare(index.Keys{ID: "a"}))
	for _, asked := range []struct {
		kind index.Kind
		text string
	}{{index.Ticket, ""}, {0, "a"}, {index.Target + 1, "a"}} {
		if leaves, err := found(x, asked.kind, asked.text, 0, math.MaxInt64); err == nil {
			t.Errorf("kind %d, text %q: %v without an error", asked.kind, asked.text, leaves)
		}
	}
}

func TestIndexOfAnotherLogIsNotUsed(t *testing.T) {
	t.Parallel()
	other := func(size uint64) (tlog.Hash, error) {
		if size > 20 {
			return tlog.Hash{1}, nil
		}
		return rootOf(size)
	}
	shorter := func(size uint64) (tlog.Hash, error) {
		if size > 20 {
			h, _ := rootOf(size)
			return h, fmt.Errorf("the log has 20 entries, not %d", size)
		}
		return rootOf(size)
	}
	for name, root := range map[string]index.Root{"other": other, "shorter": shorter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs, log := newRAMDisk(), usualHistory(40)
			fill(t, fs, log, 10, 20, 30, 40)
			x, err := index.Open(fs, dir, root)
			if err != nil {
				t.Fatal(err)
			}
			if x.Covered() != 20 {
				t.Errorf("%d covered, want 20", x.Covered())
			}
			closeIndex(t, x)
			if x = open(t, fs); x.Covered() != 20 {
				t.Errorf("%d covered with the log from which it was built, want the 20 that were kept", x.Covered())
			}
		})
	}
}

func TestFlushFailsWithoutTheRootOfTheLog(t *testing.T) {
	t.Parallel()
	broken, unknown := true, errors.New("unknown")
	x, err := index.Open(newRAMDisk(), dir, func(size uint64) (tlog.Hash, error) {
		if broken {
			return tlog.Hash{}, unknown
		}
		return rootOf(size)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	log := usualHistory(9)
	log.addTo(x, 0)
	if err := x.Flush(9); !errors.Is(err, unknown) || x.Covered() != 0 || x.Pending() != 9 {
		t.Errorf("%v, %d covered, %d pending", err, x.Covered(), x.Pending())
	}
	log.everything(t, x)
	broken = false
	flush(t, x, 9)
	log.everything(t, x)
}

func TestFilesThatAreNoRunsAreLeftAlone(t *testing.T) {
	t.Parallel()
	fs := newRAMDisk()
	closeIndex(t, open(t, fs))
	strangers := []string{"0000000000000000-000000000000000a.run.bak", "1-2.run", "README", "other.tmp"}
	for _, name := range strangers {
		fs.write(name, nil)
	}
	subdirectory := "0000000000000000-000000000000000b.run"
	if err := fs.MkdirAll(filepath.Join(dir, subdirectory), 0o700); err != nil {
		t.Fatal(err)
	}
	closeIndex(t, open(t, fs))
	want := slices.Sorted(slices.Values(append(strangers, subdirectory)))
	if diff := cmp.Diff(want, fs.list()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
