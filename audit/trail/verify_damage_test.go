package trail_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// placeOf returns where a fault at a byte of a file of a log is: below the hash,
// or at the entry, to which the byte belongs.
func placeOf(t *testing.T, path string, data []byte, at int) where {
	t.Helper()
	if path == tiles.CheckpointPath {
		return where{path, 0}
	}
	tile := tileAt(t, path)
	if tile.Level < 0 {
		return where{path, tile.N<<tiles.Height + uint64(entryAt(data, at))}
	}
	hash := uint64(at / tiles.HashSize)
	return where{path, tile.First() + hash<<(tiles.Height*tile.Level)}
}

// tileAt returns the tile of which this is the path, as far as these tests have
// them. That of a bundle has level -1.
func tileAt(t *testing.T, path string) tiles.Tile {
	t.Helper()
	tile := tiles.Tile{Level: -1, Width: tiles.Width}
	rest, isBundle := strings.CutPrefix(path, "tile/entries/")
	if !isBundle {
		if _, err := fmt.Sscanf(path, "tile/%d/", &tile.Level); err != nil {
			t.Fatal(err)
		}
		rest = path[len("tile/0/"):]
	}
	if _, err := fmt.Sscanf(rest, "%d", &tile.N); err != nil {
		t.Fatal(err)
	}
	return tile
}

// firstOf is where a file that is of no use is damaged.
func firstOf(t *testing.T, path string) where {
	t.Helper()
	return placeOf(t, path, nil, 0)
}

// entryAt returns the number of the entry to which a byte of a bundle belongs.
func entryAt(bundle []byte, at int) int {
	n := 0
	for end := 0; end < len(bundle); n++ {
		end += 2 + int(bundle[end])<<8 + int(bundle[end+1])
		if at < end {
			return n
		}
	}
	return n
}

func TestEachFlippedByteIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	log := newTree(t, shortEntries(300))
	tests := []struct{ size, files, step int }{
		{44, 3, 1},
		{300, 6, 7}, // each hash and each entry, at changing places
	}
	for _, tt := range tests {
		files := log.face(t, key, tt.size)
		if len(files) != tt.files {
			t.Fatalf("the log of %d entries has %d files", tt.size, len(files))
		}
		for path, file := range files {
			t.Run(fmt.Sprintf("%d entries, %s", tt.size, path), func(t *testing.T) {
				t.Parallel()
				for at := 0; at < len(file.Data); at += tt.step {
					flipped := bytes.Clone(file.Data)
					flipped[at] ^= 1 << (at % 8)
					err := verify(t, key, with(files, path, flipped), trail.VerifyOptions{Workers: 1})
					wantDamage(t, err, placeOf(t, path, file.Data, at))
				}
			})
		}
	}
}

func TestAFlippedByteIsFoundAtAnyHeight(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	log := newTree(t, shortEntries(65_536+300))
	files := log.face(t, key, 65_536+300)
	places := map[string][]int{
		"tile/2/000.p/1":            {0, 31},
		"tile/1/000":                {0, 3 * 32, 255*32 + 31},
		"tile/1/001.p/1":            {17},
		"tile/0/000":                {5},
		"tile/0/255":                {8191},
		"tile/0/257.p/44":           {43 * 32},
		"tile/entries/100":          {1, 2, 2000},
		"tile/entries/257.p/44":     {0, 9},
		tiles.CheckpointPath:        {len("example.com/trail\n")},
		tiles.HashPath(0, 256, 256): {33},
	}
	for path, offsets := range places {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for _, at := range offsets {
				flipped := bytes.Clone(files[path].Data)
				flipped[at] ^= 0x80
				err := verify(t, key, with(files, path, flipped), trail.VerifyOptions{})
				wantDamage(t, err, placeOf(t, path, files[path].Data, at))
			}
		})
	}
}

func TestAFileThatIsNotWholeIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	files := newTree(t, shortEntries(700)).face(t, key, 700)
	last := func(path string, data []byte) where { return placeOf(t, path, data, len(data)-1) }
	faults := map[string]struct {
		change func(data []byte) []byte // nil: delete
		bundle func(path string, data []byte) where
	}{
		"deleted":            {func([]byte) []byte { return nil }, nil},
		"emptied":            {func([]byte) []byte { return []byte{} }, nil},
		"without first byte": {func(b []byte) []byte { return b[1:] }, nil},
		"without last byte":  {func(b []byte) []byte { return b[:len(b)-1] }, last},
		"cut in half": {
			func(b []byte) []byte { return b[:len(b)/2] },
			func(path string, data []byte) where { return placeOf(t, path, data, len(data)/2) },
		},
		"one byte longer": {func(b []byte) []byte { return append(bytes.Clone(b), 0) }, last},
		"twice":           {func(b []byte) []byte { return slices.Repeat(b, 2) }, last},
		"zeros":           {func(b []byte) []byte { return make([]byte, len(b)) }, nil},
		"far too long":    {func([]byte) []byte { return make([]byte, tiles.MaxBundle+1) }, nil},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for path, file := range files {
				want := firstOf(t, path)
				if strings.HasPrefix(path, "tile/entries/") && fault.bundle != nil {
					want = fault.bundle(path, file.Data)
				}
				err := verify(t, key, with(files, path, fault.change(file.Data)), trail.VerifyOptions{})
				wantDamage(t, err, want)
			}
		})
	}
}

func TestAFileInPlaceOfAnotherIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	files := newTree(t, shortEntries(700)).face(t, key, 700)
	for path := range files {
		for other := range files {
			if path == other {
				continue
			}
			err := verify(t, key, with(files, path, files[other].Data), trail.VerifyOptions{})
			wantDamage(t, err, firstOf(t, path))
		}
	}
}

func TestSomethingElseInPlaceOfAFileIsDamage(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	files := newTree(t, shortEntries(300)).face(t, key, 300)
	for path, file := range files {
		for _, mode := range []fs.FileMode{fs.ModeDir, fs.ModeNamedPipe, fs.ModeDevice, fs.ModeSocket, fs.ModeIrregular} {
			changed := maps.Clone(files)
			changed[path] = &fstest.MapFile{Data: file.Data, Mode: mode | 0o700}
			wantDamage(t, verify(t, key, changed, trail.VerifyOptions{}), firstOf(t, path))
		}
		below := with(files, path, nil)
		below[path+"/000"] = file
		wantDamage(t, verify(t, key, below, trail.VerifyOptions{}), firstOf(t, path))
	}
}

// flips says which byte of which file has another last bit.
type flips map[string]int

func TestTheFirstOfSeveralFaultsIsNamed(t *testing.T) {
	t.Parallel()
	const size = 65_536 + 700
	key := newKey(t)
	files := newTree(t, shortEntries(size)).face(t, key, size)
	tests := map[string]struct {
		flipped flips
		deleted []string
		want    where
	}{
		"two bundles": {
			flips{"tile/entries/100": 2, "tile/entries/003": 2}, nil, where{"tile/entries/003", 768},
		},
		"a tile and a later bundle": {
			flips{"tile/0/002": 0, "tile/entries/003": 2}, nil, where{"tile/0/002", 512},
		},
		"a bundle and a later tile": {
			flips{"tile/entries/002": 2, "tile/0/003": 0}, nil, where{"tile/entries/002", 512},
		},
		"a tile and an earlier entry of its bundle": {
			flips{"tile/0/002": 7 * 32, "tile/entries/002": 2}, nil, where{"tile/0/002", 512},
		},
		"a tile and a bundle cut later on": {
			flips{"tile/0/002": 7 * 32, "tile/entries/002": 250 * 11}, nil, where{"tile/0/002", 519},
		},
		"a tile of level 1 and a later bundle": {
			flips{"tile/1/000": 4 * 32, "tile/entries/005": 2}, nil, where{"tile/1/000", 1024},
		},
		"a tile of level 1 and an earlier bundle": {
			flips{"tile/1/000": 4 * 32, "tile/entries/003": 2}, nil, where{"tile/entries/003", 768},
		},
		"a tile of level 1 and an earlier tile gone": {
			flips{"tile/1/000": 4 * 32}, []string{"tile/0/003"}, where{"tile/0/003", 768},
		},
		"a tile of level 1, a later tile and an earlier bundle": {
			flips{"tile/1/000": 4 * 32, "tile/0/006": 0, "tile/entries/003": 2}, nil, where{"tile/entries/003", 768},
		},
		"the newest tiles and an old bundle": {
			flips{"tile/1/001.p/2": 0, "tile/0/258.p/188": 0, "tile/entries/003": 2}, nil, where{"tile/entries/003", 768},
		},
		"no new tiles and an old bundle": {
			flips{"tile/entries/003": 2}, []string{"tile/1/001.p/2", "tile/0/258.p/188"}, where{"tile/entries/003", 768},
		},
		"no new bundle and a bad tile": {
			flips{"tile/0/256": 0}, []string{"tile/entries/258.p/188"}, where{"tile/0/256", 65_536},
		},
		"no new bundle and a bad tile beside it": {
			flips{"tile/0/258.p/188": 32}, []string{"tile/entries/258.p/188"}, where{"tile/entries/258.p/188", 66_048},
		},
		"no bundle and a later bad one": {
			flips{"tile/entries/101": 2}, []string{"tile/entries/100"}, where{"tile/entries/100", 25_600},
		},
		"all partial tiles": {
			flips{"tile/2/000.p/1": 0, "tile/1/001.p/2": 0, "tile/0/258.p/188": 0}, nil, where{"tile/2/000.p/1", 0},
		},
		"the lower partial tiles": {
			flips{"tile/1/001.p/2": 32, "tile/0/258.p/188": 0}, nil, where{"tile/1/001.p/2", 65_792},
		},
		"a tile below a partial one and the newest tile": {
			flips{"tile/0/257": 0, "tile/0/258.p/188": 0}, nil, where{"tile/0/257", 65_792},
		},
		"a tile below a partial one and no newest tile": {
			flips{"tile/0/257": 0}, []string{"tile/0/258.p/188"}, where{"tile/0/257", 65_792},
		},
		"no partial tiles": {
			nil, []string{"tile/2/000.p/1", "tile/1/001.p/2", "tile/0/258.p/188"}, where{"tile/2/000.p/1", 0},
		},
		"a partial tile, one below it and an earlier bundle": {
			flips{"tile/1/001.p/2": 32, "tile/0/257": 0, "tile/entries/256": 2}, nil, where{"tile/entries/256", 65_536},
		},
		"a partial tile and the same place below it": {
			flips{"tile/1/001.p/2": 32, "tile/0/257": 0}, nil, where{"tile/1/001.p/2", 65_792},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := files
			for path, at := range tt.flipped {
				flipped := bytes.Clone(files[path].Data)
				flipped[at] ^= 1
				damaged = with(damaged, path, flipped)
			}
			for _, path := range tt.deleted {
				damaged = with(damaged, path, nil)
			}
			for _, workers := range []int{1, 8} {
				wantDamage(t, verify(t, key, damaged, trail.VerifyOptions{Workers: workers}), tt.want)
			}
		})
	}
}

func TestAnEntryThatWasRewrittenWithoutTheKeyIsFound(t *testing.T) {
	t.Parallel()
	const size = 700
	key := newKey(t)
	truth := newTree(t, shortEntries(size)).face(t, key, size)
	lies := func(index int) fstest.MapFS {
		changed := shortEntries(size)
		changed[index] = []byte(`{"n":"a lie"}`)
		return newTree(t, changed).face(t, key, size)
	}
	mix := func(lies fstest.MapFS, paths ...string) fstest.MapFS {
		mixed := maps.Clone(truth)
		for _, path := range paths {
			mixed[path] = lies[path]
		}
		return mixed
	}
	all := func(lies fstest.MapFS) fstest.MapFS { return with(lies, "checkpoint", truth["checkpoint"].Data) }
	tests := map[string]struct {
		files fstest.MapFS
		want  where
	}{
		"the bundle alone":                    {mix(lies(300), "tile/entries/001"), where{"tile/entries/001", 300}},
		"the tile alone":                      {mix(lies(300), "tile/0/001"), where{"tile/0/001", 300}},
		"bundle and tile":                     {mix(lies(300), "tile/entries/001", "tile/0/001"), where{"tile/0/001", 256}},
		"the partial bundle alone":            {mix(lies(600), "tile/entries/002.p/188"), where{"tile/entries/002.p/188", 600}},
		"the partial tile alone":              {mix(lies(600), "tile/0/002.p/188"), where{"tile/0/002.p/188", 600}},
		"everything but the checkpoint":       {all(lies(300)), where{"checkpoint", 0}},
		"everything, and the newest entry":    {all(lies(size - 1)), where{"checkpoint", 0}},
		"the tile above and nothing below it": {mix(lies(300), "tile/1/000.p/2"), where{"tile/1/000.p/2", 256}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDamage(t, verify(t, key, tt.files, trail.VerifyOptions{}), tt.want)
		})
	}
}

func TestAFullTileStandsInForAPartialOneThatIsGone(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	log := newTree(t, shortEntries(512))
	partial, full := log.face(t, key, 300), log.face(t, key, 512)
	files := fstest.MapFS{
		tiles.CheckpointPath: partial[tiles.CheckpointPath],
		"tile/1/000.p/1":     partial["tile/1/000.p/1"],
	}
	for _, path := range []string{"tile/0/000", "tile/0/001", "tile/entries/000", "tile/entries/001"} {
		files[path] = full[path]
	}
	if err := verify(t, key, files, trail.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	for path, at := range map[string]int{"tile/0/001": 43 * 32, "tile/entries/001": 5} {
		flipped := bytes.Clone(full[path].Data)
		flipped[at] ^= 1
		err := verify(t, key, with(files, path, flipped), trail.VerifyOptions{})
		wantDamage(t, err, placeOf(t, path, full[path].Data, at))

		cut := full[path].Data[:40]
		err = verify(t, key, with(files, path, cut), trail.VerifyOptions{})
		want := firstOf(t, path)
		if path == "tile/entries/001" {
			want = placeOf(t, path, full[path].Data, 40)
		}
		wantDamage(t, err, want)
	}
	both := with(files, "tile/entries/001.p/44", []byte("damaged"))
	wantDamage(t, verify(t, key, both, trail.VerifyOptions{}), where{"tile/entries/001.p/44", 256})
}

// FuzzVerify changes one file of a log: only the files as they were verify, and
// checkpoints with more signatures.
func FuzzVerify(f *testing.F) {
	key := newKey(f)
	files := newTree(f, shortEntries(260)).face(f, key, 260)
	paths := slices.Sorted(maps.Keys(files))
	for i, path := range paths {
		f.Add(uint8(i), files[path].Data)
		f.Add(uint8(i), []byte{})
	}
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		path := paths[int(n)%len(paths)]
		err := verify(t, key, with(files, path, append([]byte{}, data...)), trail.VerifyOptions{Workers: 1})
		truth := files[path].Data
		if bytes.Equal(data, truth) {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if path == tiles.CheckpointPath {
			text := truth[:bytes.Index(truth, []byte("\n\n"))+2]
			if bytes.HasPrefix(data, text) {
				return
			}
		}
		if err == nil {
			t.Errorf("%s was forged", path)
		}
	})
}
