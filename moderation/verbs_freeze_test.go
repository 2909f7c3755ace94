package moderation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestFreezeStopsWhatItsScopeCovers(t *testing.T) {
	t.Parallel()
	limit := func(actor, target string) moderation.Action {
		return moderation.Action{Kind: moderation.Limit, Actor: actor, Target: target, Reason: "spam"}
	}
	for _, tc := range []struct {
		name  string
		scope moderation.Scope
		stops []moderation.Action
		lets  []moderation.Action
	}{
		{"everything", moderation.Scope{All: true},
			[]moderation.Action{suspend("mod", "@one", ""), limit("bot", "@two"), suspend("lead2", "@one", "")}, nil},
		{"an actor, with every login and service of the person", moderation.Scope{Actor: "mod"},
			[]moderation.Action{suspend("mod", "@one", ""), limit("mod", "@two"), suspend("mod-alt", "@one", ""), suspend("bot", "@one", "")},
			[]moderation.Action{suspend("mod2", "@one", "")}},
		{"an actor, whatever other login the person takes", moderation.Scope{Actor: "mod3-alt"},
			[]moderation.Action{suspend("mod3", "@one", ""), suspend("mod3-alt", "@one", "")},
			[]moderation.Action{suspend("mod2", "@one", "")}},
		{"a member of the team whose service asks", moderation.Scope{Actor: "lead2"},
			[]moderation.Action{suspend("helpdesk", "@one", "")},
			[]moderation.Action{suspend("mod", "@one", "")}},
		{"a kind", moderation.Scope{Kind: moderation.Suspend},
			[]moderation.Action{suspend("mod", "@one", "")},
			[]moderation.Action{limit("mod", "@one")}},
		{"a tier", moderation.Scope{Tier: "standard"},
			[]moderation.Action{suspend("mod", "@one", "")}, nil},
		{"another tier", moderation.Scope{Tier: "protected"}, nil,
			[]moderation.Action{suspend("mod", "@one", "")}},
		{"a domain", moderation.Scope{Domain: "en"},
			[]moderation.Action{suspend("mod", "@one", "")}, nil},
		{"another domain", moderation.Scope{Domain: "de"}, nil,
			[]moderation.Action{suspend("mod", "@one", "")}},
		{"an actor and a kind", moderation.Scope{Actor: "mod", Kind: moderation.Suspend},
			[]moderation.Action{suspend("mod", "@one", "")},
			[]moderation.Action{limit("mod", "@one"), suspend("mod2", "@one", "")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			freeze := h.freezes("lead", tc.scope)
			for i, a := range tc.stops {
				a.Key = h.key()
				_, err := h.guard.Do(t.Context(), a)
				r := wantCode(t, err, moderation.CodeFrozen)
				if r.Ticket != freeze.ID || r.RetryAfter != time.Hour || !errors.Is(err, moderation.ErrFrozen) {
					t.Errorf("refusal %d: ticket %s, retry after %v", i, r.Ticket, r.RetryAfter)
				}
			}
			h.wantCalls(0)
			for _, a := range tc.lets {
				h.does(a)
			}
			h.clock.pass(time.Hour)
			for _, a := range tc.stops {
				a.Key = h.key()
				if _, err := h.guard.Do(t.Context(), a); errors.Is(err, moderation.ErrFrozen) {
					t.Errorf("still frozen when the freeze is over: %v", err)
				}
			}
		})
	}
}

func TestFreezeRefuses(t *testing.T) {
	t.Parallel()
	all := moderation.Scope{All: true}
	for _, tc := range []struct {
		name string
		r    moderation.FreezeRequest
		want moderation.Code
	}{
		{"no scope", moderation.FreezeRequest{Actor: "lead", Duration: time.Hour}, moderation.CodeInvalid},
		{"all and something narrower", moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{All: true, Tier: "standard"}, Duration: time.Hour}, moderation.CodeInvalid},
		{"no duration", moderation.FreezeRequest{Actor: "lead", Scope: all}, moderation.CodeInvalid},
		{"a negative duration", moderation.FreezeRequest{Actor: "lead", Scope: all, Duration: -1}, moderation.CodeInvalid},
		{"more than the longest", moderation.FreezeRequest{Actor: "lead", Scope: all, Duration: 24*time.Hour + 1}, moderation.CodeInvalid},
		{"for good", moderation.FreezeRequest{Actor: "lead", Scope: all, Duration: moderation.Permanent}, moderation.CodeInvalid},
		{"by one without the right", moderation.FreezeRequest{Actor: "mod", Scope: all, Duration: time.Hour}, moderation.CodeNoRule},
		{"by one whose last day is over", moderation.FreezeRequest{Actor: "gone", Scope: all, Duration: time.Hour}, moderation.CodePastLastDay},
		{"a tier that does not exist", moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{Tier: "protcted"}, Duration: time.Hour}, ""},
		{"an actor whom nobody knows", moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{Actor: "mdo"}, Duration: time.Hour}, moderation.CodeUnknownActor},
		{"every tier by the sign for it", moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{Tier: moderation.Any}, Duration: time.Hour}, ""},
		{"a kind that does not exist", moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{Kind: "account.suspnd"}, Duration: time.Hour}, ""},
		{"every domain by the sign for it", moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{Domain: moderation.Any}, Duration: time.Hour}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			tc.r.Reason, tc.r.Key = "odd", "k"
			_, err := h.guard.Freeze(t.Context(), tc.r)
			if tc.want != "" {
				wantCode(t, err, tc.want)
			} else if !errors.Is(err, moderation.ErrRefused) {
				t.Fatalf("Freeze: %v, want a refusal: it would freeze nothing", err)
			}
			wantEvents(t, h.world, audit.EventRefused)
			h.does(suspend("mod", "@one", ""))
		})
	}
}

func TestFreezeNeverStopsWhatDoesNotRestrict(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	temporary := suspend("mod", "@one", "")
	temporary.Duration = time.Minute
	ends, undone := h.does(temporary), h.does(suspend("mod", "@two", ""))
	rejected, cancelled, approved := h.asks("mod", "@vip"), h.asks("mod2", "@vip"), h.asks("mod3", "@vip")
	h.freezes("lead", moderation.Scope{All: true})
	if _, err := h.guard.Reject(t.Context(), h.review(rejected, "lead")); err != nil {
		t.Errorf("Reject: %v", err)
	}
	if _, err := h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: cancelled.ID, Actor: "mod2", Reason: "no"}); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	if _, err := h.tryApprove(approved, "lead2"); err != nil {
		t.Errorf("Approve, which executes nothing: %v", err)
	}
	h.undoes(undone, "mod2")
	h.clock.pass(time.Minute)
	h.advances(ends, moderation.StatusEnded)
	h.wantForce("acct-1")
	h.wantForce("acct-2")
	h.freezes("lead2", moderation.Scope{All: true}) // nor another freeze
}

func TestWaitingTicketIsHeldUntilTheFreezeIsOver(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		h := vbOpen(t)
		ticket := h.asks("mod", "@vip")
		h.approves(ticket, "lead", "lead2")
		freeze := h.freezes("lead", moderation.Scope{Tier: "protected"})
		h.clock.pass(10 * time.Minute)
		got := h.advances(ticket, moderation.StatusHeld)
		if !got.Due.Equal(freeze.Until) || got.Note == "" {
			t.Errorf("due %v, note %q; want the freeze's end at %v", got.Due, got.Note, freeze.Until)
		}
		if early {
			if _, err := h.guard.Unfreeze(t.Context(), moderation.UndoRequest{Ticket: freeze.ID, Actor: "lead2", Reason: "was nothing", Key: "u"}); err != nil {
				t.Fatal(err)
			}
		} else {
			h.clock.pass(50*time.Minute - 1)
			h.advances(ticket, moderation.StatusHeld)
			h.wantCalls(0)
			h.clock.pass(1)
		}
		h.advances(ticket, moderation.StatusExecuted)
		h.wantForce("vip-1", ticket)
	}
}

func TestFreezeThatComesWhileTheIntentIsWrittenStillStops(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	store := vbOver(t, h)
	frozen := false
	store.after = func(c moderation.Change) {
		if len(c.Tickets) > 0 && c.Tickets[0].Status == moderation.StatusExecuting && c.Tickets[0].Step == moderation.StepRequest && !frozen {
			frozen = true
			h.freezes("lead", moderation.Scope{All: true})
		}
	}
	h.open(t)
	got, err := h.guard.Do(t.Context(), suspend("mod", "@one", "k"))
	wantCode(t, err, moderation.CodeFrozen)
	h.wantCalls(0)
	if got.Status == moderation.StatusExecuting {
		t.Error("what comes back with the refusal says that it is executing")
	}
	h.wantStatus(got, moderation.StatusRefused)
}

func TestFreezeEndsByItselfAlsoIfNobodyLooks(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	freeze := h.freezes("lead", moderation.Scope{All: true})
	h.clock.pass(time.Hour - 1)
	_, err := h.guard.Do(t.Context(), suspend("mod", "@one", "k1"))
	wantCode(t, err, moderation.CodeFrozen)
	h.restart()
	_, err = h.guard.Do(t.Context(), suspend("mod", "@one", "k2"))
	wantCode(t, err, moderation.CodeFrozen)
	h.clock.pass(1)
	h.does(suspend("mod", "@one", ""))
	h.advances(freeze, moderation.StatusEnded)
}

func TestTwoFreezesAreEndedOneByOne(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	first, second := h.freezes("lead", moderation.Scope{All: true}), h.freezes("lead2", moderation.Scope{Kind: moderation.Suspend})
	unfreeze := func(f moderation.Ticket) {
		t.Helper()
		if _, err := h.guard.Unfreeze(t.Context(), moderation.UndoRequest{Ticket: f.ID, Actor: "lead3", Reason: "over", Key: h.key()}); err != nil {
			t.Fatal(err)
		}
	}
	unfreeze(first)
	_, err := h.guard.Do(t.Context(), suspend("mod", "@one", h.key()))
	if r := wantCode(t, err, moderation.CodeFrozen); r.Ticket != second.ID {
		t.Errorf("frozen by %s, want %s", r.Ticket, second.ID)
	}
	unfreeze(second)
	h.does(suspend("mod", "@one", ""))
}

func TestNobodyLiftsAFreezeThatStandsOnThemselves(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ frozen, by string }{
		{"mod3", "mod3-alt"}, {"mod3-alt", "mod3-alt"}, {"lead", "lead"}, {"lead", "lead-alt"}, {"lead-alt", "lead"},
	} {
		t.Run(tc.by+" that of "+tc.frozen, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			freeze := h.freezes("lead2", moderation.Scope{Actor: tc.frozen})
			unfreeze := moderation.UndoRequest{Ticket: freeze.ID, Actor: tc.by, Reason: "let me", Key: "u"}
			_, err := h.guard.Unfreeze(t.Context(), unfreeze)
			wantCode(t, err, moderation.CodeSelf)
			h.rule(moderation.StepUnfreeze, moderation.Any, vbNeeds(0, moderation.Slot{"lead"}))
			unfreeze.Actor = "lead3"
			ticket, err := h.guard.Unfreeze(t.Context(), unfreeze)
			wantPending(t, err)
			_, err = h.tryApprove(ticket, tc.by)
			wantCode(t, err, moderation.CodeSelf)
			h.wantStatus(freeze, moderation.StatusExecuted)
		})
	}
}

func TestNobodyStopsAFreezeThatIsMeantForThemselves(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepFreeze, moderation.Any, vbNeeds(0, moderation.Slot{"lead"}))
	freeze, err := h.tryFreeze("lead2", moderation.Scope{Actor: "lead"})
	wantPending(t, err)
	_, err = h.guard.Reject(t.Context(), h.review(freeze, "lead-alt"))
	wantCode(t, err, moderation.CodeSelf)
	_, err = h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: freeze.ID, Actor: "lead", Reason: "not me"})
	wantCode(t, err, moderation.CodeSelf)
	h.approves(freeze, "lead3")
	h.advances(freeze, moderation.StatusExecuted)
}

func TestFrozenLoginStaysFrozenWhoeverItIsGivenTo(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.freezes("lead", moderation.Scope{Actor: "mod3"})
	h.change("mod3", func(a *moderation.Actor) { a.Person = "p-new" })
	for _, login := range []string{"mod3", "mod3-alt"} {
		_, err := h.guard.Do(t.Context(), suspend(login, "@one", h.key()))
		wantCode(t, err, moderation.CodeFrozen)
	}
}

func TestFreezeIsBudgeted(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
		return moderation.Usage{Allowed: c.Step != moderation.StepFreeze || c.At == moderation.ChargeRequest, RetryAfter: time.Hour}, nil
	})
	_, err := h.tryFreeze("lead", moderation.Scope{All: true})
	wantCode(t, err, moderation.CodeLimited)
	h.does(suspend("mod", "@one", ""))
	for _, c := range h.limiter.OnTake.Calls() {
		if c.Step == moderation.StepFreeze && (c.Kind != moderation.FreezeKind || c.Person != "p-lead" || c.Actor != "lead") {
			t.Errorf("charge of the freeze: %+v", c)
		}
	}
}

func TestFreezeMayNeedAQuorumLikeAnythingElse(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepFreeze, moderation.Any, vbNeeds(0, moderation.Slot{"director"}))
	freeze, err := h.tryFreeze("lead", moderation.Scope{All: true})
	wantPending(t, err)
	h.does(suspend("mod", "@one", ""))
	h.clock.pass(30 * time.Minute)
	h.approves(freeze, "director")
	h.advances(freeze, moderation.StatusExecuted)
	h.clock.pass(59 * time.Minute) // its hour began when it was executed
	_, err = h.guard.Do(t.Context(), suspend("mod", "@two", "k"))
	wantCode(t, err, moderation.CodeFrozen)
}

func TestNamesOfTheLibraryAreNobodysToUse(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	a := suspend("lead", "@one", "k")
	a.Kind, a.Duration = moderation.FreezeKind, time.Hour
	_, err := h.guard.Do(t.Context(), a)
	wantCode(t, err, moderation.CodeUnknownKind)
	_, err = h.guard.Do(t.Context(), suspend("mod", moderation.FreezeTarget, "k"))
	wantCode(t, err, moderation.CodeUnknownTarget)
	h.directory.OnResolve.Inject(moderationtest.Lie(func(string) string { return moderation.FreezeTarget }))
	_, err = h.guard.Do(t.Context(), suspend("mod", "@one", "k"))
	wantCode(t, err, moderation.CodeDirectory)
	h.wantCalls(0)
}
