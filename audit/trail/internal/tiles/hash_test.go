package tiles_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// tree is a log in memory, as tlog stores it.
type tree struct {
	size   int64
	stored []tlog.Hash
}

func (tr *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, i := range indexes {
		hashes = append(hashes, tr.stored[i])
	}
	return hashes, nil
}

func (tr *tree) add(t *testing.T, leaf tlog.Hash) {
	t.Helper()
	hashes, err := tlog.StoredHashesForRecordHash(tr.size, leaf, tr)
	if err != nil {
		t.Fatal(err)
	}
	tr.stored = append(tr.stored, hashes...)
	tr.size++
}

func (tr *tree) tile(t *testing.T, tile tiles.Tile) []byte {
	t.Helper()
	data, err := tlog.ReadTileData(tlog.Tile{H: tiles.Height, L: tile.Level, N: int64(tile.N), W: tile.Width}, tr)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func leafOf(n int64) tlog.Hash { return tlog.RecordHash(fmt.Append(nil, n)) }

func TestLeafHashesAreThoseOfTlog(t *testing.T) {
	t.Parallel()
	var bundle []byte
	want := []byte("what stood before")
	for _, entry := range []string{"a", "\x00", "\x01\x02", string(make([]byte, tiles.MaxEntry))} {
		bundle = tiles.AppendEntry(bundle, []byte(entry))
		leaf := tlog.RecordHash([]byte(entry))
		want = append(want, leaf[:]...)
	}
	got, err := tiles.AppendLeafHashes([]byte("what stood before"), bundle, 4)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hashes (-want +got):\n%s", diff)
	}
}

func TestAMalformedBundleHasTheHashesOfItsGoodEntries(t *testing.T) {
	t.Parallel()
	bundle := bundleOf("a", "b", "c")
	for cut := range bundle {
		got, err := tiles.AppendLeafHashes(nil, bundle[:cut], 3)
		if !errors.Is(err, tiles.ErrMalformed) {
			t.Errorf("cut after %d bytes: error = %v, want ErrMalformed", cut, err)
		}
		if len(got) != cut/3*tiles.HashSize {
			t.Errorf("cut after %d bytes: %d bytes of hashes, want %d", cut, len(got), cut/3*tiles.HashSize)
		}
	}
}

func TestRootsAndTreeHashesAreThoseOfTlog(t *testing.T) {
	t.Parallel()
	const last = 65_537 + 300
	checked := []int64{0, 1, 2, 3, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537, last}
	var log tree
	var before int64
	for {
		if slices.Contains(checked, log.size) {
			checkHashes(t, &log, before)
			before = log.size
		}
		if log.size == last {
			return
		}
		log.add(t, leafOf(log.size))
	}
}

// checkHashes checks the root, and those of the tiles that were not full when
// the log had another size.
func checkHashes(t *testing.T, log *tree, before int64) {
	t.Helper()
	var partial [][]byte
	for level, width := range tiles.Widths(uint64(log.size)) {
		var hashes []byte
		if width > 0 {
			hashes = log.tile(t, tiles.Tile{Level: level, N: uint64(log.size) >> (tiles.Height * (level + 1)), Width: width})
		}
		partial = append(partial, hashes)
	}
	want, err := tlog.TreeHash(log.size, log)
	if err != nil {
		t.Fatal(err)
	}
	if got := tiles.TreeHash(partial); got != want {
		t.Errorf("size %d: TreeHash = %v, want %v", log.size, got, want)
	}
	for tile := range tiles.Grown(uint64(before), uint64(log.size)) {
		if tile.Width < tiles.Width {
			continue
		}
		want := log.stored[tlog.StoredHashIndex(tiles.Height*(tile.Level+1), int64(tile.N))]
		if got := tiles.Root(log.tile(t, tile)); got != want {
			t.Errorf("%s: Root = %v, want %v", tile.Path(), got, want)
		}
	}
}

func TestRootOfANarrowSubtree(t *testing.T) {
	t.Parallel()
	a, b := leafOf(1), leafOf(2)
	if got := tiles.Root(a[:]); got != a {
		t.Errorf("Root of one hash = %v, want the hash, %v", got, a)
	}
	if got, want := tiles.Root(slices.Concat(a[:], b[:])), tlog.NodeHash(a, b); got != want {
		t.Errorf("Root of two hashes = %v, want %v", got, want)
	}
}

func TestNoRootOfWhatIsNoTile(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 31, 33, 3 * 32, 512 * 32} {
		wantPanic(t, func() { tiles.Root(make([]byte, n)) })
	}
	for _, n := range []int{1, 33, 256 * 32} {
		wantPanic(t, func() { tiles.TreeHash([][]byte{nil, make([]byte, n)}) })
	}
}

func BenchmarkHashes(b *testing.B) {
	var bundle []byte
	for range tiles.Width {
		bundle = tiles.AppendEntry(bundle, make([]byte, 600))
	}
	b.Run("leaves", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, tiles.TileSize)
		for b.Loop() {
			if _, err := tiles.AppendLeafHashes(dst, bundle, tiles.Width); err != nil {
				b.Fatal(err)
			}
		}
		perRecord(b)
	})
	b.Run("root", func(b *testing.B) {
		hashes := make([]byte, tiles.TileSize)
		for b.Loop() {
			tiles.Root(hashes)
		}
		perRecord(b)
	})
}

func perRecord(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/tiles.Width, "ns/record")
}
