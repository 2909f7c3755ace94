package trail

import (
	"bytes"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// compare is for a tile that is not what it should be. It returns what it would
// hold by what stands below it, and what is wrong with its file at, given what
// reading that has said.
func (w *walk) compare(t tiles.Tile, at located, readErr error) (below []byte, flaw *DamageError, err error) {
	if readErr != nil && !isUnusable(readErr) {
		return nil, nil, readErr
	}
	below, err = w.below(t, at.data)
	if err != nil {
		return nil, nil, err
	}
	flaw = &DamageError{File: at.path, Index: t.First(), Problem: "can't be verified", Err: readErr}
	if readErr != nil {
		return below, flaw, nil
	}
	i := firstDifference(at.data, below)
	if i == t.Width {
		flaw.Problem = "is not the tree's, though this tile agrees with what is below it"
		return below, flaw, nil
	}
	flaw.Index += uint64(i) << (tiles.Height * t.Level)
	flaw.Problem = "is below a hash that is not the tree's"
	return below, flaw, nil
}

// below returns what a tile would hold by what stands below it. Where that can't
// be read it is what is stored, if anything.
func (w *walk) below(t tiles.Tile, stored []byte) ([]byte, error) {
	below := make([]byte, t.Width*tiles.HashSize)
	copy(below, stored)
	if t.Level == 0 {
		return below, w.leaves(below, t)
	}
	for i := range t.Width {
		at, err := w.hashes(nil, childOf(t, i))
		if isUnusable(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		root := tiles.Root(at.data)
		copy(below[i*tiles.HashSize:], root[:])
	}
	return below, nil
}

// leaves overwrites hashes with those of the entries that a bundle has.
func (w *walk) leaves(hashes []byte, t tiles.Tile) error {
	at, err := w.bundle(nil, t)
	if isUnusable(err) {
		return nil
	}
	if err != nil {
		return err
	}
	read, _ := tiles.AppendLeafHashes(nil, at.data, t.Width) // a malformed rest is as good as none
	copy(hashes, read)
	return nil
}

// firstDifference returns the number of the first hash in which a and b differ,
// or how many there are in both.
func firstDifference(a, b []byte) int {
	n := min(len(a), len(b)) / tiles.HashSize
	for i := range n {
		from, to := i*tiles.HashSize, (i+1)*tiles.HashSize
		if !bytes.Equal(a[from:to], b[from:to]) {
			return i
		}
	}
	return n
}
