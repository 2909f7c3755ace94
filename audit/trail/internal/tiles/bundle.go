package tiles

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped when a bundle does not hold exactly the entries that
// it should.
var ErrMalformed = errors.New("malformed bundle")

// AppendEntry appends an entry to a bundle: its length as two bytes, the high
// one first, and its bytes. It returns the longer slice. It panics if the entry
// does not have 1 to [MaxEntry] bytes, for no bundle can hold it.
func AppendEntry(bundle, entry []byte) []byte {
	if len(entry) == 0 || len(entry) > MaxEntry {
		panic(fmt.Sprintf("tiles: an entry of %d bytes is outside 1 to %d", len(entry), MaxEntry))
	}
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry)))
	return append(bundle, entry...)
}

// Reader reads the entries of a bundle, one after the other, and allocates
// nothing. The zero Reader has none.
//
//	r := tiles.NewReader(bundle, width)
//	for r.Next() {
//		use(r.Entry())
//	}
//	if err := r.Err(); err != nil {
//
// What was read before an error is as good as the bundle. One goroutine at a
// time may use a Reader.
type Reader struct {
	rest  []byte
	entry []byte
	read  int
	width int
	err   error
}

// NewReader returns a reader of a bundle of exactly width entries. It keeps the
// bundle and never changes it.
func NewReader(bundle []byte, width int) Reader {
	return Reader{rest: bundle, width: width}
}

// Next goes to the next entry. It returns false after the last one and at the
// first error.
func (r *Reader) Next() bool {
	r.entry = nil
	if r.err != nil {
		return false
	}
	if r.read == r.width {
		r.err = r.end()
		return false
	}
	r.err = r.next()
	return r.err == nil
}

func (r *Reader) next() error {
	if len(r.rest) < lengthSize {
		return fmt.Errorf("%w: it ends before entry %d of %d", ErrMalformed, r.read, r.width)
	}
	end := lengthSize + int(binary.BigEndian.Uint16(r.rest))
	switch {
	case end == lengthSize:
		return fmt.Errorf("%w: entry %d of %d is empty", ErrMalformed, r.read, r.width)
	case end > len(r.rest):
		return fmt.Errorf("%w: it ends within entry %d of %d", ErrMalformed, r.read, r.width)
	}
	r.entry, r.rest = r.rest[lengthSize:end:end], r.rest[end:]
	r.read++
	return nil
}

func (r *Reader) end() error {
	if len(r.rest) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d bytes follow the last of %d entries", ErrMalformed, len(r.rest), r.width)
}

// Entry returns the entry to which Next went: a part of the bundle, not a copy.
// It is nil before the first Next and after one that returned false.
func (r *Reader) Entry() []byte { return r.entry }

// Read returns how many entries have been read.
func (r *Reader) Read() int { return r.read }

// Rest returns what follows the entries that have been read: a part of the
// bundle, not a copy.
func (r *Reader) Rest() []byte { return r.rest }

// Err returns nil if Next returned false because the bundle ended where it
// should, and otherwise an error that wraps [ErrMalformed].
func (r *Reader) Err() error { return r.err }
