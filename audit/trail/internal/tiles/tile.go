package tiles

import "iter"

// Tile is the place of one hash tile.
type Tile struct {
	// Level is 0 for leaf hashes.
	Level int
	// N is the number of the tile in its level, counted from 0.
	N uint64
	// Width is how many hashes it holds, 1 to [Width].
	Width int
}

// Path returns the path of the tile; see [HashPath].
func (t Tile) Path() string { return HashPath(t.Level, t.N, t.Width) }

// EntriesPath returns the path of the bundle that stands beside a tile of
// level 0; see [EntriesPath].
func (t Tile) EntriesPath() string { return EntriesPath(t.N, t.Width) }

// First returns the index of the first entry below the tile.
func (t Tile) First() uint64 { return t.N << (Height * (t.Level + 1)) }

// Widths returns, for each level that a tree of this size has, how wide its
// partial tile is: floor(size / 256^level) mod 256. 0 stands for a level
// without one. A tree of size 0 has no levels.
func Widths(size uint64) []int {
	var widths []int
	for ; size > 0; size >>= Height {
		widths = append(widths, int(size%Width))
	}
	return widths
}

// Grown yields the tiles that a tree has when it has grown from one size to
// another and that it did not have before, level by level, from left to right.
// Beside each one of level 0 stands a bundle that is new as well. Nothing is
// yielded if the tree has not grown.
func Grown(from, to uint64) iter.Seq[Tile] {
	return func(yield func(Tile) bool) {
		for level := 0; from < to; level++ {
			if !grown(level, from, to, yield) {
				return
			}
			from, to = from>>Height, to>>Height
		}
	}
}

// grown yields the new tiles of a level that had from hashes and has to.
func grown(level int, from, to uint64, yield func(Tile) bool) bool {
	for n := from >> Height; n < to>>Height; n++ {
		if !yield(Tile{Level: level, N: n, Width: Width}) {
			return false
		}
	}
	width := int(to % Width)
	return width == 0 || yield(Tile{Level: level, N: to >> Height, Width: width})
}
