package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrDamaged is wrapped when a group that must have been whole is not.
var ErrDamaged = errors.New("a group is damaged")

// Scan hands the groups of a file to each, in order, and returns where the next
// one is to be written. What follows the last whole group is torn and ignored,
// unless a whole group of the same epoch follows later: then the error wraps
// [ErrDamaged] and the group at fault begins at the offset that is returned.
// Entries and Note of a group are each's to keep.
func Scan(f io.ReaderAt, size int64, h Header, each func(Group) error) (end int64, err error) {
	offset, next := int64(HeaderSize), h.Start
	for {
		g, length, ok, err := readGroup(f, size, offset, h.Epoch)
		if err != nil {
			return offset, err
		}
		if !ok {
			return offset, later(f, size, offset, h.Epoch)
		}
		if g.First != next || g.Count == 0 {
			return offset, fmt.Errorf("%w: it begins with entry %d instead of %d", ErrDamaged, g.First, next)
		}
		if err := each(g); err != nil {
			return offset, err
		}
		next += uint64(g.Count)
		offset += length
	}
}

// Later returns the last whole group of those that were written later than the
// file's header says: then the header that was written before them is lost.
func Later(f io.ReaderAt, size int64, h Header) (g Group, ok bool, err error) {
	var fixed [GroupHeader]byte
	if HeaderSize+int64(len(fixed)) > size {
		return Group{}, false, nil
	}
	if err := readFull(f, fixed[:], HeaderSize); err != nil {
		return Group{}, false, err
	}
	first, ok := parseHeader(fixed[:])
	if !ok || first.epoch <= h.Epoch {
		return Group{}, false, nil
	}
	for offset := int64(HeaderSize); ; {
		next, length, whole, err := readGroup(f, size, offset, first.epoch)
		if err != nil || !whole {
			return g, g.Count > 0, err
		}
		g, offset = next, offset+length
	}
}

// readGroup reads the group at an offset, if there is a whole one.
func readGroup(f io.ReaderAt, size, offset int64, epoch uint64) (g Group, length int64, ok bool, err error) {
	var fixed [GroupHeader]byte
	if offset+int64(len(fixed)) > size {
		return Group{}, 0, false, nil
	}
	if err := readFull(f, fixed[:], offset); err != nil {
		return Group{}, 0, false, err
	}
	h, ok := parseHeader(fixed[:])
	if !ok || h.epoch != epoch {
		return Group{}, 0, false, nil
	}
	length = GroupSize(h.entries, h.note)
	if offset+length > size {
		return Group{}, 0, false, nil
	}
	b := make([]byte, length)
	if err := readFull(f, b, offset); err != nil {
		return Group{}, 0, false, err
	}
	g, ok = parseGroup(h, b)
	return g, length, ok, nil
}

// later returns ErrDamaged if a whole group of the epoch begins behind offset.
func later(f io.ReaderAt, size, offset int64, epoch uint64) error {
	const window = 1 << 20
	buffer := make([]byte, max(0, min(window+int64(len(groupMagic)), size-offset)))
	for at := offset + alignment; at < size; at += window {
		b := buffer[:min(int64(len(buffer)), size-at)]
		if err := readFull(f, b, at); err != nil {
			return err
		}
		for i := 0; ; i++ {
			k := bytes.Index(b[i:], []byte(groupMagic))
			if k < 0 {
				break
			}
			i += k
			if (at+int64(i))%alignment != 0 {
				continue
			}
			g, _, ok, err := readGroup(f, size, at+int64(i), epoch)
			if err != nil {
				return err
			}
			if ok {
				return fmt.Errorf("%w: entry %d and others that were written after it are whole", ErrDamaged, g.First)
			}
		}
	}
	return nil
}

// readFull reads all of b. A file that ends early has changed under the reader.
func readFull(f io.ReaderAt, b []byte, offset int64) error {
	n, err := f.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
