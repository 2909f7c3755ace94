package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/elevenminutes/interlock/internal/disk"
)

// HeaderSize is how many bytes of a file its header takes.
const HeaderSize = 2 * slotSize

const (
	slotSize    = 2048
	headerMagic = "interlock wal 1\n"
	fixedHeader = len(headerMagic) + 4*8 + 4
	maxNote     = slotSize - fixedHeader - 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is how a file begins.
type Header struct {
	// Epoch counts the times that a file of the log was begun. Groups of
	// another epoch are remains of an earlier use.
	Epoch uint64
	// Sequence counts the headers of a file; of one epoch the highest counts.
	Sequence uint64
	// Start is the size of the tree when the file was begun.
	Start uint64
	// Base is the size of the tree up to which everything was durable outside
	// the write-ahead files.
	Base uint64
	// Note is the signed checkpoint of size Start; empty for size 0.
	Note []byte
}

// ErrHeader is wrapped when a file has no valid header.
var ErrHeader = errors.New("no valid header")

// WriteHeader writes the header to one of the two slots, in turn by its Sequence:
// where that is one more than before, the header before it is left as it is. It
// does not sync.
func WriteHeader(f disk.File, h Header) error {
	if len(h.Note) > maxNote {
		return fmt.Errorf("the checkpoint has %d bytes; a header takes at most %d", len(h.Note), maxNote)
	}
	b := make([]byte, 0, slotSize)
	b = append(b, headerMagic...)
	b = binary.BigEndian.AppendUint64(b, h.Epoch)
	b = binary.BigEndian.AppendUint64(b, h.Sequence)
	b = binary.BigEndian.AppendUint64(b, h.Start)
	b = binary.BigEndian.AppendUint64(b, h.Base)
	b = binary.BigEndian.AppendUint32(b, uint32(len(h.Note)))
	b = append(b, h.Note...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	n, err := f.WriteAt(b, int64(h.Sequence%2)*slotSize)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// ReadHeader returns the newest valid header of a file. Without one the error
// wraps ErrHeader.
func ReadHeader(f io.ReaderAt) (Header, error) {
	newest, found := Header{}, false
	for slot := range int64(2) {
		h, err := readSlot(f, slot)
		switch {
		case errors.Is(err, ErrHeader):
		case err != nil:
			return Header{}, err
		case !found || newest.older(h):
			newest, found = h, true
		}
	}
	if !found {
		return Header{}, ErrHeader
	}
	return newest, nil
}

func (h Header) older(other Header) bool {
	if h.Epoch != other.Epoch {
		return h.Epoch < other.Epoch
	}
	return h.Sequence < other.Sequence
}

func readSlot(f io.ReaderAt, slot int64) (Header, error) {
	b := make([]byte, slotSize)
	n, err := f.ReadAt(b, slot*slotSize)
	if err != nil && err != io.EOF {
		return Header{}, err
	}
	if n < fixedHeader || string(b[:len(headerMagic)]) != headerMagic {
		return Header{}, ErrHeader
	}
	fields := b[len(headerMagic):]
	h := Header{
		Epoch:    binary.BigEndian.Uint64(fields),
		Sequence: binary.BigEndian.Uint64(fields[8:]),
		Start:    binary.BigEndian.Uint64(fields[16:]),
		Base:     binary.BigEndian.Uint64(fields[24:]),
	}
	size := binary.BigEndian.Uint32(fields[32:])
	if size > uint32(maxNote) || n < fixedHeader+int(size)+4 {
		return Header{}, ErrHeader
	}
	end := fixedHeader + int(size)
	if binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return Header{}, ErrHeader
	}
	if h.Sequence%2 != uint64(slot) || h.Base > h.Start || h.Start > math.MaxInt64 {
		return Header{}, ErrHeader
	}
	h.Note = b[fixedHeader:end:end]
	return h, nil
}
