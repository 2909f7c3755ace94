package trail

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
	"github.com/elevenminutes/interlock/internal/disk"
)

// hashFile has every hash that the tree stores, in the order of
// tlog.StoredHashIndex. It only makes proofs quick: what is proved with it is
// checked, and the tiles have all that it has.
type hashFile struct {
	file   disk.File
	buffer []byte // of append

	mu    sync.RWMutex
	upper map[int64]tlog.Hash // some of those above tiles of level 0, which many proofs need
}

// maxUpper bounds the hashes that are kept in memory.
const maxUpper = 1 << 15

func openHashFile(files disk.FS, path string) (*hashFile, error) {
	f, err := files.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &hashFile{file: f, upper: make(map[int64]tlog.Hash)}, nil
}

// append adds the hashes of groups behind those of a tree of a size.
func (h *hashFile) append(size uint64, groups []*group) error {
	h.buffer = h.buffer[:0]
	for _, g := range groups {
		for i := range g.stored {
			h.buffer = append(h.buffer, g.stored[i][:]...)
		}
	}
	err := h.write(tlog.StoredHashCount(int64(size)), h.buffer)
	if cap(h.buffer) > maxRoomKept {
		h.buffer = nil
	}
	return err
}

// write writes hashes from the n-th on, and syncs them.
func (h *hashFile) write(n int64, b []byte) error {
	h.forget()
	if err := writeAll(h.file, b, n*tlog.HashSize); err != nil {
		return fmt.Errorf("writing %s: %w", h.file.Name(), err)
	}
	if err := h.file.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", h.file.Name(), err)
	}
	return nil
}

// near is how far apart hashes are that are read together: those of a tile with
// all that lies between them.
const near = 2 * tiles.Width

// span is room for hashes that are read together.
type span [near * tlog.HashSize]byte

var spans = sync.Pool{New: func() any { return new(span) }}

// ReadHashes implements tlog.HashReader.
func (h *hashFile) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	buffer := spans.Get().(*span)
	defer spans.Put(buffer)
	for i := 0; i < len(indexes); {
		if h.recall(indexes[i], &hashes[i]) {
			i++
			continue
		}
		first, last, n := indexes[i], indexes[i], 1
		for i+n < len(indexes) {
			low, high := min(first, indexes[i+n]), max(last, indexes[i+n])
			if high-low >= near {
				break
			}
			first, last, n = low, high, n+1
		}
		b := buffer[:(last-first+1)*tlog.HashSize]
		if err := h.read(b, first); err != nil {
			return nil, err
		}
		for k := range n {
			copy(hashes[i+k][:], b[(indexes[i+k]-first)*tlog.HashSize:])
			h.keep(indexes[i+k], hashes[i+k])
		}
		i += n
	}
	return hashes, nil
}

// recall returns a hash that is kept in memory.
func (h *hashFile) recall(index int64, hash *tlog.Hash) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	kept, ok := h.upper[index]
	if ok {
		*hash = kept
	}
	return ok
}

// keep keeps a hash that stands above a whole tile.
func (h *hashFile) keep(index int64, hash tlog.Hash) {
	if level, _ := tlog.SplitStoredHashIndex(index); level < tiles.Height {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.upper) >= maxUpper {
		clear(h.upper)
	}
	h.upper[index] = hash
}

// forget forgets what is kept, because it may be wrong.
func (h *hashFile) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.upper)
}

// read reads hashes from an index on.
func (h *hashFile) read(b []byte, index int64) error {
	n, err := h.file.ReadAt(b, index*tlog.HashSize)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("trail: reading %s: %w", h.file.Name(), err)
}
