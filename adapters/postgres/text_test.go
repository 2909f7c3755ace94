package postgres_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/google/go-cmp/cmp"
)

func TestWhatNoColumnCanHoldIsNotWritten(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, spoil := range map[string]func(*moderation.Change, *moderation.Ticket){
		"U+0000 in an ID":        func(_ *moderation.Change, t *moderation.Ticket) { t.ID += "\x00" },
		"U+0000 in a key":        func(_ *moderation.Change, t *moderation.Ticket) { t.Action.Key = "\x00" },
		"U+0000 in a target":     func(_ *moderation.Change, t *moderation.Ticket) { t.Subject.ID = "a\x00b" },
		"U+0000 in a reviewer":   func(_ *moderation.Change, t *moderation.Ticket) { t.Reviews = []moderation.Review{{Person: "a\x00b"}} },
		"U+0000 in the record":   func(c *moderation.Change, _ *moderation.Ticket) { c.Record.ID += "\x00" },
		"no UTF-8":               func(_ *moderation.Change, t *moderation.Ticket) { t.Action.Actor = "\xff" },
		"a name without an end":  func(_ *moderation.Change, t *moderation.Ticket) { t.Subject.ID = strings.Repeat("x", 2000) },
		"a fence without an end": func(_ *moderation.Change, t *moderation.Ticket) { t.Fence = math.MaxUint64 },
		"a record that is none":  func(c *moderation.Change, _ *moderation.Ticket) { c.Record.Event = "" },
		"a record that is too large": func(c *moderation.Change, _ *moderation.Ticket) {
			c.Record.Reason = strings.Repeat("x", audit.MaxRecord)
		},
	} {
		ticket := sample("a")
		c := change(ticket)
		spoil(&c, &c.Tickets[0])
		if err := s.Commit(t.Context(), c); !errors.Is(err, audit.ErrNotWritten) || errors.Is(err, moderation.ErrConflict) {
			t.Errorf("%s: %v, want ErrNotWritten", name, err)
		}
	}
	for _, text := range []string{"a\x00b", "\xff"} {
		if _, err := s.Ticket(t.Context(), text); !errors.Is(err, moderation.ErrNoTicket) {
			t.Errorf("Ticket(%q) = %v, want ErrNoTicket", text, err)
		}
		if h, err := s.Head(t.Context(), text); err != nil || h.Fence != 0 {
			t.Errorf("Head(%q) = %v, %v", text, h, err)
		}
		for _, q := range []moderation.Query{{Target: text}, {Requester: text}, {Key: text}, {Person: text}, {Kind: text}, {Mandate: text}, {Status: []moderation.Status{moderation.Status(text)}}} {
			for _, err := range s.Tickets(t.Context(), q) {
				t.Errorf("Tickets(%+v) yields with %v", q, err)
			}
		}
	}
	s.verify(t)
}

// Elsewhere in a ticket, any text can stand.
func TestTextsThatAreNotLookedUpByAreKeptAsTheyAre(t *testing.T) {
	t.Parallel()
	s := open(t)
	ticket := sample("a")
	ticket.Note, ticket.UndoToken = "a\x00b\u2028", moderation.UndoToken(strings.Repeat("\x01", 9000))
	if err := s.Commit(t.Context(), change(ticket)); err != nil {
		t.Fatal(err)
	}
	got, err := s.Ticket(t.Context(), ticket.ID)
	if d := cmp.Diff(ticket, got); d != "" || err != nil {
		t.Errorf("(-want +got), %v:\n%s", err, d)
	}
}

func TestARecordOfTheLargestSizeIsWritten(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := change(sample("a"))
	body, err := c.Record.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Record.Reason += strings.Repeat("x", audit.MaxRecord-len(body))
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c.Record, s.records(t)[0]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What a newer version of this package wrote may restrict more than this one
// knows.
func TestATicketWithAFieldOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]string{
		"a field that is not known": `{"id":"x","locked":true}`,
		"another ticket":            `{"id":"y"}`,
		"something behind it":       `{"id":"x"}{}`,
		"nothing":                   ``,
	} {
		s := open(t)
		ticket := next(sample("a"), moderation.StatusExecuted)
		ticket.ID, ticket.Revision = "x", 1
		if err := s.Commit(t.Context(), change(ticket)); err != nil {
			t.Fatal(err)
		}
		s.exec(t, `UPDATE interlock.ticket SET state = convert_to($1, 'UTF8')`, state)
		if _, err := s.Ticket(t.Context(), "x"); !errors.Is(err, audit.ErrCorrupt) {
			t.Errorf("%s: Ticket = %v, want ErrCorrupt", name, err)
		}
		if _, err := s.Head(t.Context(), "a"); !errors.Is(err, audit.ErrCorrupt) && name != "another ticket" {
			t.Errorf("%s: Head = %v, want ErrCorrupt", name, err)
		}
	}
}
