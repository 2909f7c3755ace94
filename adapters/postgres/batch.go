package postgres

import "github.com/elevenminutes/interlock/moderation"

// A batch is small enough that who waits for it does not wait long.
const (
	maxBatch      = 128     // changes
	maxBatchBytes = 4 << 20 // of their texts, unless one alone has more
)

// claim is something that a change reads or writes: a record, a ticket, a key,
// a target's head, a person's debt.
type claim struct {
	of   subject
	a, b string
}

type subject byte

const (
	ofRecord subject = iota
	ofTicket
	ofKey
	ofTarget
	ofDebtor
)

// claims are what the changes of a batch read and write. Changes of one batch
// are held against the state before it, all at once: so none may read or write
// what another one writes.
type claims map[claim]bool // true for what is written

// admit takes a change into the batch, unless it touches what another one does.
func (c claims) admit(e *encoded) bool {
	var room [8]claim
	writes, reads := e.writes(room[:0]), e.reads(nil)
	for _, w := range writes {
		if _, taken := c[w]; taken {
			return false
		}
	}
	for _, r := range reads {
		if c[r] {
			return false
		}
	}
	for _, r := range reads {
		c[r] = false
	}
	for _, w := range writes {
		c[w] = true
	}
	return true
}

func (e *encoded) writes(to []claim) []claim {
	to = append(to, claim{of: ofRecord, a: e.id})
	for i := range e.tickets {
		t := e.tickets[i].Ticket
		to = append(to, claim{of: ofTicket, a: t.ID}, claim{of: ofTarget, a: t.Subject.ID}, claim{ofKey, t.Action.Actor, t.Action.Key})
		if t.Step == moderation.StepBypass {
			to = append(to, claim{of: ofDebtor, a: t.Requester.Person})
		}
	}
	return to
}

func (e *encoded) reads(to []claim) []claim {
	for _, is := range e.same {
		to = append(to, claim{of: ofTicket, a: is.Ticket})
	}
	for _, is := range e.heads {
		to = append(to, claim{of: ofTarget, a: is.Target})
	}
	return to
}

// next takes from the queue what can be committed together, the oldest first.
// The oldest is always among them.
func next(queue []*request) (batch, left []*request) {
	taken, size := make(claims), 0
	for i, r := range queue {
		if len(batch) == maxBatch {
			return batch, append(left, queue[i:]...)
		}
		if len(batch) > 0 && size+r.change.size > maxBatchBytes || !taken.admit(r.change) {
			left = append(left, r)
			continue
		}
		batch, size = append(batch, r), size+r.change.size
	}
	return batch, left
}
