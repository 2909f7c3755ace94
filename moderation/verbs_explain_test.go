package moderation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// vbLimit is an exhausted limit.
var vbLimit = moderation.LimitState{Rule: moderation.Rule{Source: "policy.csv:9"}, Key: "person=p-mod", Unit: "requests", Charged: 1}

func TestExplainAnswersAsDoWouldAndHasNoEffect(t *testing.T) {
	t.Parallel()
	lead := moderation.Slot{"lead"}
	for _, tc := range []struct {
		name  string
		setUp func(h *vbHost)
		ask   moderation.Action
		code  moderation.Code
		slots []moderation.Slot
		extra []moderation.Slot
	}{
		{"what waits for nothing", nil, suspend("mod", "@one", "k"), "", nil, nil},
		{"what needs approvals", nil, suspend("mod", "@vip", "k"), "", []moderation.Slot{lead, lead}, nil},
		{"what policy denies", nil, suspend("stranger", "@one", "k"), moderation.CodeNoRule, nil, nil},
		{"an actor whose last day is over", nil, suspend("gone", "@one", "k"), moderation.CodePastLastDay, nil, nil},
		{"an unknown kind", nil, moderation.Action{Kind: "account.melt", Actor: "mod", Target: "@one", Reason: "x", Key: "k"}, moderation.CodeUnknownKind, nil, nil},
		{"an unknown target", nil, suspend("mod", "@nobody", "k"), moderation.CodeUnknownTarget, nil, nil},
		{"what is one's own", nil, suspend("mod", "@mod", "k"), moderation.CodeSelf, nil, nil},
		{"what is frozen", func(h *vbHost) { h.freezes("lead", moderation.Scope{All: true}) }, suspend("mod", "@one", "k"), moderation.CodeFrozen, nil, nil},
		{"what stands already", func(h *vbHost) { h.does(suspend("mod2", "@one", "")) }, suspend("mod", "@one", "k"), moderation.CodeStands, nil, nil},
		{"what was undone lately", func(h *vbHost) { h.undoes(h.does(suspend("mod2", "@one", "")), "mod3") }, suspend("mod", "@one", "k"), "", nil, []moderation.Slot{{moderation.Any}}},
		{"an exhausted limit", func(h *vbHost) {
			h.limiter.AnswerWith(func(moderation.Charge) (moderation.Usage, error) {
				return moderation.Usage{RetryAfter: time.Minute, Limits: []moderation.LimitState{vbLimit}}, nil
			})
		}, suspend("mod", "@one", "k"), moderation.CodeLimited, nil, nil},
		{"an exhausted limit that takes approvals", func(h *vbHost) {
			h.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
				if len(c.Overrun) > 0 || c.At == moderation.ChargeRequest {
					return moderation.Usage{Allowed: true}, nil
				}
				return moderation.Usage{RetryAfter: time.Minute, Over: []moderation.Slot{lead}}, nil
			})
		}, suspend("mod", "@one", "k"), "", nil, []moderation.Slot{lead}},
		{"a key that stands for another action", func(h *vbHost) { h.does(suspend("mod", "@two", "k")) }, suspend("mod", "@one", "k"), moderation.CodeKeyReused, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			if tc.setUp != nil {
				tc.setUp(h)
			}
			records, taken, calls := len(h.sink.Records()), len(h.limiter.Taken()), h.calls()
			e, err := h.guard.Explain(t.Context(), tc.ask)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tc.code == "" && e.Refusal != nil:
				t.Errorf("refused: %v", e.Refusal)
			case tc.code != "":
				if e.Refusal == nil || e.Refusal.Code != tc.code {
					t.Fatalf("refusal %v, want %s", e.Refusal, tc.code)
				}
				if limited := tc.code == moderation.CodeLimited; limited && (!slices.Equal(e.Limits, []moderation.LimitState{vbLimit}) || !slices.Equal(e.Refusal.Rules, []moderation.Rule{vbLimit.Rule})) {
					t.Errorf("limits %v and rules %v, want %v", e.Limits, e.Refusal.Rules, vbLimit)
				}
			default:
				if diff := cmp.Diff(tc.slots, e.Requirement.Quorum.Slots, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("slots (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tc.extra, e.Extra, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("extra slots (-want +got):\n%s", diff)
				}
				if e.Policy != policyDigest || len(e.Rules) == 0 || e.Target.ID == "" {
					t.Errorf("policy %q, rules %v, target %q", e.Policy, e.Rules, e.Target.ID)
				}
			}
			if r, c := len(h.sink.Records()), h.calls(); r != records || c != calls {
				t.Errorf("it left %d records and %d handler calls", r-records, c-calls)
			}
			if n := len(h.limiter.Taken()); n != taken {
				t.Errorf("it charged %d times", n-taken)
			}
			_, err = h.guard.Do(t.Context(), tc.ask)
			if tc.code != "" {
				wantCode(t, err, tc.code)
			} else if len(tc.slots)+len(tc.extra) > 0 {
				wantPending(t, err)
			} else if err != nil {
				t.Errorf("Do: %v", err)
			}
		})
	}
}

func TestExplainSaysWhatCannotBeUndone(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	e, err := h.guard.Explain(t.Context(), moderation.Action{Kind: moderation.Remove, Actor: "mod", Target: "@one", Reason: "x", Key: "k"})
	if err != nil || !e.Irreversible {
		t.Errorf("irreversible: %v, %v", e.Irreversible, err)
	}
	if e, err = h.guard.Explain(t.Context(), suspend("mod", "@one", "k")); err != nil || e.Irreversible {
		t.Errorf("a suspension is irreversible: %v, %v", e.Irreversible, err)
	}
}

func TestExplainIsLimitedForEachActor(t *testing.T) {
	t.Parallel()
	h := vbOpen(t, func(h *vbHost) { h.config.Questions = 3 })
	ask := func(actor string) error {
		_, err := h.guard.Explain(t.Context(), suspend(actor, "@one", "k"))
		return err
	}
	for range 3 {
		if err := ask("mod"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		wantCode(t, ask("mod"), moderation.CodeTooMuchAsked)
	}
	if err := ask("mod2"); err != nil {
		t.Errorf("another actor: %v", err)
	}
	h.clock.pass(time.Minute)
	if err := ask("mod"); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	wantEvents(t, h.world)
}

func TestExplainHasNoAnswerWhereADependencyHasNone(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(h *vbHost){
		"directory": func(h *vbHost) { h.directory.OnActor.Inject(moderationtest.Fail(nil)) },
		"policy":    func(h *vbHost) { h.authorizer.OnDecide.Inject(moderationtest.Panic("oops")) },
		"limits":    func(h *vbHost) { h.limiter.OnPeek.Inject(moderationtest.Fail(nil)) },
	} {
		h := vbOpen(t)
		fail(h)
		e, err := h.guard.Explain(t.Context(), suspend("mod", "@one", "k"))
		if err == nil || e.Refusal != nil {
			t.Errorf("%s: %+v, %v; want an error and no answer", name, e, err)
		}
	}
}

func TestExplanationIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	shared := vbNeeds(time.Minute, moderation.Slot{"lead"}, moderation.Slot{"lead"})
	h.rule(moderation.StepRequest, "protected", shared)
	e, err := h.guard.Explain(t.Context(), suspend("mod", "@vip", "k"))
	if err != nil {
		t.Fatal(err)
	}
	e.Requirement.Quorum.Slots[0][0], e.Requirement.Quorum.Slots[1] = "moderator", moderation.Slot{"moderator"}
	e.Requirement.Rules[0].Source = "scribble"
	if diff := cmp.Diff(vbNeeds(time.Minute, moderation.Slot{"lead"}, moderation.Slot{"lead"}), shared); diff != "" {
		t.Errorf("whoever asks can edit the policy (-want +got):\n%s", diff)
	}
}

func TestExplainOfAKeyThatWasUsedTellsWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.does(suspend("mod", "@one", "k"))
	h.undoes(ticket, "mod2")
	e, err := h.guard.Explain(t.Context(), ticket.Action)
	if err != nil {
		return // no answer is no promise
	}
	if e.Refusal == nil && len(e.Requirement.Quorum.Slots) == 0 && !e.Requirement.Quorum.None {
		t.Errorf("neither a refusal nor a requirement, though Do says that it is over: %+v", e)
	}
}
