package tiles_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

func TestWidthsOfThePartialTiles(t *testing.T) {
	t.Parallel()
	tests := map[uint64][]int{
		0:              nil,
		1:              {1},
		255:            {255},
		256:            {0, 1},
		257:            {1, 1},
		65_535:         {255, 255},
		65_536:         {0, 0, 1},
		70_000:         {112, 17, 1}, // the example of the specification
		math.MaxUint64: {255, 255, 255, 255, 255, 255, 255, 255},
	}
	for size, want := range tests {
		if diff := cmp.Diff(want, tiles.Widths(size)); diff != "" {
			t.Errorf("Widths(%d) (-want +got):\n%s", size, diff)
		}
	}
}

func TestGrownTilesAreThoseOfTlog(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	edges := []uint64{0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 200_000}
	for range 10 {
		edges = append(edges, random.Uint64N(300_000))
	}
	for _, from := range edges {
		for _, to := range edges {
			if from > to {
				continue
			}
			var want []tiles.Tile
			for _, tile := range tlog.NewTiles(tiles.Height, int64(from), int64(to)) {
				want = append(want, tiles.Tile{Level: tile.L, N: uint64(tile.N), Width: tile.W})
			}
			if got := slices.Collect(tiles.Grown(from, to)); !slices.Equal(want, got) {
				t.Fatalf("Grown(%d, %d) (-tlog +got):\n%s", from, to, cmp.Diff(want, got))
			}
		}
	}
}

func TestATreeThatHasNotGrownHasNoNewTiles(t *testing.T) {
	t.Parallel()
	for _, size := range []uint64{0, 1, 256, 70_000, math.MaxUint64} {
		for _, to := range []uint64{size, size / 2} {
			if got := slices.Collect(tiles.Grown(size, to)); got != nil {
				t.Errorf("Grown(%d, %d) = %v, want none", size, to, got)
			}
		}
	}
}

func TestGrownStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	for stop := 1; stop <= 4; stop++ {
		read := 0
		for range tiles.Grown(0, 600) { // two full tiles, two partial ones
			if read++; read == stop {
				break
			}
		}
		if read != stop {
			t.Errorf("read %d tiles, want %d", read, stop)
		}
	}
}

func TestATileKnowsItsPathsAndItsFirstEntry(t *testing.T) {
	t.Parallel()
	tile := tiles.Tile{Level: 0, N: 1234067, Width: 12}
	if got, want := tile.Path(), "tile/0/x001/x234/067.p/12"; got != want {
		t.Errorf("Path() = %s, want %s", got, want)
	}
	if got, want := tile.EntriesPath(), "tile/entries/x001/x234/067.p/12"; got != want {
		t.Errorf("EntriesPath() = %s, want %s", got, want)
	}
	firsts := map[tiles.Tile]uint64{
		{Level: 0, N: 3, Width: 1}: 3 * 256,
		{Level: 1, N: 3, Width: 1}: 3 * 256 * 256,
		{Level: 7, N: 0, Width: 1}: 0,
	}
	for tile, want := range firsts {
		if got := tile.First(); got != want {
			t.Errorf("%s: First() = %d, want %d", tile.Path(), got, want)
		}
	}
}
