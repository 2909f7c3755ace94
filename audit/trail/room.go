package trail

import (
	"fmt"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
)

// room is what is left of the write-ahead files.
type room struct {
	whole    int64            // what an empty file takes
	left     int64            // of the file in use, without what groups have taken
	other    int64            // of the other file; 0 until its content is published
	start    uint64           // the first entry of the file in use
	outcomes map[string]int64 // by ticket: what is kept for the outcome of its intent
	kept     int64            // the sum of them
}

// urgency says what a record may use of the room that is kept.
type urgency int

const (
	ordinary urgency = iota
	undoing          // may use what is kept for undo
	settling         // may use all: what happened already must be recorded
)

const (
	// outcomeFrame is what an outcome takes beside what its intent took.
	outcomeFrame = 8 << 10
	// maxUndoRoom is the most that is kept for undo.
	maxUndoRoom = 1 << 20
)

// urgencyOf classifies a record. l.mu must be held.
func (r *room) urgencyOf(record *audit.Record) urgency {
	_, begun := r.outcomes[record.Ticket]
	switch {
	case record.Event == audit.EventOutcome, record.Event == audit.EventResolved:
		return settling
	case record.Event == audit.EventRefused && record.Ticket != "" && begun:
		return settling // an intent that is withdrawn
	case record.Step == stepUndo:
		return undoing
	}
	return ordinary
}

// stepUndo is the step of the records that take something back.
const stepUndo = "undo"

// forOutcome is what accepting a record keeps for another one to come.
func forOutcome(record *audit.Record, size int) int64 {
	if record.Event != audit.EventIntent || record.Ticket == "" {
		return 0
	}
	return 2*int64(size) + outcomeFrame
}

// forUndo is what is kept for undo.
func (r *room) forUndo() int64 { return min(r.whole/4, maxUndoRoom) }

// enough reports whether a record may be added to what the pending group takes.
// The end of a file that is too short for a group is lost: that is allowed for.
func (r *room) enough(u urgency, taken, more int64) bool {
	free := r.left + r.other - taken - r.whole/16
	switch u {
	case settling:
		return r.left+r.other >= taken
	case undoing:
		return free-more >= r.kept
	}
	return free-more >= r.kept+r.forUndo()
}

// accept notes what a record that was added keeps, and gives back what was kept
// for it.
func (r *room) accept(record *audit.Record, size int) {
	if record.Ticket == "" {
		return
	}
	if more := forOutcome(record, size); more > 0 {
		r.kept += more - r.outcomes[record.Ticket]
		r.outcomes[record.Ticket] = more
		return
	}
	switch record.Event {
	case audit.EventOutcome, audit.EventResolved, audit.EventRefused:
		r.kept -= r.outcomes[record.Ticket]
		delete(r.outcomes, record.Ticket)
	}
}

// target is what is left of the file that a group goes to.
func (r *room) target(g *group) int64 {
	if g.turn {
		return r.other
	}
	return r.left
}

// take subtracts what a group has taken for good.
func (r *room) take(g *group, size int64) {
	if g.turn {
		r.left, r.other, r.start = r.whole, 0, g.first
	}
	r.left -= size
}

// takes is how many bytes of a write-ahead file a group has with some more
// entries of so many bytes, their lengths included.
func (l *Log) takes(g *group, more int) int64 {
	return wal.GroupSize(len(g.buffer)-wal.GroupHeader+more, l.noteSize)
}

func (l *Log) noRoom(id string) error {
	why := "the write-ahead files are full; open the log with more Config.Room"
	if l.publishErr != nil {
		why = fmt.Sprintf("what was accepted before could not be published (%v); make room on the disk", l.publishErr)
	}
	return fmt.Errorf("%w: record %.64q: %s", audit.ErrNoRoom, id, why)
}
