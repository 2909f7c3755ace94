package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	pageSize     = 4096
	entrySize    = 16
	firstSize    = 8
	checksumSize = 4
	// perPage leaves 12 bytes of a page unused.
	perPage = (pageSize - checksumSize) / entrySize
	// maxCount keeps sizes far from overflow.
	maxCount = 1 << 50
)

// magic ends with the version of the format. A run of another version is as
// good as damaged: it is built anew.
const magic = "interlock index\x01"

type page [pageSize]byte

// header is what a run says of itself.
type header struct {
	first, end uint64 // the leaves that it covers, from first to before end
	entries    uint64
	root       tlog.Hash // of the log with end leaves
}

// encode returns the header's page and the checksum that goes into all others.
func (h header) encode() (p *page, identity uint32) {
	p = new(page)
	b := append(p[:0], magic...)
	b = binary.BigEndian.AppendUint64(b, h.first)
	b = binary.BigEndian.AppendUint64(b, h.end)
	b = binary.BigEndian.AppendUint64(b, h.entries)
	_ = append(b, h.root[:]...)
	return p, seal(p[:], 0)
}

// decodeHeader is the inverse of encode.
func decodeHeader(p *page) (h header, identity uint32, err error) {
	if !sealed(p[:], 0) {
		return header{}, 0, errors.New("the checksum of its header does not match")
	}
	b, ok := bytes.CutPrefix(p[:], []byte(magic))
	if !ok {
		return header{}, 0, errors.New("it is no run of this version")
	}
	h.first = binary.BigEndian.Uint64(b)
	h.end = binary.BigEndian.Uint64(b[8:])
	h.entries = binary.BigEndian.Uint64(b[16:])
	copy(h.root[:], b[24:])
	if h.first >= h.end || h.end > math.MaxInt64 || h.zoneCount() > maxCount || h.entries > maxCount {
		return header{}, 0, errors.New("its header makes no sense")
	}
	return h, binary.BigEndian.Uint32(p[pageSize-checksumSize:]), nil
}

// pageCount is the number of pages with entries.
func (h header) pageCount() uint64 { return (h.entries + perPage - 1) / perPage }

// zoneCount is the number of zones that the leaves touch.
func (h header) zoneCount() uint64 { return zoneOf(h.end-1) - zoneOf(h.first) + 1 }

// tables is where the firsts and zones begin.
func (h header) tables() int64 { return pageOffset(h.pageCount()) }

func (h header) tablesSize() int64 {
	return int64(h.pageCount()*firstSize + h.zoneCount()*zoneSize + checksumSize)
}

func (h header) fileSize() int64 { return h.tables() + h.tablesSize() }

// pageOffset is where the n-th page with entries is; the header comes before.
func pageOffset(n uint64) int64 { return int64(n+1) * pageSize }

const (
	nameFormat = "%016x-%016x.run"
	unfinished = ".tmp" // follows the name of a run that is being written
)

// name is the name of the run's file.
func (h header) name() string { return fmt.Sprintf(nameFormat, h.first, h.end) }

// isRun reports whether a file has the name of a run.
func isRun(name string) bool {
	var h header
	_, err := fmt.Sscanf(name, nameFormat, &h.first, &h.end)
	return err == nil && h.name() == name
}

// seal ends b with a checksum of what is before it and returns that.
func seal(b []byte, seed uint32) uint32 {
	body, sum := b[:len(b)-checksumSize], b[len(b)-checksumSize:]
	checksum := crc32.Update(seed, crc32.MakeTable(crc32.Castagnoli), body)
	binary.BigEndian.PutUint32(sum, checksum)
	return checksum
}

// sealed reports whether b ends with a checksum of what is before it.
func sealed(b []byte, seed uint32) bool {
	body, sum := b[:len(b)-checksumSize], b[len(b)-checksumSize:]
	return crc32.Update(seed, crc32.MakeTable(crc32.Castagnoli), body) == binary.BigEndian.Uint32(sum)
}

// seedOf makes the checksum of a page one that no other page has. The tables
// count as the page after the last.
func seedOf(identity uint32, n uint64) uint32 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return crc32.Update(identity, crc32.MakeTable(crc32.Castagnoli), b[:])
}
