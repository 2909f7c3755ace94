package index_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
)

// FuzzFilter adds hashes to a filter, for as many as it was made or for more.
func FuzzFilter(f *testing.F) {
	f.Add(uint16(0), []byte("any two texts..."))
	f.Add(uint16(1000), make([]byte, 64))
	f.Add(uint16(3), slices.Repeat([]byte{0xff, 0, 0x1f}, 80))
	f.Fuzz(func(t *testing.T, room uint16, b []byte) {
		filter := index.NewFilter(uint64(room))
		var added []uint64
		for ; len(b) >= 8; b = b[8:] {
			added = append(added, binary.BigEndian.Uint64(b))
			filter.Add(added[len(added)-1])
		}
		for _, hash := range added {
			if filter.Lacks(hash) {
				t.Errorf("%x was added", hash)
			}
		}
	})
}

func TestAFilterLacksMostOfWhatWasNotAdded(t *testing.T) {
	t.Parallel()
	for _, count := range []uint64{1, 100, 20_000} {
		random := rand.New(rand.NewPCG(count, 5))
		filter := index.NewFilter(count)
		for range count {
			filter.Add(random.Uint64())
		}
		found, asked := 0, 100_000
		for range asked {
			if !filter.Lacks(random.Uint64()) {
				found++
			}
		}
		if found > asked/40 {
			t.Errorf("of %d others %d are thought to be among %d", asked, found, count)
		}
	}
}

// hashes returns some of one sort or the other.
func hashes(random *rand.Rand, count int, of func() uint64) (pairs []index.Pair) {
	for range count {
		pairs = append(pairs, index.Pair{Hash: of(), Leaf: random.Uint64N(1000)})
	}
	return pairs
}

func TestAFlushSortsWhateverItIsGiven(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(4, 4))
	tests := map[string]func() uint64{
		"spread":          random.Uint64,
		"all the same":    func() uint64 { return 7 },
		"few":             func() uint64 { return random.Uint64N(3) << 62 },
		"crowded":         func() uint64 { return 1<<63 | random.Uint64N(1<<40) },
		"at the ends":     func() uint64 { return -random.Uint64N(2) },
		"spread or few":   func() uint64 { return random.Uint64() & -random.Uint64N(2) },
		"in small crowds": func() uint64 { return random.Uint64() &^ (1<<48 - 1<<20) },
	}
	for name, of := range tests {
		for _, count := range []int{0, 1, 2, 20, 3000} {
			pairs := hashes(random, count, of)
			got := index.Sorted(pairs)
			slices.SortFunc(pairs, func(a, b index.Pair) int {
				return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Leaf, b.Leaf))
			})
			if diff := gocmp.Diff(pairs, got); diff != "" {
				t.Errorf("%s, %d of them (-want +got):\n%s", name, count, diff)
			}
		}
	}
}

// TestNewIDsAreKnownToBeNewWithoutReading has a run of which nothing but the
// header is left once it was written.
func TestNewIDsAreKnownToBeNewWithoutReading(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), usualHistory(2000)
	x := open(t, fs)
	log.addTo(x, 0)
	flush(t, x, 1500)
	fs.cut(runName(0, 1500), pageSize)
	known, new := 0, 0
	for n := range uint64(4000) {
		switch lacks := x.Lacks(index.Prepare(usual(n))); {
		case lacks && n < 2000:
			t.Fatalf("record %d is said to be missing", n)
		case lacks:
			new++
		case n >= 2000:
			known++
		}
	}
	if new < 1900 {
		t.Errorf("of 2000 new IDs %d are known to be new, %d not", new, known)
	}
	if _, err := found(x, index.ID, usual(7).ID, 0, math.MaxInt64); !errors.Is(err, audit.ErrCorrupt) {
		t.Errorf("an ID whose page can't be read: %v", err)
	}
	for name, p := range map[string]index.Prepared{"no ID": index.Prepare(index.Keys{Ticket: "any"}), "nothing prepared": {}} {
		if x.Lacks(p) {
			t.Errorf("%s: it is said to be missing", name)
		}
	}
	closeIndex(t, x)
	if x.Lacks(index.Prepare(usual(5000))) {
		t.Error("an index that is closed says that a record is missing")
	}
}

// TestARunThatWasThereGetsAFilterOnceItWasReadWhole has one run that is whole
// and one with a page that is damaged.
func TestARunThatWasThereGetsAFilterOnceItWasReadWhole(t *testing.T) {
	t.Parallel()
	for name, damaged := range map[string]bool{"whole": false, "damaged": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs, log := newRAMDisk(), usualHistory(700)
			fill(t, fs, log, 500)
			if damaged {
				b := fs.read(t, runName(0, 500))
				b[3*pageSize+100] ^= 1
				fs.write(runName(0, 500), b)
			}
			x := open(t, fs)
			x.MergeInBackground(0)
			x.FilterAfter(10)
			log.addTo(x, 500)
			flush(t, x, 505)
			x.Settle()
			if runs, _ := x.Filtered(); runs != 1 {
				t.Errorf("%d filters after the flush of few", runs)
			}
			flush(t, x, 520)
			x.Settle()
			lacking, refused := 0, 0
			for n := uint64(1000); n < 3000; n++ {
				if x.Lacks(index.Prepare(usual(n))) {
					lacking++
				} else if _, err := found(x, index.ID, usual(n).ID, 0, math.MaxInt64); errors.Is(err, audit.ErrCorrupt) {
					refused++
				}
			}
			if damaged && (lacking > 0 || refused == 0) || !damaged && (lacking < 1800 || refused > 0) {
				t.Errorf("of 2000 new IDs %d are known to be new, %d are refused for damage", lacking, refused)
			}
			if !damaged {
				log.everything(t, x)
			}
		})
	}
}

func TestFiltersAreBounded(t *testing.T) {
	t.Parallel()
	const most = 4 << 10
	fs, log := newRAMDisk(), usualHistory(3000)
	x := open(t, fs)
	x.NeverMerge()
	x.LimitFilters(most)
	log.addTo(x, 0)
	for end := uint64(200); end <= 3000; end += 200 {
		flush(t, x, end)
		if runs, bytes := x.Filtered(); bytes > most || end == 3000 && (runs == 0 || runs == x.Runs()) {
			t.Fatalf("%d of %d runs have filters of %d bytes", runs, x.Runs(), bytes)
		}
	}
	log.everything(t, x)
}

func TestAMergeKeepsTheFilter(t *testing.T) {
	t.Parallel()
	fs, log := newRAMDisk(), usualHistory(1000)
	x := open(t, fs)
	x.MergeInBackground(math.MaxInt64)
	log.addTo(x, 0)
	for _, end := range []uint64{400, 700, 1000} {
		flush(t, x, end)
		if runs, _ := x.Filtered(); runs != 1 || x.Runs() != 1 {
			t.Fatalf("below %d: %d of %d runs have filters", end, runs, x.Runs())
		}
	}
	log.everything(t, x)
	if !x.Lacks(index.Prepare(index.Keys{ID: "new"})) && !x.Lacks(index.Prepare(index.Keys{ID: "newer"})) {
		t.Error("no new ID is known to be new")
	}
}
