package moderation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestBatchDoesEachMemberOnceAndIsUndoneExactly(t *testing.T) {
	t.Parallel()
	b := btNew(t, 10)
	other, err := b.guard.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "b-003", Reason: "x", Key: "other"})
	if err != nil {
		t.Fatal(err)
	}
	b.begin(t)
	before := b.calls()
	first := b.all(t)
	again := b.all(t)
	if got := b.calls() - before; got != 10 {
		t.Errorf("handlers were called %d times for 10 members done twice", got)
	}
	for i := range first {
		if first[i].ID != again[i].ID || first[i].Mandate != b.t.ID {
			t.Errorf("member %d: ticket %s, then %s, of %q", i, first[i].ID, again[i].ID, first[i].Mandate)
		}
	}
	undo, err := b.guard.UndoBatch(t.Context(), moderation.UndoRequest{Ticket: b.t.ID, Actor: "mod2", Reason: "wrong", Key: "u"})
	if err != nil {
		t.Fatal(err)
	}
	if got := b.mandate(t); got.Status != moderation.StatusUndone || got.UndoneBy != undo.ID {
		t.Errorf("the mandate is %s by %q", got.Status, got.UndoneBy)
	}
	for id, err := range b.guard.StandingMembers(t.Context(), undo.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.guard.UndoMember(t.Context(), undo.ID, id); err != nil {
			t.Fatal(err)
		}
		if _, err := b.guard.UndoMember(t.Context(), undo.ID, id); err != nil {
			t.Errorf("again: %v", err)
		}
	}
	if got := b.inForce(); !slices.Equal(got, []string{"b-003"}) || b.handler.InForce("b-003")[0].Ticket != other.ID {
		t.Errorf("in force after the undo: %v", got)
	}
	for _, call := range b.handler.OnUndo.Calls() {
		if call.UndoToken != moderation.UndoToken("undo:"+call.Undoes) {
			t.Errorf("undo of %s with token %q", call.Undoes, call.UndoToken)
		}
		if standing := len(call.Standing); standing != 0 && call.Target != "b-003" || call.Target == "b-003" && standing != 1 {
			t.Errorf("undo on %s is told that %d others stand", call.Target, standing)
		}
	}
	if _, err := b.do(t, 0); !errors.Is(err, moderation.ErrOver) {
		t.Errorf("a member after the undo: %v", err)
	}
}

func TestBatchRequestRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		given func(*btWorld)
		ask   func(*btWorld, *moderation.BatchRequest)
		code  moderation.Code
		says  string
	}{
		"no expected count":          {ask: func(_ *btWorld, r *moderation.BatchRequest) { r.Expect = 0 }, code: moderation.CodeCount},
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

// TestNobodyGetsAMemberMoreInThanApproved is about what the root pins.
func TestNobodyGetsAMemberMoreInThanApproved(t *testing.T) {
	t.Parallel()
	b := btNew(t, 8)
	b.begin(t)
	b.directory.SetTarget(btTarget("b-intruder"))
	larger, err := moderation.NewMemberSet(func(yield func(string) bool) {
		for id := range b.set.All() {
			if !yield(id) {
				return
			}
		}
		yield("b-intruder")
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.guard.StartBatch(t.Context(), b.t.ID, larger); err == nil {
		t.Error("a larger set starts the batch")
	}
	place, _ := larger.Find("b-intruder")
	renamed := b.set.Member(2)
	renamed.ID = "b-intruder"
	cased := b.set.Member(2)
	cased.ID = "B-002"
	moved := b.set.Member(2)
	moved.Index = 3
	beyond := b.set.Member(2)
	beyond.Index = 8
	negative := b.set.Member(2)
	negative.Index = -1
	short := b.set.Member(2)
	short.Proof = short.Proof[1:]
	none := moderation.Member{ID: "b-intruder"}
	long := b.set.Member(2)
	long.Proof = make([]moderation.Digest, 100_000)
	inner := b.set.Member(2)
	inner.ID = string(inner.Proof[0][:])
	for name, m := range map[string]moderation.Member{
		"a proof for another set": larger.Member(place), "another ID": renamed, "another case": cased, "another place": moved,
		"a place beyond": beyond, "a negative place": negative, "a short proof": short, "no proof": none, "a long proof": long,
	} {
		if _, err := b.guard.DoMember(t.Context(), b.t.ID, m); err == nil {
			t.Errorf("%s: done", name)
		} else {
			wantCode(t, err, moderation.CodeMembers)
		}
	}
	if _, err := b.guard.DoMember(t.Context(), b.t.ID, inner); err == nil {
		t.Error("an inner node: done")
	}
	child := b.all(t, 1)[0]
	if _, err := b.guard.DoMember(t.Context(), child.ID, b.set.Member(0)); err == nil {
		t.Error("a member's ticket serves as a mandate")
	}
	if b.calls() != 1 {
		t.Errorf("handlers were called %d times, want once", b.calls())
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

func TestBatchIsDecidedAgainAtItsStart(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*btWorld)
		code   moderation.Code
		status moderation.Status
	}{
		"a member became protected":       {func(b *btWorld) { b.newTier("b-002", "protected") }, moderation.CodeProtected, moderation.StatusRefused},
		"a member became the requester's": {func(b *btWorld) { b.newOwner("b-002", "p-mod") }, moderation.CodeSelf, moderation.StatusRefused},
		"the approver's own":              {func(b *btWorld) { b.newOwner("b-002", "p-lead") }, "", moderation.StatusPending},
		"the approver left":               {func(b *btWorld) { b.directory.RemoveActor("lead") }, "", moderation.StatusPending},
		"the requester left":              {func(b *btWorld) { b.directory.RemoveActor("mod") }, moderation.CodeUnknownActor, moderation.StatusRefused},
		"a freeze":                        {func(b *btWorld) { b.freeze() }, "", moderation.StatusHeld},
		"a limit":                         {func(b *btWorld) { b.refuseExecution() }, "", moderation.StatusHeld},
		"the directory fails":             {func(b *btWorld) { b.directory.OnTarget.Inject(moderationtest.Fail(errFC)) }, moderation.CodeDirectory, moderation.StatusHeld},
		"the policy asks for two":         {func(b *btWorld) { b.rules["request standard"] = twoLeads() }, "", moderation.StatusPending},
		"a member was undone in between":  {func(b *btWorld) { b.undoneMeanwhile() }, "", moderation.StatusPending},
		"the policy names no quorum":      {func(b *btWorld) { b.rules["request standard"] = moderation.Requirement{} }, moderation.CodeNoRequirement, moderation.StatusRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := btNew(t, 4)
			b.rules["request standard"] = oneLead()
			b.asked(t, b.request("k"))
			b.approve(t, "lead")
			tt.change(b)
			calls := b.calls()
			_, err := b.guard.StartBatch(t.Context(), b.t.ID, b.set)
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else {
				wantPending(t, err)
			}
			b.directory.OnTarget.Heal()
			ticket, err := b.guard.Ticket(t.Context(), "lead2", b.t.ID)
			if err != nil || ticket.Status != tt.status {
				t.Errorf("the mandate is %s (%v), want %s", ticket.Status, err, tt.status)
			}
			if _, err := b.do(t, 0); err == nil || b.calls() != calls {
				t.Errorf("a member was done: %v", err)
			}
		})
	}
}

func (b *btWorld) refuseExecution() {
	b.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
		return moderation.Usage{Allowed: c.At == moderation.ChargeRequest, RetryAfter: time.Minute}, nil
	})
}

func (b *btWorld) undoneMeanwhile() {
	b.rules["request standard"] = moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	ticket, err := b.guard.Do(b.ctx(), suspend("mod2", "b-001", "single"))
	if err != nil {
		panic(err)
	}
	if _, err := b.guard.Undo(b.ctx(), moderation.UndoRequest{Ticket: ticket.ID, Actor: "mod3", Reason: "wrong", Key: "u"}); err != nil {
		panic(err)
	}
	b.rules["request standard"] = oneLead()
}

func TestAMemberIsDecidedAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*btWorld)
		code   moderation.Code
		halted bool // and then all the others are refused
	}{
		"it became protected":       {func(b *btWorld) { b.newTier("b-001", "protected") }, moderation.CodeProtected, true},
		"it is gone":                {func(b *btWorld) { b.directory.RemoveTarget("b-001") }, moderation.CodeUnknownTarget, false},
		"it became the requester's": {func(b *btWorld) { b.newOwner("b-001", "p-mod") }, moderation.CodeSelf, false},
		"it became the approver's":  {func(b *btWorld) { b.newOwner("b-001", "p-lead") }, moderation.CodeConflictOf, false},
		"the requester left":        {func(b *btWorld) { b.directory.RemoveActor("mod") }, moderation.CodeUnknownActor, true},
		"the approver left":         {func(b *btWorld) { b.directory.RemoveActor("lead") }, moderation.CodeApprovalsVoid, true},
		"the policy asks for more":  {func(b *btWorld) { b.rules["request standard"] = twoLeads() }, moderation.CodeApprovalsVoid, true},
		"it was undone since":       {func(b *btWorld) { b.undoneMeanwhile() }, moderation.CodeNeedsOthers, false},
		"a limit per target is out": {func(b *btWorld) {
			b.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
				return moderation.Usage{Allowed: c.Target != "b-001"}, nil
			})
		}, moderation.CodeLimited, false},
		"the directory fails": {func(b *btWorld) {
			b.directory.OnTarget.InjectAt(len(b.directory.OnTarget.Calls())+1, moderationtest.Fail(errFC))
		}, moderation.CodeDirectory, false},
		"the policy fails": {func(b *btWorld) {
			b.authorizer.OnDecide.InjectAt(len(b.authorizer.OnDecide.Calls())+1, moderationtest.Panic("x"))
		}, moderation.CodePolicy, false},
		"the same stands": {func(b *btWorld) { b.stands() }, moderation.CodeStands, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := btNew(t, 4)
				b.rules["request standard"] = oneLead()
				b.asked(t, b.request("k"))
				b.approve(t, "lead")
				b.start(t)
				b.all(t, 0)
				tt.change(b)
				time.Sleep(time.Second) // what is known of the people is that old at most
				calls := b.calls()
				_, err := b.do(t, 1)
				wantCode(t, err, tt.code)
				if b.calls() != calls {
					t.Error("the handler was called")
				}
				_, err = b.do(t, 2)
				if tt.halted {
					wantCode(t, err, moderation.CodeHalted)
				} else if err != nil {
					t.Errorf("the next member: %v", err)
				}
			})
		})
	}
}

func (b *btWorld) stands() {
	b.rules["request standard"] = moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	if _, err := b.guard.Do(b.ctx(), suspend("mod2", "b-001", "single")); err != nil {
		panic(err)
	}
	b.rules["request standard"] = oneLead()
}

func TestFreezeStopsMembersUntilItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := btNew(t, 3)
		b.begin(t)
		b.all(t, 0)
		b.freeze()
		_, err := b.do(t, 1)
		wantCode(t, err, moderation.CodeFrozen)
		time.Sleep(time.Hour)
		b.all(t, 1, 2)
	})
}

func TestHaltAndResume(t *testing.T) {
	t.Parallel()
	b := btNew(t, 4)
	b.rules["request standard"] = oneLead()
	b.asked(t, b.request("k"))
	b.approve(t, "lead")
	b.start(t)
	b.all(t, 0)
	halt := func(actor string) error {
		_, err := b.guard.HaltBatch(t.Context(), moderation.HaltRequest{Mandate: b.t.ID, Actor: actor, Reason: "look first"})
		return err
	}
	resume := func(actor string) error {
		_, err := b.guard.ResumeBatch(t.Context(), moderation.HaltRequest{Mandate: b.t.ID, Actor: actor, Reason: "it is fine"})
		return err
	}
	wantCode(t, halt("mod2"), moderation.CodeNoRule)
	wantCode(t, resume("lead2"), moderation.CodeNotOpen)
	for _, by := range []string{"mod", "lead", "lead2"} { // who asked, who approved, who may cancel
		if err := halt(by); err != nil {
			t.Fatalf("halt by %s: %v", by, err)
		}
		_, err := b.do(t, 1)
		if r := wantCode(t, err, moderation.CodeHalted); !strings.Contains(r.Text, "p-"+by) {
			t.Errorf("%q does not say who halted it", r.Text)
		}
		wantCode(t, resume("mod"), moderation.CodeOwnRequest)
		wantCode(t, resume("mod2"), moderation.CodeNoRule)
		wantCode(t, resume("leaver"), moderation.CodeLeaving)
		if err := resume("lead2"); err != nil {
			t.Fatal(err)
		}
	}
	b.all(t, 1, 2, 3)
	b.newOwner("b-000", "p-lead2") // but this process has looked at it before
	events := b.events()
	for event, want := range map[audit.Event]int{audit.EventBegun: 1, audit.EventHalted: 3, audit.EventResumed: 3, audit.EventIntent: 4} {
		got := len(slices.DeleteFunc(slices.Clone(events), func(e audit.Event) bool { return e != event }))
		if got != want {
			t.Errorf("the trail has %d of %s, want %d", got, event, want)
		}
	}
}

func TestWhoseAMemberIsDoesNotHalt(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.newOwner("b-001", "p-lead")
	b.begin(t)
	_, err := b.guard.HaltBatch(t.Context(), moderation.HaltRequest{Mandate: b.t.ID, Actor: "lead", Reason: "mine"})
	wantCode(t, err, moderation.CodeSelf)
	if _, err := b.guard.HaltBatch(t.Context(), moderation.HaltRequest{Mandate: b.t.ID, Actor: "lead2", Reason: "mine"}); err != nil {
		t.Error(err)
	}
}

func TestAMemberThatBecameProtectedIsLeftOutAfterResume(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.begin(t)
	b.newTier("b-001", "protected")
	_, err := b.do(t, 1)
	wantCode(t, err, moderation.CodeProtected)
	if _, err := b.guard.ResumeBatch(t.Context(), moderation.HaltRequest{Mandate: b.t.ID, Actor: "lead", Reason: "without it"}); err != nil {
		t.Fatal(err)
	}
	_, err = b.do(t, 1)
	wantCode(t, err, moderation.CodeTierMismatch)
	b.all(t, 0, 2)
}

func TestTooMuchThatGoesWrongHaltsABatch(t *testing.T) {
	t.Parallel()
	notDone := moderationtest.Fail(fmt.Errorf("x: %w", moderation.ErrNotApplied))
	t.Run("failures", func(t *testing.T) {
		t.Parallel()
		b := btNew(t, 6)
		b.begin(t, func(r *moderation.BatchRequest) { r.Tolerance = moderation.Tolerance{Failures: 1} })
		b.handler.OnApply.Inject(notDone)
		for i := range 2 {
			if _, err := b.do(t, i); !errors.Is(err, moderation.ErrOver) {
				t.Fatal(err)
			}
		}
		b.handler.OnApply.Heal()
		_, err := b.do(t, 2)
		wantCode(t, err, moderation.CodeHalted)
		if _, err := b.guard.ResumeBatch(t.Context(), moderation.HaltRequest{Mandate: b.t.ID, Actor: "lead", Reason: "mended"}); err != nil {
			t.Fatal(err)
		}
		b.all(t, 2, 3) // what went wrong is forgiven
	})
	t.Run("a share of failures", func(t *testing.T) {
		t.Parallel()
		b := btNew(t, 6)
		b.begin(t, func(r *moderation.BatchRequest) { r.Tolerance = moderation.Tolerance{FailurePercent: 34} })
		b.all(t, 0, 1)
		b.handler.OnApply.Inject(notDone)
		b.do(t, 2)
		if got := b.mandate(t); !got.Batch.Halted.IsZero() {
			t.Error("one of three halts it")
		}
		b.do(t, 3)
		if got := b.mandate(t); got.Batch.Halted.IsZero() || got.Batch.HaltedBy != "" {
			t.Error("two of four do not halt it")
		}
	})
	t.Run("undos by people", func(t *testing.T) {
		t.Parallel()
		b := btNew(t, 10)
		b.begin(t, func(r *moderation.BatchRequest) { r.Tolerance = moderation.Tolerance{UndoPercent: 25} })
		tickets := b.all(t, 0, 1, 2, 3, 4)
		undo := func(i int) {
			if _, err := b.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: tickets[i].ID, Actor: "mod2", Reason: "appeal", Key: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		undo(0)
		b.all(t, 5)
		undo(1)
		_, err := b.do(t, 6)
		wantCode(t, err, moderation.CodeHalted)
	})
}

// TestSplitBatchesMeetTheSameBudget has room for 99 targets, each with a reach of
// 10: whichever way a hundred are divided, not all of them get through.
func TestSplitBatchesMeetTheSameBudget(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ size, through int }{
		"one of a hundred": {100, 0}, "ten of ten": {10, 9}, "a hundred of one": {1, 99},
	} {
		for _, at := range []moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute} {
			t.Run(name+" at "+string(at), func(t *testing.T) {
				t.Parallel()
				b := btNew(t, 100)
				var mu sync.Mutex
				left := 99
				b.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
					mu.Lock()
					defer mu.Unlock()
					if c.At != at || c.For != moderation.ChargeForBatch {
						return moderation.Usage{Allowed: true}, nil
					}
					if c.Reach != int64(10*c.Count) {
						return moderation.Usage{}, errFC
					}
					return moderation.Usage{Allowed: c.Count <= left}, nil
				})
				through := 0
				for i := 0; i < 100; i += tt.size {
					r := b.request(fmt.Sprint("k", i))
					r.Members, r.Expect = b.names[i:i+tt.size], tt.size
					mandate, err := b.guard.RequestBatch(t.Context(), r)
					if err == nil {
						_, err = b.guard.StartBatch(t.Context(), mandate.ID, btSet(t, b.names[i:i+tt.size]))
					}
					if err == nil {
						through++
						mu.Lock()
						left -= tt.size
						mu.Unlock()
					}
				}
				if through != tt.through {
					t.Errorf("%d batches of %d came through, want %d", through, tt.size, tt.through)
				}
			})
		}
	}
}

func TestMembersAreChargedOnceWithTheirBatch(t *testing.T) {
	t.Parallel()
	b := btNew(t, 5)
	other := btTarget("b-004")
	other.Domain = "de"
	b.directory.SetTarget(other, "@b-004")
	b.begin(t)
	b.all(t)
	for _, at := range []moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute} {
		var got []string
		for _, c := range batchCharges(b.limiter.Taken(), moderation.ChargeForBatch) {
			if c.At == at {
				got = append(got, fmt.Sprint(c.Domain, c.Count, "/", c.Reach))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"de1/10", "en4/40"}) {
			t.Errorf("at %s the batch was charged %v", at, got)
		}
	}
	if got := batchCharges(b.limiter.Taken(), moderation.ChargeForTarget); len(got) != 0 {
		t.Errorf("charged besides: %v", got)
	}
	if got := len(batchCharges(b.limiter.Taken(), moderation.ChargeForMember)); got != 10 {
		t.Errorf("%d charges of members, want two for each", got)
	}
}

func TestStagesBeginWhenTheirTimeHasCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := btNew(t, 10)
		b.begin(t, func(r *moderation.BatchRequest) {
			r.Stages = []moderation.Stage{{Members: 2, Soak: time.Minute}, {Members: 10}}
		})
		done := 0
		for i := range 10 {
			if _, err := b.do(t, i); err == nil {
				done++
			} else {
				wantCode(t, err, moderation.CodeTooEarly)
			}
		}
		if done != 2 {
			t.Errorf("%d members were done in a stage of 2", done)
		}
		_, err := b.guard.BeginStage(t.Context(), b.t.ID, 2)
		if r := wantCode(t, err, moderation.CodeTooEarly); r.RetryAfter != time.Minute {
			t.Errorf("again in %v", r.RetryAfter)
		}
		time.Sleep(time.Minute)
		_, err = b.guard.BeginStage(t.Context(), b.t.ID, 3)
		wantCode(t, err, moderation.CodeInvalid)
		if _, err := b.guard.BeginStage(t.Context(), b.t.ID, 2); err != nil {
			t.Fatal(err)
		}
		b.all(t)
	})
}

func TestBatchSurvivesARestart(t *testing.T) {
	t.Parallel()
	b := btNew(t, 6)
	b.begin(t)
	b.all(t, 0, 1)
	// The process ends between the intent and the outcome of one member.
	crashed := make(chan struct{})
	b.handler.OnApply.Inject(moderationtest.After(moderationtest.Hang()))
	go func() { b.do(t, 2); close(crashed) }()
	for len(b.handler.OnApply.Calls()) < 3 {
		time.Sleep(0)
	}
	records := b.sink.Records()
	again := &audit.Memory{}
	for _, r := range records {
		if err := again.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	b.handler.LetGo()
	<-crashed
	b.handler.OnApply.Heal()
	b.config.Audit, b.sink = again, again
	b.open(t)
	calls := b.calls()
	for i := range 6 {
		_, err := b.do(t, i)
		if i == 2 && !errors.Is(err, moderation.ErrUnknown) || i != 2 && err != nil {
			t.Errorf("member %d after the restart: %v", i, err)
		}
	}
	if got := b.calls() - calls; got != 3 {
		t.Errorf("%d handler calls after the restart, want 3", got)
	}
	if got := batchCharges(b.limiter.Taken(), moderation.ChargeForBatch); len(got) != 4 { // two made, two restored
		t.Errorf("charges of the batch: %v", got)
	}
}

func TestRevokeHaltsTheBatchesOfThePerson(t *testing.T) {
	t.Parallel()
	for _, person := range []string{"p-mod", "p-lead"} {
		b := btNew(t, 3)
		b.rules["request standard"] = oneLead()
		b.asked(t, b.request("k"))
		b.approve(t, "lead")
		b.start(t)
		b.all(t, 0)
		revoked, err := b.guard.Revoke(t.Context(), moderation.Revocation{Person: person, Actor: "lead2", Reason: "stolen"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.do(t, 1)
		wantCode(t, err, moderation.CodeHalted)
		if person == "p-mod" && (len(revoked.Executed) != 1 || revoked.Executed[0].ID != b.t.ID) {
			t.Errorf("executed lately: %v", revoked.Executed)
		}
	}
}

// TestTwoProcessesCallOneHandler has two guards over one store, each with several
// workers on every member.
func TestTwoProcessesCallOneHandler(t *testing.T) {
	t.Parallel()
	store, err := moderation.NewMemoryStore(t.Context(), &audit.Memory{})
	if err != nil {
		t.Fatal(err)
	}
	b := btNew(t, 20, func(w *world) { w.config.Store, w.config.Audit = store, nil })
	other, err := moderation.New(t.Context(), b.config)
	if err != nil {
		t.Fatal(err)
	}
	b.begin(t)
	var wait sync.WaitGroup
	for worker := range 6 {
		guard := []*moderation.Guard{b.guard, other}[worker%2]
		wait.Go(func() {
			for i := range 20 {
				guard.DoMember(t.Context(), b.t.ID, b.set.Member(i))
			}
		})
	}
	wait.Wait()
	b.all(t)
	if b.calls() != 20 || len(b.inForce()) != 20 {
		t.Errorf("%d handler calls, %d in force", b.calls(), len(b.inForce()))
	}
}

func TestUndoOfABatchHasItsOwnQuorum(t *testing.T) {
	t.Parallel()
	b := btNew(t, 4)
	b.begin(t)
	b.all(t, 0, 1, 2)
	b.rules["undo standard"] = oneLead()
	ask := func() error {
		undo, err := b.guard.UndoBatch(t.Context(), moderation.UndoRequest{Ticket: b.t.ID, Actor: "mod2", Reason: "wrong", Key: "u"})
		if undo.ID != "" && undo.Status == moderation.StatusPending {
			b.approveTicket(t, undo, "lead")
		}
		return err
	}
	if p := wantPending(t, ask()); p.Status != moderation.StatusPending {
		t.Fatal(p)
	}
	b.all(t, 0) // the batch goes on until the undo has begun
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	_, err := b.do(t, 3)
	wantCode(t, err, moderation.CodeNotOpen)
	_, err = b.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: b.t.ID, Actor: "mod2", Reason: "wrong", Key: "single"})
	wantCode(t, err, moderation.CodeNotUndoable)
	for _, c := range batchCharges(b.limiter.Taken(), moderation.ChargeForBatch) {
		if c.Step == moderation.StepUndo && c.Count != 3 {
			t.Errorf("the undo was charged for %d members, want the 3 that stand", c.Count)
		}
	}
}

func (b *btWorld) approveTicket(t *testing.T, ticket moderation.Ticket, login string) {
	t.Helper()
	if _, err := b.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: ticket.ID, Actor: login, Digest: ticket.Digest}); err != nil {
		t.Fatal(err)
	}
}

func TestAdvanceLeavesABatchToItsStart(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.rules["request standard"] = oneLead()
	b.asked(t, b.request("k"))
	b.approve(t, "lead")
	for range 3 {
		if ticket, err := b.guard.Advance(t.Context(), b.t.ID); err != nil || ticket.Status != moderation.StatusHeld {
			t.Fatalf("Advance: %s, %v", ticket.Status, err)
		}
	}
	if got := b.mandate(t); got.Due.IsZero() || got.Due.Before(time.Now()) {
		t.Errorf("it is due at %v, which is over: a scheduler would look at it again and again", got.Due)
	}
	b.start(t)
	b.all(t)
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
