package moderation

import (
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// event is something that happened to a ticket, with the facts that it needs.
type event struct {
	kind audit.Event
	at   time.Time

	review   Review            // approved, rejected
	void     map[string]string // voided: login to why
	open     []Slot            // slots still open, then and now
	extra    []Slot            // held: further slots that a limit asks for
	hold     time.Duration     // approved, held: the longest that counts
	deadline time.Time         // the earliest that counts; zero leaves it
	due      time.Time         // held, outcome unknown: when to look again
	call     Call              // intent
	subject  Subject           // intent: the target as it is now
	raw      time.Time         // the clock's raw reading, for holds
	fence    uint64            // intent
	attempt  string            // intent
	giveUp   time.Time         // intent
	status   Status            // outcome, resolved
	token    UndoToken         // outcome
	by       string            // undone: the ticket that took it back
	code     Code
	note     string
	retry    time.Time // outcome unknown: when to call again; zero for not

	classes []BatchClass // begun: the members as they are now
	whose   []byte       // begun: who has a part in a member
	person  string       // halted: by whom; empty for the guard itself
	member  string       // halted: the member that became protected
	wrongs  Wrongs       // resumed: what is forgiven
}

// endAgain is how long after a failed end of a duration it is tried again.
const endAgain = time.Minute

// endChanged is the same where the target is not as the ticket left it, which
// takes a person who says that it is to be undone anyway.
const endChanged = time.Hour

// eventUndone is the second half of an undo's outcome: it has no record of
// its own, since both tickets change with one.
const eventUndone audit.Event = "undone"

// from lists the statuses in which an event can happen. The empty status is a
// ticket that does not exist yet.
var from = map[audit.Event][]Status{
	audit.EventRequested: {""},
	audit.EventApproved:  {StatusPending},
	audit.EventRejected:  {StatusPending},
	audit.EventVoided:    {StatusPending, StatusHeld},
	audit.EventHeld:      {StatusPending, StatusHeld},
	audit.EventEscalated: {StatusPending, StatusHeld, StatusUnknown},
	audit.EventCancelled: {StatusPending, StatusHeld},
	audit.EventRevoked:   {StatusPending, StatusHeld},
	audit.EventTimedOut:  {StatusPending, StatusHeld},
	audit.EventIntent:    {"", StatusHeld, StatusExecuted, StatusUnknown},
	audit.EventRefused:   {"", StatusPending, StatusHeld, StatusExecuting}, // "": the member of a batch
	audit.EventOutcome:   {StatusExecuting},
	audit.EventResolved:  {StatusUnknown},
	eventUndone:          {StatusExecuted, StatusUnknown},

	audit.EventBegun:   {StatusHeld},
	audit.EventStage:   {StatusExecuted},
	audit.EventHalted:  {StatusExecuted},
	audit.EventResumed: {StatusExecuted},
}

// transition is the only way in which a ticket changes: a pure function of the
// ticket and the event. An event that can't happen now is an error and changes
// nothing.
func transition(t Ticket, e event) (Ticket, error) {
	if err := t.allows(&e); err != nil {
		return t, err
	}
	t.Revision++
	if t.owingAllows(e.kind) {
		return t.answerFor(e), nil
	}
	if !e.deadline.IsZero() && (t.Deadline.IsZero() || e.deadline.Before(t.Deadline)) {
		t.Deadline = e.deadline
	}
	switch e.kind {
	case audit.EventRequested:
		t = t.wait(e)
	case audit.EventApproved:
		t.Reviews = append(slices.Clone(t.Reviews), e.review)
		t = t.wait(e)
	case audit.EventVoided:
		t.Reviews = voidReviews(t.Reviews, e.void)
		t.Approved = time.Time{}
		t = t.wait(e)
	case audit.EventHeld:
		t = t.holdBack(e)
	case audit.EventEscalated:
		if t.Status == StatusUnknown {
			return t.leave(e), nil
		}
		t.Escalated = e.at
		t = t.due(t.holdOver(e.hold))
	case audit.EventIntent:
		t = t.start(e)
	case audit.EventOutcome, audit.EventResolved:
		t = t.finish(e)
	case audit.EventRejected:
		t.Reviews = append(slices.Clone(t.Reviews), e.review)
		t = t.end(StatusRejected, e)
	case audit.EventCancelled, audit.EventRevoked:
		t = t.end(StatusCancelled, e)
	case audit.EventTimedOut:
		t = t.end(StatusTimedOut, e)
	case audit.EventRefused:
		t = t.end(StatusRefused, e)
	case eventUndone:
		t.UndoneBy = e.by
		t = t.end(StatusUndone, e)
	case audit.EventBegun, audit.EventStage, audit.EventHalted, audit.EventResumed:
		t = t.proceed(e)
	}
	return t, nil
}

// allows reports why an event can't happen to the ticket now.
func (t *Ticket) allows(e *event) error {
	refuse := func(what string) error {
		return fmt.Errorf("moderation: ticket %s is %q, in which %s", t.ID, t.Status, what)
	}
	switch {
	case !slices.Contains(from[e.kind], t.Status) && !t.owingAllows(e.kind):
		return refuse(fmt.Sprintf("it can't be %s", e.kind))
	case e.kind == audit.EventEscalated && t.Status == StatusUnknown && t.Retry.IsZero():
		return refuse("nobody is about to try it again")
	case e.kind == audit.EventIntent && !t.mayStart(e.call):
		return refuse(fmt.Sprintf("%q can't be called for it", e.call))
	case e.kind == audit.EventRefused && t.Status == "" && t.Mandate == "":
		return refuse("there is nothing to refuse")
	case e.kind == audit.EventRefused && t.Status == StatusExecuting && t.ends():
		return refuse("its restriction stands; only its end can fail")
	case (e.kind == audit.EventOutcome || e.kind == audit.EventResolved) && !comesOut(e.kind, e.status):
		return refuse(fmt.Sprintf("it can't come out %q", e.status))
	}
	return t.allowsBatch(e)
}

// comesOut reports whether a call can come to this: what a person settles is
// not unknown any more.
func comesOut(kind audit.Event, s Status) bool {
	return s == StatusExecuted || s == StatusFailed || s == StatusUnknown && kind == audit.EventOutcome
}

// mayStart reports whether a handler may be called: the one that the ticket
// asks for, Undo at the end of its own duration, or the last one again.
func (t *Ticket) mayStart(call Call) bool {
	if t.Batch != nil {
		return false // its members have handlers
	}
	if t.Status == StatusExecuted {
		return call == CallUndo && t.imposes() && (!t.Until.IsZero() || t.owing())
	}
	if t.Status == StatusUnknown {
		return call == t.Call && !t.Retry.IsZero()
	}
	return (call == CallUndo) == (t.Undoes != "") && (call == CallApply || call == CallUndo)
}

// start puts the intent on the ticket.
func (t Ticket) start(e event) Ticket {
	t.Tries++
	if t.Status != StatusUnknown {
		t.Tries = 0 // it is another call than the last
	}
	t.Code, t.Retry = "", time.Time{}
	t.Subject = e.subject
	t.Status, t.Call, t.Fence, t.Attempt = StatusExecuting, e.call, e.fence, e.attempt
	t.Started, t.GiveUp, t.Due = e.at, e.giveUp, e.giveUp
	t.Open, t.Note = nil, ""
	return t
}

// ends reports whether a call would take back the ticket's own restriction.
func (t *Ticket) ends() bool { return t.Call == CallUndo && t.Undoes == "" }

// finish takes what a call of the handler, or a person, says came of it.
func (t Ticket) finish(e event) Ticket {
	t.Code, t.Note, t.Retry = e.code, e.note, e.retry
	switch {
	case e.status == StatusUnknown:
		t.Status, t.Due = StatusUnknown, e.due
		if !t.Retry.IsZero() {
			t.Due = t.Retry
		}
		return t
	case e.status == StatusFailed && t.ends():
		// Still in force; Advance ends it when it looks again.
		t.Status, t.Due = StatusExecuted, e.at.Add(endAgain)
		if t.Code == CodeTargetChanged {
			t.Due = e.at.Add(endChanged)
		}
		return t
	case e.status == StatusFailed:
		return t.end(StatusFailed, e)
	case t.ends() && t.unratified():
		e.code, e.note = CodeUnratified, t.unratifiedNote()
		return t.end(StatusUndone, e)
	case t.ends():
		return t.end(StatusEnded, e)
	}
	return t.stand(e)
}

// stand puts what was executed in force, for as long as it was asked for.
func (t Ticket) stand(e event) Ticket {
	t.Status, t.Executed, t.UndoToken = StatusExecuted, e.at, e.token
	t.Due = time.Time{}
	if t.Undoes == "" && t.Action.Duration > 0 && t.Action.Duration != Permanent {
		t.Until = t.Started.Add(t.Action.Duration)
		t.Due = t.Until
	}
	if t.owing() {
		t.Open = t.slots()
		t = t.await()
	}
	return t
}

// end makes a ticket final.
func (t Ticket) end(s Status, e event) Ticket {
	t.Status, t.Over, t.Due, t.Open, t.Retry = s, e.at, time.Time{}, nil, time.Time{}
	t.Code, t.Note = e.code, e.note
	if t.owing() {
		t.Open = t.unfilled()
		t = t.await()
	}
	return t
}

// imposes reports whether a restriction stands under the ticket.
func (t *Ticket) imposes() bool {
	return t.Status == StatusExecuted && t.Undoes == "" && t.Batch == nil
}

// voidReviews marks the reviews of logins that no longer count.
func voidReviews(reviews []Review, void map[string]string) []Review {
	reviews = slices.Clone(reviews)
	for i, r := range reviews {
		if why, ok := void[r.Login]; ok && r.Void == "" {
			reviews[i].Void = why
		}
	}
	return reviews
}
