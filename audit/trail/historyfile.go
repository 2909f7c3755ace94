package trail

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/elevenminutes/interlock/internal/disk"
)

// historyFile has the signature of every checkpoint that was acknowledged, in
// order, so that a receipt can be given again as it was. Each takes a slot: the
// size of its tree, the hash of the key, the signature, and a checksum.
type historyFile struct {
	file  disk.File
	count atomic.Int64
}

const historySlot = 8 + 4 + ed25519.SignatureSize + 4

// signature is a slot of the history.
type signature struct {
	size    uint64
	keyHash uint32
	bytes   [ed25519.SignatureSize]byte
}

// openHistoryFile opens the history of a log, of which size entries are
// published. Slots of later checkpoints are written again.
func openHistoryFile(files disk.FS, path string, size uint64) (*historyFile, error) {
	f, err := files.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	h := &historyFile{file: f}
	n := info.Size() / historySlot
	for ; n > 0; n-- {
		if s, err := h.read(n - 1); err == nil && s.size <= size {
			break
		}
	}
	h.count.Store(n)
	return h, nil
}

// search returns how many slots have checkpoints of at most a size, or come
// before one that is damaged.
func (h *historyFile) search(size uint64) int64 {
	return int64(sort.Search(int(h.count.Load()), func(i int) bool {
		s, err := h.read(int64(i))
		return err != nil || s.size > size
	}))
}

// after returns the signature of the first checkpoint that has an index.
func (h *historyFile) after(index uint64) (signature, error) {
	n := h.search(index)
	if n == h.count.Load() {
		return signature{}, io.ErrUnexpectedEOF
	}
	return h.read(n)
}

var errSlot = errors.New("the slot is damaged")

func (h *historyFile) read(i int64) (signature, error) {
	var b [historySlot]byte
	if n, err := h.file.ReadAt(b[:], i*historySlot); n != len(b) {
		return signature{}, fmt.Errorf("trail: reading %s: %w", h.file.Name(), err)
	}
	const end = historySlot - 4
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return signature{}, errSlot
	}
	s := signature{size: binary.BigEndian.Uint64(b[:]), keyHash: binary.BigEndian.Uint32(b[8:])}
	copy(s.bytes[:], b[12:])
	return s, nil
}

// append adds the checkpoints of groups. They count once they
// are published.
func (h *historyFile) append(groups []*group) error {
	b := make([]byte, 0, len(groups)*historySlot)
	for _, g := range groups {
		s, err := signatureOf(g.note)
		if err != nil {
			return err
		}
		start := len(b)
		b = binary.BigEndian.AppendUint64(b, g.size())
		b = append(b, s...)
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	}
	if err := writeAll(h.file, b, h.count.Load()*historySlot); err != nil {
		return fmt.Errorf("writing %s: %w", h.file.Name(), err)
	}
	if err := h.file.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", h.file.Name(), err)
	}
	return nil
}

// signatureOf returns the bytes of a note's last signature: the hash of its key
// and what it signed with.
func signatureOf(note []byte) ([]byte, error) {
	line := bytes.TrimSuffix(note[bytes.LastIndexByte(bytes.TrimSuffix(note, []byte("\n")), '\n')+1:], []byte("\n"))
	encoded := line[bytes.LastIndexByte(line, ' ')+1:]
	s, err := base64.StdEncoding.AppendDecode(nil, encoded)
	if err != nil || len(s) != 4+ed25519.SignatureSize {
		return nil, fmt.Errorf("a checkpoint has a signature of %d bytes, and not one of Ed25519", len(s))
	}
	return s, nil
}

// signedNote puts a signature under the text that it signed.
func signedNote(text, name string, s signature) []byte {
	b := binary.BigEndian.AppendUint32(nil, s.keyHash)
	b = append(b, s.bytes[:]...)
	var note strings.Builder
	note.WriteString(text)
	note.WriteString("\n— " + name + " " + base64.StdEncoding.EncodeToString(b) + "\n")
	return []byte(note.String())
}
