package trail

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk"
)

// HeadFile returns a [TrustedHead] in the file at path, which must lie outside
// of the log's directory, in a directory that exists. The first Save makes the
// file, readable by its owner only; later ones fail if it is no longer there.
//
// What was saved survives a crash of the process at once, and one of the
// machine about a second later: HeadFile does not sync each time, but at most
// once a second in the background. After a power failure it may therefore be a
// little behind the log, which is no contradiction, and never ahead of it.
func HeadFile(path string) TrustedHead {
	return &headFile{path: path, files: disk.OS{}}
}

const (
	headSlots     = 4
	headSlot      = 1024
	headMagic     = "interlock head 1\n"
	headFixed     = len(headMagic) + 8 + 4
	headSyncEvery = time.Second
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// headFile has four slots. A save takes one that is neither the newest, so that
// a write which is cut short leaves that, nor durable or about to be, so that
// something is left when the power fails after several saves.
type headFile struct {
	path  string
	files disk.FS

	mu       sync.Mutex
	sequence uint64 // of the newest slot; 0 before the first Save
	newest   int64
	durable  int64 // a slot that is
	covered  int64 // the one that the sync in the background makes durable
	loaded   bool
	anchored bool // since then, the file's name and what it held were synced
	synced   time.Time
	syncing  chan struct{} // closed when the sync in the background is done
	failure  error         // what that sync said
}

// Load implements [TrustedHead]. A file that is there but holds no checkpoint
// is an error: something was lost.
func (h *headFile) Load(ctx context.Context) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, err := h.files.OpenFile(h.path, os.O_RDONLY, 0)
	h.anchored, h.failure = false, nil
	if errors.Is(err, fs.ErrNotExist) {
		h.sequence, h.loaded = 0, true
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("trail: opening the trusted head: %w", err)
	}
	defer f.Close()
	checkpoint, err := h.read(f)
	if err != nil {
		return nil, fmt.Errorf("trail: the trusted head %s: %w", h.path, err)
	}
	h.loaded = true
	return checkpoint, ctx.Err()
}

// read returns what the newest slot holds. The oldest one is durable: what makes
// another one the oldest is that a later one is durable.
func (h *headFile) read(f io.ReaderAt) (checkpoint []byte, err error) {
	h.sequence = 0
	oldest := uint64(math.MaxUint64)
	for slot := range int64(headSlots) {
		b := make([]byte, headSlot)
		n, err := f.ReadAt(b, slot*headSlot)
		if err != nil && err != io.EOF {
			return nil, err
		}
		text, sequence, ok := parseHeadSlot(b[:n])
		if ok && sequence > h.sequence {
			checkpoint, h.sequence, h.newest = text, sequence, slot
		}
		if ok && sequence < oldest {
			oldest, h.durable, h.covered = sequence, slot, slot
		}
	}
	if h.sequence == 0 {
		return nil, fmt.Errorf("%w: it holds no checkpoint; restore it from a copy", audit.ErrCorrupt)
	}
	return checkpoint, nil
}

func parseHeadSlot(b []byte) (checkpoint []byte, sequence uint64, ok bool) {
	if len(b) < headFixed+4 || string(b[:len(headMagic)]) != headMagic {
		return nil, 0, false
	}
	sequence = binary.BigEndian.Uint64(b[len(headMagic):])
	size := int64(binary.BigEndian.Uint32(b[len(headMagic)+8:]))
	if int64(headFixed)+size+4 > int64(len(b)) {
		return nil, 0, false
	}
	end := headFixed + int(size)
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return nil, 0, false
	}
	return b[headFixed:end:end], sequence, true
}

func appendHeadSlot(b, checkpoint []byte, sequence uint64) []byte {
	b = append(b, headMagic...)
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = binary.BigEndian.AppendUint32(b, uint32(len(checkpoint)))
	b = append(b, checkpoint...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Save implements [TrustedHead].
func (h *headFile) Save(ctx context.Context, checkpoint []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.save(checkpoint); err != nil {
		return fmt.Errorf("trail: %s: %w", h.path, err)
	}
	return nil
}

func (h *headFile) save(checkpoint []byte) error {
	switch {
	case !h.loaded:
		return errors.New("it was not loaded before")
	case h.failure != nil:
		return h.failure
	case len(checkpoint) > headSlot-headFixed-4:
		return fmt.Errorf("the checkpoint has %d bytes; the file takes at most %d", len(checkpoint), headSlot-headFixed-4)
	}
	if h.anchored {
		if err := h.write(h.path, os.O_RDWR, checkpoint); err != nil {
			return err
		}
		h.syncSoon()
		return nil
	}
	return h.anchor(checkpoint)
}

// anchor saves for the first time since the file was loaded, and makes durable
// what another process may have left in memory. A file that is new gets its name
// when it is whole.
func (h *headFile) anchor(checkpoint []byte) error {
	path, flag := h.path, os.O_RDWR
	isNew := h.sequence == 0
	if isNew {
		if _, err := h.files.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("it was not there before: %w", errors.Join(fs.ErrExist, err))
		}
		path, flag = path+".new", flag|os.O_CREATE|os.O_TRUNC
	}
	if err := h.write(path, flag, checkpoint); err != nil {
		return err
	}
	if err := h.syncNow(path); err != nil {
		return err
	}
	if isNew {
		if err := h.files.Rename(path, h.path); err != nil {
			return err
		}
	}
	if err := h.files.SyncDir(filepath.Dir(h.path)); err != nil {
		return err
	}
	h.durable, h.covered = h.newest, h.newest
	h.anchored, h.synced = true, time.Now()
	return nil
}

// write writes the checkpoint to a slot that can be spared.
func (h *headFile) write(path string, flag int, checkpoint []byte) error {
	f, err := h.files.OpenFile(path, flag, 0o600)
	if err != nil {
		return err
	}
	slot := int64(0)
	for h.sequence > 0 && (slot == h.newest || slot == h.durable || slot == h.covered) {
		slot++
	}
	b := appendHeadSlot(make([]byte, 0, headSlot), checkpoint, h.sequence+1)
	if err := errors.Join(writeAll(f, b, slot*headSlot), f.Close()); err != nil {
		return err
	}
	h.sequence, h.newest = h.sequence+1, slot
	return nil
}

// syncSoon syncs in the background unless that was done a short while ago.
func (h *headFile) syncSoon() {
	if h.syncing != nil || time.Since(h.synced) < headSyncEvery {
		return
	}
	done := make(chan struct{})
	h.syncing, h.synced, h.covered = done, time.Now(), h.newest
	go func() {
		defer close(done)
		err := h.syncNow(h.path)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.syncing = nil
		if err == nil {
			h.durable = h.covered
		} else if h.failure == nil {
			h.failure = err
		}
	}()
}

// syncNow makes durable what a file holds.
func (h *headFile) syncNow(path string) error {
	f, err := h.files.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sync waits for the sync in the background and syncs once more.
func (h *headFile) sync() error {
	h.mu.Lock()
	syncing, saved := h.syncing, h.sequence > 0
	h.mu.Unlock()
	if syncing != nil {
		<-syncing
	}
	if !saved {
		return nil
	}
	if err := h.syncNow(h.path); err != nil {
		return fmt.Errorf("trail: syncing the trusted head: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failure
}
