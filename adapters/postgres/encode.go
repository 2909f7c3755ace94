package postgres

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// maxText is the longest text that is looked up by, in bytes: two of them and a
// time fit into an entry of an index.
const maxText = 1024

// encoded is a change as the database is given it.
type encoded struct {
	id, policy string
	body       []byte
	sum        [sha256.Size]byte
	tickets    []encodedTicket
	heads      []moderation.HeadIs
	same       []moderation.TicketIs
	size       int // of its texts, in bytes
}

// encodedTicket is a ticket with what is not simply one of its fields.
type encodedTicket struct {
	*moderation.Ticket
	subject, state []byte
	persons        []string // who were not known to take part before
}

// encode writes a change down, or says which record can never be written, and
// why.
func encode(c moderation.Change) (*encoded, error) {
	if err := c.Record.Validate(); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	body, err := c.Record.AppendJSON(nil)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	e := &encoded{id: c.Record.ID, policy: c.Policy, body: body, sum: sha256.Sum256(body), heads: slices.Clone(c.Heads), same: slices.Clone(c.Unchanged), size: len(body)}
	if err := e.checkText("id", c.Record.ID); err != nil {
		return nil, err
	}
	for i := range c.Tickets {
		if err := e.add(c.Tickets[i]); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *encoded) add(t moderation.Ticket) error {
	for field, text := range map[string]string{
		"id": t.ID, "status": string(t.Status), "action.actor": t.Action.Actor, "action.key": t.Action.Key, "action.kind": t.Action.Kind,
		"requester.person": t.Requester.Person, "subject.id": t.Subject.ID, "subject.tier": t.Subject.Tier, "mandate": t.Mandate, "undoes": t.Undoes,
	} {
		if err := e.checkText(field, text); err != nil {
			return err
		}
	}
	if t.Revision > math.MaxInt64 || t.Fence > math.MaxInt64 {
		return fmt.Errorf("postgres: record %.64q: %w: a revision or fence of ticket %.64q is over %d", e.id, audit.ErrNotWritten, t.ID, math.MaxInt64)
	}
	state, err := json.Marshal(&t)
	if err != nil {
		return fmt.Errorf("postgres: record %.64q: %w: ticket %.64q: %w", e.id, audit.ErrNotWritten, t.ID, err)
	}
	if len(state) > audit.MaxRecord {
		return fmt.Errorf("postgres: record %.64q: %w: ticket %.64q has more than %d bytes", e.id, audit.ErrNotWritten, t.ID, audit.MaxRecord)
	}
	subject, err := json.Marshal(&t.Subject)
	if err != nil {
		return fmt.Errorf("postgres: record %.64q: %w: ticket %.64q: %w", e.id, audit.ErrNotWritten, t.ID, err)
	}
	sum := sha256.Sum256(subject)
	one := encodedTicket{Ticket: &t, subject: sum[:16], state: state}
	if t.Revision == 1 || len(t.Reviews) > 0 {
		one.persons = personsOf(&t)
	}
	for _, person := range one.persons {
		if err := e.checkText("reviews.person", person); err != nil {
			return err
		}
	}
	e.tickets = append(e.tickets, one)
	e.size += len(state)
	return nil
}

// personsOf names who took part in a ticket, each once.
func personsOf(t *moderation.Ticket) []string {
	persons := []string{t.Requester.Person}
	for _, r := range t.Reviews {
		if !slices.Contains(persons, r.Person) {
			persons = append(persons, r.Person)
		}
	}
	return persons
}

// checkText refuses what no column or index can hold.
func (e *encoded) checkText(field, text string) error {
	switch {
	case !storable(text):
		return fmt.Errorf("postgres: record %.64q: %w: %s has U+0000 or is not valid UTF-8, which a text in PostgreSQL can't hold", e.id, audit.ErrNotWritten, field)
	case len(text) > maxText:
		return fmt.Errorf("postgres: record %.64q: %w: %s has %d bytes; at most %d are allowed", e.id, audit.ErrNotWritten, field, len(text), maxText)
	}
	return nil
}

// storable reports whether a text can stand in a column. Nothing that is stored
// equals one that can't.
func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// moment writes a time so that texts sort as times do.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

// anyMoment is nil for the zero time.
func anyMoment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := moment(t)
	return &text
}

// readMoment is the reverse of moment.
func readMoment(text string) (time.Time, error) {
	return time.Parse("2006-01-02T15:04:05.000000000", text)
}
