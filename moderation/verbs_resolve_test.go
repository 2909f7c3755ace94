package moderation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func (h *vbHost) tryResolve(t moderation.Ticket, login string, found moderation.ProbeResult) (moderation.Ticket, error) {
	return h.guard.Resolve(h.t.Context(), moderation.Resolution{Ticket: t.ID, Actor: login, Found: found, Reason: "asked the service", UndoToken: "posts 1 to 97"})
}

// resolvable is how long after the intent of an unknown ticket it can be
// resolved: the handler's time and the grace.
const resolvable = 30*time.Second + time.Minute

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		by    string
		setUp func(h *vbHost, t *moderation.Ticket)
		want  moderation.Code
	}{
		{"before the handler's deadline and the grace are over", "lead", func(h *vbHost, _ *moderation.Ticket) { h.clock.pass(-time.Nanosecond) }, moderation.CodeTooEarly},
		{"the requester", "mod", func(h *vbHost, _ *moderation.Ticket) { h.holds("mod", "lead") }, moderation.CodeOwnRequest},
		{"the requester by a second login", "mod-alt", nil, moderation.CodeOwnRequest},
		{"a login that is the requester's now", "lead3", func(h *vbHost, _ *moderation.Ticket) {
			h.change("lead3", func(a *moderation.Actor) { a.Person = "p-mod" })
		}, moderation.CodeOwnRequest},
		{"to whom the requester's login belongs now", "lead", func(h *vbHost, _ *moderation.Ticket) {
			h.change("mod", func(a *moderation.Actor) { a.Person = "p-lead" })
		}, moderation.CodeOwnRequest},
		{"to whom the requester's login may belong now, while the directory does not say", "lead", func(h *vbHost, _ *moderation.Ticket) {
			h.change("mod", func(a *moderation.Actor) { a.Person = "p-lead" })
			h.directory.OnActor.InjectWhen(func(login string) bool { return login == "mod" }, moderationtest.Fail(nil))
		}, moderation.CodeDirectory},
		{"a service", "robot", nil, moderation.CodeOwnRequest},
		{"one without the right", "mod2", nil, moderation.CodeNoRule},
		{"whose last day is over", "gone", nil, moderation.CodePastLastDay},
		{"who is suspended", "lead", func(h *vbHost, _ *moderation.Ticket) {
			h.change("lead", func(a *moderation.Actor) { a.Status = moderation.Suspended })
		}, moderation.CodeInactive},
		{"the target's owner", "lead", func(h *vbHost, _ *moderation.Ticket) {
			h.retarget("acct-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} }, "@one")
		}, moderation.CodeSelf},
		{"a ticket that was resolved already", "lead2", func(h *vbHost, t *moderation.Ticket) {
			if _, err := h.tryResolve(*t, "lead", moderation.ProbeApplied); err != nil {
				h.t.Fatal(err)
			}
		}, moderation.CodeNotOpen},
		{"a ticket that was executed", "lead", func(h *vbHost, t *moderation.Ticket) { *t = h.does(suspend("mod", "@two", "")) }, moderation.CodeNotOpen},
		{"a ticket that waits", "lead", func(h *vbHost, t *moderation.Ticket) { *t = h.asks("mod", "@vip") }, moderation.CodeNotOpen},
		{"a ticket that does not exist", "lead", func(_ *vbHost, t *moderation.Ticket) { t.ID = "made-up" }, moderation.CodeNoTicket},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.unknownTicket(true)
			h.clock.pass(resolvable)
			if tc.setUp != nil {
				tc.setUp(h, &ticket)
			}
			before, calls := h.snapshot(ticket.ID), h.calls()
			_, err := h.tryResolve(ticket, tc.by, moderation.ProbeApplied)
			wantCode(t, err, tc.want)
			if after := h.snapshot(ticket.ID); after.Revision != before.Revision {
				t.Errorf("the ticket is %s now", after.Status)
			}
			h.wantCalls(calls)
		})
	}
}

func TestResolveNeedsAnAnswerAndAReason(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.unknownTicket(true)
	h.clock.pass(resolvable)
	for field, r := range map[string]moderation.Resolution{
		"Resolution.Ticket": {Actor: "lead", Found: moderation.ProbeApplied, Reason: "x"},
		"Resolution.Actor":  {Ticket: ticket.ID, Found: moderation.ProbeApplied, Reason: "x"},
		"Resolution.Found":  {Ticket: ticket.ID, Actor: "lead", Reason: "x"},
		"Resolution.Reason": {Ticket: ticket.ID, Actor: "lead", Found: moderation.ProbeApplied},
		"Resolution.UndoToken": {Ticket: ticket.ID, Actor: "lead", Found: moderation.ProbeApplied, Reason: "x",
			UndoToken: moderation.UndoToken(make([]byte, moderation.MaxUndoToken+1))},
	} {
		_, err := h.guard.Resolve(t.Context(), r)
		if refusal := wantCode(t, err, moderation.CodeInvalid); refusal.Field != field {
			t.Errorf("field %q, want %q", refusal.Field, field)
		}
	}
	h.wantStatus(ticket, moderation.StatusUnknown)
}

func TestResolvedTicketStandsOrIsOverAndNothingRuns(t *testing.T) {
	t.Parallel()
	t.Run("applied", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		ticket := h.unknownTicket(true)
		h.clock.pass(resolvable)
		got, err := h.tryResolve(ticket, "lead", moderation.ProbeApplied)
		if err != nil || got.Status != moderation.StatusExecuted || got.UndoToken != "posts 1 to 97" {
			t.Fatalf("%s with token %q, %v", got.Status, got.UndoToken, err)
		}
		records := h.sink.Records()
		if last := records[len(records)-1]; last.Event != audit.EventResolved || last.Actor.Person != "p-lead" || last.Reason != "asked the service" {
			t.Errorf("record: %s by %q because of %q", last.Event, last.Actor.Person, last.Reason)
		}
		if _, err := h.guard.Do(t.Context(), ticket.Action); err != nil {
			t.Errorf("the same key again: %v", err)
		}
		h.wantCalls(1)
		h.undoes(ticket, "mod2")
		if token := h.handler.OnUndo.Calls()[0].UndoToken; token != "posts 1 to 97" {
			t.Errorf("Undo was handed the token %q", token)
		}
	})
	t.Run("not applied", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		ticket := h.unknownTicket(false)
		h.clock.pass(resolvable)
		got, err := h.tryResolve(ticket, "lead", moderation.ProbeNotApplied)
		if err != nil || got.Status != moderation.StatusFailed {
			t.Fatalf("%s, %v", got.Status, err)
		}
		if _, err := h.guard.Do(t.Context(), ticket.Action); !errors.Is(err, moderation.ErrOver) {
			t.Errorf("the same key again: %v, want that it is over", err)
		}
		h.advances(ticket, moderation.StatusFailed)
		h.wantCalls(1)
		_, err = h.tryUndo(ticket, "mod2")
		wantCode(t, err, moderation.CodeNotUndoable)
		h.wantForce("acct-1", h.does(suspend("mod", "@one", "")))
	})
}

func TestUnknownOutcomeKeepsOthersFromTheTarget(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.unknownTicket(true)
	_, err := h.guard.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "@one", Reason: "spam", Key: "k"})
	if r := wantCode(t, err, moderation.CodeBusy); r.Ticket != ticket.ID {
		t.Errorf("busy with %s, want %s", r.Ticket, ticket.ID)
	}
	if _, err := h.guard.Do(t.Context(), ticket.Action); !errors.Is(err, moderation.ErrUnknown) {
		t.Errorf("the same key again: %v, want that its outcome is unknown", err)
	}
	h.wantCalls(1)
}

func TestHandlerThatStillRunsHereKeepsItsTicketFromBeingSettled(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.handler.OnApply.Inject(moderationtest.HangForever())
	h.config.HandlerTimeout = time.Millisecond
	h.open(t)
	ticket, err := h.guard.Do(t.Context(), suspend("mod", "@one", "k"))
	if !errors.Is(err, moderation.ErrUnknown) {
		t.Fatalf("Do: %v, want an unknown outcome", err)
	}
	h.clock.pass(time.Hour)
	_, err = h.tryResolve(ticket, "lead", moderation.ProbeNotApplied)
	wantCode(t, err, moderation.CodeTooEarly)
	h.advances(ticket, moderation.StatusUnknown) // nor does a probe settle it
	if n := h.handler.OnProbe.Count(); n != 0 {
		t.Errorf("probed %d times while the handler runs", n)
	}
	h.handler.LetGo()
	for {
		if _, err = h.tryResolve(ticket, "lead", moderation.ProbeNotApplied); err == nil || !errors.Is(err, moderation.ErrConflicting) {
			break
		}
	}
	if err != nil {
		t.Errorf("Resolve when the handler has returned: %v", err)
	}
	h.wantStatus(ticket, moderation.StatusFailed)
}

func TestUnknownUndoIsResolved(t *testing.T) {
	t.Parallel()
	for found, want := range map[moderation.ProbeResult]struct{ undo, of moderation.Status }{
		moderation.ProbeApplied:    {moderation.StatusExecuted, moderation.StatusUndone},
		moderation.ProbeNotApplied: {moderation.StatusFailed, moderation.StatusExecuted},
	} {
		t.Run(string(found), func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t, func(h *vbHost) { h.config.Kinds[0].Probe = nil })
			of := h.does(suspend("mod", "@one", ""))
			h.handler.OnUndo.Inject(moderationtest.Fail(errors.New("lost the line")))
			undo, err := h.tryUndo(of, "mod2")
			if !errors.Is(err, moderation.ErrUnknown) {
				t.Fatalf("Undo: %v, want an unknown outcome", err)
			}
			_, err = h.tryUndo(of, "mod3")
			wantCode(t, err, moderation.CodeBusy)
			h.clock.pass(resolvable)
			_, err = h.tryResolve(undo, "mod2", found)
			if !errors.Is(err, moderation.ErrDenied) {
				t.Errorf("Resolve by who asked for the undo: %v, want a refusal", err)
			}
			if _, err := h.tryResolve(undo, "lead", found); err != nil {
				t.Fatal(err)
			}
			h.wantStatus(undo, want.undo)
			h.wantStatus(of, want.of)
			h.restart()
			h.wantStatus(undo, want.undo)
			h.wantStatus(of, want.of)
		})
	}
}

func TestUnknownEndOfADurationIsResolved(t *testing.T) {
	t.Parallel()
	for found, want := range map[moderation.ProbeResult]moderation.Status{
		moderation.ProbeApplied:    moderation.StatusEnded,
		moderation.ProbeNotApplied: moderation.StatusExecuted,
	} {
		t.Run(string(found), func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t, func(h *vbHost) { h.config.Kinds[0].Probe = nil })
			a := suspend("mod", "@one", "")
			a.Duration = time.Hour
			ticket := h.does(a)
			h.clock.pass(time.Hour)
			h.handler.OnUndo.Inject(moderationtest.Fail(errors.New("lost the line")))
			h.advances(ticket, moderation.StatusUnknown)
			h.handler.OnUndo.Heal()
			_, err := h.tryUndo(ticket, "mod2")
			wantCode(t, err, moderation.CodeNotUndoable)
			h.clock.pass(resolvable)
			if _, err := h.tryResolve(ticket, "lead", found); err != nil {
				t.Fatal(err)
			}
			got := h.wantStatus(ticket, want)
			if found == moderation.ProbeApplied {
				return
			}
			if got.Executed.IsZero() || !got.Until.Equal(ticket.Until) || got.UndoToken != ticket.UndoToken {
				t.Errorf("it stands again, but changed: executed %v, until %v, token %q", got.Executed, got.Until, got.UndoToken)
			}
			h.clock.pass(time.Minute)
			h.advances(ticket, moderation.StatusEnded)
			h.wantForce("acct-1")
		})
	}
}
