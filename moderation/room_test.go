package moderation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// rmKept reports whether a full trail keeps room for a record: for what takes
// something back, and for what happened already.
func rmKept(r audit.Record) bool {
	switch {
	case r.Ticket == "":
		return false // anybody can ask for refusals
	case r.Event == audit.EventOutcome || r.Event == audit.EventResolved || r.Event == audit.EventRefused:
		return true
	}
	return r.Step == string(moderation.StepUndo) || r.Cause != nil && r.Cause.Schedule == "end"
}

// rmFull has the trail take nothing but what it keeps room for.
func rmFull(s *ssSink) {
	s.refuses(func(r audit.Record) error {
		if rmKept(r) {
			return nil
		}
		return audit.ErrNoRoom
	})
}

// TestFullTrailThatKeepsRoom goes through all that must go on though the trail
// is full, with refusals in between that can't be recorded.
func TestFullTrailThatKeepsRoom(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		given func(h *vbHost) moderation.Ticket
		then  func(h *vbHost, t moderation.Ticket)
	}{
		{"lets an undo pass", func(h *vbHost) moderation.Ticket {
			return h.does(suspend("mod", "@one", ""))
		}, func(h *vbHost, t moderation.Ticket) {
			h.undoes(t, "mod2")
			h.wantStatus(t, moderation.StatusUndone)
			h.wantForce("acct-1")
		}},
		{"lets an undo pass that waits for its quorum and its hold", func(h *vbHost) moderation.Ticket {
			h.rule(moderation.StepUndo, "standard", vbNeeds(time.Minute, moderation.Slot{"lead"}))
			return h.does(suspend("mod", "@one", ""))
		}, func(h *vbHost, t moderation.Ticket) {
			undo, err := h.tryUndo(t, "mod2")
			wantPending(h.t, err)
			h.approves(undo, "lead")
			rmIsRefused(h)
			h.clock.pass(time.Minute)
			h.advances(undo, moderation.StatusExecuted)
			h.wantForce("acct-1")
		}},
		{"lets an undo time out, be escalated and be cancelled", func(h *vbHost) moderation.Ticket {
			h.rule(moderation.StepUndo, "standard", vbNeeds(0, moderation.Slot{"lead"}))
			return h.does(suspend("mod", "@one", ""))
		}, func(h *vbHost, t moderation.Ticket) {
			late, err := h.tryUndo(t, "mod2")
			wantPending(h.t, err)
			h.clock.pass(20 * time.Hour)
			if got := h.advances(late, moderation.StatusPending); got.Escalated.IsZero() {
				h.t.Error("it was not escalated")
			}
			h.clock.pass(4 * time.Hour)
			h.advances(late, moderation.StatusTimedOut)
			undo, err := h.tryUndo(t, "mod2")
			wantPending(h.t, err)
			if _, err := h.guard.Cancel(h.t.Context(), moderation.CancelRequest{Ticket: undo.ID, Actor: "mod2", Reason: "no"}); err != nil {
				h.t.Error(err)
			}
		}},
		{"lets a duration end", func(h *vbHost) moderation.Ticket {
			return h.suspendsFor("mod", "@one", time.Hour)
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(time.Hour)
			h.advances(t, moderation.StatusEnded)
			h.wantForce("acct-1")
		}},
		{"lets a duration end at the second try", func(h *vbHost) moderation.Ticket {
			return h.suspendsFor("mod", "@one", time.Hour)
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(time.Hour)
			h.handler.OnUndo.InjectAt(1, moderationtest.Fail(moderation.ErrNotApplied))
			_, _ = h.guard.Advance(h.t.Context(), t.ID)
			h.wantStatus(t, moderation.StatusExecuted)
			h.clock.pass(time.Minute)
			h.advances(t, moderation.StatusEnded)
		}},
		{"lets an unknown outcome be resolved", func(h *vbHost) moderation.Ticket {
			return h.unknownTicket(true)
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(resolvable)
			if _, err := h.tryResolve(t, "lead", moderation.ProbeApplied); err != nil {
				h.t.Error(err)
			}
			h.wantStatus(t, moderation.StatusExecuted)
		}},
		{"lets an unknown outcome be undone", func(h *vbHost) moderation.Ticket {
			return h.unknownTicket(true)
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(resolvable)
			h.undoes(t, "mod2")
			h.wantStatus(t, moderation.StatusUndone)
		}},
		{"lets an unknown outcome be found out", func(h *vbHost) moderation.Ticket {
			return h.unknownTicket(true)
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(resolvable)
			h.advances(t, moderation.StatusExecuted)
		}},
		{"leaves what waits waiting", func(h *vbHost) moderation.Ticket {
			return h.approves(h.asks("mod", "@vip"), "lead", "lead2")
		}, func(h *vbHost, t moderation.Ticket) {
			h.clock.pass(10 * time.Minute)
			_, err := h.guard.Advance(h.t.Context(), t.ID)
			wantCode(h.t, err, moderation.CodeNoRoom)
			h.wantStatus(t, moderation.StatusHeld)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := vbOpenSnapshots(t)
			ticket := tc.given(f.vbHost)
			rmFull(f.snapshots)
			rmIsRefused(f.vbHost)
			tc.then(f.vbHost, ticket)
			rmIsRefused(f.vbHost)
			before := f.shows(ticket)
			f.reopen(t) // closed and opened while it is full
			if after := f.shows(ticket); after.Revision != before.Revision {
				t.Errorf("after a restart the ticket is at revision %d, not %d", after.Revision, before.Revision)
			}
			f.snapshots.refuses(nil)
			f.does(suspend("mod", "@two", ""))
		})
	}
}

// rmIsRefused wants a restriction to be refused, and a refusal to be given that
// can't be recorded.
func rmIsRefused(h *vbHost) {
	h.t.Helper()
	calls := h.calls()
	_, err := h.guard.Do(h.t.Context(), suspend("mod3", "@two", h.key()))
	wantCode(h.t, err, moderation.CodeNoRoom)
	_, err = h.guard.Do(h.t.Context(), suspend("stranger", "@two", h.key()))
	wantCode(h.t, err, moderation.CodeNoRule)
	if !errors.Is(err, moderation.ErrUnrecorded) || !errors.Is(err, audit.ErrNoRoom) {
		h.t.Errorf("%v does not say that it is not recorded", err)
	}
	h.wantCalls(calls)
}

// An intent that is withdrawn, or whose process crashed, is settled though the
// trail is full: else nothing after it could be recorded.
func TestFullTrailTakesWhatSettlesAnIntent(t *testing.T) {
	t.Parallel()
	t.Run("that was in doubt", func(t *testing.T) {
		t.Parallel()
		f := vbOpenSnapshots(t)
		stands := f.does(suspend("mod", "@one", ""))
		f.snapshots.refuses(func(r audit.Record) error {
			if r.Event != audit.EventIntent {
				return nil
			}
			return errors.Join(errFC, f.snapshots.Memory.Append(t.Context(), r))
		})
		_, err := f.guard.Do(t.Context(), suspend("mod2", "@two", f.key()))
		wantCode(t, err, moderation.CodeTrail)
		f.snapshots.refuses(func(r audit.Record) error {
			records := f.snapshots.Records()
			if rmKept(r) || r.ID == records[len(records)-1].ID { // which is stored already
				return nil
			}
			return audit.ErrNoRoom
		})
		f.undoes(stands, "mod3")
		f.wantForce("acct-1")
	})
	t.Run("at which the process crashed", func(t *testing.T) {
		t.Parallel()
		f := vbOpenSnapshots(t)
		f.snapshots.refuses(func(r audit.Record) error {
			if r.Event == audit.EventOutcome {
				return errFC
			}
			return nil
		})
		ticket, err := f.guard.Do(t.Context(), suspend("mod", "@one", f.key()))
		if !errors.Is(err, moderation.ErrUnknown) {
			t.Fatal(err)
		}
		rmFull(f.snapshots)
		f.restart()
		f.wantStatus(ticket, moderation.StatusUnknown)
	})
}
