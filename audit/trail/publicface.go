package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
	"github.com/elevenminutes/interlock/internal/disk"
)

// publicFace reads the public face of a log and believes only what its tree has.
type publicFace struct {
	files disk.FS
	dir   string
	tree  tlog.Tree
}

// bundle is some consecutive entries that were held against the tree.
type bundle struct {
	first   uint64
	entries [][]byte
}

func (b *bundle) has(index uint64) bool {
	return b.first <= index && index-b.first < uint64(len(b.entries))
}

// bundle reads the bundle that has an index.
func (f publicFace) bundle(ctx context.Context, index uint64) (*bundle, error) {
	n := index / tiles.Width
	first := n * tiles.Width
	width := int(min(tiles.Width, uint64(f.tree.N)-first))
	name := tiles.EntriesPath(n, width)
	b, err := f.read(name, tiles.EntriesPath(n, tiles.Width), maxBundle)
	if err != nil {
		return nil, asDamage(name, first, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	leaves, err := f.leaves(first, width)
	if err != nil {
		return nil, err
	}
	entries, err := split(b, width)
	for i, e := range entries {
		if tlog.RecordHash(e) != leaves[i] {
			return nil, &DamageError{File: name, Index: first + uint64(i), Problem: "is not the entry that was appended"}
		}
	}
	if err != nil {
		return nil, &DamageError{File: name, Index: first + uint64(len(entries)), Problem: "is damaged", Err: err}
	}
	return &bundle{first, entries}, nil
}

// maxBundle is more than a bundle can have.
const maxBundle = tiles.Width*(2+tiles.MaxEntry) + 1

// split returns the first width entries of a bundle, which may have more.
func split(b []byte, width int) (entries [][]byte, err error) {
	entries = make([][]byte, 0, min(width, len(b)/3)) // whatever width claims
	for len(entries) < width {
		if len(b) < 2 {
			return entries, tiles.ErrMalformed
		}
		n := 2 + int(b[0])<<8 + int(b[1])
		if n == 2 || n > len(b) {
			return entries, tiles.ErrMalformed
		}
		entries = append(entries, b[2:n:n])
		b = b[n:]
	}
	return entries, nil
}

// leaves returns leaf hashes that the tree is known to have.
func (f publicFace) leaves(first uint64, n int) ([]tlog.Hash, error) {
	indexes := make([]int64, n)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(first)+int64(i))
	}
	hashes, err := f.ReadHashes(indexes)
	if err != nil {
		return nil, asDamage(tiles.HashPath(0, first/tiles.Width, tiles.Width), first, err)
	}
	return hashes, nil
}

// ReadHashes implements tlog.HashReader from the tiles.
func (f publicFace) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return tlog.TileHashReader(f.tree, f).ReadHashes(indexes)
}

// Height implements tlog.TileReader.
func (f publicFace) Height() int { return tiles.Height }

// SaveTiles implements tlog.TileReader: they are where they belong.
func (f publicFace) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader. What it returns is not verified yet.
func (f publicFace) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, t := range wanted {
		name := tiles.HashPath(t.L, uint64(t.N), t.W)
		b, err := f.read(name, tiles.HashPath(t.L, uint64(t.N), tiles.Width), tiles.Width*tlog.HashSize+1)
		if err != nil {
			return nil, asDamage(name, tiles.Tile{Level: t.L, N: uint64(t.N), Width: t.W}.First(), err)
		}
		if len(b) < t.W*tlog.HashSize {
			return nil, &DamageError{File: name, Index: tiles.Tile{Level: t.L, N: uint64(t.N), Width: t.W}.First(), Problem: "is too short"}
		}
		data[i] = b[:t.W*tlog.HashSize]
	}
	return data, nil
}

// read reads a file, or the full one that took its place.
func (f publicFace) read(name, full string, most int64) ([]byte, error) {
	b, err := readFile(f.files, filepath.Join(f.dir, filepath.FromSlash(name)), most)
	if errors.Is(err, fs.ErrNotExist) && name != full {
		if wider, err := readFile(f.files, filepath.Join(f.dir, filepath.FromSlash(full)), most); err == nil {
			return wider, nil
		}
	}
	return b, err
}

// readFile reads a whole file of less than most bytes.
func readFile(files disk.FS, path string, most int64) ([]byte, error) {
	f, err := files.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() >= most {
		return nil, fmt.Errorf("%s is not a file of less than %d bytes", path, most)
	}
	b := make([]byte, info.Size())
	if n, err := f.ReadAt(b, 0); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return b, nil
}

// asDamage makes damage of what is wrong with a file, unless it says so already.
func asDamage(name string, index uint64, err error) error {
	var d *DamageError
	if errors.As(err, &d) {
		return err
	}
	return &DamageError{File: name, Index: index, Problem: "can't be read or does not fit the tree", Err: err}
}

// entriesFile names the bundle that has an index.
func entriesFile(index uint64) string {
	return tiles.EntriesPath(index/tiles.Width, tiles.Width)
}

// checkpointFile is the name of the published checkpoint.
const checkpointFile = "checkpoint"
