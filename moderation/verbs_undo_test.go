package moderation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestUndoRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		setUp func(h *vbHost) (of moderation.Ticket, actor string)
		want  moderation.Code
		calls int
	}{
		{"a ticket that does not exist", func(*vbHost) (moderation.Ticket, string) {
			return moderation.Ticket{ID: "made-up"}, "mod"
		}, moderation.CodeNoTicket, 0},
		{"a ticket that still waits", func(h *vbHost) (moderation.Ticket, string) {
			return h.asks("mod", "@vip"), "mod2"
		}, moderation.CodeNotUndoable, 0},
		{"a ticket that was cancelled", func(h *vbHost) (moderation.Ticket, string) {
			of := h.asks("mod", "@vip")
			_, err := h.guard.Cancel(h.t.Context(), moderation.CancelRequest{Ticket: of.ID, Actor: "mod", Reason: "no"})
			if err != nil {
				h.t.Fatal(err)
			}
			return of, "mod2"
		}, moderation.CodeNotUndoable, 0},
		{"what was undone already", func(h *vbHost) (moderation.Ticket, string) {
			of := h.does(suspend("mod", "@one", ""))
			h.undoes(of, "mod2")
			return of, "mod3"
		}, moderation.CodeNotUndoable, 2},
		{"an undo", func(h *vbHost) (moderation.Ticket, string) {
			return h.undoes(h.does(suspend("mod", "@one", "")), "mod2"), "mod3"
		}, moderation.CodeNotUndoable, 2},
		{"what ended by itself", func(h *vbHost) (moderation.Ticket, string) {
			a := suspend("mod", "@one", "")
			a.Duration = time.Hour
			of := h.does(a)
			h.clock.pass(time.Hour)
			h.advances(of, moderation.StatusEnded)
			return of, "mod2"
		}, moderation.CodeNotUndoable, 2},
		{"an irreversible kind", func(h *vbHost) (moderation.Ticket, string) {
			of, err := h.guard.Do(h.t.Context(), moderation.Action{Kind: moderation.Remove, Actor: "mod", Target: "@one", Reason: "spam", Key: h.key()})
			wantPending(h.t, err)
			h.approves(of, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			return h.advances(of, moderation.StatusExecuted), "mod2"
		}, moderation.CodeIrreversible, 1},
		{"a freeze, which Unfreeze ends", func(h *vbHost) (moderation.Ticket, string) {
			return h.freezes("lead", moderation.Scope{All: true}), "lead2"
		}, moderation.CodeNotUndoable, 0},
		{"someone without the right", func(h *vbHost) (moderation.Ticket, string) {
			return h.does(suspend("mod", "@one", "")), "stranger"
		}, moderation.CodeNoRule, 1},
		{"someone whose last day is over", func(h *vbHost) (moderation.Ticket, string) {
			return h.does(suspend("mod", "@one", "")), "gone"
		}, moderation.CodePastLastDay, 1},
		{"whom the restriction stands on", func(h *vbHost) (moderation.Ticket, string) {
			return h.does(suspend("mod2", "@mod", "")), "mod"
		}, moderation.CodeSelf, 1},
		{"the second login of whom it stands on", func(h *vbHost) (moderation.Ticket, string) {
			return h.does(suspend("mod2", "@mod", "")), "mod-alt"
		}, moderation.CodeSelf, 1},
		{"a service of whom it stands on", func(h *vbHost) (moderation.Ticket, string) {
			return h.does(suspend("mod2", "@mod", "")), "bot"
		}, moderation.CodeSelf, 1},
		{"whoever has a conflict of interest", func(h *vbHost) (moderation.Ticket, string) {
			of := h.does(suspend("mod", "@one", ""))
			h.retarget("acct-1", func(t *moderation.Target) { t.Conflicts = []string{"p-mod2"} }, "@one")
			return of, "mod2"
		}, moderation.CodeConflictOf, 1},
		{"what is unknown and not idempotent", func(h *vbHost) (moderation.Ticket, string) {
			h.handler.OnApply.Inject(moderationtest.After(moderationtest.Fail(errors.New("lost the line"))))
			of, err := h.guard.Do(h.t.Context(), suspend("mod", "@one", h.key()))
			if !errors.Is(err, moderation.ErrUnknown) {
				h.t.Fatalf("Do: %v, want an unknown outcome", err)
			}
			return of, "mod2"
		}, moderation.CodeNotUndoable, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t, func(h *vbHost) { h.config.Kinds[0].Idempotent, h.config.Kinds[0].Probe = false, nil })
			of, actor := tc.setUp(h)
			_, err := h.tryUndo(of, actor)
			wantCode(t, err, tc.want)
			h.wantCalls(tc.calls)
			if last := h.sink.Records()[len(h.sink.Records())-1]; last.Event != audit.EventRefused || last.Actor.Login != actor {
				t.Errorf("the last record is %s by %q, want the refusal of %q", last.Event, last.Actor.Login, actor)
			}
		})
	}
}

func TestUnfreezeEndsFreezesOnly(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	of := h.does(suspend("mod", "@one", ""))
	_, err := h.guard.Unfreeze(t.Context(), moderation.UndoRequest{Ticket: of.ID, Actor: "lead", Reason: "no", Key: "u"})
	wantCode(t, err, moderation.CodeNotUndoable)
	h.wantForce("acct-1", of)
}

func TestUndoHandsOverExactlyWhatItRestoresAndWhatElseStands(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	temporary := suspend("mod", "@one", "")
	temporary.Duration = time.Hour
	first := h.does(temporary)
	h.clock.pass(time.Second)
	limit := moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "@one", Reason: "spam", Parameters: map[string]string{"posts": "3"}}
	second := h.does(limit)
	h.clock.pass(time.Second)
	third := h.does(suspend("mod3", "@one", ""))
	h.wantForce("acct-1", first, second, third)

	standing := func(t moderation.Ticket) moderation.Standing {
		return moderation.Standing{Ticket: t.ID, Kind: t.Action.Kind, Actor: t.Action.Actor, Parameters: t.Action.Parameters, Since: t.Executed, Until: t.Until}
	}
	applied := h.handler.OnApply.Calls()
	wantStanding := func(got []moderation.Standing, want ...moderation.Ticket) {
		t.Helper()
		var wanted []moderation.Standing
		for _, w := range want {
			wanted = append(wanted, standing(w))
		}
		if diff := cmp.Diff(wanted, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("standing (-want +got):\n%s", diff)
		}
	}
	wantStanding(applied[0].Standing)
	wantStanding(applied[1].Standing, first)
	wantStanding(applied[2].Standing, first, second)

	undo := h.undoes(second, "lead")
	h.wantForce("acct-1", first, third)
	p := h.handler.OnUndo.Calls()[0]
	wantStanding(p.Standing, first, third)
	if p.Undoes != second.ID || p.UndoToken != second.UndoToken || p.Ticket != undo.ID || p.Call != moderation.CallUndo || p.Target != "acct-1" {
		t.Errorf("permit of the undo: %+v", p)
	}
	if diff := cmp.Diff(limit.Parameters, p.Parameters); diff != "" {
		t.Errorf("parameters of the undo (-want +got):\n%s", diff)
	}
	if p.Fence <= applied[2].Fence {
		t.Errorf("the undo's fence is %d, not above %d", p.Fence, applied[2].Fence)
	}

	h.clock.pass(time.Hour)
	h.advances(first, moderation.StatusEnded)
	h.wantForce("acct-1", third)
	wantStanding(h.handler.OnUndo.Calls()[1].Standing, third)
	h.undoes(third, "lead")
	h.wantForce("acct-1")
	wantStanding(h.handler.OnUndo.Calls()[2].Standing)
	if got := h.wantStatus(second, moderation.StatusUndone); got.UndoneBy != undo.ID {
		t.Errorf("undone by %q, want %q", got.UndoneBy, undo.ID)
	}
}

func TestRepeatedUndoRunsNothingAgain(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	of := h.does(suspend("mod", "@one", ""))
	r := moderation.UndoRequest{Ticket: of.ID, Actor: "mod2", Reason: "was wrong", Key: "same"}
	first, err := h.guard.Undo(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		again, err := h.guard.Undo(t.Context(), r)
		if err != nil || again.ID != first.ID {
			t.Errorf("repeated: ticket %s, %v; want %s", again.ID, err, first.ID)
		}
		h.restart()
	}
	h.wantCalls(2)
}

func TestKeyOfAnUndoStandsForItAlone(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	one, two := h.does(suspend("mod", "@one", "k1")), h.does(suspend("mod", "@two", "k2"))
	undo := func(of moderation.Ticket, reason, key string) error {
		_, err := h.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: of.ID, Actor: "mod", Reason: reason, Key: key})
		return err
	}
	wantCode(t, undo(one, "wrong", "k1"), moderation.CodeKeyReused)
	if err := undo(one, "wrong", "u1"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, undo(two, "wrong", "u1"), moderation.CodeKeyReused)
	wantCode(t, undo(one, "another reason", "u1"), moderation.CodeKeyReused)
	_, err := h.guard.Do(t.Context(), suspend("mod", "@one", "u1"))
	wantCode(t, err, moderation.CodeKeyReused)
	_, err = h.guard.Unfreeze(t.Context(), moderation.UndoRequest{Ticket: one.ID, Actor: "mod", Reason: "wrong", Key: "u1"})
	wantCode(t, err, moderation.CodeKeyReused)
	h.wantForce("acct-2", two)
}

func TestUndoWaitsForItsOwnQuorum(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepUndo, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	of := h.does(suspend("mod", "@one", ""))
	undo, err := h.tryUndo(of, "mod2")
	wantPending(t, err)
	h.wantForce("acct-1", of)
	if undo.Digest == of.Digest || undo.Undoes != of.ID {
		t.Errorf("the undo's ticket takes back %q with the digest of the request: %v", undo.Undoes, undo.Digest == of.Digest)
	}
	wrong := h.review(undo, "lead")
	wrong.Digest = of.Digest
	_, err = h.guard.Approve(t.Context(), wrong)
	wantCode(t, err, moderation.CodeDigest)
	h.approves(undo, "lead")
	h.advances(undo, moderation.StatusExecuted)
	h.wantForce("acct-1")
}

func TestUndoThatSomebodyElseWasFasterWithIsRefused(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	of := h.does(suspend("mod", "@one", ""))
	h.rule(moderation.StepUndo, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	slow, err := h.tryUndo(of, "mod2")
	wantPending(t, err)
	h.approves(slow, "lead")
	h.rule(moderation.StepUndo, "standard", moderation.Requirement{Quorum: moderation.Quorum{None: true}})
	h.undoes(of, "mod3")
	got := h.advances(slow, moderation.StatusRefused)
	if got.Code != moderation.CodeNotUndoable {
		t.Errorf("code %s", got.Code)
	}
	h.wantCalls(2)
}

func TestManyUndosOfOneTicketCallTheHandlerOnce(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	of := h.does(suspend("mod", "@one", ""))
	logins := []string{"mod", "mod2", "mod3", "lead", "lead2", "lead3", "boss", "director"}
	done := make(chan moderation.Ticket, len(logins))
	vbTogether(len(logins), func(i int) {
		u, err := h.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: of.ID, Actor: logins[i], Reason: "was wrong", Key: "u"})
		if err == nil {
			done <- u
		} else if !errors.Is(err, moderation.ErrRefused) {
			t.Errorf("%s: %v", logins[i], err)
		}
	})
	if len(done) != 1 {
		t.Errorf("%d undos succeeded, want 1", len(done))
	}
	if n := h.handler.OnUndo.Count(); n != 1 {
		t.Errorf("%d calls of Undo, want 1", n)
	}
	h.wantStatus(of, moderation.StatusUndone)
}

// unknownTicket leaves a ticket whose outcome nobody knows; with applied the
// handler did its work before it lost the line.
func (h *vbHost) unknownTicket(applied bool) moderation.Ticket {
	h.t.Helper()
	fault := moderationtest.Fail(errors.New("lost the line"))
	if applied {
		fault = moderationtest.After(fault)
	}
	h.handler.OnApply.Inject(fault)
	h.handler.OnProbe.Inject(moderationtest.Fail(errors.New("no line")))
	of, err := h.guard.Do(h.t.Context(), suspend("mod", "@one", h.key()))
	if !errors.Is(err, moderation.ErrUnknown) {
		h.t.Fatalf("Do: %v, want an unknown outcome", err)
	}
	h.handler.OnApply.Heal()
	h.handler.OnProbe.Heal()
	return of
}

func TestUndoOfUnknownSettlesItWhereTheKindIsIdempotent(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		h := vbOpen(t)
		of := h.unknownTicket(applied)
		h.clock.pass(2 * time.Minute)
		undo := h.undoes(of, "mod2")
		h.wantForce("acct-1")
		if got := h.wantStatus(of, moderation.StatusUndone); got.UndoneBy != undo.ID {
			t.Errorf("applied %v: undone by %q", applied, got.UndoneBy)
		}
		h.does(suspend("mod", "@two", "")) // nothing is stuck
	}
}

func TestUndoOfUnknownWaitsUntilTheHandlerHasReturned(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	inside, finish := make(chan struct{}), make(chan struct{})
	returned := make(chan struct{})
	force := make(chan string, 2)
	h.config.HandlerTimeout = time.Millisecond
	h.config.Kinds[0].Apply = func(context.Context, moderation.Permit) (moderation.UndoToken, error) {
		defer close(returned)
		close(inside)
		<-finish
		force <- "applied"
		return "", nil
	}
	h.config.Kinds[0].Undo = func(context.Context, moderation.Permit) error {
		force <- "undone"
		return nil
	}
	h.open(t)
	of, err := h.guard.Do(t.Context(), suspend("mod", "@one", h.key()))
	<-inside
	if !errors.Is(err, moderation.ErrUnknown) {
		t.Fatalf("Do: %v, want an unknown outcome", err)
	}
	h.clock.pass(time.Hour)
	_, err = h.tryUndo(of, "mod2")
	close(finish)
	<-returned
	close(force)
	var order []string
	for step := range force {
		order = append(order, step)
	}
	if last := order[len(order)-1]; last == "applied" && err == nil {
		t.Errorf("Undo succeeded, but the handler that still ran came after it: %v", order)
	}
	if !errors.Is(err, moderation.ErrConflicting) {
		t.Errorf("Undo while the handler still runs: %v, want a refusal", err)
	}
}

// An undo of an unknown ticket and whoever finds out what became of that
// ticket can cross each other. Neither may leave the guard stuck.
func TestUndoCrossedByAResolutionLeavesNothingStuck(t *testing.T) {
	t.Parallel()
	for _, found := range []moderation.ProbeResult{moderation.ProbeApplied, moderation.ProbeNotApplied} {
		t.Run(string(found), func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			of := h.unknownTicket(found == moderation.ProbeApplied)
			h.clock.pass(time.Hour)
			undo := h.config.Kinds[0].Undo
			var resolved error
			h.config.Kinds[0].Undo = func(ctx context.Context, p moderation.Permit) error {
				_, resolved = h.guard.Resolve(t.Context(), moderation.Resolution{Ticket: of.ID, Actor: "lead", Found: found, Reason: "looked at it"})
				return undo(ctx, p)
			}
			h.open(t)
			u, err := h.tryUndo(of, "mod2")
			t.Logf("resolved meanwhile: %v; the undo: %v", resolved, err)
			h.does(suspend("mod", "@two", ""))
			h.wantForce("acct-1")
			h.restart()
			if got := h.shows(u); !got.Status.Final() && got.Status != moderation.StatusExecuted {
				t.Errorf("the undo's ticket stays %s", got.Status)
			}
			again, err := h.guard.Do(t.Context(), suspend("mod", "@one", "again"))
			if errors.Is(err, moderation.ErrPending) { // undone lately: it needs one approver
				again = h.advances(h.approves(again, "lead3"), moderation.StatusExecuted)
			} else if err != nil {
				t.Fatal(err)
			}
			h.wantForce("acct-1", again)
		})
	}
}

func TestUnknownUndoCanBeResolvedEitherWayWhateverBecameOfItsTicket(t *testing.T) {
	t.Parallel()
	for _, of := range []moderation.ProbeResult{moderation.ProbeApplied, moderation.ProbeNotApplied} {
		for _, undo := range []moderation.ProbeResult{moderation.ProbeApplied, moderation.ProbeNotApplied} {
			t.Run(string(of)+" and then "+string(undo), func(t *testing.T) {
				t.Parallel()
				h := vbOpen(t)
				ticket := h.unknownTicket(of == moderation.ProbeApplied)
				h.handler.OnUndo.Inject(moderationtest.Fail(errors.New("lost the line")))
				h.handler.OnProbe.Inject(moderationtest.Fail(nil))
				u, err := h.tryUndo(ticket, "mod2")
				if !errors.Is(err, moderation.ErrUnknown) {
					t.Fatalf("Undo: %v, want an unknown outcome", err)
				}
				h.clock.pass(time.Hour)
				settle := func(ticket moderation.Ticket, found moderation.ProbeResult) error {
					_, err := h.guard.Resolve(t.Context(), moderation.Resolution{Ticket: ticket.ID, Actor: "lead", Found: found, Reason: "looked at it"})
					return err
				}
				// While the undo is open the ticket may have to wait for it.
				if err := settle(ticket, of); err != nil && !errors.Is(err, moderation.ErrConflicting) {
					t.Fatal(err)
				}
				if err := settle(u, undo); err != nil {
					t.Fatalf("Resolve of the undo as %s: %v", undo, err)
				}
				if h.shows(ticket).Status == moderation.StatusUnknown {
					if err := settle(ticket, of); err != nil {
						t.Fatalf("Resolve of the request as %s: %v", of, err)
					}
				}
				h.handler.OnUndo.Heal()
				want := moderation.StatusExecuted
				switch {
				case undo == moderation.ProbeApplied:
					want = moderation.StatusUndone
				case of == moderation.ProbeNotApplied:
					want = moderation.StatusFailed
				}
				if got := h.shows(ticket).Status; got != want && (of != moderation.ProbeNotApplied || got != moderation.StatusFailed) {
					t.Errorf("the ticket came out %s, want %s", got, want)
				}
				h.restart()
				h.does(suspend("mod", "@two", ""))
				if _, err := h.guard.Do(t.Context(), suspend("mod3", "@one", "again")); err != nil && errors.Is(err, moderation.ErrUnavailable) {
					t.Error(err)
				}
				if head := h.head("acct-1"); head.Busy != "" {
					t.Errorf("ticket %s is still at work on the target", head.Busy)
				}
			})
		}
	}
}
