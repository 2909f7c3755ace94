package entry

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

const manifestSize = 1 + 4 + 4 + sha256.Size

// Manifest ends a record in parts and says what they are. The zero Manifest is
// none that [ParseManifest] returns.
type Manifest struct {
	// Parts is how many parts stand before it: 2 to MaxParts.
	Parts int
	// Length is how many bytes the record's JSON form has: more than Max, and
	// at most MaxJSON.
	Length int
	// Sum is the SHA-256 of the JSON form.
	Sum [sha256.Size]byte
}

// ParseManifest reads a manifest. One that [Append] can't have written, for the
// number of parts does not fit the length, is an error.
func ParseManifest(entry []byte) (Manifest, error) {
	kind, err := KindOf(entry)
	if err != nil {
		return Manifest{}, err
	}
	if kind != KindManifest {
		return Manifest{}, fmt.Errorf("entry begins with %#02x and is no manifest", entry[0])
	}
	parts, length := binary.BigEndian.Uint32(entry[1:]), binary.BigEndian.Uint32(entry[5:])
	if length <= Max || length > MaxJSON {
		return Manifest{}, fmt.Errorf("manifest is of %d bytes, not of %d to %d", length, Max+1, MaxJSON)
	}
	if want := partsOf(int(length)); uint64(parts) != uint64(want) {
		return Manifest{}, fmt.Errorf("manifest has %d parts, where %d bytes make %d", parts, length, want)
	}
	return Manifest{Parts: int(parts), Length: int(length), Sum: [sha256.Size]byte(entry[9:])}, nil
}

func manifestOf(json []byte) Manifest {
	return Manifest{Parts: partsOf(len(json)), Length: len(json), Sum: sha256.Sum256(json)}
}

// append appends the manifest's entry; its numbers are within their ranges.
func (m Manifest) append(b []byte) []byte {
	b = append(b, byte(KindManifest))
	b = binary.BigEndian.AppendUint32(b, uint32(m.Parts))
	b = binary.BigEndian.AppendUint32(b, uint32(m.Length))
	return append(b, m.Sum[:]...)
}
