package moderation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestRatifyRefuses(t *testing.T) {
	t.Parallel()
	by := func(login string) func(*vbHost, moderation.Ticket) moderation.ReviewRequest {
		return func(h *vbHost, b moderation.Ticket) moderation.ReviewRequest { return h.review(b, login) }
	}
	after := func(change func(h *vbHost, b moderation.Ticket), login string) func(*vbHost, moderation.Ticket) moderation.ReviewRequest {
		return func(h *vbHost, b moderation.Ticket) moderation.ReviewRequest {
			change(h, b)
			return h.review(b, login)
		}
	}
	for _, tc := range []struct {
		name string
		ask  func(*vbHost, moderation.Ticket) moderation.ReviewRequest
		want moderation.Code
	}{
		{"who did it", by("lead"), moderation.CodeOwnRequest},
		{"the second login of who did it", by("lead-alt"), moderation.CodeOwnRequest},
		{"a login that turns out to be who did it", after(func(h *vbHost, _ moderation.Ticket) {
			h.change("lead", func(a *moderation.Actor) { a.Person = "p-lead2" })
		}, "lead2"), moderation.CodeOwnRequest},
		{"a service", by("robot"), moderation.CodeService},
		{"a leaver", by("leaver"), moderation.CodeLeaving},
		{"someone who is not eligible", by("mod"), moderation.CodeNoRule},
		{"someone with another role", by("director"), moderation.CodeNotEligible},
		{"someone who did already", after(func(h *vbHost, b moderation.Ticket) { h.ratifies(b, "lead2") }, "lead2"), moderation.CodeAlreadyCounted},
		{"someone who has a conflict of interest", after(func(h *vbHost, _ moderation.Ticket) {
			h.retarget("acct-1", func(t *moderation.Target) { t.Conflicts = []string{"p-lead2"} }, "@one")
		}, "lead2"), moderation.CodeConflictOf},
		{"whom a freeze names", after(func(h *vbHost, _ moderation.Ticket) { h.freezes("boss", moderation.Scope{Actor: "lead2"}) }, "lead2"), moderation.CodeFrozen},
		{"another digest than that shown", func(h *vbHost, b moderation.Ticket) moderation.ReviewRequest {
			r := h.review(b, "lead2")
			r.Digest[0]++
			return r
		}, moderation.CodeDigest},
		{"no digest", func(h *vbHost, b moderation.Ticket) moderation.ReviewRequest {
			r := h.review(b, "lead2")
			r.Digest = moderation.Digest{}
			return r
		}, moderation.CodeInvalid},
		{"when the time is over", after(func(h *vbHost, _ moderation.Ticket) { h.clock.pass(time.Hour) }, "lead2"), moderation.CodeTooLate},
		{"after a rejection", after(func(h *vbHost, b moderation.Ticket) {
			if _, err := h.guard.Reject(h.t.Context(), h.review(b, "lead3")); err != nil {
				h.t.Fatal(err)
			}
		}, "lead2"), moderation.CodeNotOpen},
		{"what was ratified", after(func(h *vbHost, b moderation.Ticket) { h.ratifies(b, "lead2", "lead3") }, "boss"), moderation.CodeNotOpen},
		{"a ticket that does not exist", func(h *vbHost, b moderation.Ticket) moderation.ReviewRequest {
			b.ID = "made-up"
			return h.review(b, "lead2")
		}, moderation.CodeNoTicket},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.rule(moderation.StepBypass, "standard", bpNeeds(time.Hour, moderation.Slot{"lead"}, moderation.Slot{"lead"}))
			b := h.bypasses("lead", "@one")
			_, err := h.guard.Ratify(t.Context(), tc.ask(h, b))
			wantCode(t, err, tc.want)
		})
	}
}

func TestRatificationThatNoLongerCountsIsVoided(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(h *vbHost)
	}{
		{"who ratified has left", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.Status = moderation.Departed })
		}},
		{"who ratified has lost the right", func(h *vbHost) { h.holds("lead2") }},
		{"who ratified is revoked", func(h *vbHost) {
			if _, err := h.guard.Revoke(h.t.Context(), moderation.Revocation{Person: "p-lead2", Actor: "boss", Reason: "stolen"}); err != nil {
				h.t.Fatal(err)
			}
		}},
		{"who ratified turns out to be who did it", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.Person = "p-lead" })
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.rule(moderation.StepBypass, "standard", bpNeeds(time.Hour, moderation.Slot{"lead"}, moderation.Slot{"lead"}))
			b := h.ratifies(h.bypasses("lead", "@one"), "lead2")
			tc.change(h)
			b = h.ratifies(b, "lead3")
			if !b.Owes() || b.Reviews[0].Void == "" || len(b.Open) != 1 {
				t.Fatalf("owes %v, first review void %q, open %v", b.Owes(), b.Reviews[0].Void, b.Open)
			}
			if b = h.ratifies(b, "boss"); b.Owes() {
				t.Error("it owes still")
			}
		})
	}
}

func TestRatificationIsHeldAgainstThePolicyOfThenAndNow(t *testing.T) {
	t.Parallel()
	lead, director := moderation.Slot{"lead"}, moderation.Slot{"director"}
	for _, tc := range []struct {
		name    string
		then    moderation.Requirement
		change  func(*vbHost)
		first   string
		settled bool
	}{
		{"as it was", bpNeeds(time.Hour, lead), func(*vbHost) {}, "lead2", true},
		{"stricter now", bpNeeds(time.Hour, lead), func(h *vbHost) {
			h.rule(moderation.StepBypass, "standard", bpNeeds(time.Hour, lead, director))
		}, "lead2", false},
		{"laxer now", bpNeeds(time.Hour, lead, director), func(h *vbHost) {
			h.rule(moderation.StepBypass, "standard", bpNeeds(time.Hour, lead))
		}, "lead2", false},
		{"who did it could not do it now", bpNeeds(time.Hour, lead), func(h *vbHost) { h.holds("lead") }, "lead2", true},
		{"who did it has left", bpNeeds(time.Hour, lead), func(h *vbHost) {
			h.change("lead", func(a *moderation.Actor) { a.Status = moderation.Departed })
		}, "lead2", true},
		{"nobody has the login any more", bpNeeds(time.Hour, lead), func(h *vbHost) { h.directory.RemoveActor("lead") }, "lead2", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.rule(moderation.StepBypass, "standard", tc.then)
			b := h.bypasses("lead", "@one")
			tc.change(h)
			if b = h.ratifies(b, tc.first); b.Owes() == tc.settled {
				t.Fatalf("after %s: owes %v, open %v", tc.first, b.Owes(), b.Open)
			}
			if !tc.settled {
				if b = h.ratifies(b, "director"); b.Owes() {
					t.Errorf("after director: open %v", b.Open)
				}
			}
		})
	}
}

func TestDependencyThatDoesNotAnswerRatifiesNothing(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := h.bypasses("lead", "@one")
	h.directory.OnActor.Inject(vbFailed)
	_, err := h.guard.Ratify(t.Context(), h.review(b, "lead2"))
	if !errors.Is(err, moderation.ErrUnavailable) {
		t.Fatalf("Ratify: %v", err)
	}
	h.directory.OnActor.Heal()
	if !h.shows(b).Owes() {
		t.Error("it is settled")
	}
}

func TestRejectedBypassIsUndoneByTheNextAdvance(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	other := h.does(moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "@one", Reason: "spam"})
	b := h.bypasses("lead", "@one")
	_, err := h.guard.Reject(t.Context(), h.review(b, "lead-alt"))
	wantCode(t, err, moderation.CodeOwnRequest)
	rejected, err := h.guard.Reject(t.Context(), h.review(b, "lead2"))
	if err != nil || rejected.Status != moderation.StatusExecuted || rejected.Due.After(h.clock.read()) {
		t.Fatalf("Reject: %s, due %v, %v", rejected.Status, rejected.Due, err)
	}
	undone := h.advances(b, moderation.StatusUndone)
	h.wantForce("acct-1", other)
	if undone.Code != moderation.CodeUnratified || undone.Note != "lead2 rejected the bypass: looked at it" || !undone.Owes() {
		t.Errorf("code %s, note %q, owes %v", undone.Code, undone.Note, undone.Owes())
	}
	if c := h.last().Cause; c == nil || c.Schedule != "ratification" || h.last().Event != audit.EventOutcome {
		t.Errorf("the last record is %s with cause %+v", h.last().Event, c)
	}
	_, err = h.tryBypass("lead", "@one")
	wantCode(t, err, moderation.CodeUnratified)
	// The one who rejected it may well be the one who answers for it.
	h.acknowledges(b, "lead2")
	again := h.bypasses("lead", "@one")
	if d := cmp.Diff([]moderation.Slot{{moderation.Any}, {moderation.Any}}, again.Open); d != "" {
		t.Errorf("who must ratify the next one on that target (-want +got):\n%s", d)
	}
	_, err = h.guard.Ratify(t.Context(), h.review(again, "lead2"))
	wantCode(t, err, moderation.CodeNeedsOthers)
}

func TestBypassThatIsNotRatifiedInTimeIsUndoneExactly(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	other := h.does(moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "@one", Reason: "spam"})
	b := h.bypasses("lead", "@one")
	h.clock.pass(18*time.Hour - 1)
	h.advances(b, moderation.StatusExecuted)
	if n := h.count(audit.EventEscalated); n != 0 {
		t.Errorf("%d escalations before three quarters of the time", n)
	}
	h.clock.pass(1)
	if got := h.advances(b, moderation.StatusExecuted); !got.Escalated.Equal(h.clock.read()) || !got.Due.Equal(b.Deadline) {
		t.Errorf("escalated %v, due %v", got.Escalated, got.Due)
	}
	h.advances(b, moderation.StatusExecuted)
	if n := h.count(audit.EventEscalated); n != 1 {
		t.Errorf("%d escalations, want 1", n)
	}
	h.clock.pass(6*time.Hour - 1)
	h.advances(b, moderation.StatusExecuted)
	h.clock.pass(1)
	undone := h.advances(b, moderation.StatusUndone)
	h.wantForce("acct-1", other)
	calls := h.handler.OnUndo.Calls()
	p := calls[len(calls)-1]
	if p.Undoes != b.ID || p.UndoToken != b.UndoToken || len(p.Standing) != 1 || p.Standing[0].Ticket != other.ID {
		t.Errorf("it was undone with %+v", p)
	}
	if undone.Note != "The bypass was not ratified in time." || undone.UndoneBy != "" || len(undone.Open) != 1 {
		t.Errorf("note %q, by %q, open %v", undone.Note, undone.UndoneBy, undone.Open)
	}
	calledBefore := h.calls()
	h.advances(b, moderation.StatusUndone)
	h.wantCalls(calledBefore)
}

func TestUndoOfABypassThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := h.bypasses("lead", "@one")
	h.clock.pass(24 * time.Hour)
	h.handler.OnUndo.Inject(moderationtest.Fail(moderation.ErrNotApplied))
	h.advances(b, moderation.StatusExecuted)
	_, err := h.guard.Ratify(t.Context(), h.review(b, "lead2"))
	wantCode(t, err, moderation.CodeTooLate)
	h.handler.OnUndo.Heal()
	h.clock.pass(time.Minute)
	h.advances(b, moderation.StatusUndone)
	h.wantForce("acct-1")
}

func TestBypassThatEndsBeforeItIsRatifiedIsOwed(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := bpOf("lead", "@one", "k")
	b.Action.Duration = time.Hour
	owed, err := h.guard.Bypass(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.pass(time.Hour)
	owed = h.advances(owed, moderation.StatusEnded)
	if c := h.last().Cause; c == nil || c.Schedule != "end" || !owed.Owes() {
		t.Errorf("owes %v, cause %+v", owed.Owes(), c)
	}
	h.clock.pass(17 * time.Hour)
	if got := h.advances(owed, moderation.StatusEnded); got.Escalated.IsZero() || !got.Due.IsZero() {
		t.Errorf("escalated %v, due %v", got.Escalated, got.Due)
	}
	h.restart()
	_, err = h.tryBypass("lead-alt", "@two")
	wantCode(t, err, moderation.CodeUnratified)
	if got := h.ratifies(owed, "lead2"); got.Status != moderation.StatusEnded || got.Owes() {
		t.Errorf("%s, owes %v", got.Status, got.Owes())
	}
	h.bypasses("lead-alt", "@two")
}

func TestRatificationAndItsDeadlineHaveOneWinner(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		h := vbOpen(t, func(h *vbHost) { vbOver(t, h) })
		b := h.bypasses("lead", "@one")
		h.clock.pass(24*time.Hour - 1)
		store := h.config.Store.(*vbStore)
		if i%2 == 0 {
			store.before = func(c moderation.Change) error {
				if c.Record.Event == audit.EventRatified {
					h.clock.pass(1)
					store.before = nil
					h.guard.Advance(context.Background(), b.ID)
				}
				return nil
			}
		}
		_, err := h.guard.Ratify(t.Context(), h.review(b, "lead2"))
		h.clock.pass(time.Hour)
		got, _ := h.guard.Advance(t.Context(), b.ID)
		if want := map[bool]moderation.Status{true: moderation.StatusExecuted, false: moderation.StatusUndone}[err == nil]; got.Status != want {
			t.Errorf("Ratify: %v, and the bypass is %s", err, got.Status)
		}
		if got.Owes() != (err != nil) {
			t.Errorf("Ratify: %v, and it owes %v", err, got.Owes())
		}
	}
}

func TestAcknowledgeRefuses(t *testing.T) {
	t.Parallel()
	undone := func(h *vbHost) moderation.Ticket { return h.undoneByItself(h.bypasses("lead", "@one")) }
	for _, tc := range []struct {
		name  string
		setUp func(*vbHost) moderation.Ticket
		actor string
		want  moderation.Code
	}{
		{"what stands", func(h *vbHost) moderation.Ticket { return h.bypasses("lead", "@one") }, "lead2", moderation.CodeNotOpen},
		{"who did it", undone, "lead", moderation.CodeOwnRequest},
		{"the second login of who did it", undone, "lead-alt", moderation.CodeOwnRequest},
		{"a service", undone, "robot", moderation.CodeOwnRequest},
		{"someone without the right", undone, "mod", moderation.CodeNoRule},
		{"someone with a conflict of interest", func(h *vbHost) moderation.Ticket {
			b := undone(h)
			h.retarget("acct-1", func(t *moderation.Target) { t.Conflicts = []string{"p-lead2"} }, "@one")
			return b
		}, "lead2", moderation.CodeConflictOf},
		{"whom a freeze names", func(h *vbHost) moderation.Ticket {
			b := undone(h)
			h.freezes("boss", moderation.Scope{Actor: "lead2"})
			return b
		}, "lead2", moderation.CodeFrozen},
		{"another digest", func(h *vbHost) moderation.Ticket { b := undone(h); b.Digest[0]++; return b }, "lead2", moderation.CodeDigest},
		{"twice", func(h *vbHost) moderation.Ticket { return h.acknowledges(undone(h), "boss") }, "lead2", moderation.CodeNotOpen},
		{"what was no bypass", func(h *vbHost) moderation.Ticket {
			of := h.does(suspend("lead", "@one", ""))
			h.undoes(of, "mod2")
			return of
		}, "lead2", moderation.CodeNotOpen},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			b := tc.setUp(h)
			_, err := h.guard.Acknowledge(t.Context(), h.review(b, tc.actor))
			wantCode(t, err, tc.want)
		})
	}
	h := vbOpen(t)
	b := undone(h)
	r := h.review(b, "lead2")
	r.Reason = ""
	_, err := h.guard.Acknowledge(t.Context(), r)
	wantCode(t, err, moderation.CodeInvalid)
}

func TestDebtOnATargetThatIsGoneCanBeAcknowledged(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := h.undoneByItself(h.bypasses("lead", "@one"))
	h.directory.RemoveTarget("acct-1")
	released := h.limiter.OnRelease.Count()
	got := h.acknowledges(b, "lead2")
	if n := h.limiter.OnRelease.Count() - released; n > 0 {
		t.Errorf("its place under an open limit was given free %d times more", n)
	}
	if got.Owes() || got.Reviews[len(got.Reviews)-1].Verdict != moderation.Acknowledged || got.Status != moderation.StatusUndone {
		t.Errorf("owes %v, %s, %+v", got.Owes(), got.Status, got.Reviews)
	}
	h.restart()
	h.bypasses("lead", "@two")
}

// An acknowledgement does not make an older ticket the target's last one again.
func TestAcknowledgementLeavesTheTargetsLastTicketInPlace(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := h.undoneByItself(h.bypasses("lead", "@one"))
	h.clock.pass(25 * time.Hour)
	later := h.does(suspend("mod", "@one", ""))
	h.undoes(later, "mod2")
	h.acknowledges(b, "lead2")
	if last := h.head("acct-1").Last; last == nil || last.ID != later.ID {
		t.Errorf("the last ticket is %+v, want %s", last, later.ID)
	}
}

// A bypass that is undone takes the place of the target's last ticket, and bars
// also those whom that one bars.
func TestUndoneBypassBarsWhomTheLastTicketBars(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepRequest, moderation.Limit, vbNeeds(0, moderation.Slot{"lead"}))
	b := h.bypasses("lead", "@one")
	other, err := h.guard.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "@one", Reason: "spam", Key: h.key()})
	wantPending(t, err)
	if _, err := h.guard.Reject(t.Context(), h.review(other, "lead2")); err != nil {
		t.Fatal(err)
	}
	if b, err = h.guard.Reject(t.Context(), h.review(b, "lead3")); err != nil {
		t.Fatal(err)
	}
	h.advances(b, moderation.StatusUndone)
	again := h.asks("mod2", "@one")
	for _, login := range []string{"lead", "lead2", "lead3"} {
		_, err := h.tryApprove(again, login)
		wantCode(t, err, moderation.CodeNeedsOthers)
	}
	h.approves(again, "boss")
}

func TestRevokeListsTheBypassesOfAPerson(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := h.bypasses("lead", "@one")
	got, err := h.guard.Revoke(t.Context(), moderation.Revocation{Person: "p-lead", Actor: "boss", Reason: "stolen"})
	if err != nil || len(got.Executed) != 1 || got.Executed[0].ID != b.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if !h.shows(b).Owes() {
		t.Error("it owes no more")
	}
}
