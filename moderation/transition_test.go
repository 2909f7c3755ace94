package moderation

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
)

var (
	fcStart    = time.Date(2017, time.November, 2, 18, 0, 0, 0, time.UTC)
	fcStatuses = []Status{"", StatusPending, StatusHeld, StatusExecuting, StatusExecuted, StatusUnknown,
		StatusRejected, StatusCancelled, StatusTimedOut, StatusRefused, StatusFailed, StatusUndone, StatusEnded}
)

// fcTicketIn is a ticket in a status, as a guard would have it.
func fcTicketIn(s Status) Ticket {
	t := Ticket{ID: "t", Step: StepRequest, Status: s, Requested: fcStart, Call: CallApply, Action: Action{Kind: Suspend, Duration: time.Hour}}
	if s == "" {
		return t
	}
	t.Revision = 3
	t.Deadline = fcStart.Add(24 * time.Hour)
	switch {
	case s == StatusPending:
		t.Open = []Slot{{"lead"}}
	case s == StatusHeld:
		t.Approved = fcStart.Add(time.Minute)
	case s == StatusExecuted:
		t.Started, t.Executed, t.Until = fcStart, fcStart, fcStart.Add(time.Hour)
		t.Due = t.Until
	case s.Final():
		t.Over = fcStart
	}
	return t
}

// fcEvents are all events, some in several forms, and what they lead to from
// where: the states of a ticket as the design has them.
func fcTransitions() []struct {
	name string
	e    event
	to   map[Status]Status
} {
	at := fcStart.Add(time.Minute)
	open := []Slot{{"lead"}}
	waiting := func(to Status) map[Status]Status { return map[Status]Status{StatusPending: to, StatusHeld: to} }
	only := func(from, to Status) map[Status]Status { return map[Status]Status{from: to} }
	review := Review{Login: "lead", Person: "p-lead", Verdict: Approved}
	return []struct {
		name string
		e    event
		to   map[Status]Status
	}{
		{"requested, slots open", event{kind: audit.EventRequested, open: open, deadline: at.Add(time.Hour)}, only("", StatusPending)},
		{"requested, a hold", event{kind: audit.EventRequested, hold: time.Minute, deadline: at.Add(time.Hour)}, only("", StatusHeld)},
		{"approved, slots open", event{kind: audit.EventApproved, review: review, open: open}, only(StatusPending, StatusPending)},
		{"approved, the last slot", event{kind: audit.EventApproved, review: review}, only(StatusPending, StatusHeld)},
		{"rejected", event{kind: audit.EventRejected, review: review}, only(StatusPending, StatusRejected)},
		{"voided, slots open", event{kind: audit.EventVoided, open: open}, waiting(StatusPending)},
		{"voided, still enough", event{kind: audit.EventVoided}, waiting(StatusHeld)},
		{"held", event{kind: audit.EventHeld, due: at.Add(time.Minute)}, waiting(StatusHeld)},
		{"held for more approvals", event{kind: audit.EventHeld, extra: open, open: open}, waiting(StatusPending)},
		{"escalated", event{kind: audit.EventEscalated}, map[Status]Status{StatusPending: StatusPending, StatusHeld: StatusHeld}},
		{"cancelled", event{kind: audit.EventCancelled}, waiting(StatusCancelled)},
		{"revoked", event{kind: audit.EventRevoked}, waiting(StatusCancelled)},
		{"timed out", event{kind: audit.EventTimedOut}, waiting(StatusTimedOut)},
		{"intent to apply", event{kind: audit.EventIntent, call: CallApply, fence: 1}, map[Status]Status{"": StatusExecuting, StatusHeld: StatusExecuting}},
		{"intent to end", event{kind: audit.EventIntent, call: CallUndo, fence: 1}, only(StatusExecuted, StatusExecuting)},
		{"intent to do nothing", event{kind: audit.EventIntent, fence: 1}, nil},
		{"refused", event{kind: audit.EventRefused}, map[Status]Status{StatusPending: StatusRefused, StatusHeld: StatusRefused, StatusExecuting: StatusRefused}},
		{"outcome: done", event{kind: audit.EventOutcome, status: StatusExecuted}, only(StatusExecuting, StatusExecuted)},
		{"outcome: not applied", event{kind: audit.EventOutcome, status: StatusFailed}, only(StatusExecuting, StatusFailed)},
		{"outcome: unknown", event{kind: audit.EventOutcome, status: StatusUnknown}, only(StatusExecuting, StatusUnknown)},
		{"outcome: none", event{kind: audit.EventOutcome}, nil},
		{"outcome: undone", event{kind: audit.EventOutcome, status: StatusUndone}, nil},
		{"resolved: done", event{kind: audit.EventResolved, status: StatusExecuted}, only(StatusUnknown, StatusExecuted)},
		{"resolved: not applied", event{kind: audit.EventResolved, status: StatusFailed}, only(StatusUnknown, StatusFailed)},
		{"resolved: none", event{kind: audit.EventResolved}, nil},
		{"undone", event{kind: eventUndone, by: "u"}, map[Status]Status{StatusExecuted: StatusUndone, StatusUnknown: StatusUndone}},
		{"a summary of refusals", event{kind: audit.EventRefusals}, nil},
		{"nothing", event{}, nil},
		{"an event that nobody defined", event{kind: "approve"}, nil},
	}
}

func TestTransitionTable(t *testing.T) {
	t.Parallel()
	for _, tt := range fcTransitions() {
		for _, s := range fcStatuses {
			t.Run(fmt.Sprintf("%s/%s", tt.name, s), func(t *testing.T) {
				t.Parallel()
				e := tt.e
				e.at = fcStart.Add(time.Minute)
				before := fcTicketIn(s)
				got, err := transition(before, e)
				want, allowed := tt.to[s]
				switch {
				case !allowed && err == nil:
					t.Errorf("%q became %q, want an error", s, got.Status)
				case !allowed:
					if d := cmp.Diff(before, got); d != "" {
						t.Errorf("an error changed the ticket:\n%s", d)
					}
				case err != nil:
					t.Errorf("got %v, want %q", err, want)
				case got.Status != want || got.Revision != before.Revision+1:
					t.Errorf("%q at revision %d became %q at %d, want %q", s, before.Revision, got.Status, got.Revision, want)
				}
			})
		}
	}
}

// The end of a duration takes back what stands; failing it leaves it standing.
func TestTransitionEndsOfADuration(t *testing.T) {
	t.Parallel()
	ending := fcTicketIn(StatusExecuting)
	ending.Call, ending.Executed, ending.Until = CallUndo, fcStart, fcStart.Add(time.Hour)
	unknown := ending
	unknown.Status = StatusUnknown
	at := fcStart.Add(2 * time.Hour)
	for _, tt := range []struct {
		name string
		t    Ticket
		e    event
		want Status
	}{
		{"done", ending, event{kind: audit.EventOutcome, status: StatusExecuted}, StatusEnded},
		{"not applied", ending, event{kind: audit.EventOutcome, status: StatusFailed}, StatusExecuted},
		{"unknown", ending, event{kind: audit.EventOutcome, status: StatusUnknown}, StatusUnknown},
		{"resolved as done", unknown, event{kind: audit.EventResolved, status: StatusExecuted}, StatusEnded},
		{"resolved as not applied", unknown, event{kind: audit.EventResolved, status: StatusFailed}, StatusExecuted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.e.at = at
			got, err := transition(tt.t, tt.e)
			if err != nil || got.Status != tt.want {
				t.Fatalf("got %q, %v, want %q", got.Status, err, tt.want)
			}
			if got.Status == StatusExecuted && (!got.Due.After(at) || !got.Executed.Equal(fcStart) || !got.Until.Equal(tt.t.Until)) {
				t.Errorf("in force still, due %v, executed %v, until %v", got.Due, got.Executed, got.Until)
			}
		})
	}
	if got, err := transition(ending, event{kind: audit.EventRefused, at: at}); err == nil {
		t.Errorf("what is in force became %q when its end was refused", got.Status)
	}
}

func TestTransitionNeverStartsASecondTime(t *testing.T) {
	t.Parallel()
	stands, undo, permanent := fcTicketIn(StatusExecuted), fcTicketIn(StatusExecuted), fcTicketIn(StatusExecuted)
	undo.Undoes, undo.Step = "other", StepUndo
	permanent.Until, permanent.Action.Duration = time.Time{}, Permanent
	for name, tt := range map[string]struct {
		t    Ticket
		call Call
	}{
		"Apply of what is executed":       {stands, CallApply},
		"Undo of an executed undo":        {undo, CallUndo},
		"Apply of an executed undo":       {undo, CallApply},
		"Undo of what has no end":         {permanent, CallUndo},
		"Undo for a ticket to be applied": {fcTicketIn(StatusHeld), CallUndo},
		"a call that nobody defined":      {fcTicketIn(StatusHeld), "redo"},
	} {
		if got, err := transition(tt.t, event{kind: audit.EventIntent, call: tt.call, at: fcStart}); err == nil {
			t.Errorf("%s: became %q", name, got.Status)
		}
	}
}

func TestEscalationIsOnceAndBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	ticket, err := transition(Ticket{ID: "t", Requested: fcStart}, event{kind: audit.EventRequested, at: fcStart, open: []Slot{{"lead"}}, deadline: fcStart.Add(4 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if want := fcStart.Add(3 * time.Hour); !ticket.Due.Equal(want) {
		t.Errorf("due %v, want %v: three quarters of the time", ticket.Due, want)
	}
	ticket, err = transition(ticket, event{kind: audit.EventEscalated, at: ticket.Due})
	if err != nil {
		t.Fatal(err)
	}
	if !ticket.Due.Equal(ticket.Deadline) || !ticket.escalateAt().IsZero() {
		t.Errorf("after the escalation: due %v, escalates again at %v", ticket.Due, ticket.escalateAt())
	}
}

// fcRandomEvent is an event with facts such as a guard could find, fit or not.
func fcRandomEvent(r *rand.Rand, all []event, t Ticket, at time.Time) event {
	e := all[r.IntN(len(all))]
	if t.Status == StatusExecuted && r.IntN(3) == 0 {
		e = event{kind: audit.EventIntent, call: CallUndo, fence: 1} // few come here
	}
	e.at = at
	e.hold = time.Duration(r.IntN(60)) * time.Minute
	e.review.Login = fmt.Sprint("lead", r.IntN(4))
	if r.IntN(3) == 0 {
		e.deadline = at.Add(time.Duration(r.IntN(120)) * time.Minute)
	}
	if e.kind == audit.EventRequested || t.Deadline.IsZero() && t.Status == "" {
		e.deadline = at.Add(e.hold + time.Duration(1+r.IntN(120))*time.Minute)
	}
	if e.kind == audit.EventHeld {
		e.due = at.Add(time.Duration(r.IntN(300)) * time.Minute)
	}
	e.giveUp = at.Add(30 * time.Second)
	e.subject = Subject{ID: "acct-1"}
	e.void = map[string]string{fmt.Sprint("lead", r.IntN(4)): "left"}
	return e
}

func TestTransitionProperties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	reached := make(map[Status]int)
	var all []event
	for _, tt := range fcTransitions() {
		all = append(all, tt.e)
	}
	for run := range 250 {
		ticket := Ticket{ID: "t", Step: StepRequest, Requested: fcStart, Action: Action{Kind: Suspend, Duration: time.Hour}}
		if run%4 == 1 {
			ticket.Undoes, ticket.Step, ticket.Action.Duration = "other", StepUndo, 0
		}
		if run%4 == 2 {
			ticket.Action.Duration = Permanent
		}
		starts, at := make(map[Call]int), fcStart
		for steps, over := 0, 0; steps < 40 && over < 8; steps++ {
			if ticket.Status.Final() {
				over++
			}
			at = at.Add(time.Duration(r.IntN(10)) * time.Minute)
			e := fcRandomEvent(r, all, ticket, at)
			// Room behind the reviews, in which nothing may be written.
			ticket.Reviews = slices.Grow(slices.Clone(ticket.Reviews), 4)
			before, room := ticket.Clone(), ticket.Reviews[:cap(ticket.Reviews)]
			roomBefore := slices.Clone(room)
			next, err := transition(ticket, e)
			if !reflect.DeepEqual(before, ticket) || !reflect.DeepEqual(roomBefore, room) {
				t.Fatalf("%s changed what it was given:\n%s%s", e.kind, cmp.Diff(before, ticket), cmp.Diff(roomBefore, room))
			}
			if err != nil {
				if !reflect.DeepEqual(ticket, next) {
					t.Fatalf("%s of %q failed and changed the ticket:\n%s", e.kind, ticket.Status, cmp.Diff(ticket, next))
				}
				continue
			}
			if e.kind == audit.EventIntent {
				starts[e.call]++
			}
			fcCheckStep(t, ticket, next, e)
			fcCheckStarts(t, next, starts)
			ticket = next
		}
		reached[ticket.Status]++
	}
	for _, s := range fcStatuses {
		if s != "" && s.Final() && reached[s] == 0 {
			t.Errorf("no sequence came to %q: they test too little", s)
		}
	}
}

// fcCheckStep holds one step to what must always be so.
func fcCheckStep(t *testing.T, was, is Ticket, e event) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s from %q to %q: %s", e.kind, was.Status, is.Status, fmt.Sprintf(format, args...))
	}
	switch {
	case was.Status.Final():
		fail("a final ticket changed")
	case is.Revision != was.Revision+1:
		fail("revision %d after %d", is.Revision, was.Revision)
	case !was.Deadline.IsZero() && (is.Deadline.IsZero() || is.Deadline.After(was.Deadline)):
		fail("the deadline was extended from %v to %v", was.Deadline, is.Deadline)
	case (is.Status == StatusPending) != (len(is.Open) > 0):
		fail("%d slots are open", len(is.Open))
	case is.Status == StatusPending && !is.Approved.IsZero():
		fail("approved at %v with slots open", is.Approved)
	case is.Status == StatusHeld && is.Approved.IsZero():
		fail("held, but never approved")
	case is.Status.Waiting() && (is.Due.IsZero() || is.Due.After(is.Deadline)):
		fail("due %v, after the deadline %v", is.Due, is.Deadline)
	case is.Status == StatusExecuting && (is.GiveUp.IsZero() || !is.Due.Equal(is.GiveUp)):
		fail("due %v, given up at %v", is.Due, is.GiveUp)
	case is.Status.Final() && (!is.Due.IsZero() || !is.Over.Equal(e.at)):
		fail("due %v, over at %v", is.Due, is.Over)
	case was.Executed != (time.Time{}) && e.kind != audit.EventResolved && !is.Executed.Equal(was.Executed):
		fail("executed at %v, then at %v", was.Executed, is.Executed)
	case len(is.Reviews) < len(was.Reviews):
		fail("a review is gone")
	case is.Status == StatusExecuted && is.Undoes == "" && is.Action.Duration != Permanent && (is.Until.IsZero() || is.Due.IsZero()):
		fail("in force for %v, without an end", is.Action.Duration)
	}
}

// fcCheckStarts allows each handler once, and again only the end of a duration
// that had failed.
func fcCheckStarts(t *testing.T, is Ticket, starts map[Call]int) {
	t.Helper()
	switch {
	case starts[CallApply] > 1:
		t.Fatalf("Apply was started %d times", starts[CallApply])
	case is.Undoes != "" && (starts[CallUndo] > 1 || starts[CallApply] > 0):
		t.Fatalf("an undo was started %v times", starts)
	case is.Undoes == "" && is.Action.Duration == Permanent && starts[CallUndo] > 0:
		t.Fatalf("what is permanent was ended")
	}
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	make := func() Ticket {
		return Ticket{
			Action:    Action{Parameters: map[string]string{"a": "b"}},
			Requester: Party{Owners: []string{"a"}}, Requirement: Requirement{Rules: []Rule{{Source: "a"}}, Quorum: Quorum{Slots: []Slot{{"a"}}}},
			Extra: []Slot{{"a"}}, Open: []Slot{{"a"}}, Barred: []string{"a"}, Rules: []Rule{{Source: "a"}},
			Reviews: []Review{{Login: "a", Roles: []string{"a"}}},
		}
	}
	original := make()
	c := original.Clone()
	if d := cmp.Diff(original, c); d != "" {
		t.Fatalf("the clone differs:\n%s", d)
	}
	c.Action.Parameters["a"] = "x"
	c.Requester.Owners[0], c.Barred[0] = "x", "x"
	c.Requirement.Rules[0].Source, c.Rules[0].Source = "x", "x"
	c.Requirement.Quorum.Slots[0][0], c.Extra[0][0], c.Open[0][0] = "x", "x", "x"
	c.Requirement.Quorum.Slots[0] = Slot{"y"}
	c.Reviews[0].Roles[0] = "x"
	c.Reviews[0].Login = "x"
	if d := cmp.Diff(make(), original); d != "" {
		t.Errorf("a change of the clone changed the original:\n%s", d)
	}
}
