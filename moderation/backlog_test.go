package moderation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestBacklogTellsWhatWaits(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) { h.config.Kinds[0].Probe = nil })
	start := h.clock.read()
	wantBacklog := func(when string, want moderation.Backlog) {
		t.Helper()
		got, err := h.guard.Backlog(t.Context(), "lead")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	wantBacklog("nothing happened", moderation.Backlog{})
	first := h.asks("mod", "@vip")
	h.clock.pass(time.Minute)
	second := h.approves(h.asks("mod2", "@vip"), "lead", "lead2")
	h.does(suspend("mod", "@one", ""))
	owed := h.bypasses("lead", "@two")
	h.clock.pass(18 * time.Hour)
	h.advances(first, moderation.StatusPending)
	h.handler.OnApply.Inject(moderationtest.After(moderationtest.Fail(errors.New("lost"))))
	unknown, _ := h.guard.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "@one", Reason: "spam", Key: "u"})
	if unknown.Status == moderation.StatusUnknown {
		t.Fatal("the kind was probed, so it should be known")
	}
	other := suspend("mod", "@mod", "v")
	other.Actor = "mod2"
	unknown, _ = h.guard.Do(t.Context(), other)
	want := moderation.Backlog{
		Waiting: 2, Oldest: start, Escalated: 1, Unknown: 1, OldestUnknown: unknown.Started,
		ByStatus:   map[moderation.Status]int{moderation.StatusPending: 1, moderation.StatusHeld: 1, moderation.StatusUnknown: 1},
		ByTier:     map[string]int{"protected": 2, "standard": 1},
		ByKind:     map[string]int{moderation.Suspend: 3},
		Unratified: 1, NextDeadline: owed.Deadline,
	}
	wantBacklog("a bit of everything", want)
	h.restart()
	wantBacklog("after a restart", want)
	h.handler.OnApply.Heal()
	if _, err := h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: second.ID, Actor: "mod2", Reason: "no"}); err != nil {
		t.Fatal(err)
	}
	h.clock.pass(6 * time.Hour)
	h.advances(first, moderation.StatusTimedOut)
	h.advances(owed, moderation.StatusUndone)
	want = moderation.Backlog{
		Unknown: 1, OldestUnknown: unknown.Started, Unratified: 1, ByStatus: map[moderation.Status]int{moderation.StatusUnknown: 1},
		ByTier: map[string]int{"standard": 1}, ByKind: map[string]int{moderation.Suspend: 1},
	}
	wantBacklog("at last", want)
}

func TestBacklogNeedsTheRightToReadEverything(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	_, err := h.guard.Backlog(t.Context(), "stranger")
	wantCode(t, err, moderation.CodeNoRule)
	h.denies(func(q moderation.Question) bool { return q.Target.Tier == moderation.Any && q.Kind == moderation.Any })
	_, err = h.guard.Backlog(t.Context(), "lead")
	wantCode(t, err, moderation.CodeDenied)
	_, err = h.guard.Backlog(t.Context(), "gone")
	wantCode(t, err, moderation.CodePastLastDay)
	_, err = h.guard.Backlog(t.Context(), "")
	wantCode(t, err, moderation.CodeInvalid)
}
