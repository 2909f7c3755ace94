package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// groupMagic has bytes that no entry can have beside each other: entries are
// JSON, parts of JSON, or manifests of a fixed form.
const groupMagic = "\x00\x00group\x00"

const (
	// GroupHeader is how many bytes of a group stand before its entries.
	GroupHeader = len(groupMagic) + 2*8 + 4 + 4 + 8 + 4 + 4
	checked     = GroupHeader - 8 // what the checksum of the group's header covers
	alignment   = 8
)

// Group is what is written and synced together.
type Group struct {
	// First is the index of the first entry.
	First uint64
	// Count is how many entries there are.
	Count uint32
	// Entries are the entries as in an entry bundle: each behind its length,
	// two bytes.
	Entries []byte
	// Note is the signed checkpoint of size First+Count.
	Note []byte
}

// GroupSize is how many bytes of a file a group takes.
func GroupSize(entries, note int) int64 {
	n := int64(GroupHeader + entries + note + 4)
	return (n + alignment - 1) / alignment * alignment
}

// Seal completes a group for writing: b has room for the group's header in its
// first [GroupHeader] bytes, and then its entries. It returns b with all that
// goes to the file.
func Seal(b []byte, epoch, first uint64, count uint32, note []byte) []byte {
	entries := len(b) - GroupHeader
	header := b[:0]
	header = append(header, groupMagic...)
	header = binary.BigEndian.AppendUint64(header, epoch)
	header = binary.BigEndian.AppendUint64(header, first)
	header = binary.BigEndian.AppendUint32(header, count)
	header = binary.BigEndian.AppendUint32(header, uint32(len(note)))
	header = binary.BigEndian.AppendUint64(header, uint64(entries))
	header = binary.BigEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	binary.BigEndian.AppendUint32(header, 0)
	b = append(b, note...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	for len(b)%alignment != 0 {
		b = append(b, 0)
	}
	return b
}

// header is the fixed part of a group.
type header struct {
	epoch, first  uint64
	count         uint32
	note, entries int
}

// parseHeader reports false for anything but a header that Seal wrote.
func parseHeader(b []byte) (header, bool) {
	if len(b) < GroupHeader || string(b[:len(groupMagic)]) != groupMagic {
		return header{}, false
	}
	if binary.BigEndian.Uint32(b[checked:]) != crc32.Checksum(b[:checked], castagnoli) || binary.BigEndian.Uint32(b[checked+4:]) != 0 {
		return header{}, false
	}
	fields := b[len(groupMagic):]
	entries := binary.BigEndian.Uint64(fields[24:])
	note := binary.BigEndian.Uint32(fields[20:])
	if entries > maxGroup || note > maxGroup {
		return header{}, false
	}
	return header{
		epoch:   binary.BigEndian.Uint64(fields),
		first:   binary.BigEndian.Uint64(fields[8:]),
		count:   binary.BigEndian.Uint32(fields[16:]),
		note:    int(note),
		entries: int(entries),
	}, true
}

// maxGroup is more than any file is long: 1 GiB.
const maxGroup = 1 << 30

// parseGroup reads the group that h begins from b, which has all of it.
func parseGroup(h header, b []byte) (Group, bool) {
	end := GroupHeader + h.entries + h.note
	if len(b) < end+4 || binary.BigEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return Group{}, false
	}
	return Group{
		First:   h.first,
		Count:   h.count,
		Entries: b[GroupHeader : GroupHeader+h.entries],
		Note:    b[GroupHeader+h.entries : end],
	}, true
}
