package tiles

import (
	"fmt"
	"strconv"
)

// The measures of the layout.
const (
	// Height is the height of a tile.
	Height = 8
	// Width is how many hashes a full tile, and entries a full bundle, holds.
	Width = 1 << Height
	// HashSize is the length of a hash in bytes.
	HashSize = 32
	// TileSize is the length of a full hash tile in bytes.
	TileSize = Width * HashSize
	// MaxEntry is the length of the longest entry in bytes; the shortest has 1.
	MaxEntry = 1<<16 - 1
	// MaxBundle is the length of the longest bundle in bytes.
	MaxBundle = Width * (lengthSize + MaxEntry)
	// CheckpointPath is the file of the newest signed checkpoint.
	CheckpointPath = "checkpoint"

	lengthSize = 2
	maxLevel   = 63
)

// HashPath returns the path, with slashes, of the n-th tile of a level when it
// holds width hashes: tile/0/x001/x234/067.p/12, or without .p/12 when it is
// full. It panics if level is outside 0 to 63 or width outside 1 to [Width].
func HashPath(level int, n uint64, width int) string {
	if level < 0 || level > maxLevel {
		panic(fmt.Sprintf("tiles: level %d is outside 0 to %d", level, maxLevel))
	}
	b := append(make([]byte, 0, 48), "tile/"...)
	b = strconv.AppendInt(b, int64(level), 10)
	return string(appendNumber(b, n, width))
}

// EntriesPath returns the path, with slashes, of the n-th bundle when it holds
// width entries: tile/entries/x001/x234/067.p/12, or without .p/12 when it is
// full. It panics if width is outside 1 to [Width].
func EntriesPath(n uint64, width int) string {
	b := append(make([]byte, 0, 48), "tile/entries"...)
	return string(appendNumber(b, n, width))
}

func appendNumber(b []byte, n uint64, width int) []byte {
	if width < 1 || width > Width {
		panic(fmt.Sprintf("tiles: width %d is outside 1 to %d", width, Width))
	}
	unit := uint64(1)
	for n/unit >= 1000 {
		unit *= 1000
	}
	for ; unit > 1; unit /= 1000 {
		b = append(b, '/', 'x')
		b = appendDigits(b, n/unit%1000)
	}
	b = append(b, '/')
	b = appendDigits(b, n%1000)
	if width == Width {
		return b
	}
	b = append(b, ".p/"...)
	return strconv.AppendInt(b, int64(width), 10)
}

func appendDigits(b []byte, n uint64) []byte {
	return append(b, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}
