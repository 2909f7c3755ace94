package moderation_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// TestAStoreThatFailsLeavesAMemberAtMostOneCall puts each fault at each commit of a
// member, asks for the member again and again, and restarts from the records.
func TestAStoreThatFailsLeavesAMemberAtMostOneCall(t *testing.T) {
	t.Parallel()
	faults := map[string]moderationtest.Fault{
		"fails": moderationtest.Fail(errFC), "fails afterwards": moderationtest.After(moderationtest.Fail(errFC)),
		"conflicts": moderationtest.Fail(moderation.ErrConflict), "conflicts afterwards": moderationtest.After(moderationtest.Fail(moderation.ErrConflict)),
		"panics": moderationtest.Panic("boom"), "hangs": moderationtest.Hang(), "hangs afterwards": moderationtest.After(moderationtest.Hang()),
		"is full": moderationtest.Fail(audit.ErrNoRoom),
	}
	for name, fault := range faults {
		for commit := range 3 {
			t.Run(fmt.Sprintf("commit %d %s", commit+1, name), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { btFault(t, fault, commit) })
			})
		}
	}
}

func btFault(t *testing.T, fault moderationtest.Fault, commit int) {
	sink := &audit.Memory{}
	behind, err := moderation.NewMemoryStore(t.Context(), sink)
	if err != nil {
		t.Fatal(err)
	}
	store := moderationtest.NewStore(t, behind)
	b := btNew(t, 3, func(w *world) { w.config.Store, w.config.Audit = store, nil })
	b.begin(t)
	store.OnCommit.InjectAt(len(store.OnCommit.Calls())+1+commit, fault)
	for range 4 {
		b.do(t, 0)
		time.Sleep(10 * time.Second)
	}
	store.LetGo()
	store.OnCommit.Heal()
	time.Sleep(time.Minute)
	synctest.Wait()
	b.do(t, 0)
	calls := len(b.handler.OnApply.Calls())
	if calls > 1 {
		t.Errorf("the handler was called %d times", calls)
	}
	// What the records say is what happened.
	b.config.Store, b.config.Audit = nil, sink
	b.open(t)
	ticket, err := b.do(t, 0)
	if again := len(b.handler.OnApply.Calls()); again > 1 {
		t.Errorf("after a restart it was called %d times", again)
	}
	inForce := len(b.handler.InForce("b-000")) == 1
	if ticket.Status == moderation.StatusExecuted != inForce && !errors.Is(err, moderation.ErrUnknown) {
		t.Errorf("the ticket is %s (%v), in force: %t", ticket.Status, err, inForce)
	}
}

// TestASourceThatFailsIsNamed has sources that end badly.
func TestASourceThatFailsIsNamed(t *testing.T) {
	t.Parallel()
	for name, names := range map[string]btSource{
		"an error":     func(yield func(string, error) bool) { _ = yield("@b-000", nil) && yield("", errFC) },
		"a panic":      func(yield func(string, error) bool) { yield("@b-000", nil); panic("boom") },
		"a hang":       func(yield func(string, error) bool) { time.Sleep(time.Hour) },
		"a wrong name": func(yield func(string, error) bool) { yield(" @b-000", nil) },
		"no end": func(yield func(string, error) bool) {
			for yield("@b-000", nil) {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := btNew(t, 1)
				r := b.request("k")
				r.Members = names
				_, err := b.guard.RequestBatch(t.Context(), r)
				if !errors.Is(err, moderation.ErrInvalid) {
					t.Errorf("got %v", err)
				}
				time.Sleep(2 * time.Hour) // what hangs comes back to nobody
			})
		})
	}
}

func TestABatchThatWaitsIsRejectedAndCancelled(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.newOwner("b-001", "p-lead2")
	b.rules["request standard"] = oneLead()
	b.asked(t, b.request("k"))
	review := moderation.ReviewRequest{Ticket: b.t.ID, Digest: b.mandate(t).Digest, Reason: "no"}
	for login, code := range map[string]moderation.Code{"mod": moderation.CodeOwnRequest, "lead2": moderation.CodeSelf, "mod2": moderation.CodeNoRule} {
		review.Actor = login
		_, err := b.guard.Approve(t.Context(), review)
		wantCode(t, err, code)
	}
	_, err := b.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: b.t.ID, Actor: "lead2", Reason: "mine"})
	wantCode(t, err, moderation.CodeSelf)
	review.Actor = "lead"
	if _, err := b.guard.Reject(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	if _, err := b.guard.StartBatch(t.Context(), b.t.ID, b.set); !errors.Is(err, moderation.ErrOver) {
		t.Errorf("a rejected batch is started: %v", err)
	}
	// Asking again, with one member less, takes one approver more, and another.
	again := b.request("again")
	again.Members, again.Expect = b.names[:2], 2
	_, err = b.guard.RequestBatch(t.Context(), again)
	p := wantPending(t, err)
	if len(p.Missing) != 2 || p.After != b.t.ID {
		t.Errorf("missing %v after %s", p.Missing, p.After)
	}
	if _, err := b.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: p.Ticket, Actor: "mod", Reason: "never mind"}); err != nil {
		t.Error(err)
	}
}
