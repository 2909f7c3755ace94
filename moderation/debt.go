package moderation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Owes reports whether the ticket is a bypass that others have not answered
// for yet: neither ratified, nor, once nothing of it stands any more,
// acknowledged. A bypass that changed nothing owes nothing.
func (t Ticket) Owes() bool { return t.owing() }

// owing is Owes without a copy of the ticket.
func (t *Ticket) owing() bool { return t.Step == StepBypass && owes(t.Status, t.Settled) }

func owes(s Status, settled time.Time) bool {
	switch s {
	case StatusExecuting, StatusExecuted, StatusUnknown, StatusEnded, StatusUndone:
		return settled.IsZero()
	}
	return false
}

// agrees reports whether a verdict fills a slot.
func (v Verdict) agrees() bool { return v == Approved || v == Ratified }

// rejection is the review that rejected a ticket, or nil.
func (t *Ticket) rejection() *Review {
	i := slices.IndexFunc(t.Reviews, func(r Review) bool { return r.Verdict == Rejected })
	if i < 0 {
		return nil
	}
	return &t.Reviews[i]
}

// unfilled returns the slots that the ratifications which count leave open,
// with the roles of their moments.
func (t *Ticket) unfilled() []Slot {
	var given []approver
	for _, r := range t.Reviews {
		if r.Void == "" && r.Verdict.agrees() {
			given = append(given, approver{r.Person, r.Roles})
		}
	}
	return openSlots(t.slots(), given)
}

// unpaid reports whether the time to ratify a bypass is over, or somebody said
// no to it.
func (t *Ticket) unpaid(now time.Time) bool {
	return t.owing() && (!now.Before(t.Deadline) || t.rejection() != nil)
}

// unratified reports whether the call that takes back the ticket's own
// restriction was begun for want of a ratification.
func (t *Ticket) unratified() bool {
	return t.Step == StepBypass && t.Settled.IsZero() && (!t.Started.Before(t.Deadline) || t.rejection() != nil)
}

// unratifiedNote says why a bypass was taken back.
func (t Ticket) unratifiedNote() string {
	if r := t.rejection(); r != nil {
		return fmt.Sprintf("%s rejected the bypass: %s", r.Login, r.Reason)
	}
	return "The bypass was not ratified in time."
}

// await sets when Advance has something to do for a debt: at its escalation
// and, while something stands, at its deadline and at the end of its duration.
func (t Ticket) await() Ticket {
	switch r := t.rejection(); {
	case t.Status.Final():
		t.Due = t.escalateAt()
	case r != nil:
		t.Due = r.Time
	default:
		t = t.due(t.Until)
	}
	return t
}

// owingAllows reports whether an event can happen to a bypass after it was
// executed.
func (t *Ticket) owingAllows(kind audit.Event) bool {
	if !t.owing() || t.Status != StatusExecuted && !t.Status.Final() {
		return false
	}
	switch kind {
	case audit.EventRatified:
		return t.rejection() == nil
	case audit.EventRejected:
		return t.rejection() == nil && t.Status == StatusExecuted
	case audit.EventAcknowledged:
		return t.Status.Final()
	case audit.EventEscalated:
		return t.Escalated.IsZero()
	case audit.EventVoided:
		return true
	}
	return false
}

// answerFor takes what people, and time, say of a bypass after it was executed.
func (t Ticket) answerFor(e event) Ticket {
	t.Reviews = voidReviews(t.Reviews, e.void)
	switch e.kind {
	case audit.EventEscalated:
		t.Escalated = e.at
		return t.await()
	case audit.EventVoided:
		t.Open = e.open
		return t.await()
	}
	t.Reviews = append(t.Reviews, e.review)
	if e.kind == audit.EventRejected {
		return t.await()
	}
	t.Open = e.open
	if e.kind == audit.EventRatified && len(e.open) > 0 {
		return t.await()
	}
	return t.settle(e.at)
}

// settle ends the debt of a bypass.
func (t Ticket) settle(at time.Time) Ticket {
	t.Settled, t.Open, t.Due = at, nil, time.Time{}
	if t.Status == StatusExecuted {
		t.Due = t.Until
	}
	return t
}

// debtDue reports whether there is something to do for a debt.
func (t Ticket) debtDue(now time.Time) bool {
	if !t.owing() || t.Status != StatusExecuted && !t.Status.Final() {
		return false
	}
	at := t.escalateAt()
	return t.Status == StatusExecuted && t.unpaid(now) || !at.IsZero() && !now.Before(at)
}

// collect undoes a bypass that was rejected, or not ratified in time, and
// reports one whose time runs out.
func (g *Guard) collect(ctx context.Context, t Ticket, now time.Time) (Ticket, error) {
	if t.Status == StatusExecuted && t.unpaid(now) {
		return g.endOfDuration(ctx, t)
	}
	return g.record(ctx, t, &findings{}, event{kind: audit.EventEscalated, at: now})
}
