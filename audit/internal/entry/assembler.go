package entry

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Assembler makes records of consecutive entries. The zero Assembler is ready
// and takes its first entry for the first one of a record.
//
// It holds one record in parts at most, and never more than [MaxJSON] bytes.
// It is for one goroutine at a time.
type Assembler struct {
	// Midway says that the first entry may be any one of a record, so that a
	// reader can begin at any index. A record whose first entries were not
	// given is then passed over; every later one is returned, and checked as
	// always. Who wants each record whose index is i or more begins with entry
	// i-MaxParts (or 0), and drops the records of lower indexes. Midway must not
	// be changed after the first Add.
	Midway bool

	next  uint64 // index of the next entry, once one was taken
	begun bool   // an entry was taken
	cut   bool   // the parts held may lack those before them
	parts int    // parts held
	json  []byte // their bytes
	err   error  // why no more is taken
}

// Add takes the entry with this index. If a record ends with it, whole is true,
// json is the record's JSON form and index the record's index. Otherwise json
// is nil. The caller must change neither entry nor json; json shares the memory
// of entry or of the Assembler, and is good until the next Add.
//
// An index that does not follow the last one, an entry that [KindOf] refuses, a
// part that is not full where another one follows, parts without their
// manifest, a manifest without its parts, and parts that are not what the
// manifest says are errors. The first error is the answer to every later Add.
func (a *Assembler) Add(index uint64, entry []byte) (json []byte, whole bool, err error) {
	if a.err != nil {
		return nil, false, a.err
	}
	json, err = a.add(index, entry)
	if err != nil {
		a.err = err
		return nil, false, err
	}
	return json, json != nil, nil
}

// End says that no entry follows: it is an error if a record is incomplete, or
// an Add has failed.
func (a *Assembler) End() error {
	if a.err != nil {
		return a.err
	}
	if a.parts > 0 {
		return errors.New("record has parts and no manifest")
	}
	return nil
}

func (a *Assembler) add(index uint64, entry []byte) ([]byte, error) {
	if a.begun && index != a.next {
		return nil, fmt.Errorf("entry %d was given in place of %d", index, a.next)
	}
	kind, err := KindOf(entry)
	if err != nil {
		return nil, err
	}
	if !a.begun {
		a.begun, a.cut = true, a.Midway
	}
	a.next = index + 1
	switch kind {
	case KindRecord:
		return a.record(entry)
	case KindPart:
		return nil, a.part(entry)
	case KindManifest:
		return a.manifest(entry)
	}
	return nil, fmt.Errorf("entry is of unknown kind %#02x: %w", entry[0], ErrNewer)
}

func (a *Assembler) record(entry []byte) ([]byte, error) {
	if a.parts > 0 {
		return nil, errors.New("record follows parts that have no manifest")
	}
	a.cut = false
	return entry, nil
}

func (a *Assembler) part(entry []byte) error {
	payload := entry[1:]
	if a.parts == 0 {
		a.json = a.json[:0]
	}
	if len(a.json) != a.parts*maxPayload {
		return errors.New("part follows one that is not full")
	}
	if len(a.json)+len(payload) > MaxJSON {
		return fmt.Errorf("parts have more than %d bytes together", MaxJSON)
	}
	a.json = append(a.json, payload...)
	a.parts++
	return nil
}

func (a *Assembler) manifest(entry []byte) ([]byte, error) {
	m, err := ParseManifest(entry)
	if err != nil {
		return nil, err
	}
	missing := m.Parts - a.parts
	if missing < 0 || missing > 0 && !a.cut {
		return nil, fmt.Errorf("manifest of %d parts follows %d", m.Parts, a.parts)
	}
	json, held := a.json, a.parts
	a.parts, a.cut = 0, false
	if held > 0 && len(json) != m.Length-missing*maxPayload {
		return nil, fmt.Errorf("parts have %d bytes, where the manifest says %d", len(json), m.Length-missing*maxPayload)
	}
	if missing > 0 {
		return nil, nil // it began before the first entry that was given
	}
	if sha256.Sum256(json) != m.Sum {
		return nil, errors.New("parts have another SHA-256 than the manifest says")
	}
	return json, checkJSON(json)
}
