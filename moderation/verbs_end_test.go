package moderation_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func (h *vbHost) suspendsFor(actor, target string, d time.Duration) moderation.Ticket {
	h.t.Helper()
	a := suspend(actor, target, "")
	a.Duration = d
	return h.does(a)
}

func TestEndOfADurationIsRecordedAsIntentAndOutcome(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.suspendsFor("mod", "@one", time.Hour)
	if !ticket.Until.Equal(h.clock.read().Add(time.Hour)) || !ticket.Due.Equal(ticket.Until) {
		t.Errorf("until %v, due %v", ticket.Until, ticket.Due)
	}
	if p := h.handler.OnApply.Calls()[0]; !p.Until.Equal(ticket.Until) {
		t.Errorf("the handler was told %v, not %v", p.Until, ticket.Until)
	}
	h.clock.pass(time.Hour - 1)
	h.advances(ticket, moderation.StatusExecuted)
	h.clock.pass(1)
	h.advances(ticket, moderation.StatusEnded)
	h.wantForce("acct-1")
	wantEvents(t, h.world, audit.EventIntent, audit.EventOutcome, audit.EventIntent, audit.EventOutcome)
	p := h.handler.OnUndo.Calls()[0]
	if p.Call != moderation.CallUndo || p.Ticket != ticket.ID || p.Undoes != ticket.ID || p.UndoToken != ticket.UndoToken || p.Key == h.handler.OnApply.Calls()[0].Key {
		t.Errorf("permit of the end: %+v", p)
	}
	h.advances(ticket, moderation.StatusEnded)
	h.wantCalls(2)
	if _, err := h.guard.Do(t.Context(), ticket.Action); !errors.Is(err, moderation.ErrOver) {
		t.Errorf("the same key when it has ended: %v, want that it is over", err)
	}
}

func TestEndNeverLiftsWhatIsPermanentOrNewer(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	short := h.suspendsFor("mod", "@one", time.Hour)
	h.clock.pass(time.Minute)
	longer := h.suspendsFor("mod2", "@one", 3*time.Hour)
	h.clock.pass(time.Minute)
	permanent := h.does(suspend("mod3", "@one", ""))
	h.clock.pass(time.Hour)
	h.advances(short, moderation.StatusEnded)
	h.wantForce("acct-1", longer, permanent)
	if got := h.handler.OnUndo.Calls()[0].Standing; len(got) != 2 || got[0].Ticket != longer.ID || got[1].Ticket != permanent.ID {
		t.Errorf("the handler was told that these stand: %+v", got)
	}
	h.clock.pass(3 * time.Hour)
	h.advances(longer, moderation.StatusEnded)
	h.wantForce("acct-1", permanent)
	h.advances(permanent, moderation.StatusExecuted)
	h.clock.pass(1000 * 24 * time.Hour)
	h.advances(permanent, moderation.StatusExecuted)
}

func TestAskingForNoLongerThanWhatStandsIsAnsweredWithIt(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	first := h.suspendsFor("mod", "@one", time.Hour)
	a := suspend("mod2", "@one", "k")
	a.Duration = time.Hour
	_, err := h.guard.Do(t.Context(), a)
	if r := wantCode(t, err, moderation.CodeStands); r.Ticket != first.ID {
		t.Errorf("stands under %s, want %s", r.Ticket, first.ID)
	}
	a.Duration = time.Hour + time.Second
	h.does(a)
	a.Key, a.Parameters, a.Duration = "k2", map[string]string{"scope": "ads"}, time.Minute
	h.does(a) // something else
}

func TestEndThatFailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.suspendsFor("mod", "@one", time.Hour)
	h.clock.pass(time.Hour)
	h.handler.OnUndo.Inject(moderationtest.Fail(fmt.Errorf("closed for repairs: %w", moderation.ErrNotApplied)))
	got := h.advances(ticket, moderation.StatusExecuted)
	if !got.Due.After(h.clock.read()) || got.Note == "" {
		t.Errorf("due %v, note %q", got.Due, got.Note)
	}
	h.wantForce("acct-1", ticket)
	h.handler.OnUndo.Heal()
	h.clock.pass(time.Minute)
	h.restart()
	h.advances(ticket, moderation.StatusEnded)
	h.wantForce("acct-1")
}

func TestEndWaitsForWhatIsAtWorkOnTheTarget(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	a := moderation.Action{Kind: moderation.Suspend, Actor: "mod2", Target: "@one", Reason: "spam", Duration: time.Hour, Parameters: map[string]string{"scope": "ads"}}
	ends := h.does(a)
	unknown := h.unknownTicket(true)
	h.clock.pass(time.Hour)
	_, err := h.guard.Advance(t.Context(), ends.ID)
	if r := wantCode(t, err, moderation.CodeBusy); r.Ticket != unknown.ID {
		t.Errorf("busy with %s, want %s", r.Ticket, unknown.ID)
	}
	h.advances(unknown, moderation.StatusExecuted) // probed
	h.advances(ends, moderation.StatusEnded)
	h.wantForce("acct-1", unknown)
}

func TestEndCalledTwiceAtOnceIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.suspendsFor("mod", "@one", time.Hour)
	h.clock.pass(time.Hour)
	vbTogether(50, func(int) { _, _ = h.guard.Advance(t.Context(), ticket.ID) })
	h.wantStatus(ticket, moderation.StatusEnded)
	h.wantCalls(2)
}

func TestEndAndUndoAtOnceTakeItBackOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		h := vbOpen(t)
		ticket := h.suspendsFor("mod", "@one", time.Hour)
		h.clock.pass(time.Hour)
		vbTogether(2, func(i int) {
			if i == 0 {
				_, _ = h.guard.Advance(t.Context(), ticket.ID)
				return
			}
			_, _ = h.tryUndo(ticket, "mod2")
		})
		_, _ = h.guard.Advance(t.Context(), ticket.ID)
		got := h.shows(ticket)
		if got.Status != moderation.StatusEnded && got.Status != moderation.StatusUndone {
			t.Fatalf("%s", got.Status)
		}
		h.wantCalls(2)
	}
}

func TestEndGoesOnWhereNothingElseDoes(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(h *vbHost){
		"the requester has left":        func(h *vbHost) { h.directory.RemoveActor("mod") },
		"the target is gone":            func(h *vbHost) { h.directory.RemoveTarget("acct-1") },
		"the directory fails":           func(h *vbHost) { h.directory.OnActor.Inject(vbFailed); h.directory.OnTarget.Inject(vbFailed) },
		"the policy fails":              func(h *vbHost) { h.authorizer.OnDecide.Inject(vbFailed) },
		"the limits are exhausted":      func(h *vbHost) { h.limiter.AnswerWith(nil) },
		"everything is frozen":          func(h *vbHost) { h.freezes("lead", moderation.Scope{All: true}) },
		"the policy denies everything":  func(h *vbHost) { h.denies(func(moderation.Question) bool { return true }) },
		"the target has a higher tier":  func(h *vbHost) { h.retarget("acct-1", func(t *moderation.Target) { t.Tier = "protected" }, "@one") },
		"it was restarted in between":   func(h *vbHost) { h.restart() },
		"nobody looked for a long time": func(h *vbHost) { h.clock.pass(1000 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.suspendsFor("mod", "@one", time.Hour)
			h.clock.pass(time.Hour)
			happens(h)
			h.advances(ticket, moderation.StatusEnded)
			h.wantForce("acct-1")
		})
	}
}
