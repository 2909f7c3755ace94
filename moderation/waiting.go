package moderation

import (
	"time"
)

// wait makes a ticket pending while slots are open, and held from then on.
func (t Ticket) wait(e event) Ticket {
	t.Open = e.open
	if len(e.open) > 0 {
		t.Status = StatusPending
		return t.due(time.Time{})
	}
	t.Status, t.Approved = StatusHeld, e.at
	return t.due(e.at.Add(e.hold))
}

// holdBack makes an approved ticket wait for room or for the end of a freeze,
// or for the further approvals that an exhausted limit asks for.
func (t Ticket) holdBack(e event) Ticket {
	t.Note = e.note
	if len(e.extra) > 0 {
		t.Extra, t.Overrun = append(cloneSlots(t.Extra), e.extra...), append(cloneSlots(t.Overrun), e.extra...)
		t.Approved = time.Time{}
		return t.wait(e)
	}
	t.Status, t.Open = StatusHeld, nil
	if t.Approved.IsZero() {
		t.Approved = e.at
	}
	return t.due(e.due)
}

// holdOver returns when the hold ends, or zero while approvals are missing.
func (t *Ticket) holdOver(hold time.Duration) time.Time {
	if t.Approved.IsZero() {
		return time.Time{}
	}
	return t.Approved.Add(hold)
}

// escalateAt is when a wait that is not over becomes somebody else's concern:
// after three quarters of the time that it has.
func (t *Ticket) escalateAt() time.Time {
	if t.Deadline.IsZero() || !t.Escalated.IsZero() {
		return time.Time{}
	}
	return t.Requested.Add(t.Deadline.Sub(t.Requested) / 4 * 3)
}

// due sets when Advance has something to do next: at a moment of the event's
// own, at the escalation, or at the deadline, whichever comes first.
func (t Ticket) due(own time.Time) Ticket {
	t.Due = time.Time{}
	for _, at := range []time.Time{own, t.escalateAt(), t.Deadline} {
		if !at.IsZero() && (t.Due.IsZero() || at.Before(t.Due)) {
			t.Due = at
		}
	}
	return t
}
