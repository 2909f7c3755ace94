package trail

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is the right edge of a Merkle tree (RFC 6962, section 2.1): all that is
// needed to append to it. The zero tree is empty.
type tree struct {
	size uint64
	// edge has the roots of the full subtrees from left to right, one for each
	// bit that is set in size.
	edge []tlog.Hash
}

// append adds a leaf, and appends the hashes that the tree stores for it to
// stored, in the order of tlog.StoredHashIndex.
func (t *tree) append(leaf tlog.Hash, stored []tlog.Hash) []tlog.Hash {
	stored = append(stored, leaf)
	for range bits.TrailingZeros64(t.size + 1) {
		last := len(t.edge) - 1
		leaf = tlog.NodeHash(t.edge[last], leaf)
		t.edge = t.edge[:last]
		stored = append(stored, leaf)
	}
	t.edge = append(t.edge, leaf)
	t.size++
	return stored
}

// root returns the hash of the whole tree.
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		return emptyRoot
	}
	last := len(t.edge) - 1
	h := t.edge[last]
	for i := last - 1; i >= 0; i-- {
		h = tlog.NodeHash(t.edge[i], h)
	}
	return h
}

// emptyRoot is the hash of the empty tree.
var emptyRoot, _ = tlog.TreeHash(0, nil)

// readTree reads the right edge of a tree from its stored hashes.
func readTree(size uint64, hashes tlog.HashReader) (tree, error) {
	t := tree{size: size}
	var indexes []int64
	for start := uint64(0); start < size; {
		level := bits.Len64(size-start) - 1
		indexes = append(indexes, tlog.StoredHashIndex(level, int64(start>>level)))
		start += 1 << level
	}
	edge, err := hashes.ReadHashes(indexes)
	if err != nil {
		return tree{}, err
	}
	if len(edge) != len(indexes) {
		return tree{}, fmt.Errorf("%d hashes instead of %d", len(edge), len(indexes))
	}
	t.edge = edge
	return t, nil
}
