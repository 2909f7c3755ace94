package moderation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

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
		"the approver has a conflict": {func(b *btWorld) {
			target := btTarget("b-002")
			target.Conflicts = []string{"p-lead"}
			b.directory.SetTarget(target, "@b-002")
		}, "", moderation.StatusPending},
		"the approver left":              {func(b *btWorld) { b.directory.RemoveActor("lead") }, "", moderation.StatusPending},
		"the requester left":             {func(b *btWorld) { b.directory.RemoveActor("mod") }, moderation.CodeUnknownActor, moderation.StatusRefused},
		"a freeze":                       {func(b *btWorld) { b.freeze() }, "", moderation.StatusHeld},
		"a limit":                        {func(b *btWorld) { b.refuseExecution() }, "", moderation.StatusHeld},
		"the directory fails":            {func(b *btWorld) { b.directory.OnTarget.Inject(moderationtest.Fail(errFC)) }, moderation.CodeDirectory, moderation.StatusHeld},
		"the policy asks for two":        {func(b *btWorld) { b.rules["request standard"] = twoLeads() }, "", moderation.StatusPending},
		"a member was undone in between": {func(b *btWorld) { b.undoneMeanwhile() }, "", moderation.StatusPending},
		"the policy names no quorum":     {func(b *btWorld) { b.rules["request standard"] = moderation.Requirement{} }, moderation.CodeNoRequirement, moderation.StatusRefused},
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
		if events := b.events(); events[len(events)-1] != audit.EventRefused || events[len(events)-2] != audit.EventOutcome {
			t.Errorf("the member had an intent: %v", events)
		}
		time.Sleep(time.Hour)
		b.all(t, 1, 2)
	})
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

func TestMembersEndWithTheDeadlineAndTheirUndoDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := btNew(t, 3)
		b.begin(t)
		b.all(t, 0)
		time.Sleep(time.Until(b.t.Deadline))
		records := len(b.sink.Records())
		_, err := b.do(t, 1)
		wantCode(t, err, moderation.CodeTooLate)
		if got := b.mandate(t); !got.Batch.Halted.IsZero() || len(b.sink.Records()) != records+1 {
			t.Errorf("more than the refusal is on record; halted: %v", got.Batch.Halted)
		}
		undo, err := b.guard.UndoBatch(t.Context(), moderation.UndoRequest{Ticket: b.t.ID, Actor: "mod", Reason: "wrong", Key: "u"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		for member, err := range b.guard.StandingMembers(t.Context(), undo.ID) {
			if err == nil {
				_, err = b.guard.UndoMember(t.Context(), undo.ID, member)
			}
			if err != nil {
				t.Error(err)
			}
		}
		if got := b.inForce(); len(got) != 0 {
			t.Errorf("in force: %v", got)
		}
	})
}
