package moderation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestBypassIsDoneAtOnceAndOwed(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.rule(moderation.StepBypass, "protected", bpNeeds(time.Hour, moderation.Slot{"lead"}, moderation.Slot{"director"}))
	b := h.bypasses("lead", "@vip") // which takes two leads and a hold otherwise
	h.wantForce("vip-1", b)
	want := []any{moderation.StatusExecuted, moderation.StepBypass, "incident-7", true, h.clock.read().Add(time.Hour)}
	if d := cmp.Diff(want, []any{b.Status, b.Step, b.Action.Case, b.Owes(), b.Deadline}); d != "" {
		t.Errorf("the ticket (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]moderation.Slot{{"lead"}, {"director"}}, b.Open); d != "" {
		t.Errorf("who must ratify (-want +got):\n%s", d)
	}
	wantEvents(t, h.world, audit.EventIntent, audit.EventOutcome)
	for _, r := range h.sink.Records() {
		if r.Step != "bypass" || r.Case != "incident-7" || len(r.Reviews) > 0 || r.Actor.Login != "lead" {
			t.Errorf("record %s has step %q, case %q, reviews %v, actor %q", r.ID, r.Step, r.Case, r.Reviews, r.Actor.Login)
		}
	}
	again, err := h.guard.Bypass(t.Context(), bpOf("lead", "@vip", b.Action.Key))
	if err != nil || again.ID != b.ID {
		t.Errorf("asked again under the same key: %s, %v", again.ID, err)
	}
	h.wantCalls(1)
}

func TestBypassNeedsOneOtherPersonWithinADayWhereThePolicyNamesNobody(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := h.bypasses("lead", "@one")
	if d := cmp.Diff([]moderation.Slot{{moderation.Any}}, b.Open); d != "" || !b.Deadline.Equal(h.clock.read().Add(24*time.Hour)) {
		t.Errorf("until %v, by (-want +got):\n%s", b.Deadline, d)
	}
	settled := h.ratifies(b, "lead2")
	if settled.Owes() || !settled.Settled.Equal(h.clock.read()) || len(settled.Open) > 0 || !settled.Due.IsZero() {
		t.Errorf("ratified: settled %v, open %v, due %v", settled.Settled, settled.Open, settled.Due)
	}
	h.clock.pass(48 * time.Hour)
	h.advances(b, moderation.StatusExecuted)
	h.wantForce("acct-1", b)
	h.bypasses("lead", "@two")
}

func TestBypassRefuses(t *testing.T) {
	t.Parallel()
	action := func(change func(*moderation.BypassRequest)) func(*vbHost) moderation.BypassRequest {
		return func(h *vbHost) moderation.BypassRequest {
			b := bpOf("lead", "@one", "k")
			change(&b)
			return b
		}
	}
	for _, tc := range []struct {
		name  string
		setUp func(*vbHost) moderation.BypassRequest
		want  moderation.Code
	}{
		{"without an incident", action(func(b *moderation.BypassRequest) { b.Incident = "" }), moderation.CodeInvalid},
		{"with a case beside the incident", action(func(b *moderation.BypassRequest) { b.Action.Case = "report-9" }), moderation.CodeInvalid},
		{"without a reason", action(func(b *moderation.BypassRequest) { b.Action.Reason = "" }), moderation.CodeInvalid},
		{"without the right", action(func(b *moderation.BypassRequest) { b.Action.Actor = "mod" }), moderation.CodeNoRule},
		{"an irreversible kind", action(func(b *moderation.BypassRequest) { b.Action.Kind, b.Action.Duration = moderation.Remove, 0 }), moderation.CodeIrreversible},
		{"a freeze", action(func(b *moderation.BypassRequest) { b.Action.Kind, b.Action.Duration = moderation.FreezeKind, time.Hour }), moderation.CodeNoBypass},
		{"a kind that nobody registered", action(func(b *moderation.BypassRequest) { b.Action.Kind = "account.erase" }), moderation.CodeUnknownKind},
		{"a leaver", action(func(b *moderation.BypassRequest) { b.Action.Actor = "leaver" }), moderation.CodeLeaving},
		{"a service", action(func(b *moderation.BypassRequest) { b.Action.Actor = "robot" }), moderation.CodeService},
		{"someone whose last day is over", func(h *vbHost) moderation.BypassRequest {
			h.change("lead", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(h.clock.read()) })
			return bpOf("lead", "@one", "k")
		}, moderation.CodePastLastDay},
		{"whom it is about", func(h *vbHost) moderation.BypassRequest {
			h.retarget("acct-1", func(t *moderation.Target) { t.Owners = []string{"p-lead"} }, "@one")
			return bpOf("lead-alt", "@one", "k")
		}, moderation.CodeSelf},
		{"a tier that is not the expected one", action(func(b *moderation.BypassRequest) { b.Action.Tier = "protected" }), moderation.CodeTierMismatch},
		{"what is frozen", func(h *vbHost) moderation.BypassRequest {
			h.freezes("lead2", moderation.Scope{Kind: moderation.Suspend})
			return bpOf("lead", "@one", "k")
		}, moderation.CodeFrozen},
		{"who is frozen, by another login", func(h *vbHost) moderation.BypassRequest {
			h.freezes("lead2", moderation.Scope{Actor: "lead"})
			return bpOf("lead-alt", "@one", "k")
		}, moderation.CodeFrozen},
		{"what stands already", func(h *vbHost) moderation.BypassRequest {
			h.does(suspend("mod", "@one", ""))
			return bpOf("lead", "@one", "k")
		}, moderation.CodeStands},
		{"an exhausted limit, also one that approvals would let pass", func(h *vbHost) moderation.BypassRequest {
			h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
				if c.Step == moderation.StepBypass && c.At == moderation.ChargeRequest && len(c.Overrun) == 0 {
					return moderation.Usage{Over: []moderation.Slot{{"director"}}, RetryAfter: time.Hour}, nil
				}
				return moderation.Usage{Allowed: true}, nil
			})
			return bpOf("lead", "@one", "k")
		}, moderation.CodeLimited},
		{"an exhausted limit on executions", func(h *vbHost) moderation.BypassRequest {
			h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
				if c.Step == moderation.StepBypass && c.At == moderation.ChargeExecute && len(c.Overrun) == 0 {
					return moderation.Usage{Over: []moderation.Slot{{"director"}}, RetryAfter: time.Hour}, nil
				}
				return moderation.Usage{Allowed: true}, nil
			})
			return bpOf("lead", "@one", "k")
		}, moderation.CodeLimited},
		{"a policy that asks for a hold before it", func(h *vbHost) moderation.BypassRequest {
			h.rule(moderation.StepBypass, "standard", vbNeeds(time.Minute, moderation.Slot{"lead"}))
			return bpOf("lead", "@one", "k")
		}, moderation.CodeNoRequirement},
		{"a policy that states no quorum", func(h *vbHost) moderation.BypassRequest {
			h.rule(moderation.StepBypass, "standard", moderation.Requirement{})
			return bpOf("lead", "@one", "k")
		}, moderation.CodeNoRequirement},
		{"the key of another request", func(h *vbHost) moderation.BypassRequest {
			h.does(suspend("lead", "@two", "k"))
			return bpOf("lead", "@one", "k")
		}, moderation.CodeKeyReused},
		{"the key of the same action without a bypass", func(h *vbHost) moderation.BypassRequest {
			a := suspend("lead", "@one", "k")
			a.Case = "incident-7"
			h.does(a)
			return bpOf("lead", "@one", "k")
		}, moderation.CodeKeyReused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			b := tc.setUp(h)
			calls := h.calls()
			_, err := h.guard.Bypass(t.Context(), b)
			wantCode(t, err, tc.want)
			h.wantCalls(calls)
			if h.last().Event != audit.EventRefused || h.last().Step != "bypass" {
				t.Errorf("the last record is %s of step %q", h.last().Event, h.last().Step)
			}
		})
	}
}

func TestBypassByAWiderRowDoesNotReachATierThatWasHighLately(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.denies(func(q moderation.Question) bool {
		return q.Step == moderation.StepBypass && q.Target.Tier == "protected"
	})
	h.retarget("acct-1", func(t *moderation.Target) { t.Tier = "protected" }, "@one")
	h.asks("mod", "@one")
	h.retarget("acct-1", func(t *moderation.Target) { t.Tier = "standard" }, "@one") // a friend lowers it
	_, err := h.tryBypass("lead", "@one")
	wantCode(t, err, moderation.CodeDenied)
	h.wantCalls(0)
}

func TestFreezeStopsABypassBehindItsIntent(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) {
		store := vbOver(t, h)
		store.after = func(c moderation.Change) {
			if c.Record.Event == audit.EventIntent && c.Record.Step == "bypass" {
				store.after = nil
				h.freezes("lead2", moderation.Scope{All: true})
			}
		}
	})
	_, err := h.tryBypass("lead", "@one")
	wantCode(t, err, moderation.CodeFrozen)
	h.wantForce("acct-1")
	if h.last().Outcome == nil || h.last().Outcome.Status != "refused" {
		t.Errorf("the last record is %+v", h.last())
	}
	// Nothing was done, so nothing is owed.
	h.clock.pass(2 * time.Hour)
	h.bypasses("lead", "@one")
}

func TestOneDebtAtATime(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		then   func(h *vbHost, owed moderation.Ticket)
		second string
		want   moderation.Code // empty where the second bypass is allowed
	}{
		{"not ratified", func(*vbHost, moderation.Ticket) {}, "lead", moderation.CodeUnratified},
		{"not ratified, by another login", func(*vbHost, moderation.Ticket) {}, "lead-alt", moderation.CodeUnratified},
		{"by somebody else", func(*vbHost, moderation.Ticket) {}, "lead2", ""},
		{"by a login that turns out to be the same person's", func(h *vbHost, _ moderation.Ticket) {
			h.change("lead2", func(a *moderation.Actor) { a.Person = "p-lead" })
		}, "lead2", moderation.CodeUnratified},
		{"by a person whom the first login belongs to now", func(h *vbHost, _ moderation.Ticket) {
			h.change("lead", func(a *moderation.Actor) { a.Person = "p-lead2" })
		}, "lead2", moderation.CodeUnratified},
		{"by the first login, given to somebody else", func(h *vbHost, _ moderation.Ticket) {
			h.change("lead", func(a *moderation.Actor) { a.Person = "p-new" })
		}, "lead", moderation.CodeUnratified},
		{"by somebody else, when the first login is gone", func(h *vbHost, _ moderation.Ticket) { h.directory.RemoveActor("lead") }, "lead2", ""},
		{"ratified by one of two", func(h *vbHost, owed moderation.Ticket) { h.ratifies(owed, "lead2") }, "lead", moderation.CodeUnratified},
		{"ratified by both", func(h *vbHost, owed moderation.Ticket) { h.ratifies(owed, "lead2", "director") }, "lead", ""},
		{"undone by its own doer", func(h *vbHost, owed moderation.Ticket) { h.undoes(owed, "lead") }, "lead", moderation.CodeUnratified},
		{"undone by somebody else", func(h *vbHost, owed moderation.Ticket) { h.undoes(owed, "lead2") }, "lead", moderation.CodeUnratified},
		{"undone and ratified", func(h *vbHost, owed moderation.Ticket) {
			h.undoes(owed, "mod2")
			h.ratifies(h.shows(owed), "lead2", "director")
		}, "lead", ""},
		{"undone and acknowledged", func(h *vbHost, owed moderation.Ticket) {
			h.undoes(owed, "lead")
			h.acknowledges(owed, "lead2")
		}, "lead", ""},
		{"not ratified in time", func(h *vbHost, owed moderation.Ticket) { h.undoneByItself(owed) }, "lead-alt", moderation.CodeUnratified},
		{"not ratified in time and acknowledged", func(h *vbHost, owed moderation.Ticket) {
			h.undoneByItself(owed)
			h.acknowledges(owed, "director")
		}, "lead", ""},
		{"not ratified in time, and nobody has looked since", func(h *vbHost, owed moderation.Ticket) { h.clock.pass(time.Hour) }, "lead", moderation.CodeUnratified},
		{"after a restart", func(h *vbHost, _ moderation.Ticket) { h.restart() }, "lead-alt", moderation.CodeUnratified},
		{"undone, after a restart", func(h *vbHost, owed moderation.Ticket) { h.undoneByItself(owed); h.restart() }, "lead", moderation.CodeUnratified},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.rule(moderation.StepBypass, "standard", bpNeeds(time.Hour, moderation.Slot{"lead"}, moderation.Slot{"director"}))
			owed := h.bypasses("lead", "@one")
			tc.then(h, owed)
			calls := h.calls()
			second, err := h.tryBypass(tc.second, "@two")
			if tc.want == "" {
				if err != nil {
					t.Fatalf("the second bypass: %v", err)
				}
				h.wantForce("acct-2", second)
				return
			}
			if r := wantCode(t, err, tc.want); r.Ticket != owed.ID {
				t.Errorf("the refusal names ticket %s", r.Ticket)
			}
			h.wantCalls(calls)
		})
	}
}

func TestOnePersonsTwoBypassesAtOnceAreOne(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	var tickets [8]moderation.Ticket
	var errs [8]error
	vbTogether(len(errs), func(i int) {
		login, target := []string{"lead", "lead-alt"}[i%2], []string{"@one", "@two"}[i/4]
		tickets[i], errs[i] = h.guard.Bypass(context.Background(), bpOf(login, target, string(rune('a'+i))))
	})
	done := 0
	for i, err := range errs {
		switch {
		case err == nil:
			done++
		case !errors.Is(err, moderation.ErrRefused):
			t.Errorf("bypass %d by ticket %s: %v", i, tickets[i].ID, err)
		}
	}
	if done != 1 {
		t.Errorf("%d bypasses went through, want 1: %v", done, errs)
	}
	h.wantCalls(1)
}

func TestBypassOverTwoReplicasIsOneAPerson(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) { vbOver(t, h) })
	other, err := moderation.New(t.Context(), h.config)
	if err != nil {
		t.Fatal(err)
	}
	// The other replica decides while the first one's intent is written.
	var second error
	first := h.config.Store.(*vbStore)
	once := false
	first.before = func(c moderation.Change) error {
		if c.Record.Event == audit.EventIntent && !once {
			once = true
			_, second = other.Bypass(context.Background(), bpOf("lead-alt", "@two", "other"))
		}
		return nil
	}
	_, err = h.guard.Bypass(t.Context(), bpOf("lead", "@one", "mine"))
	if (err == nil) == (second == nil) {
		t.Errorf("the first came to %v, the second to %v; want one of them refused", err, second)
	}
	h.wantCalls(1)
}

func TestBypassThatChangedNothingOwesNothing(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.handler.OnApply.Inject(moderationtest.Fail(moderation.ErrNotApplied))
	b, err := h.tryBypass("lead", "@one")
	if !errors.Is(err, moderation.ErrOver) || b.Status != moderation.StatusFailed || b.Owes() {
		t.Fatalf("%s, owes %v, %v", b.Status, b.Owes(), err)
	}
	h.handler.OnApply.Heal()
	h.bypasses("lead", "@one")
}

func TestBypassOfUnknownOutcomeIsOwed(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) { h.config.Kinds[0].Probe = nil })
	h.handler.OnApply.Inject(moderationtest.After(moderationtest.Fail(errors.New("lost the line"))))
	b, err := h.tryBypass("lead", "@one")
	if !errors.Is(err, moderation.ErrUnknown) || !b.Owes() {
		t.Fatalf("%s, owes %v, %v", b.Status, b.Owes(), err)
	}
	_, err = h.tryBypass("lead-alt", "@two")
	wantCode(t, err, moderation.CodeUnratified)
	_, err = h.guard.Ratify(t.Context(), h.review(b, "lead2"))
	wantCode(t, err, moderation.CodeNotOpen)
	h.clock.pass(25 * time.Hour) // the time to ratify it passes meanwhile
	_, err = h.guard.Resolve(t.Context(), moderation.Resolution{Ticket: b.ID, Actor: "lead-alt", Found: moderation.ProbeNotApplied, Reason: "trust me"})
	wantCode(t, err, moderation.CodeOwnRequest)
	_, err = h.guard.Resolve(t.Context(), moderation.Resolution{Ticket: b.ID, Actor: "lead2", Found: moderation.ProbeApplied, Reason: "it shows"})
	if err != nil {
		t.Fatal(err)
	}
	h.advances(b, moderation.StatusUndone)
	h.wantForce("acct-1")
}

func TestNobodyApprovesABypass(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	b := h.bypasses("lead", "@one")
	_, err := h.tryApprove(b, "lead2")
	wantCode(t, err, moderation.CodeNotOpen)
	_, err = h.guard.Ratify(t.Context(), h.review(h.asks("mod", "@vip"), "lead2"))
	wantCode(t, err, moderation.CodeNotOpen)
	_, err = h.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: b.ID, Actor: "lead", Reason: "never mind"})
	wantCode(t, err, moderation.CodeNotOpen)
	h.ratifies(b, "lead2")
	for _, r := range h.sink.Records() {
		if r.Ticket == b.ID && (r.Event == audit.EventApproved || slices.ContainsFunc(r.Reviews, func(v audit.Review) bool { return v.Verdict == "approve" })) {
			t.Errorf("record %s tells of an approval", r.ID)
		}
	}
}

func TestExplainBypassSaysWhoMustAnswer(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	answer, err := h.guard.ExplainBypass(t.Context(), bpOf("lead", "@one", "k"))
	if err != nil || answer.Refusal != nil {
		t.Fatalf("%v, %v", answer.Refusal, err)
	}
	if d := cmp.Diff([]moderation.Slot{{moderation.Any}}, answer.Requirement.Quorum.Slots); d != "" || answer.Requirement.Deadline != 24*time.Hour {
		t.Errorf("within %v, by (-want +got):\n%s", answer.Requirement.Deadline, d)
	}
	h.bypasses("lead", "@two")
	answer, err = h.guard.ExplainBypass(t.Context(), bpOf("lead", "@one", "k"))
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, answer.Refusal, moderation.CodeUnratified)
	answer, err = h.guard.ExplainBypass(t.Context(), moderation.BypassRequest{Action: suspend("lead", "@one", "k")})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, answer.Refusal, moderation.CodeInvalid)
	h.wantCalls(1)
}
