package moderation_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// Between approval and execution a person can change. What the approval was
// worth then does not matter: the ticket says why it no longer counts, waits
// again, and somebody else can fill the slot.
func TestApprovalIsVoidedWhere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		happens func(h *vbHost)
		why     string // on the ticket
	}{
		{"the approver has left", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.Status = moderation.Departed })
		}, "departed"},
		{"the approver was suspended", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.Status = moderation.Suspended })
		}, "suspended"},
		{"the approver's last day is over", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(h.clock.read().Add(-time.Second)) })
		}, "last day"},
		{"the approver has given notice", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(h.clock.read().Add(13 * 24 * time.Hour)) })
		}, "leaving"},
		{"the approver's login is gone", func(h *vbHost) { h.directory.RemoveActor("lead2") }, "lead2"},
		{"the approver has lost the right", func(h *vbHost) { h.holds("lead2") }, "lead2"},
		{"the approver has another role now", func(h *vbHost) { h.holds("lead2", "director") }, ""},
		{"the approver has got a conflict of interest", func(h *vbHost) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Conflicts = []string{"p-lead2"} }, "@vip")
		}, "conflict"},
		{"the approver owns the target now", func(h *vbHost) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-lead2"} }, "@vip")
		}, "own"},
		{"the approver's login is a service now", func(h *vbHost) {
			h.directory.SetActor(vbService("lead2", "p-lead2"))
		}, "service"},
		{"the approver turns out to be the requester", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.Person = "p-mod" })
		}, "asked"},
		{"both approvers turn out to be one person", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.Person = "p-lead" })
		}, "lead"},
		{"the approver's login was given to somebody else", func(h *vbHost) {
			h.change("lead2", func(a *moderation.Actor) { a.Person = "p-new" })
		}, "lead2"},
		{"the policy denies the approver", func(h *vbHost) {
			h.denies(func(q moderation.Question) bool { return q.Step == moderation.StepApprove && q.Actor.Login == "lead2" })
		}, "lead2"},
		{"the policy denies the approver where the target is", func(h *vbHost) {
			h.denies(func(q moderation.Question) bool {
				return q.Step == moderation.StepApprove && q.Actor.Login == "lead2" && q.Target.Domain == "en"
			})
		}, "lead2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks("mod", "@vip")
			h.approves(ticket, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			tc.happens(h)
			got := h.advances(ticket, moderation.StatusPending)
			h.wantCalls(0)
			if len(got.Open) != 1 || !got.Approved.IsZero() {
				t.Errorf("open %v, approved %v; want one open slot and no quorum", got.Open, got.Approved)
			}
			voided := slices.DeleteFunc(slices.Clone(got.Reviews), func(r moderation.Review) bool { return r.Void == "" })
			switch {
			case tc.why == "": // the review stands, but fills no slot any more
			case len(voided) != 1 || !strings.HasPrefix(voided[0].Login, "lead"):
				t.Errorf("reviews %+v: want one of them voided", got.Reviews)
			case !strings.Contains(voided[0].Void, tc.why):
				t.Errorf("voided because %q, want the reason (%s)", voided[0].Void, tc.why)
			}
			if n := h.count(audit.EventVoided); n != 1 {
				t.Errorf("%d records say that an approval was voided, want 1", n)
			}
			h.advances(ticket, moderation.StatusPending)
			if got := h.approves(ticket, "lead3"); got.Status != moderation.StatusHeld || !got.Due.Equal(h.clock.read().Add(10*time.Minute)) {
				t.Fatalf("after another approval: %s, due %v", got.Status, got.Due)
			}
			h.advances(ticket, moderation.StatusHeld) // the hold begins anew
			h.clock.pass(10 * time.Minute)
			h.advances(ticket, moderation.StatusExecuted)
			h.wantForce("vip-1", ticket)
		})
	}
}

func TestVoidedApprovalCanBeGivenAgain(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead", "lead2")
	h.change("lead2", func(a *moderation.Actor) { a.Status = moderation.Suspended })
	h.clock.pass(10 * time.Minute)
	h.advances(ticket, moderation.StatusPending)
	_, err := h.tryApprove(ticket, "lead")
	wantCode(t, err, moderation.CodeAlreadyCounted)
	h.change("lead2", func(a *moderation.Actor) { a.Status = moderation.Active })
	h.approves(ticket, "lead2")
	h.clock.pass(10 * time.Minute)
	h.advances(ticket, moderation.StatusExecuted)
}

func TestApprovalThatNoLongerCountsIsVoidedByTheNextApproval(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead")
	h.change("lead", func(a *moderation.Actor) { a.Status = moderation.Departed })
	got := h.approves(ticket, "lead2")
	if got.Status != moderation.StatusPending || len(got.Open) != 1 || got.Reviews[0].Void == "" {
		t.Errorf("%s with %v open and reviews %+v", got.Status, got.Open, got.Reviews)
	}
	if got := h.approves(ticket, "lead3"); got.Status != moderation.StatusHeld {
		t.Errorf("%s", got.Status)
	}
}

// What stands against the action itself ends the ticket.
func TestExecutionIsRefusedWhere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		by      string
		happens func(h *vbHost)
		want    moderation.Code
	}{
		{"the requester has left", "mod", func(h *vbHost) {
			h.change("mod", func(a *moderation.Actor) { a.Status = moderation.Departed })
		}, moderation.CodeInactive},
		{"the requester's last day is over", "mod", func(h *vbHost) {
			h.change("mod", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(h.clock.read()) })
		}, moderation.CodePastLastDay},
		{"the requester's login was given to somebody else", "mod", func(h *vbHost) {
			h.change("mod", func(a *moderation.Actor) { a.Person = "p-new" })
		}, moderation.CodeInactive},
		{"the requester's login was given to an approver", "mod", func(h *vbHost) {
			h.change("mod", func(a *moderation.Actor) { a.Person = "p-lead" })
		}, moderation.CodeInactive},
		{"the requester's login is gone", "mod", func(h *vbHost) { h.directory.RemoveActor("mod") }, moderation.CodeUnknownActor},
		{"the requester has lost every role", "mod", func(h *vbHost) { h.holds("mod") }, moderation.CodeNoRule},
		{"the service has another owner", "bot", func(h *vbHost) {
			h.directory.SetActor(vbService("bot", "p-lead3"))
		}, moderation.CodeInactive},
		{"the policy denies it now", "mod", func(h *vbHost) {
			h.denies(func(q moderation.Question) bool { return q.Step == moderation.StepRequest })
		}, moderation.CodeDenied},
		{"the target belongs to the requester now", "mod", func(h *vbHost) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Owners = []string{"p-mod"} }, "@vip")
		}, moderation.CodeSelf},
		{"the requester has got a conflict of interest", "mod", func(h *vbHost) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Conflicts = []string{"p-mod"} }, "@vip")
		}, moderation.CodeConflictOf},
		{"the target is gone", "mod", func(h *vbHost) { h.directory.RemoveTarget("vip-1") }, moderation.CodeUnknownTarget},
		{"the target's tier is none that is known", "mod", func(h *vbHost) {
			h.retarget("vip-1", func(t *moderation.Target) { t.Tier = "platinum" }, "@vip")
		}, moderation.CodeUnknownTier},
		{"somebody else has done the same meanwhile", "mod", func(h *vbHost) {
			h.rule(moderation.StepRequest, "protected", moderation.Requirement{Quorum: moderation.Quorum{None: true}})
			h.does(suspend("mod2", "@vip", ""))
		}, moderation.CodeStands},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks(tc.by, "@vip")
			h.approves(ticket, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			tc.happens(h)
			calls := h.calls()
			got, err := h.guard.Advance(t.Context(), ticket.ID)
			wantCode(t, err, tc.want)
			if got.Status != moderation.StatusRefused || got.Code != tc.want || got.Note == "" {
				t.Errorf("ticket is %s with code %s and note %q", got.Status, got.Code, got.Note)
			}
			h.wantCalls(calls)
			h.advances(ticket, moderation.StatusRefused)
			again := ticket.Action
			if _, err := h.guard.Do(t.Context(), again); !errors.Is(err, moderation.ErrRefused) {
				t.Errorf("the same key again: %v, want a refusal", err)
			}
			h.wantCalls(calls)
		})
	}
}

func TestHandleThatMovedToAnotherAccountChangesNothing(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead", "lead2")
	h.retarget("acct-2", func(*moderation.Target) {}, "@vip", "@two")
	h.clock.pass(10 * time.Minute)
	h.advances(ticket, moderation.StatusExecuted)
	h.wantForce("vip-1", ticket)
	h.wantForce("acct-2")
	again, err := h.guard.Do(t.Context(), ticket.Action)
	if err != nil || again.ID != ticket.ID || again.Subject.ID != "vip-1" {
		t.Errorf("the same key when the handle has moved: ticket %s on %s, %v", again.ID, again.Subject.ID, err)
	}
}

func TestThenAndNowMustBothBeSatisfied(t *testing.T) {
	t.Parallel()
	lead, director := moderation.Slot{"lead"}, moderation.Slot{"director"}
	deadline := func(r moderation.Requirement, d time.Duration) moderation.Requirement {
		r.Deadline = d
		return r
	}
	none := moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	for _, tc := range []struct {
		name      string
		then, now moderation.Requirement
		before    []string // approve under the policy of then
		pass      time.Duration
		waits     []string // who must approve besides, under the policy of now
		hold      time.Duration
		end       moderation.Status
	}{
		{"stricter now: the further slot must be filled", vbNeeds(0, lead), vbNeeds(0, lead, director), []string{"lead"}, 0, []string{"director"}, 0, moderation.StatusExecuted},
		{"stricter now: other roles", vbNeeds(0, lead), vbNeeds(0, director), []string{"lead"}, 0, []string{"director"}, 0, moderation.StatusExecuted},
		{"one person with both roles satisfies then and now", vbNeeds(0, lead), vbNeeds(0, director), []string{"boss"}, 0, nil, 0, moderation.StatusExecuted},
		{"laxer now: what was asked for then is still needed", vbNeeds(0, lead, lead), none, []string{"lead"}, 0, []string{"lead2"}, 0, moderation.StatusExecuted},
		{"laxer now: the hold of then", vbNeeds(time.Hour, lead), none, []string{"lead"}, 0, nil, time.Hour, moderation.StatusExecuted},
		{"a longer hold now", vbNeeds(time.Minute, lead), vbNeeds(time.Hour, lead), []string{"lead"}, 0, nil, time.Hour, moderation.StatusExecuted},
		{"a shorter hold now", vbNeeds(time.Hour, lead), vbNeeds(time.Minute, lead), []string{"lead"}, 0, nil, time.Hour, moderation.StatusExecuted},
		{"an earlier deadline now", vbNeeds(0, lead), deadline(vbNeeds(0, lead), time.Hour), []string{"lead"}, time.Hour, nil, 0, moderation.StatusTimedOut},
		{"a later deadline now", deadline(vbNeeds(0, lead), time.Hour), vbNeeds(0, lead), []string{"lead"}, time.Hour, nil, 0, moderation.StatusTimedOut},
		{"an earlier deadline now, just in time", vbNeeds(0, lead), deadline(vbNeeds(0, lead), time.Hour), []string{"lead"}, time.Hour - 1, nil, 0, moderation.StatusExecuted},
		{"an unstated quorum now", vbNeeds(0, lead), moderation.Requirement{}, []string{"lead"}, 0, nil, 0, moderation.StatusRefused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.rule(moderation.StepRequest, "protected", tc.then)
			ticket := h.asks("mod", "@vip")
			h.approves(ticket, tc.before...)
			h.rule(moderation.StepRequest, "protected", tc.now)
			h.mu.Lock()
			h.policy = "policy-2"
			h.mu.Unlock()
			h.clock.pass(tc.pass)
			if len(tc.waits) > 0 {
				h.advances(ticket, moderation.StatusPending)
				h.wantCalls(0)
				h.approves(ticket, tc.waits...)
			}
			if tc.hold > 0 {
				h.clock.pass(tc.hold - 1)
				h.advances(ticket, moderation.StatusHeld)
				h.wantCalls(0)
				h.clock.pass(1)
			}
			h.advances(ticket, tc.end)
			if tc.end != moderation.StatusExecuted {
				h.wantCalls(0)
				return
			}
			h.wantForce("vip-1", ticket)
			for _, r := range h.sink.Records() {
				if r.Event == audit.EventIntent && (r.Decision.Policy != "policy-2" || r.Decision.PolicyThen != policyDigest) {
					t.Errorf("the intent names the policies %q and %q", r.Decision.PolicyThen, r.Decision.Policy)
				}
			}
		})
	}
}

func TestPolicyThatGetsStricterAndLaxAgainLeavesNoTicketStuck(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}))
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead")
	h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}, moderation.Slot{"director"}))
	h.advances(ticket, moderation.StatusPending)
	h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}))
	h.advances(ticket, moderation.StatusExecuted)
}

func TestTierThatRisesBetweenRequestAndExecutionCounts(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	ticket := h.asks("mod", "@one")
	h.approves(ticket, "lead")
	h.retarget("acct-1", func(t *moderation.Target) { t.Tier = "protected" }, "@one")
	got := h.advances(ticket, moderation.StatusPending)
	if len(got.Open) != 1 {
		t.Errorf("open: %v, want the second lead of a protected account", got.Open)
	}
	h.approves(ticket, "lead2")
	h.clock.pass(10 * time.Minute)
	h.advances(ticket, moderation.StatusExecuted)
	if p := h.handler.OnApply.Calls()[0]; p.Tier != "protected" {
		t.Errorf("the handler was told tier %q", p.Tier)
	}
}

func TestHigherTierSeenLatelyCounts(t *testing.T) {
	t.Parallel()
	standard := func(t *moderation.Target) { t.Tier = "standard" }
	t.Run("also when the directory says otherwise a moment later", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		h.asks("mod", "@vip")
		h.retarget("vip-1", standard, "@vip")
		ticket := h.asks("mod2", "@vip")
		if ticket.Subject.Tier != "protected" {
			t.Errorf("tier %s", ticket.Subject.Tier)
		}
		h.approves(ticket, "lead", "lead2")
		h.clock.pass(10 * time.Minute)
		h.advances(ticket, moderation.StatusExecuted)
		h.clock.pass(24 * time.Hour)
		h.undoes(ticket, "mod")
		h.clock.pass(25 * time.Hour)
		h.does(suspend("mod2", "@vip", "")) // a day later it is what the directory says
	})
	t.Run("also when an older ticket is touched in between", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		h.retarget("vip-1", standard, "@vip")
		h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}))
		old := h.asks("mod", "@vip")
		h.clock.pass(time.Minute)
		h.retarget("vip-1", func(t *moderation.Target) { t.Tier = "protected" }, "@vip")
		h.asks("mod2", "@vip")
		if _, err := h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: old.ID, Actor: "mod", Reason: "no"}); err != nil {
			t.Fatal(err)
		}
		h.retarget("vip-1", standard, "@vip")
		if ticket := h.asks("mod3", "@vip"); ticket.Subject.Tier != "protected" {
			t.Errorf("tier %s: the event of an older ticket has wiped out what was seen since", ticket.Subject.Tier)
		}
	})
	t.Run("also when only an execution saw it", func(t *testing.T) {
		t.Parallel()
		h := vbOpen(t)
		h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}, moderation.Slot{"lead"}))
		ticket := h.asks("mod", "@one")
		h.approves(ticket, "lead", "lead2")
		h.clock.pass(time.Hour)
		h.retarget("acct-1", func(t *moderation.Target) { t.Tier = "protected" }, "@one")
		h.advances(ticket, moderation.StatusExecuted)
		h.undoes(ticket, "mod2")
		h.clock.pass(23 * time.Hour)
		h.retarget("acct-1", standard, "@one")
		if again := h.asks("mod3", "@one"); again.Subject.Tier != "protected" {
			t.Errorf("tier %s, want the one that the execution a few hours ago saw", again.Subject.Tier)
		}
	})
}

func TestTierThatTheRequesterExpectedMustStillHold(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepRequest, "standard", vbNeeds(0, moderation.Slot{"lead"}))
	a := suspend("mod", "@one", h.key())
	a.Tier = "standard"
	ticket, err := h.guard.Do(t.Context(), a)
	wantPending(t, err)
	h.approves(ticket, "lead")
	h.retarget("acct-1", func(t *moderation.Target) { t.Tier = "protected" }, "@one")
	got, err := h.guard.Advance(t.Context(), ticket.ID)
	wantCode(t, err, moderation.CodeTierMismatch)
	if got.Status != moderation.StatusRefused {
		t.Errorf("%s", got.Status)
	}
}

func TestDeadlineOfNowIsLookedAtOnceMoreBehindTheIntent(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	vbSlowCommits(t, h, func(c moderation.Change) bool { return c.Tickets[0].Status == moderation.StatusExecuting }, 2*time.Second)
	h.open(t)
	h.rule(moderation.StepRequest, "protected", vbNeeds(0, moderation.Slot{"lead"}))
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead")
	shorter := vbNeeds(0, moderation.Slot{"lead"})
	shorter.Deadline = time.Hour
	h.rule(moderation.StepRequest, "protected", shorter)
	h.clock.pass(time.Hour - time.Second)
	got, err := h.guard.Advance(t.Context(), ticket.ID)
	wantCode(t, err, moderation.CodeTooLate)
	h.wantCalls(0)
	if got = h.shows(ticket); !got.Status.Final() {
		t.Errorf("%s", got.Status)
	}
}

func TestDependencyThatDoesNotAnswerLeavesAnApprovedTicketWaiting(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(h *vbHost) (heal func()){
		"directory": func(h *vbHost) func() {
			h.directory.OnActor.InjectWhen(func(login string) bool { return login == "lead2" }, vbFailed)
			return h.directory.OnActor.Heal
		},
		"target": func(h *vbHost) func() { h.directory.OnTarget.Inject(vbFailed); return h.directory.OnTarget.Heal },
		"policy": func(h *vbHost) func() { h.authorizer.OnDecide.Inject(vbFailed); return h.authorizer.OnDecide.Heal },
		"limits": func(h *vbHost) func() { h.limiter.OnTake.Inject(vbFailed); return h.limiter.OnTake.Heal },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks("mod", "@vip")
			h.approves(ticket, "lead", "lead2")
			h.clock.pass(10 * time.Minute)
			heal := fail(h)
			got, err := h.guard.Advance(t.Context(), ticket.ID)
			if !errors.Is(err, moderation.ErrUnavailable) || got.Status != moderation.StatusHeld {
				t.Errorf("%s, %v; want a held ticket and an unavailable dependency", got.Status, err)
			}
			h.wantCalls(0)
			heal()
			h.advances(ticket, moderation.StatusExecuted)
		})
	}
}

// Two processes can build the same intent at the same instant, to the byte. A
// store takes the second for a retry of the first, so it must not be the same.
func TestTwoExecutorsNeverTakeOneIntentForTheirOwn(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	store := vbOver(t, h)
	h.open(t)
	other, err := moderation.New(t.Context(), h.config)
	if err != nil {
		t.Fatal(err)
	}
	ticket := h.asks("mod", "@vip")
	h.approves(ticket, "lead", "lead2")
	h.clock.pass(10 * time.Minute)
	var built sync.WaitGroup
	built.Add(2)
	store.before = func(c moderation.Change) error {
		if len(c.Tickets) > 0 && c.Tickets[0].Status == moderation.StatusExecuting {
			built.Done()
			built.Wait() // both have decided
		}
		return nil
	}
	guards := []*moderation.Guard{h.guard, other}
	vbTogether(2, func(i int) { _, _ = guards[i].Advance(t.Context(), ticket.ID) })
	h.wantCalls(1)
	h.wantStatus(ticket, moderation.StatusExecuted)
}

// Whoever looks at a ticket sees how long it will really be held.
func TestTheHoldOfThenShowsInWhenATicketIsDue(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	lead := moderation.Slot{"lead"}
	h.rule(moderation.StepRequest, "protected", vbNeeds(time.Hour, lead))
	ticket := h.asks("mod", "@vip")
	h.rule(moderation.StepRequest, "protected", vbNeeds(time.Minute, lead))
	if got := h.approves(ticket, "lead"); !got.Due.Equal(h.clock.read().Add(time.Hour)) {
		t.Errorf("it is due %v after its approval, want the hour of the policy under which it was asked for", got.Due.Sub(h.clock.read()))
	}
}
