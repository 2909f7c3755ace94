package tiles

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// AppendLeafHashes appends the leaf hash of each entry of a bundle of exactly
// width entries: what the tile of level 0 beside it must hold. A bundle that is
// malformed is an error that wraps [ErrMalformed]; the hashes of the entries
// before it are appended nevertheless.
func AppendLeafHashes(dst, bundle []byte, width int) ([]byte, error) {
	r := NewReader(bundle, width)
	for r.Next() {
		leaf := tlog.RecordHash(r.Entry())
		dst = append(dst, leaf[:]...)
	}
	return dst, r.Err()
}

// Root returns the root of the complete subtree over the hashes of a tile: of a
// full one the hash that stands in the level above. It panics if their number
// is not a power of two.
func Root(hashes []byte) tlog.Hash {
	n := len(hashes) / HashSize
	if n == 0 || n&(n-1) != 0 || n > Width || len(hashes)%HashSize != 0 {
		panic(fmt.Sprintf("tiles: %d bytes are not the hashes of a complete subtree", len(hashes)))
	}
	if n == 1 {
		return tlog.Hash(hashes)
	}
	var nodes [Width / 2]tlog.Hash
	for i := range n / 2 {
		left := hashes[2*i*HashSize:]
		nodes[i] = tlog.NodeHash(tlog.Hash(left[:HashSize]), tlog.Hash(left[HashSize:2*HashSize]))
	}
	for n /= 2; n > 1; n /= 2 {
		for i := range n / 2 {
			nodes[i] = tlog.NodeHash(nodes[2*i], nodes[2*i+1])
		}
	}
	return nodes[0]
}

// TreeHash returns the root of a whole tree from its partial tiles: partial[l]
// holds the hashes of the one of level l, and none where there is no such tile.
// Without any it is the root of the empty tree. It panics if a tile holds more
// than 255 hashes, or a part of one.
func TreeHash(partial [][]byte) tlog.Hash {
	root, empty := tlog.Hash(sha256.Sum256(nil)), true
	for level, hashes := range partial {
		if len(hashes) >= TileSize || len(hashes)%HashSize != 0 {
			panic(fmt.Sprintf("tiles: %d bytes are not a partial tile of level %d", len(hashes), level))
		}
		for len(hashes) > 0 {
			// The last complete subtree is as wide as the lowest bit says.
			n := len(hashes) / HashSize
			at := (n - n&-n) * HashSize
			subtree := Root(hashes[at:])
			hashes = hashes[:at]
			if !empty {
				subtree = tlog.NodeHash(subtree, root)
			}
			root, empty = subtree, false
		}
	}
	return root
}
