package moderation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/jsontext"
)

// state is what a record carries for replay: the new state of every ticket
// that it changed, the record's own ticket first.
type state struct {
	Tickets []Ticket `json:"tickets"`
}

// encodeState writes it. A text that is not valid UTF-8 can't get here: actions
// and answers are checked when they come in.
func encodeState(tickets []Ticket) json.RawMessage {
	b := append(make([]byte, 0, 1536), `{"tickets":`...)
	for i := range tickets {
		b = tickets[i].appendJSON(jsontext.Element(b, i))
	}
	return append(b, ']', '}')
}

// decodeState reads what a record carries, and holds it against the record.
func decodeState(r audit.Record) ([]Ticket, error) {
	switch {
	case r.Ticket == "" && len(r.State) == 0:
		return nil, nil // a refusal, which changed nothing
	case len(r.State) == 0 || r.Ticket == "":
		return nil, fmt.Errorf("moderation: record %s has only one of a ticket and its state; something was cut out of it: %w", r.ID, audit.ErrCorrupt)
	}
	var s state
	d := json.NewDecoder(bytes.NewReader(r.State))
	d.DisallowUnknownFields() // what a newer version wrote may restrict more than this one knows
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("moderation: record %s: its state can't be read: %w (%w)", r.ID, err, audit.ErrCorrupt)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("moderation: record %s: its state can't be read: something follows it: %w", r.ID, audit.ErrCorrupt)
	}
	if len(s.Tickets) == 0 {
		return nil, fmt.Errorf("moderation: record %s: its state names no ticket: %w", r.ID, audit.ErrCorrupt)
	}
	if t := s.Tickets[0]; t.ID != r.Ticket || t.Revision != r.Revision {
		return nil, fmt.Errorf("moderation: record %s is about ticket %s revision %d, but its state is of %s revision %d: %w",
			r.ID, r.Ticket, r.Revision, t.ID, t.Revision, audit.ErrCorrupt)
	}
	if !bytes.Equal(encodeState(s.Tickets), r.State) {
		return nil, fmt.Errorf("moderation: record %s: its state is not as it was written: %w", r.ID, audit.ErrCorrupt)
	}
	return s.Tickets, nil
}
