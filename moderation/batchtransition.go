package moderation

import (
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// allowsBatch reports why an event can't happen to a batch now, or to a ticket
// that is none.
func (t *Ticket) allowsBatch(e *event) error {
	refuse := func(why string) error { return fmt.Errorf("moderation: ticket %s %s", t.ID, why) }
	switch e.kind {
	case audit.EventBegun, audit.EventStage, audit.EventHalted, audit.EventResumed:
	default:
		return nil
	}
	switch {
	case t.Batch == nil:
		return refuse("is no batch")
	case e.kind == audit.EventBegun && len(e.classes) == 0:
		return refuse("can't begin without members")
	case e.kind == audit.EventStage && t.Batch.Stage >= len(t.Batch.Stages):
		return refuse("has no further stage")
	case e.kind != audit.EventResumed && !t.Batch.Halted.IsZero():
		return refuse("is halted")
	case e.kind == audit.EventResumed && t.Batch.Halted.IsZero():
		return refuse("is not halted")
	}
	return nil
}

// proceed takes a batch on. Where it stops or goes on its fence grows, so that no
// intent of a member can be committed that was decided before.
func (t Ticket) proceed(e event) Ticket {
	b := t.Batch.clone()
	switch e.kind {
	case audit.EventBegun:
		t.Status, t.Subject, t.Open, t.Note = StatusExecuted, e.subject, nil, ""
		t.Started, t.Executed, t.Due = e.at, e.at, time.Time{}
		t.Fence, b.Begun, b.Whose = e.fence, e.classes, e.whose
		if len(b.Stages) > 0 {
			b.Stage, b.StageBegun = 1, e.at
		}
	case audit.EventStage:
		b.Stage++
		b.StageBegun = e.at
	case audit.EventHalted:
		t.Fence = max(t.Fence, e.fence)
		b.Halted, b.HaltedBy, b.HaltCode, b.HaltNote = e.at, e.person, e.code, e.note
		if e.member != "" && len(b.Excepted) < maxExcepted {
			b.Excepted = append(b.Excepted, e.member)
		}
	case audit.EventResumed:
		t.Fence = max(t.Fence, e.fence)
		b.Halted, b.HaltedBy, b.HaltCode, b.HaltNote = time.Time{}, "", "", ""
		b.Forgiven = e.wrongs
	}
	t.Batch = b
	return t
}

// going reports whether members may be executed under the ticket, as far as its
// own state tells.
func (t *Ticket) going() bool {
	return t.Batch != nil && t.Status == StatusExecuted && t.Batch.Halted.IsZero()
}

// members returns how many targets the ticket is about.
func (t *Ticket) members() int {
	if t.Batch == nil {
		return 1
	}
	return t.Batch.Count
}
