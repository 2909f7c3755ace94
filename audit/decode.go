package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/internal/jsontext"
)

// UnmarshalJSON reads the JSON form of a record. Times are turned to UTC and
// State is compacted, so that what was read is written as it will be read
// again.
//
// A field that this version does not know is an error: a record that is only
// half understood must not be acted on. So is what [Record.AppendJSON] would
// not write, invalid UTF-8 among it. The record is then left as it was.
func (r *Record) UnmarshalJSON(data []byte) error {
	read, err := decode(data)
	if err != nil {
		return fmt.Errorf("audit: reading a record: %w", err)
	}
	*r = read
	return nil
}

func decode(data []byte) (Record, error) {
	if !utf8.Valid(data) {
		return Record{}, errors.New("it " + notUTF8)
	}
	type fields Record // without its methods
	var f fields
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Record{}, err
	}
	r := Record(f)
	return r, r.normalize()
}

// normalize gives a record that was read the form in which it is written.
func (r *Record) normalize() error {
	r.Time = r.Time.UTC()
	for i := range r.Reviews {
		r.Reviews[i].Time = r.Reviews[i].Time.UTC()
	}
	if i := inspect(r); i.field != "" {
		return fmt.Errorf("%.64q: field %s %s", r.ID, i.field, i.problem)
	}
	if len(r.State) > 0 {
		r.State = jsontext.Compact(nil, r.State)
	}
	return nil
}

// decodeStored reads a record from bytes that only appendValid can have made:
// any other form of the same record was written, or changed, by someone else.
func decodeStored(stored []byte) (Record, error) {
	r, err := decode(stored)
	if err != nil {
		return Record{}, err
	}
	again, err := appendValid(make([]byte, 0, len(stored)), &r)
	if err != nil || !bytes.Equal(again, stored) {
		return Record{}, fmt.Errorf("record %.64q is not in the form in which records are written", r.ID)
	}
	return r, nil
}
