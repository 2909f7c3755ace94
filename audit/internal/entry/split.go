package entry

import (
	"errors"
	"fmt"
)

// Append appends the entries of a record, given its JSON form, to dst and
// returns the longer slice: the JSON form itself, or its parts and their
// manifest. The entry that is the JSON form shares its memory; nothing is then
// allocated where dst has room. Parts and manifest are copies.
//
// A JSON form that is empty, does not begin with '{' or has more than
// [MaxJSON] bytes is an error; dst is then returned as it was.
func Append(dst [][]byte, json []byte) ([][]byte, error) {
	if err := checkJSON(json); err != nil {
		return dst, err
	}
	if len(json) <= Max {
		return append(dst, json), nil
	}
	parts := partsOf(len(json))
	b := make([]byte, 0, len(json)+parts+manifestSize) // all in one allocation
	for rest := json; len(rest) > 0; {
		n, start := min(len(rest), maxPayload), len(b)
		b = append(append(b, byte(KindPart)), rest[:n]...)
		dst = append(dst, b[start:len(b):len(b)])
		rest = rest[n:]
	}
	start := len(b)
	b = manifestOf(json).append(b)
	return append(dst, b[start:]), nil
}

// Leaf returns the last of the entries that [Append] makes of a JSON form: the
// JSON form itself, sharing its memory, or its manifest. The errors are those
// of Append.
func Leaf(json []byte) ([]byte, error) {
	if err := checkJSON(json); err != nil {
		return nil, err
	}
	if len(json) <= Max {
		return json, nil
	}
	return manifestOf(json).append(make([]byte, 0, manifestSize)), nil
}

// checkJSON refuses what would be read as something other than a record.
func checkJSON(json []byte) error {
	if len(json) == 0 {
		return errors.New("record is empty")
	}
	if len(json) > MaxJSON {
		return fmt.Errorf("record has %d bytes, more than %d", len(json), MaxJSON)
	}
	if Kind(json[0]) != KindRecord {
		return fmt.Errorf("record begins with %q, not with '{'", json[0])
	}
	return nil
}

// partsOf returns how many parts a JSON form of this length has.
func partsOf(length int) int { return (length + maxPayload - 1) / maxPayload }
