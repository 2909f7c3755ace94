package moderation

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/elevenminutes/interlock/audit"
)

// readSnapshot fills an empty store. It takes nothing but what writeSnapshot
// writes; what it made of a text that it refuses is to be thrown away.
func (s *MemoryStore) readSnapshot(ctx context.Context, from io.Reader) error {
	in := &snapshotReader{store: s, lines: bufio.NewScanner(from)}
	in.lines.Buffer(make([]byte, 0, 64<<10), maxSnapshotLine)
	in.lines.Split(wholeLine)
	err := in.header()
	for err == nil && in.lines.Scan() {
		if err = ctx.Err(); err == nil {
			err = in.line(in.lines.Bytes())
		}
	}
	if err == nil {
		err = in.lines.Err()
	}
	if err == nil {
		err = in.whole()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errCut) || errors.Is(err, bufio.ErrTooLong):
		err = fmt.Errorf("%w: %w", err, audit.ErrCorrupt)
	}
	return fmt.Errorf("moderation: snapshot, line %d: %w", in.at+1, err)
}

var errCut = errors.New("it ends in the middle")

// wholeLine splits a text into lines, each of which ends with a line feed.
func wholeLine(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errCut
	}
	return 0, nil, nil
}

// snapshotReader reads the lines of one snapshot.
type snapshotReader struct {
	store   *MemoryStore
	lines   *bufio.Scanner
	at      int // lines that were good
	section int
	first   bool   // it is the first line of its section
	last    string // name in this section
	print   uint64 // ID of the last fingerprint
	count   snapshotEnd
	again   []byte // a line as it would be written
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", fmt.Errorf(format, args...), audit.ErrCorrupt)
}

// header reads the first line.
func (in *snapshotReader) header() error {
	if !in.lines.Scan() {
		if err := in.lines.Err(); err != nil {
			return err
		}
		return damaged("it is empty")
	}
	line := in.lines.Bytes()
	var h snapshotHeader
	if err := json.Unmarshal(line, &h); err != nil || h.Snapshot != snapshotName {
		return damaged("it does not begin as a snapshot of the state of moderation does")
	}
	if h.Version != snapshotVersion {
		return fmt.Errorf("it has version %d and this program reads version %d: open it with the program that wrote it, or take it away so that all records are read", h.Version, snapshotVersion)
	}
	if in.again = h.appendJSON(in.again[:0]); !bytes.Equal(in.again, line) || len(h.Salt) != saltSize {
		return damaged("its header is not as it was written")
	}
	in.store.last, in.store.salt = h.Time, h.Salt
	in.at++
	return nil
}

// line reads any other line.
func (in *snapshotReader) line(line []byte) error {
	var l snapshotLine
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return damaged("it can't be read: %w", err)
	}
	if in.again = l.appendJSON(in.again[:0]); !bytes.Equal(in.again, line) {
		return damaged("it is not as it was written")
	}
	section := l.section()
	if section == 0 || section < in.section || in.section == sectionEnd {
		return damaged("it is out of its place")
	}
	if section > in.section {
		in.section, in.first = section, true
	}
	if err := in.take(section, &l); err != nil {
		return err
	}
	in.at++
	in.first = false
	return nil
}

func (in *snapshotReader) take(section int, l *snapshotLine) error {
	switch section {
	case sectionTickets:
		return in.ticket(l.Ticket)
	case sectionTargets:
		return in.target(l.Target)
	case sectionUses:
		return in.use(l.Use)
	case sectionRecords:
		return in.records(l.Records)
	}
	return in.end(*l.End)
}

// follows reports an error for a name that does not come after the last one.
func (in *snapshotReader) follows(name string) error {
	if !in.first && name <= in.last {
		return damaged("%q can't follow %q", name, in.last)
	}
	in.last = name
	return nil
}

func (in *snapshotReader) ticket(t *Ticket) error {
	if err := in.follows(t.ID); err != nil {
		return err
	}
	s, key := in.store, requestKey{t.Action.Actor, t.Action.Key}
	if id, taken := s.keys[key]; taken || t.Revision == 0 || t.ID == "" {
		return damaged("ticket %s has revision %d, and its key is %q's", t.ID, t.Revision, id)
	}
	if h := s.targets[t.Subject.ID]; h != nil && takesTarget(t) && h.busy[1] != "" {
		return damaged("ticket %s is the third at work on %s", t.ID, t.Subject.ID)
	}
	if t.Owes() && s.debtors[t.Requester.Person] != "" {
		return damaged("ticket %s is the second for which %q owes", t.ID, t.Requester.Person)
	}
	s.place(t).look(t.Subject.TierSeen, s.words.name(t.Subject.Tier))
	in.count.Tickets++
	return nil
}

// target holds what a target's line says against its tickets.
func (in *snapshotReader) target(l *snapshotTarget) error {
	if err := in.follows(l.ID); err != nil {
		return err
	}
	s, h := in.store, in.store.targets[l.ID]
	if h == nil {
		return damaged("target %q has no ticket", l.ID)
	}
	busy := h.snapshot(l.ID).Busy
	slices.Sort(busy)
	switch last := s.lookup(l.Last); {
	case l.Fence < h.fence:
		return damaged("target %q is at fence %d, and its tickets at %d", l.ID, l.Fence, h.fence)
	case !slices.Equal(busy, slices.Sorted(slices.Values(l.Busy))) || len(busy) == 2 && !joins(s.lookup(busy[0]), s.lookup(busy[1])):
		return damaged("target %q has %q at work, and its tickets say %q", l.ID, l.Busy, busy)
	case (h.last == nil) != (l.Last == "") || l.Last != "" && (last == nil || last.Subject.ID != l.ID || !last.calledOff()):
		return damaged("target %q had ticket %q as its last that was rejected or undone", l.ID, l.Last)
	case l.TierSeen.Before(h.tierSeen):
		return damaged("target %q was last seen at %v, and by its tickets at %v", l.ID, l.TierSeen, h.tierSeen)
	default:
		h.last = s.tickets[l.Last]
	}
	h.fence, h.tier, h.tierSeen = l.Fence, l.Tier, l.TierSeen
	copy(h.busy[:], l.Busy)
	in.count.Targets++
	return nil
}

// joins reports whether two tickets may be at work on one target.
func joins(a, b *Ticket) bool { return a.Undoes == b.ID || b.Undoes == a.ID }

func (in *snapshotReader) use(l *snapshotUse) error {
	if in.store.tickets[l.Ticket] == nil {
		return damaged("there is no ticket %q", l.Ticket)
	}
	switch l.What {
	case useAsking, useExecuting, useRejecting, useOver:
	default:
		return damaged("ticket %s has used %q", l.Ticket, l.What)
	}
	in.store.keepUse(l.use())
	in.count.Uses++
	return nil
}

func (in *snapshotReader) records(packed []byte) error {
	full := in.count.Records%printsPerLine == 0 // were the lines before
	if len(packed) == 0 || len(packed)%printSize != 0 || len(packed) > printsPerLine*printSize || !full {
		return damaged("it tells of %d bytes of records", len(packed))
	}
	for print := range slices.Chunk(packed, printSize) {
		id, body := binary.BigEndian.Uint64(print), binary.BigEndian.Uint64(print[8:])
		if in.count.Records > 0 && id <= in.print {
			return damaged("record %x can't follow %x", id, in.print)
		}
		in.store.bodies[id] = body
		in.print = id
		in.count.Records++
	}
	return nil
}

func (in *snapshotReader) end(e snapshotEnd) error {
	if e != in.count || int(e.Targets) != len(in.store.targets) {
		return damaged("it counts %+v; there were %+v, on %d targets", e, in.count, len(in.store.targets))
	}
	return nil
}

// whole reports an error for a snapshot without its end.
func (in *snapshotReader) whole() error {
	if in.section != sectionEnd {
		return errCut
	}
	return nil
}
