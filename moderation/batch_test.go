package moderation_test

import (
	"errors"
	"slices"
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
	called, crashed := make(chan struct{}), make(chan struct{})
	tell := sync.OnceFunc(func() { close(called) })
	b.handler.OnApply.InjectWhen(func(moderation.Permit) bool { tell(); return true }, moderationtest.After(moderationtest.Hang()))
	go func() { b.do(t, 2); close(crashed) }()
	<-called
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

// TestTwoProcessesCallOneHandler has two guards over one store, each with several
// workers on every member.
func TestTwoProcessesCallOneHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, twoProcesses) // in which both decide at the same instant
}

func twoProcesses(t *testing.T) {
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
