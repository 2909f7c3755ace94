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

var errLine = errors.New("lost the line")

// ryOpen is a host that tries three times again, after a minute and more, and
// whose service can't be asked.
func ryOpen(t *testing.T, change ...func(*vbHost)) *vbHost {
	t.Helper()
	return vbOpen(t, append([]func(*vbHost){func(h *vbHost) {
		h.config.Kinds[0].Probe = nil
		h.config.MaxRetries, h.config.RetryPause = 3, time.Minute
	}}, change...)...)
}

// breaks asks for what comes back with an error.
func (h *vbHost) breaks(a moderation.Action) moderation.Ticket {
	h.t.Helper()
	h.handler.OnApply.Inject(moderationtest.Fail(errLine))
	a.Key = h.key()
	t, err := h.guard.Do(h.t.Context(), a)
	if !errors.Is(err, moderation.ErrUnknown) {
		h.t.Fatalf("Do: %v, want an unknown outcome", err)
	}
	return t
}

func TestHandlerThatCameBackWithAnErrorIsCalledAgain(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	of := h.breaks(suspend("mod", "@one", ""))
	for i, pause := range []time.Duration{time.Minute, 2 * time.Minute} {
		if want := h.clock.read().Add(pause); !of.Retry.Equal(want) || !of.Due.Equal(want) {
			t.Fatalf("after %d tries: again at %v, due %v, want %v", i, of.Retry, of.Due, want)
		}
		h.clock.pass(pause - 1)
		h.advances(of, moderation.StatusUnknown)
		h.wantCalls(i + 1)
		h.clock.pass(1)
		of = h.advances(of, moderation.StatusUnknown)
		h.wantCalls(i + 2)
	}
	h.handler.OnApply.Heal()
	h.clock.pass(4 * time.Minute)
	of = h.advances(of, moderation.StatusExecuted)
	h.wantForce("acct-1", of)
	if of.Tries != 3 || !of.Retry.IsZero() {
		t.Errorf("%d tries, again at %v", of.Tries, of.Retry)
	}
	var fences []uint64
	keys, attempts := map[string]bool{}, map[string]bool{}
	for _, p := range h.handler.OnApply.Calls() {
		fences = append(fences, p.Fence)
		keys[p.Key] = true
	}
	intents := 0
	for _, r := range h.sink.Records() {
		if r.Event == audit.EventIntent {
			intents++
			attempts[string(r.State)] = true
		}
	}
	if d := cmp.Diff([]uint64{1, 2, 3, 4}, fences); d != "" || len(keys) != 1 || intents != 4 || len(attempts) != 4 {
		t.Errorf("%d keys, %d intents, %d of them unlike; fences (-want +got):\n%s", len(keys), intents, len(attempts), d)
	}
}

func TestHandlerIsNotCalledMoreOftenThanConfigured(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	of := h.breaks(suspend("mod", "@one", ""))
	for range 10 {
		h.clock.pass(time.Hour)
		of = h.advances(of, moderation.StatusUnknown)
	}
	h.wantCalls(4)
	if !of.Retry.IsZero() {
		t.Errorf("it is to be called again at %v", of.Retry)
	}
}

func TestHandlerIsNeverCalledAgainWhere(t *testing.T) {
	t.Parallel()
	fails := func(h *vbHost) moderation.Ticket { return h.breaks(suspend("mod", "@one", "")) }
	for _, tc := range []struct {
		name   string
		config func(*vbHost)
		setUp  func(*vbHost) moderation.Ticket
	}{
		{"its kind is not idempotent", func(h *vbHost) { h.config.Kinds[0].Idempotent = false }, fails},
		{"nothing was configured", func(h *vbHost) { h.config.MaxRetries = 0 }, fails},
		{"the process ended while it ran", func(*vbHost) {}, func(h *vbHost) moderation.Ticket {
			store := vbOver(h.t, h)
			store.before = func(c moderation.Change) error {
				if c.Record.Event == audit.EventOutcome {
					return errLine
				}
				return nil
			}
			h.open(h.t)
			of, err := h.guard.Do(h.t.Context(), suspend("mod", "@one", "k"))
			if !errors.Is(err, moderation.ErrUnrecorded) {
				h.t.Fatalf("Do: %v", err)
			}
			h.config.Store, h.config.Audit = nil, h.sink
			h.restart()
			return of
		}},
		{"it was resolved", func(*vbHost) {}, func(h *vbHost) moderation.Ticket {
			h.config.RetryPause = time.Hour
			h.open(h.t)
			of := fails(h)
			h.clock.pass(30 * time.Minute)
			if _, err := h.guard.Resolve(h.t.Context(), moderation.Resolution{Ticket: of.ID, Actor: "lead", Found: moderation.ProbeNotApplied, Reason: "looked"}); err != nil {
				h.t.Fatal(err)
			}
			return of
		}},
		{"it was undone", func(*vbHost) {}, func(h *vbHost) moderation.Ticket {
			of := fails(h)
			h.undoes(of, "mod2")
			return of
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := ryOpen(t, tc.config)
			of := tc.setUp(h)
			if got := h.shows(of); !got.Retry.IsZero() {
				t.Errorf("it is to be called again at %v", got.Retry)
			}
			for range 5 {
				h.clock.pass(time.Hour)
				h.guard.Advance(t.Context(), of.ID)
			}
			if n := h.handler.OnApply.Count(); n != 1 {
				t.Errorf("Apply was called %d times, want once", n)
			}
		})
	}
}

func TestEverythingIsDecidedAgainBeforeAHandlerIsCalledAgain(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*vbHost)
		goesOn bool // once what is in the way is gone
	}{
		{"the requester has left", func(h *vbHost) {
			h.change("mod", func(a *moderation.Actor) { a.Status = moderation.Departed })
		}, false},
		{"an approver has lost the right", func(h *vbHost) { h.holds("lead2") }, false},
		{"the policy denies it now", func(h *vbHost) {
			h.denies(func(q moderation.Question) bool { return q.Step == moderation.StepRequest })
		}, false},
		{"the policy asks for another approval now", func(h *vbHost) {
			h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}, moderation.Slot{"lead"}, moderation.Slot{"director"}))
		}, false},
		{"the target belongs to the requester now", func(h *vbHost) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-mod"} }, "@vip")
		}, false},
		{"the requester was revoked", func(h *vbHost) {
			if _, err := h.guard.Revoke(h.t.Context(), moderation.Revocation{Person: "p-mod", Actor: "boss", Reason: "stolen"}); err != nil {
				h.t.Fatal(err)
			}
		}, false},
		{"an approver was revoked", func(h *vbHost) {
			if _, err := h.guard.Revoke(h.t.Context(), moderation.Revocation{Person: "p-lead2", Actor: "boss", Reason: "stolen"}); err != nil {
				h.t.Fatal(err)
			}
		}, false},
		{"it is frozen", func(h *vbHost) { h.freezes("boss", moderation.Scope{All: true}) }, true},
		{"the directory does not answer", func(h *vbHost) { h.directory.OnActor.Inject(vbFailed) }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := ryOpen(t)
			of := h.asks("mod", "@vip")
			h.approves(of, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			h.handler.OnApply.Inject(moderationtest.Fail(errLine))
			h.advances(of, moderation.StatusUnknown)
			h.handler.OnApply.Heal()
			tc.change(h)
			h.clock.pass(time.Minute)
			got := h.advances(of, moderation.StatusUnknown)
			h.wantCalls(1)
			if tc.goesOn == got.Retry.IsZero() {
				t.Errorf("it is to be called again at %v; note %q", got.Retry, got.Note)
			}
			if !tc.goesOn && (h.last().Event != audit.EventEscalated && h.count(audit.EventEscalated) == 0 || got.Note == "") {
				t.Errorf("the last record is %s, the note %q", h.last().Event, got.Note)
			}
			if n := h.count(audit.EventIntent); n != 1 && tc.name != "it is frozen" || n > 2 { // a freeze has an intent
				t.Errorf("%d intents on record", n)
			}
			h.directory.OnActor.Heal()
			h.clock.pass(time.Hour)
			if tc.goesOn {
				h.advances(of, moderation.StatusExecuted)
				h.wantCalls(2)
				return
			}
			h.advances(of, moderation.StatusUnknown)
			h.wantCalls(1)
		})
	}
}

func TestHandlerIsNotCalledAgainPastTheDeadline(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	rule := vbNeeds(0, moderation.Slot{"lead"})
	rule.Deadline = 10 * time.Minute
	h.rule(moderation.StepRequest, "standard", rule)
	of := h.asks("mod", "@one")
	h.approves(of, "lead")
	h.handler.OnApply.Inject(moderationtest.Fail(errLine))
	of = h.advances(of, moderation.StatusUnknown)
	h.clock.pass(10 * time.Minute)
	of = h.advances(of, moderation.StatusUnknown)
	if !of.Retry.IsZero() || of.Note != "Its deadline passed before it could be tried again." {
		t.Errorf("again at %v, note %q", of.Retry, of.Note)
	}
	h.wantCalls(1)

	// Nor is a call planned for when it will be too late.
	of = h.asks("mod", "@two")
	h.approves(of, "lead")
	h.clock.pass(9*time.Minute + time.Second)
	if of = h.advances(of, moderation.StatusUnknown); !of.Retry.IsZero() {
		t.Errorf("again at %v, though the deadline is %v", of.Retry, of.Deadline)
	}
}

func TestServiceIsAskedBeforeAHandlerIsCalledAgain(t *testing.T) {
	t.Parallel()
	for found, want := range map[moderation.ProbeResult]moderation.Status{
		moderation.ProbeApplied: moderation.StatusExecuted, moderation.ProbeNotApplied: moderation.StatusFailed,
	} {
		h := ryOpen(t, func(h *vbHost) { h.config.Kinds[0].Probe = h.handler.Probe })
		h.handler.OnProbe.Inject(moderationtest.Fail(errLine))
		of := h.breaks(suspend("mod", "@one", ""))
		h.handler.OnProbe.Inject(moderationtest.Lie(func(moderation.ProbeResult) moderation.ProbeResult { return found }))
		h.clock.pass(time.Minute)
		h.advances(of, want)
		h.wantCalls(1)
	}
}

// A later call that changed nothing says nothing of the earlier one.
func TestRetryThatWasNotAppliedLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	h.handler.OnApply.Inject(moderationtest.After(moderationtest.Fail(errLine))) // it took effect
	of, err := h.guard.Do(t.Context(), suspend("mod", "@one", "k"))
	if !errors.Is(err, moderation.ErrUnknown) {
		t.Fatal(err)
	}
	h.handler.OnApply.Inject(moderationtest.Fail(moderation.ErrNotApplied))
	h.clock.pass(time.Minute)
	of = h.advances(of, moderation.StatusUnknown)
	h.wantForce("acct-1", of)
	if of.Tries != 1 || of.Retry.IsZero() {
		t.Errorf("%d tries, again at %v", of.Tries, of.Retry)
	}
}

// A freeze that comes behind the intent of a later call stops that call, and the
// ticket is not refused: the earlier call may have changed something.
func TestFreezeBehindTheIntentOfARetryLeavesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	h := ryOpen(t, func(h *vbHost) { vbOver(t, h) })
	of := h.breaks(suspend("mod", "@one", ""))
	store := h.config.Store.(*vbStore)
	store.after = func(c moderation.Change) {
		if c.Record.Event == audit.EventIntent && c.Record.Ticket == of.ID {
			store.after = nil
			h.freezes("lead", moderation.Scope{All: true})
		}
	}
	h.clock.pass(time.Minute)
	got, err := h.guard.Advance(t.Context(), of.ID)
	wantCode(t, err, moderation.CodeFrozen)
	if got.Status != moderation.StatusUnknown || got.Code != moderation.CodeFrozen || got.Retry.IsZero() {
		t.Errorf("%s, code %s, again at %v", got.Status, got.Code, got.Retry)
	}
	h.wantCalls(1)
}

func TestAttemptThatWakesUpIsRefusedByTheService(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	of := h.breaks(suspend("mod", "@one", ""))
	old := h.handler.OnApply.Calls()[0]
	h.handler.OnApply.Heal()
	h.clock.pass(time.Minute)
	h.advances(of, moderation.StatusExecuted)
	h.undoes(of, "mod2")
	if _, err := h.handler.Apply(context.Background(), old); !errors.Is(err, moderation.ErrNotApplied) {
		t.Errorf("the first attempt, woken up: %v", err)
	}
	h.wantForce("acct-1")
}

func TestTwoReplicasCallAgainOnce(t *testing.T) {
	t.Parallel()
	h := ryOpen(t, func(h *vbHost) { vbOver(t, h) })
	other, err := moderation.New(t.Context(), h.config)
	if err != nil {
		t.Fatal(err)
	}
	of := h.breaks(suspend("mod", "@one", ""))
	h.handler.OnApply.Heal()
	h.clock.pass(time.Minute)
	vbTogether(8, func(i int) {
		[]*moderation.Guard{h.guard, other}[i%2].Advance(context.Background(), of.ID)
	})
	h.wantStatus(of, moderation.StatusExecuted)
	h.wantCalls(2)
}

func TestRetryIsRememberedOverARestart(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	of := h.breaks(suspend("mod", "@one", ""))
	h.handler.OnApply.Heal()
	h.restart()
	h.clock.pass(time.Minute)
	h.advances(of, moderation.StatusExecuted)
	h.wantCalls(2)
}

func TestUndoAndTheEndOfADurationAreTriedAgain(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	a := suspend("mod", "@one", "")
	a.Duration = time.Hour
	ends, other := h.does(a), h.does(suspend("mod", "@two", ""))
	h.handler.OnUndo.Inject(moderationtest.Fail(errLine))
	h.clock.pass(48 * time.Hour) // nobody has looked; an end is never too late
	h.advances(ends, moderation.StatusUnknown)
	undo, err := h.tryUndo(other, "mod2")
	if !errors.Is(err, moderation.ErrUnknown) {
		t.Fatal(err)
	}
	h.handler.OnUndo.Heal()
	h.clock.pass(time.Minute)
	h.advances(ends, moderation.StatusEnded)
	h.advances(undo, moderation.StatusExecuted)
	h.wantStatus(other, moderation.StatusUndone)
	h.wantForce("acct-1")
	h.wantForce("acct-2")
}

// What became of an earlier call of Apply is known when its end is called.
func TestEndOfADurationCountsItsOwnTries(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	a := suspend("mod", "@one", "")
	a.Duration = time.Hour
	of := h.breaks(a)
	h.handler.OnApply.Heal()
	h.clock.pass(time.Minute)
	of = h.advances(of, moderation.StatusExecuted)
	h.handler.OnUndo.Inject(moderationtest.Fail(moderation.ErrNotApplied))
	h.clock.pass(2 * time.Hour)
	if of = h.advances(of, moderation.StatusExecuted); of.Tries != 0 {
		t.Errorf("%d tries of its end", of.Tries)
	}
	h.wantForce("acct-1", of)
}

func TestBypassIsTriedAgainAndOwed(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	h.handler.OnApply.Inject(moderationtest.Fail(errLine))
	b, err := h.tryBypass("lead", "@one")
	if !errors.Is(err, moderation.ErrUnknown) {
		t.Fatal(err)
	}
	h.handler.OnApply.Heal()
	h.clock.pass(time.Minute)
	if b = h.advances(b, moderation.StatusExecuted); !b.Owes() || len(b.Open) != 1 {
		t.Errorf("owes %v, open %v", b.Owes(), b.Open)
	}
	h.ratifies(b, "lead2")
}

func TestRetriesAreChargedOnce(t *testing.T) {
	t.Parallel()
	h := ryOpen(t)
	of := h.breaks(suspend("mod", "@one", ""))
	h.handler.OnApply.Heal()
	taken := len(h.limiter.OnTake.Calls())
	h.clock.pass(time.Minute)
	h.advances(of, moderation.StatusExecuted)
	if n := len(h.limiter.OnTake.Calls()); n != taken {
		t.Errorf("%d further charges", n-taken)
	}
	restored := len(h.limiter.OnRestore.Calls())
	h.restart()
	execute := 0
	for _, c := range h.limiter.OnRestore.Calls()[restored:] {
		if c.At == moderation.ChargeExecute {
			execute++
		}
	}
	if execute != 1 {
		t.Errorf("%d charges for its execution were restored, want 1", execute)
	}
}
