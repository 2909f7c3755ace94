package trail_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// signingKey is a log's key for tests.
type signingKey struct {
	note.Signer
	verifier *proof.Verifier
}

func newKey(tb testing.TB) signingKey {
	tb.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "example.com/trail")
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		tb.Fatal(err)
	}
	verifier, err := proof.NewVerifier(public)
	if err != nil {
		tb.Fatal(err)
	}
	return signingKey{signer, verifier}
}

// sign returns a signed checkpoint of the log whose origin is the signer's name.
func sign(tb testing.TB, signer note.Signer, size uint64, root tlog.Hash) []byte {
	tb.Helper()
	c := proof.Checkpoint{Origin: signer.Name(), Size: size, Root: root}
	signed, err := note.Sign(&note.Note{Text: c.String()}, signer)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

// tree is a Merkle tree in memory, as tlog keeps it.
type tree struct {
	entries [][]byte
	stored  []tlog.Hash
}

func newTree(tb testing.TB, entries [][]byte) *tree {
	tb.Helper()
	t := &tree{entries: entries}
	for i, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(i), entry, t)
		if err != nil {
			tb.Fatal(err)
		}
		t.stored = append(t.stored, hashes...)
	}
	return t
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, i := range indexes {
		hashes = append(hashes, t.stored[i])
	}
	return hashes, nil
}

// face returns the public face that the log had at some size, as tlog makes it,
// without the partial tiles of smaller sizes.
func (t *tree) face(tb testing.TB, signer note.Signer, size int) fstest.MapFS {
	tb.Helper()
	files := fstest.MapFS{}
	add := func(path string, data []byte) { files[path] = &fstest.MapFile{Data: data, Mode: 0o600} }
	for tile := range tiles.Grown(0, uint64(size)) {
		hashes, err := tlog.ReadTileData(tlog.Tile{H: tiles.Height, L: tile.Level, N: int64(tile.N), W: tile.Width}, t)
		if err != nil {
			tb.Fatal(err)
		}
		add(tile.Path(), hashes)
		if tile.Level == 0 {
			add(tile.EntriesPath(), t.bundle(tile))
		}
	}
	add(tiles.CheckpointPath, t.checkpoint(tb, signer, size))
	return files
}

func (t *tree) bundle(tile tiles.Tile) []byte {
	var bundle []byte
	for _, entry := range t.entries[tile.First():][:tile.Width] {
		bundle = tiles.AppendEntry(bundle, entry)
	}
	return bundle
}

// checkpoint returns the signed checkpoint that the log had at some size.
func (t *tree) checkpoint(tb testing.TB, signer note.Signer, size int) []byte {
	tb.Helper()
	root, err := tlog.TreeHash(int64(size), t)
	if err != nil {
		tb.Fatal(err)
	}
	return sign(tb, signer, uint64(size), root)
}

// shortEntries returns n entries that look like records and are all different.
func shortEntries(n int) [][]byte {
	entries := make([][]byte, n)
	for i := range entries {
		entries[i] = fmt.Appendf(nil, `{"n":%d}`, i)
	}
	return entries
}

// writePublicFace writes the public face of a log of these entries into a
// directory, and returns its signed checkpoint. The log's origin is the
// signer's name.
func writePublicFace(tb testing.TB, dir string, signer note.Signer, entries [][]byte) []byte {
	tb.Helper()
	files := newTree(tb, entries).face(tb, signer, len(entries))
	writeFiles(tb, dir, files)
	return files[tiles.CheckpointPath].Data
}

func writeFiles(tb testing.TB, dir string, files fstest.MapFS) {
	tb.Helper()
	for path, file := range files {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// with returns a copy of files in which one file has other bytes, or is missing
// if they are nil.
func with(files fstest.MapFS, path string, data []byte) fstest.MapFS {
	files = maps.Clone(files)
	delete(files, path)
	if data != nil {
		files[path] = &fstest.MapFile{Data: data, Mode: 0o600}
	}
	return files
}
