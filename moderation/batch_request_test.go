package moderation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestBatchRequestRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		given func(*btWorld)
		ask   func(*btWorld, *moderation.BatchRequest)
		code  moderation.Code
		says  string
	}{
		"no expected count":          {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Expect = 0 }, code: moderation.CodeCount},
		"the policy":                 {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Action.Kind = moderation.PolicyChangeKind }, code: moderation.CodeUnknownKind},
		"freezes":                    {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Action.Kind = moderation.FreezeKind }, code: moderation.CodeUnknownKind},
		"a negative expected count":  {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Expect = -1 }, code: moderation.CodeCount},
		"one fewer than expected":    {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Expect++ }, code: moderation.CodeCount, says: "5 targets, not 6"},
		"one more than expected":     {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Expect-- }, code: moderation.CodeCount},
		"a duplicate in other case":  {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Members = btNames{"@b-000", "@B-000"}; r.Expect = 2 }, code: moderation.CodeCount, says: "1 targets, not 2"},
		"no members":                 {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Members = nil }, code: moderation.CodeInvalid},
		"a nil pointer to members":   {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Members = (*btNames)(nil) }, code: moderation.CodeInvalid},
		"an empty source":            {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Members = btNames{} }, code: moderation.CodeInvalid},
		"no tier":                    {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Action.Tier = "" }, code: moderation.CodeInvalid},
		"an unknown tier":            {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Action.Tier = "vip" }, code: moderation.CodeUnknownTier},
		"a target besides":           {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Action.Target = "@one" }, code: moderation.CodeInvalid},
		"a stage beyond the members": {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Stages = []moderation.Stage{{Members: 6}} }, code: moderation.CodeInvalid},
		"stages that leave some out": {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Stages = []moderation.Stage{{Members: 4}} }, code: moderation.CodeInvalid},
		"a member nobody knows": {ask: func(b *btWorld, r *moderation.BatchRequest) { r.Members = append(b.names, "@nobody"); r.Expect++ },
			code: moderation.CodeUnknownTarget, says: "@nobody"},
		"a protected member": {ask: func(b *btWorld, r *moderation.BatchRequest) { r.Members = append(b.names, "@vip"); r.Expect++ },
			code: moderation.CodeProtected, says: "vip-1"},
		"the requester's own": {ask: func(b *btWorld, r *moderation.BatchRequest) { r.Members = append(b.names, "@mod"); r.Expect++ },
			code: moderation.CodeSelf, says: "acct-mod"},
		"a service whose owner has one": {given: func(b *btWorld) { b.newOwner("b-001", "p-mod2") },
			ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Action.Actor = "teambot" }, code: moderation.CodeSelf},
		"no right": {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Action.Actor = "stranger" }, code: moderation.CodeNoRule},
		"an irreversible kind": {ask: func(b *btWorld, r *moderation.BatchRequest) {
			r.Action.Kind, r.Action.Duration = moderation.Remove, 0
			b.rules["request standard"] = moderation.Requirement{Quorum: moderation.Quorum{None: true}}
		}, code: moderation.CodeIrreversible},
		"a directory that gives its own set": {given: func(b *btWorld) {
			b.directory.OnResolve.Inject(moderationtest.Lie(func(string) string { return "interlock.batch:00" }))
		}, code: moderation.CodeDirectory},
		"a freeze": {given: func(b *btWorld) { b.freeze() }, code: moderation.CodeFrozen},
		"a limit": {given: func(b *btWorld) {
			b.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
				return moderation.Usage{Allowed: c.Count < 5}, nil
			})
		}, code: moderation.CodeLimited},
		"a directory that fails in the middle": {given: func(b *btWorld) { b.directory.OnTarget.InjectAt(3, moderationtest.Fail(errFC)) }, code: moderation.CodeDirectory},
		"a policy that panics":                 {given: func(b *btWorld) { b.authorizer.OnDecide.Inject(moderationtest.Panic("boom")) }, code: moderation.CodePolicy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := btNew(t, 5)
			if tt.given != nil {
				tt.given(b)
			}
			r := b.request("k")
			if tt.ask != nil {
				tt.ask(b, &r)
			}
			ticket, err := b.guard.RequestBatch(t.Context(), r)
			refusal := wantCode(t, err, tt.code)
			if !strings.Contains(refusal.Text, tt.says) || ticket.ID != "" {
				t.Errorf("%q does not say %q; ticket %q", refusal.Text, tt.says, ticket.ID)
			}
			if b.calls() != 0 {
				t.Error("a handler was called")
			}
		})
	}
}

func (b *btWorld) freeze() {
	_, err := b.guard.Freeze(b.ctx(), moderation.FreezeRequest{Actor: "lead2", Scope: moderation.Scope{Tier: "standard"}, Duration: time.Hour, Reason: "stop", Key: "f"})
	if err != nil {
		panic(err)
	}
}

func TestBatchSourceThatChangesIsRefused(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	r := b.request("k")
	reads := 0
	r.Members = btChanging(func() btNames {
		if reads++; reads == 1 {
			return b.names
		}
		return btNames{"@b-000", "@b-001", "@one"}
	})
	_, err := b.guard.RequestBatch(t.Context(), r)
	wantCode(t, err, moderation.CodeMembers)
}

func TestBatchWithTheSameKeyIsTheSameMandate(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.asked(t, b.request("k"))
	first := b.t.ID
	b.directory.SetTarget(btTarget("b-000"), "@elsewhere") // the handle is gone, and the retry finds its ticket
	b.asked(t, b.request("k"))
	if b.t.ID != first {
		t.Errorf("two mandates: %s and %s", first, b.t.ID)
	}
	other := b.request("k")
	other.Members = btNames{"@b-001", "@b-002"}
	other.Expect = 2
	_, err := b.guard.RequestBatch(t.Context(), other)
	wantCode(t, err, moderation.CodeKeyReused)
	staged := b.request("k")
	staged.Stages = []moderation.Stage{{Members: 1}, {Members: 3}}
	_, err = b.guard.RequestBatch(t.Context(), staged)
	wantCode(t, err, moderation.CodeKeyReused)
}

func TestPreviewHasNoEffect(t *testing.T) {
	t.Parallel()
	b := btNew(t, 4)
	r := b.request("k")
	r.Members = append(slices.Clone(b.names), "@B-000", "@vip", "@nobody", "@mod")
	before := len(b.sink.Records())
	e, err := b.guard.PreviewBatch(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if e.Refusal == nil || e.Members.Len() != 6 || e.Duplicates != 1 || e.Protected.Count != 1 || e.Unknown.Count != 1 || e.Own.Count != 1 {
		t.Errorf("preview: %+v", e)
	}
	e, err = b.guard.PreviewBatch(t.Context(), b.request("k"))
	if err != nil || e.Refusal != nil || !e.Requirement.Quorum.None || e.Reach != 40 {
		t.Errorf("preview: %+v, %v", e, err)
	}
	if len(b.sink.Records()) != before || len(b.limiter.Taken()) != 0 || b.calls() != 0 {
		t.Error("the preview had an effect")
	}
}
