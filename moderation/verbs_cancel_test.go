package moderation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	const allowed moderation.Code = ""
	for _, tc := range []struct {
		name  string
		by    string
		setUp func(h *vbHost, t moderation.Ticket)
		want  moderation.Code
	}{
		{"by the requester", "mod", nil, allowed},
		{"by the requester, who has lost every role since", "mod", func(h *vbHost, _ moderation.Ticket) { h.holds("mod") }, allowed},
		{"by a counted approver", "lead2", func(h *vbHost, t moderation.Ticket) {
			h.approves(t, "lead2")
			h.denies(func(q moderation.Question) bool { return q.Step == moderation.StepCancel })
		}, allowed},
		{"by a holder of the right", "lead3", nil, allowed},
		{"when it is held", "mod", func(h *vbHost, t moderation.Ticket) { h.approves(t, "lead", "lead2") }, allowed},
		{"while everything is frozen", "mod", func(h *vbHost, _ moderation.Ticket) { h.freezes("lead", moderation.Scope{All: true}) }, allowed},
		{"by another moderator", "mod2", nil, moderation.CodeNoRule},
		{"by a stranger", "stranger", nil, moderation.CodeNoRule},
		{"by nobody who is known", "nobody", nil, moderation.CodeUnknownActor},
		{"by whom the target belongs to", "lead", func(h *vbHost, _ moderation.Ticket) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} }, "@vip")
		}, moderation.CodeSelf},
		{"by an approver whom the target belongs to now", "lead2", func(h *vbHost, t moderation.Ticket) {
			h.approves(t, "lead2")
			h.retarget("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead2"} }, "@vip")
		}, moderation.CodeSelf},
		{"by the requester, who is suspended", "mod", func(h *vbHost, _ moderation.Ticket) {
			h.change("mod", func(a *moderation.Actor) { a.Status = moderation.Suspended })
		}, moderation.CodeInactive},
		{"by the requester, whose last day is over", "mod", func(h *vbHost, _ moderation.Ticket) {
			h.change("mod", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(h.clock.read()) })
		}, moderation.CodePastLastDay},
		{"by somebody else under the requester's login", "mod", func(h *vbHost, _ moderation.Ticket) {
			h.change("mod", func(a *moderation.Actor) { a.Person = "p-new" })
		}, moderation.CodeNoRule},
		{"when it was executed", "mod", func(h *vbHost, t moderation.Ticket) {
			h.approves(t, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			h.advances(t, moderation.StatusExecuted)
		}, moderation.CodeNotOpen},
		{"when it was cancelled", "mod", func(h *vbHost, t moderation.Ticket) {
			if _, err := h.guard.Cancel(h.t.Context(), moderation.CancelRequest{Ticket: t.ID, Actor: "mod", Reason: "no"}); err != nil {
				h.t.Fatal(err)
			}
		}, moderation.CodeNotOpen},
		{"when it timed out", "mod", func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(24 * time.Hour)
			h.advances(t, moderation.StatusTimedOut)
		}, moderation.CodeNotOpen},
		{"while the directory fails", "mod", func(h *vbHost, _ moderation.Ticket) {
			h.directory.OnActor.Inject(moderationtest.Fail(nil))
		}, moderation.CodeDirectory},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks("mod", "@vip")
			if tc.setUp != nil {
				tc.setUp(h, ticket)
			}
			before := h.snapshot(ticket.ID)
			calls := h.calls()
			got, err := h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: ticket.ID, Actor: tc.by, Reason: "changed my mind"})
			h.wantCalls(calls)
			if tc.want != allowed {
				wantCode(t, err, tc.want)
				if after := h.snapshot(ticket.ID); after.Revision != before.Revision {
					t.Errorf("the ticket is %s now", after.Status)
				}
				return
			}
			if err != nil || got.Status != moderation.StatusCancelled || got.Note != "changed my mind" {
				t.Fatalf("%s, note %q, %v", got.Status, got.Note, err)
			}
			records := h.sink.Records()
			if last := records[len(records)-1]; last.Event != audit.EventCancelled || last.Actor.Login != tc.by || last.Reason != "changed my mind" {
				t.Errorf("record: %s by %q because of %q", last.Event, last.Actor.Login, last.Reason)
			}
			h.clock.pass(time.Hour)
			h.advances(ticket, moderation.StatusCancelled)
			if _, err := h.guard.Do(t.Context(), ticket.Action); !errors.Is(err, moderation.ErrOver) {
				t.Errorf("the same key again: %v, want that it is over", err)
			}
			h.wantCalls(calls)
		})
	}
}

func TestCancelNeedsTicketActorAndReason(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.asks("mod", "@vip")
	for field, r := range map[string]moderation.CancelRequest{
		"CancelRequest.Ticket": {Actor: "mod", Reason: "no"},
		"CancelRequest.Actor":  {Ticket: ticket.ID, Reason: "no"},
		"CancelRequest.Reason": {Ticket: ticket.ID, Actor: "mod"},
	} {
		_, err := h.guard.Cancel(t.Context(), r)
		if refusal := wantCode(t, err, moderation.CodeInvalid); refusal.Field != field {
			t.Errorf("field %q, want %q", refusal.Field, field)
		}
	}
	h.wantStatus(ticket, moderation.StatusPending)
}

func TestCancelledUndoLeavesTheRestrictionInForce(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepUndo, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	of := h.does(suspend("mod", "@one", ""))
	undo, err := h.tryUndo(of, "mod2")
	wantPending(t, err)
	if _, err := h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: undo.ID, Actor: "mod2", Reason: "it was right"}); err != nil {
		t.Fatal(err)
	}
	h.wantForce("acct-1", of)
	h.wantStatus(of, moderation.StatusExecuted)
}
