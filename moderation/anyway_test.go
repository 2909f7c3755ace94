package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// awOpen is a host whose service refuses to undo what has changed since, unless
// it is told to.
func awOpen(t *testing.T) (h *vbHost, changed map[string]bool) {
	changed = map[string]bool{"acct-1": true}
	return vbOpen(t, func(h *vbHost) {
		h.config.Kinds[0].Undo = func(ctx context.Context, p moderation.Permit) error {
			if changed[p.Target] && !p.Anyway {
				return fmt.Errorf("97 of 100 posts are where they were: %w", moderation.ErrTargetChanged)
			}
			return h.handler.Undo(ctx, p)
		}
	}), changed
}

func awUndo(h *vbHost, of moderation.Ticket, login string) moderation.UndoRequest {
	return moderation.UndoRequest{Ticket: of.ID, Actor: login, Reason: "was wrong", Key: h.key(), Anyway: true}
}

func TestUndoOfWhatHasChangedIsRefusedUnlessAPersonSaysAnyway(t *testing.T) {
	t.Parallel()
	h, _ := awOpen(t)
	of := h.does(suspend("mod", "@one", ""))
	u := awUndo(h, of, "lead")
	u.Anyway = false
	for range 2 { // a repeated call is told the same
		undo, err := h.guard.Undo(t.Context(), u)
		var state *moderation.StateError
		if !errors.As(err, &state) || state.Code != moderation.CodeTargetChanged || undo.Status != moderation.StatusFailed || undo.Code != moderation.CodeTargetChanged {
			t.Fatalf("%s, %v", undo.Status, err)
		}
	}
	if o := h.last().Outcome; o.Code != "target_changed" || o.Error == "" {
		t.Errorf("the outcome on record is %+v", o)
	}
	h.wantStatus(of, moderation.StatusExecuted)
	h.wantForce("acct-1", of)
	insist := u
	insist.Anyway = true
	_, err := h.guard.Undo(t.Context(), insist)
	wantCode(t, err, moderation.CodeKeyReused)
	undo, err := h.guard.Undo(t.Context(), awUndo(h, of, "lead"))
	if err != nil || !undo.Anyway {
		t.Fatalf("anyway %v, %v", undo.Anyway, err)
	}
	h.wantStatus(of, moderation.StatusUndone)
	h.wantForce("acct-1")
	if p := h.handler.OnUndo.Calls()[0]; !p.Anyway {
		t.Error("the handler was not told")
	}
}

func TestCallerIsToldWhatTheServiceFound(t *testing.T) {
	t.Parallel()
	h, _ := awOpen(t)
	_, err := h.tryUndo(h.does(suspend("mod", "@one", "")), "lead")
	if !errors.Is(err, moderation.ErrTargetChanged) || !errors.Is(err, moderation.ErrNotApplied) || !errors.Is(err, moderation.ErrOver) {
		t.Errorf("Undo: %v", err)
	}
}

func TestUndoAnywayRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		undo func(*vbHost) error
		want moderation.Code
	}{
		{"someone without the right to resolve", func(h *vbHost) error {
			_, err := h.guard.Undo(h.t.Context(), awUndo(h, h.does(suspend("mod", "@one", "")), "mod2"))
			return err
		}, moderation.CodeNoRule},
		{"a service that has the right", func(h *vbHost) error {
			_, err := h.guard.Undo(h.t.Context(), awUndo(h, h.does(suspend("mod", "@one", "")), "robot"))
			return err
		}, moderation.CodeService},
		{"a freeze", func(h *vbHost) error {
			_, err := h.guard.Unfreeze(h.t.Context(), awUndo(h, h.freezes("lead", moderation.Scope{All: true}), "lead2"))
			return err
		}, moderation.CodeInvalid},
		{"someone who lost the right while it waited", func(h *vbHost) error {
			h.rule(moderation.StepUndo, "standard", vbNeeds(0, moderation.Slot{"lead"}))
			u, err := h.guard.Undo(h.t.Context(), awUndo(h, h.does(suspend("mod", "@one", "")), "lead"))
			wantPending(h.t, err)
			h.approves(u, "lead2")
			h.denies(func(q moderation.Question) bool { return q.Step == moderation.StepResolve && q.Actor.Login == "lead" })
			_, err = h.guard.Advance(h.t.Context(), u.ID)
			return err
		}, moderation.CodeDenied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h, _ := awOpen(t)
			wantCode(t, tc.undo(h), tc.want)
			if n := h.handler.OnUndo.Count(); n != 0 {
				t.Errorf("%d calls of Undo", n)
			}
		})
	}
}

// Who approves an undo approves also that it is done anyway.
func TestDigestTellsAnUndoThatIsDoneAnyway(t *testing.T) {
	t.Parallel()
	h, _ := awOpen(t)
	h.rule(moderation.StepUndo, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	u, err := h.guard.Undo(t.Context(), awUndo(h, h.does(suspend("mod", "@one", "")), "lead"))
	wantPending(t, err)
	h.restart()
	if got := h.shows(u); !got.Anyway || got.Digest != u.Digest {
		t.Errorf("after a restart: anyway %v, digest %v, want %v", got.Anyway, got.Digest, u.Digest)
	}
	h.approves(u, "lead2")
	if u = h.advances(u, moderation.StatusExecuted); !u.Anyway {
		t.Error("it was done otherwise than approved")
	}
}

func TestEndOfADurationLeavesAloneWhatHasChanged(t *testing.T) {
	t.Parallel()
	h, changed := awOpen(t)
	a := suspend("mod", "@one", "")
	a.Duration = time.Hour
	of := h.does(a)
	h.clock.pass(time.Hour)
	got := h.advances(of, moderation.StatusExecuted)
	if got.Code != moderation.CodeTargetChanged || !got.Due.Equal(h.clock.read().Add(time.Hour)) {
		t.Errorf("code %q, due %v", got.Code, got.Due)
	}
	if n := h.count(audit.EventOutcome); n != 2 {
		t.Errorf("%d outcomes on record, want 2", n)
	}
	changed["acct-1"] = false
	h.clock.pass(time.Hour)
	h.advances(of, moderation.StatusEnded)
	h.wantForce("acct-1")
}
