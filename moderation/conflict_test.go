package moderation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestOfTwoActionsOnOneTargetTheSecondIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	under := make(chan string)
	goOn := make(chan struct{})
	h.config.Kinds[0].Apply = func(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
		under <- p.Ticket
		<-goOn
		return h.handler.Apply(ctx, p)
	}
	h.restart()
	done := make(chan error, 1)
	go func() {
		_, err := h.guard.Do(context.Background(), suspend("mod", "@one", "first"))
		done <- err
	}()
	first := <-under
	second := moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "@one", Reason: "spam", Key: "second"}
	_, err := h.guard.Do(t.Context(), second)
	r := wantCode(t, err, moderation.CodeBusy)
	if r.Ticket != first || !strings.HasPrefix(r.Text, "mod asked for account.suspend on acct-1 before: ticket "+first) || r.RetryAfter <= 0 {
		t.Errorf("told %q of ticket %s, again in %v", r.Text, r.Ticket, r.RetryAfter)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	second.Key = "third"
	h.does(second)
}

func TestApprovedTicketWaitsForTheOneThatWasFaster(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) { h.config.Kinds[0].Probe = nil })
	h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	waits, faster := h.asks("mod", "@one"), moderation.Ticket{}
	a := suspend("mod2", "@one", "faster")
	a.Kind, a.Duration, a.Parameters = moderation.Suspend, time.Hour, map[string]string{"part": "posts"}
	faster, err := h.guard.Do(t.Context(), a)
	wantPending(t, err)
	h.approves(faster, "lead")
	h.handler.OnApply.Inject(moderationtest.After(moderationtest.Fail(errLine)))
	h.advances(faster, moderation.StatusUnknown)
	h.handler.OnApply.Heal()
	h.approves(waits, "lead")
	if held := h.advances(waits, moderation.StatusHeld); !strings.HasPrefix(held.Note, "mod2 asked for account.suspend on acct-1 before") {
		t.Errorf("note %q", held.Note)
	}
	h.clock.pass(5 * time.Minute)
	if _, err := h.guard.Resolve(t.Context(), moderation.Resolution{Ticket: faster.ID, Actor: "lead2", Found: moderation.ProbeApplied, Reason: "it shows"}); err != nil {
		t.Fatal(err)
	}
	h.advances(waits, moderation.StatusExecuted)
	h.wantForce("acct-1", waits, faster)
}

// A longer restriction is a request of its own, and so is a shorter one, once
// the longer is undone; the end of one never lifts the other.
func TestExtendingAndShorteningAreNewRequests(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	lasting := func(actor string, d time.Duration) moderation.Action {
		a := suspend(actor, "@one", h.key())
		a.Duration = d
		return a
	}
	short := h.does(lasting("mod", time.Hour))
	long := h.does(lasting("mod2", 3*time.Hour))
	h.wantForce("acct-1", short, long)
	_, err := h.guard.Do(t.Context(), lasting("mod3", 2*time.Hour))
	r := wantCode(t, err, moderation.CodeStands)
	if want := "mod2 did it at " + long.Executed.Format(time.RFC3339) + " (ticket " + long.ID + ")"; !strings.Contains(r.Text, want) || r.Ticket != long.ID {
		t.Errorf("told %q of ticket %s, want %q", r.Text, r.Ticket, want)
	}
	h.clock.pass(time.Hour)
	h.advances(short, moderation.StatusEnded)
	h.wantForce("acct-1", long)
	h.undoes(long, "mod3")
	h.wantForce("acct-1")
	shorter, err := h.guard.Do(t.Context(), lasting("mod", time.Hour))
	wantPending(t, err) // soon after an undo somebody else must agree
	h.approves(shorter, "lead")
	h.advances(shorter, moderation.StatusExecuted)
	h.wantForce("acct-1", shorter)
}

func TestTemporaryRestrictionThatEndsLeavesAPermanentOne(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	a := suspend("mod", "@one", "")
	a.Duration = time.Hour
	short, forever := h.does(a), h.does(suspend("mod2", "@one", ""))
	h.clock.pass(time.Hour)
	h.advances(short, moderation.StatusEnded)
	h.wantForce("acct-1", forever)
	calls := h.handler.OnUndo.Calls()
	if s := calls[len(calls)-1].Standing; len(s) != 1 || s[0].Ticket != forever.ID {
		t.Errorf("the handler was told that %v stands", s)
	}
}

func TestServiceThatLeavesBetweenTheStepsIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*moderation.Actor){
		"it was switched off":           func(a *moderation.Actor) { a.Status = moderation.Suspended },
		"its last day is over":          func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Unix(1, 0)) },
		"nobody knows who answers":      func(a *moderation.Actor) { a.Person = "p-stranger" },
		"an approver has become owner":  func(a *moderation.Actor) { a.Owners = []string{"p-lead"} },
		"it has become somebody's else": func(a *moderation.Actor) { a.Type = moderation.Human; a.Person = "p-stranger" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			of := h.asks("bot", "@vip")
			h.approves(of, "lead", "lead2")
			h.change("bot", change)
			h.clock.pass(10 * time.Minute)
			got, _ := h.guard.Advance(t.Context(), of.ID)
			if got.Status == moderation.StatusExecuted || got.Note == "" && (len(got.Reviews) == 0 || got.Reviews[0].Void == "") {
				t.Errorf("%s, note %q, reviews %+v", got.Status, got.Note, got.Reviews)
			}
			h.wantCalls(0)
		})
	}
}
