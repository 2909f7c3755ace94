package trail

import (
	"fmt"
	"slices"

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
	largest  int64            // of them, and of those since there were none
}

// urgency says what a record may use of the room that is kept.
type urgency int

const (
	ordinary urgency = iota
	undoing          // may use what is kept for undo
	settling         // may use all: what happened already must be recorded
)

const (
	// outcomeFrame is what the group of an outcome may take beside twice what its
	// intent took: 8 KiB, and its header and checkpoint.
	outcomeFrame = 9 << 10
	// maxUndoRoom is the most that is kept for undo.
	maxUndoRoom = 1 << 20
)

// urgencyOf classifies a record: what only says how something ended, what takes
// a restriction back or ends one whose time is over, and all else. A refusal
// that made no ticket is ordinary, or refusals of undo could use up its room.
func urgencyOf(record *audit.Record) urgency {
	if record.Ticket == "" {
		return ordinary
	}
	switch record.Event {
	case audit.EventOutcome, audit.EventResolved, audit.EventRefused:
		return settling
	}
	if record.Step == stepUndo || record.Cause != nil && slices.Contains(takesBack, record.Cause.Schedule) {
		return undoing
	}
	return ordinary
}

// stepUndo is the step of the records that take something back.
const stepUndo = "undo"

// takesBack are the schedules by which something is taken back: a duration is
// over, a bypass was not ratified.
var takesBack = []string{"end", "ratification"}

// forOutcome is what accepting a record keeps for another one to come.
func (r *room) forOutcome(record *audit.Record, size int) int64 {
	if record.Event != audit.EventIntent || record.Ticket == "" {
		return 0
	}
	return min(2*int64(size), r.whole/4) + outcomeFrame // none is longer than a quarter
}

// forUndo is what is kept for undo.
func (r *room) forUndo() int64 { return min(r.whole/4, maxUndoRoom) }

// enough reports whether a record may be added to a group, which then takes so
// many bytes of its file, and leaves what is kept. Of two files the end of the
// first is lost if it is too short for the next group: what is kept must fit
// into one of them, or into both but for the largest outcome.
func (r *room) enough(g *group, record *audit.Record, taken, more int64) bool {
	left, other := r.left-taken, r.other
	if g.turn {
		left, other = r.other-taken, 0
	}
	free := max(left, other, left+other-max(r.largest, more))
	switch urgencyOf(record) {
	case settling:
		return free >= r.kept-r.outcomes[record.Ticket]
	case undoing:
		return free >= r.kept+more
	}
	return free >= r.kept+more+r.forUndo()
}

// accept notes what a record that was added keeps, and gives back what was kept
// for it.
func (r *room) accept(record *audit.Record, size int) {
	if record.Ticket == "" {
		return
	}
	before := r.outcomes[record.Ticket]
	if more := r.forOutcome(record, size); more > before {
		r.kept += more - before
		r.outcomes[record.Ticket] = more
		r.largest = max(r.largest, more)
		return
	}
	switch record.Event {
	case audit.EventOutcome, audit.EventResolved, audit.EventRefused:
		r.kept -= before
		delete(r.outcomes, record.Ticket)
	}
	if len(r.outcomes) == 0 {
		r.largest = 0
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
