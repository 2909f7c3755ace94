package moderation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

var digestA, digestB = strings.Repeat("a", 64), strings.Repeat("b", 64)

// changeable is a world whose policy can be changed, by one lead's approval.
func changeable(w *world) {
	w.config.Kinds = append(w.config.Kinds, w.handler.Kind(moderation.PolicyChangeKind))
	lead := moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}, Deadline: 24 * time.Hour}
	w.rules["request *"], w.rules["undo *"] = lead, lead
}

func policyChange(actor string, change ...func(*moderation.Action)) moderation.Action {
	a := moderation.Action{Kind: moderation.PolicyChangeKind, Actor: actor, Target: moderation.PolicyTarget, Reason: "as decided", Key: "change by " + actor,
		Parameters: map[string]string{moderation.PolicyReplaces: digestA, moderation.PolicyProposed: digestB}}
	for _, f := range change {
		f(&a)
	}
	return a
}

func TestPolicyChangeIsAskedAboutWithBothVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, changeable)
	ticket, err := w.guard.Do(t.Context(), policyChange("mod"))
	wantPending(t, err)
	if _, err := w.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: ticket.ID, Actor: "lead", Digest: ticket.Digest}); err != nil {
		t.Fatal(err)
	}
	if ticket, err = w.guard.Advance(t.Context(), ticket.ID); err != nil {
		t.Fatal(err)
	}
	want := moderation.Target{ID: "interlock.policy:" + digestA + ":" + digestB, Tier: moderation.Any, Domain: moderation.Any}
	questions := w.authorizer.OnDecide.Calls()
	if len(questions) == 0 {
		t.Fatal("nothing was asked")
	}
	for _, q := range questions {
		if q.Kind != moderation.PolicyChangeKind || q.Target.ID != want.ID || q.Target.Tier != want.Tier || q.Target.Domain != want.Domain || q.Duration != 0 {
			t.Errorf("asked was %+v", q)
		}
	}
	if ticket.Subject.ID != moderation.PolicyTarget || ticket.Fence != 1 {
		t.Errorf("the ticket is about %q at fence %d", ticket.Subject.ID, ticket.Fence)
	}
	if p := w.handler.OnApply.Calls()[0]; p.Target != moderation.PolicyTarget || p.Parameters[moderation.PolicyProposed] != digestB {
		t.Errorf("the handler was called with %+v", p)
	}
}

func TestPolicyChangeRefuses(t *testing.T) {
	t.Parallel()
	parameter := func(name, value string) func(*moderation.Action) {
		return func(a *moderation.Action) { a.Parameters[name] = value }
	}
	for name, tc := range map[string]struct {
		world  func(*world)
		action moderation.Action
		code   moderation.Code
	}{
		"where the kind is not registered": {func(w *world) { w.config.Kinds = w.config.Kinds[:3] }, policyChange("mod"), moderation.CodeUnknownKind},
		"where the policy asks for nobody": {func(w *world) { delete(w.rules, "request *") }, policyChange("mod"), moderation.CodeNoRequirement},
		"somebody who is leaving":          {nil, policyChange("leaver"), moderation.CodeLeaving},
		"somebody who has left":            {nil, policyChange("gone"), moderation.CodePastLastDay},
		"somebody without a right":         {nil, policyChange("stranger"), moderation.CodeNoRule},
		"an account as its target":         {nil, policyChange("mod", func(a *moderation.Action) { a.Target = "@one" }), moderation.CodeUnknownTarget},
		"a tier":                           {nil, policyChange("mod", func(a *moderation.Action) { a.Tier = "standard" }), moderation.CodeTierMismatch},
		"a duration":                       {nil, policyChange("mod", func(a *moderation.Action) { a.Duration = time.Hour }), moderation.CodeInvalid},
		"no parameters":                    {nil, policyChange("mod", func(a *moderation.Action) { a.Parameters = nil }), moderation.CodeInvalid},
		"no version that is replaced":      {nil, policyChange("mod", func(a *moderation.Action) { delete(a.Parameters, moderation.PolicyReplaces) }), moderation.CodeInvalid},
		"a version that is no digest":      {nil, policyChange("mod", parameter(moderation.PolicyProposed, "v2")), moderation.CodeInvalid},
		"a digest in capitals":             {nil, policyChange("mod", parameter(moderation.PolicyProposed, strings.Repeat("B", 64))), moderation.CodeInvalid},
		"a digest that hides another":      {nil, policyChange("mod", parameter(moderation.PolicyReplaces, digestA+":"+digestB)), moderation.CodeInvalid},
		"a further parameter":              {nil, policyChange("mod", parameter("difference", "nothing")), moderation.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, changeable, func(w *world) {
				if tc.world != nil {
					tc.world(w)
				}
			})
			_, err := w.guard.Do(t.Context(), tc.action)
			wantCode(t, err, tc.code)
			if w.calls() != 0 {
				t.Error("a handler was called")
			}
			wantEvents(t, w, audit.EventRefused)
		})
	}
}

// Whatever the policy says, a change is not taken back by one person either.
func TestUndoOfAPolicyChangeNeedsAnApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t, changeable)
	ticket := changePolicy(t, w, "one")
	delete(w.rules, "undo *")
	undo := moderation.UndoRequest{Ticket: ticket.ID, Actor: "mod", Reason: "a mistake", Key: "u"}
	_, err := w.guard.Undo(t.Context(), undo)
	wantCode(t, err, moderation.CodeNoRequirement)
	undo.Actor = "leaver"
	_, err = w.guard.Undo(t.Context(), undo)
	wantCode(t, err, moderation.CodeLeaving)
	if n := len(w.handler.OnUndo.Calls()); n != 0 {
		t.Errorf("Undo was called %d times", n)
	}
}

func changePolicy(t *testing.T, w *world, key string) moderation.Ticket {
	t.Helper()
	ticket, err := w.guard.Do(t.Context(), policyChange("mod", func(a *moderation.Action) { a.Key = key }))
	wantPending(t, err)
	if _, err := w.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: ticket.ID, Actor: "lead", Digest: ticket.Digest}); err != nil {
		t.Fatal(err)
	}
	if ticket, err = w.guard.Advance(t.Context(), ticket.ID); err != nil {
		t.Fatal(err)
	}
	return ticket
}

// The same version may be proposed again after others: what stands is what is
// in force, and only the policy knows that. Each change has a fence of its own.
func TestPolicyMayBeChangedToTheSameVersionAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, changeable)
	first, second := changePolicy(t, w, "one"), changePolicy(t, w, "two")
	if first.Fence != 1 || second.Fence != 2 {
		t.Errorf("the fences are %d and %d", first.Fence, second.Fence)
	}
}

func TestFreezeStopsPolicyChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scope  moderation.Scope
		frozen bool
	}{
		"of everything":     {moderation.Scope{All: true}, true},
		"of policy changes": {moderation.Scope{Kind: moderation.PolicyChangeKind}, true},
		"of who asks":       {moderation.Scope{Actor: "mod"}, true},
		"of a tier":         {moderation.Scope{Tier: "protected"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, changeable)
			if _, err := w.guard.Freeze(t.Context(), moderation.FreezeRequest{Actor: "lead", Scope: tc.scope, Duration: time.Hour, Reason: "a leak", Key: "f"}); err != nil {
				t.Fatal(err)
			}
			_, err := w.guard.Do(t.Context(), policyChange("mod"))
			if errors.Is(err, moderation.ErrFrozen) != tc.frozen {
				t.Errorf("a policy change: %v, want frozen %v", err, tc.frozen)
			}
		})
	}
}

func TestPolicyChangesSurviveARestartAndAreCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, changeable)
	ticket, err := w.guard.Do(t.Context(), policyChange("mod"))
	wantPending(t, err)
	w.open(t)
	if _, err := w.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: ticket.ID, Actor: "lead2", Reason: "not now"}); err != nil {
		t.Error(err)
	}
}

// No directory can give away the policy's own ID.
func TestDirectoryDoesNotResolveToThePolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, changeable)
	w.directory.SetTarget(moderation.Target{ID: moderation.PolicyTarget, Tier: "standard", Domain: "en"}, "@policy")
	_, err := w.guard.Do(t.Context(), suspend("mod", "@policy", "k"))
	wantCode(t, err, moderation.CodeDirectory)
}
