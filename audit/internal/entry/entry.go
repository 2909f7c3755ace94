// Package entry is how a record becomes entries of the log, the leaves of its
// Merkle tree, and a record again.
//
// An entry has 1 to [Max] bytes, of which the first tells its kind:
//
//	'{'   a whole record: its JSON form
//	0x01  a part of a longer record: at most 65,534 bytes of its JSON form
//	0x02  the manifest that ends a record in parts
//	0x03  reserved for sealed entries
//
// The parts of a record stand in order, each but the last one full, and the
// manifest right after them. A manifest is 0x02, the number of parts and the
// length of the JSON form (32 bits each, big-endian), and the SHA-256 of the
// JSON form: 41 bytes.
//
// There is one way only to write a record: in parts if and only if its JSON
// form has more than [Max] bytes. What is written in any other way is an error
// to a reader. So the last entry of a record, its leaf, follows from the JSON
// form alone: a proof that the tree has the leaf is one that it has the record.
//
// The errors of this package say what is wrong and not where. They have no
// prefix and are for the caller to wrap.
package entry

import (
	"errors"
	"fmt"
)

const (
	// Max is the most bytes that an entry may have.
	Max = 65535
	// MaxJSON is the most bytes that a record's JSON form may have; it is
	// audit.MaxRecord.
	MaxJSON = 1 << 20
	// MaxParts is the most parts that a record can have.
	MaxParts = (MaxJSON + maxPayload - 1) / maxPayload

	maxPayload = Max - 1 // of a part
)

// Kind is what an entry is. The zero Kind is none.
type Kind byte

// The kinds of entries that this version reads and writes. The values are the
// first bytes of the entries.
const (
	KindRecord   Kind = '{'  // a whole record
	KindPart     Kind = 0x01 // some bytes of a longer record
	KindManifest Kind = 0x02 // what ends a record in parts
)

// ErrNewer is wrapped by the error for an entry of a kind that this version
// does not know, sealed ones among them: a newer version wrote it, or it is
// damaged.
var ErrNewer = errors.New("a newer version wrote it, upgrade to read it, or it is damaged")

// KindOf tells what an entry is by its first byte, and that its length is one
// that such an entry can have. An unknown first byte is [ErrNewer].
func KindOf(entry []byte) (Kind, error) {
	if len(entry) == 0 {
		return 0, errors.New("entry is empty")
	}
	if len(entry) > Max {
		return 0, fmt.Errorf("entry has %d bytes, more than %d", len(entry), Max)
	}
	switch kind := Kind(entry[0]); kind {
	case KindRecord:
		return kind, nil
	case KindPart:
		if len(entry) == 1 {
			return 0, errors.New("part is empty")
		}
		return kind, nil
	case KindManifest:
		if len(entry) != manifestSize {
			return 0, fmt.Errorf("manifest has %d bytes, not %d", len(entry), manifestSize)
		}
		return kind, nil
	}
	return 0, fmt.Errorf("entry is of unknown kind %#02x: %w", entry[0], ErrNewer)
}
