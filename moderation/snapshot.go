package moderation

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/jsontext"
)

// A snapshot of a memory store is a text of lines, each a JSON object that ends
// with a line feed: a header; the tickets by their ID; the targets by theirs;
// the use of limits in its order; the records' fingerprints by their ID, some
// hundred a line; and an end that counts all of these. There is one snapshot for
// one state: a line in any other form, and lines in another order, are damage.
const (
	snapshotName    = "interlock moderation state"
	snapshotVersion = 1
	saltSize        = 16

	// maxSnapshotLine is the longest a line may be. A ticket has been part of a
	// record.
	maxSnapshotLine = audit.MaxRecord + 4<<10
	// printsPerLine is how many records one line tells of.
	printsPerLine = 512
	printSize     = 16
)

// snapshotHeader is the first line.
type snapshotHeader struct {
	Snapshot string    `json:"snapshot"`
	Version  int       `json:"version"`
	Time     time.Time `json:"time,omitzero"` // the latest of a record
	Salt     []byte    `json:"salt"`          // of the fingerprints
}

// snapshotLine is any other line: one of its fields is set.
type snapshotLine struct {
	Ticket  *Ticket         `json:"ticket"`
	Target  *snapshotTarget `json:"target"`
	Use     *snapshotUse    `json:"use"`
	Records []byte          `json:"records"` // fingerprints: ID and body, eight bytes each, big-endian
	End     *snapshotEnd    `json:"end"`
}

// snapshotTarget is what a target's tickets alone don't tell.
type snapshotTarget struct {
	ID       string    `json:"id"`
	Fence    uint64    `json:"fence,omitempty"`
	Busy     []string  `json:"busy,omitempty"`
	Last     string    `json:"last,omitempty"`
	Tier     string    `json:"tier,omitempty"`
	TierSeen time.Time `json:"tierSeen,omitzero"`
}

// snapshotUse is a use of limits.
type snapshotUse struct {
	Ticket  string    `json:"ticket"`
	What    useOf     `json:"what"`
	Tier    string    `json:"tier,omitempty"`
	Domain  string    `json:"domain,omitempty"`
	Reach   int64     `json:"reach,omitempty"`
	Overrun []Slot    `json:"overrun,omitempty"`
	Time    time.Time `json:"time"`
}

// snapshotEnd counts what came before it.
type snapshotEnd struct {
	Tickets int64 `json:"tickets"`
	Targets int64 `json:"targets"`
	Uses    int64 `json:"uses"`
	Records int64 `json:"records"`
}

// The sections of a snapshot, in their order.
const (
	sectionTickets = iota + 1
	sectionTargets
	sectionUses
	sectionRecords
	sectionEnd
)

// section is where a line belongs; zero for one that is not of one kind.
func (l *snapshotLine) section() int {
	section := 0
	for i, set := range []bool{l.Ticket != nil, l.Target != nil, l.Use != nil, l.Records != nil, l.End != nil} {
		switch {
		case set && section > 0:
			return 0
		case set:
			section = i + 1
		}
	}
	return section
}

// appendJSON appends the header as encoding/json would.
func (h *snapshotHeader) appendJSON(b []byte) []byte {
	b = jsontext.Text(append(b, '{'), `"snapshot":`, h.Snapshot)
	b = jsontext.Int(b, `"version":`, int64(h.Version))
	b = jsontext.AnyTime(b, `"time":`, h.Time)
	return append(appendBase64(b, `"salt":`, h.Salt), '}')
}

// appendJSON appends the line as encoding/json would, but for what is not set.
func (l *snapshotLine) appendJSON(b []byte) []byte {
	b = append(b, '{')
	if l.Ticket != nil {
		b = l.Ticket.appendJSON(jsontext.Key(b, `"ticket":`))
	}
	if l.Target != nil {
		b = l.Target.appendJSON(jsontext.Key(b, `"target":`))
	}
	if l.Use != nil {
		b = l.Use.appendJSON(jsontext.Key(b, `"use":`))
	}
	if l.Records != nil {
		b = appendBase64(b, `"records":`, l.Records)
	}
	if l.End != nil {
		b = l.End.appendJSON(jsontext.Key(b, `"end":`))
	}
	return append(b, '}')
}

func (t *snapshotTarget) appendJSON(b []byte) []byte {
	b = jsontext.Text(append(b, '{'), `"id":`, t.ID)
	if t.Fence != 0 {
		b = strconv.AppendUint(jsontext.Key(b, `"fence":`), t.Fence, 10)
	}
	b = appendTexts(b, `"busy":`, t.Busy)
	b = jsontext.AnyText(b, `"last":`, t.Last)
	b = jsontext.AnyText(b, `"tier":`, t.Tier)
	b = jsontext.AnyTime(b, `"tierSeen":`, t.TierSeen)
	return append(b, '}')
}

func (u *snapshotUse) appendJSON(b []byte) []byte {
	b = jsontext.Text(append(b, '{'), `"ticket":`, u.Ticket)
	b = jsontext.Text(b, `"what":`, string(u.What))
	b = jsontext.AnyText(b, `"tier":`, u.Tier)
	b = jsontext.AnyText(b, `"domain":`, u.Domain)
	b = jsontext.AnyInt(b, `"reach":`, u.Reach)
	b = appendSlots(b, `"overrun":`, u.Overrun)
	b = jsontext.Time(b, `"time":`, u.Time)
	return append(b, '}')
}

func (e *snapshotEnd) appendJSON(b []byte) []byte {
	b = jsontext.Int(append(b, '{'), `"tickets":`, e.Tickets)
	b = jsontext.Int(b, `"targets":`, e.Targets)
	b = jsontext.Int(b, `"uses":`, e.Uses)
	b = jsontext.Int(b, `"records":`, e.Records)
	return append(b, '}')
}

func appendBase64(b []byte, key string, value []byte) []byte {
	b = append(jsontext.Key(b, key), '"')
	b = base64.StdEncoding.AppendEncode(b, value)
	return append(b, '"')
}

// snapshot is the line of a target, whose name it is told.
func (h *targetState) snapshot(id string) *snapshotTarget {
	t := &snapshotTarget{ID: id, Fence: h.fence, Tier: h.tier, TierSeen: h.tierSeen}
	for _, busy := range h.busy {
		if busy != "" {
			t.Busy = append(t.Busy, busy)
		}
	}
	if h.last != nil {
		t.Last = h.last.id
	}
	return t
}

func (u use) snapshot() *snapshotUse {
	return &snapshotUse{u.ticket, u.what, u.tier, u.domain, u.reach, u.overrun, u.at}
}

func (u *snapshotUse) use() use {
	return use{u.Ticket, u.What, u.Tier, u.Domain, u.Reach, u.Overrun, u.Time}
}
