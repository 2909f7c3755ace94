package moderation_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// part gives somebody a part in a member.
func (b *btWorld) part(id string, change func(*moderation.Target)) {
	target := btTarget(id)
	change(&target)
	b.directory.SetTarget(target, "@"+id)
}

// anotherProcess opens a guard that has seen nothing but the trail.
func (b *btWorld) anotherProcess(t *testing.T) {
	t.Helper()
	b.open(t)
}

func (b *btWorld) halt(t *testing.T, ticket, actor string) error {
	t.Helper()
	_, err := b.guard.HaltBatch(t.Context(), moderation.HaltRequest{Mandate: ticket, Actor: actor, Reason: "look"})
	return err
}

func (b *btWorld) resume(t *testing.T, ticket, actor string) error {
	t.Helper()
	_, err := b.guard.ResumeBatch(t.Context(), moderation.HaltRequest{Mandate: ticket, Actor: actor, Reason: "go on"})
	return err
}

func TestWhoHasAPartInAMemberDoesNothingAboutTheBatchFromAnyProcess(t *testing.T) {
	t.Parallel()
	owner := func(b *btWorld) { b.newOwner("b-001", "p-lead") }
	conflict := func(b *btWorld) {
		b.part("b-001", func(target *moderation.Target) { target.Conflicts = []string{"p-lead"} })
	}
	for name, tt := range map[string]struct{ asked, begun func(*btWorld) }{
		"an owner when it was asked for":      {owner, func(*btWorld) {}},
		"an owner when it was begun":          {func(*btWorld) {}, owner},
		"a conflict when it was asked for":    {conflict, func(*btWorld) {}},
		"a conflict when it was begun":        {func(*btWorld) {}, conflict},
		"no owner any more when it was begun": {owner, func(b *btWorld) { b.newOwner("b-001", "p-mod2"); b.newOwner("b-002", "p-lead") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := btNew(t, 4)
			tt.asked(b)
			b.asked(t, b.request("batch"))
			tt.begun(b)
			b.start(t)
			b.all(t, 0)
			for _, process := range []string{"the one that began it", "another one"} {
				wantCode(t, b.halt(t, b.t.ID, "lead"), moderation.CodeSelf)
				if err := b.halt(t, b.t.ID, "lead2"); err != nil {
					t.Fatalf("%s: %v", process, err)
				}
				wantCode(t, b.resume(t, b.t.ID, "lead"), moderation.CodeSelf)
				if err := b.resume(t, b.t.ID, "lead2"); err != nil {
					t.Fatalf("%s: %v", process, err)
				}
				b.anotherProcess(t)
			}
			undo, err := b.guard.UndoBatch(t.Context(), moderation.UndoRequest{Ticket: b.t.ID, Actor: "mod2", Reason: "wrong", Key: "u"})
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, b.halt(t, undo.ID, "lead"), moderation.CodeSelf)
			if err := b.halt(t, undo.ID, "lead2"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhoHasAPartInAMemberDoesNotCancelAWaitingBatch(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.rules["request standard"] = oneLead()
	b.newOwner("b-001", "p-lead")
	b.asked(t, b.request("batch"))
	b.anotherProcess(t)
	cancel := moderation.CancelRequest{Ticket: b.t.ID, Actor: "lead", Reason: "mine"}
	_, err := b.guard.Cancel(t.Context(), cancel)
	wantCode(t, err, moderation.CodeSelf)
	_, err = b.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: b.t.ID, Actor: "lead", Digest: b.t.Digest})
	if r := wantCode(t, err, moderation.CodeSelf); r.Ticket != b.t.ID {
		t.Errorf("the refusal names ticket %q", r.Ticket)
	}
	cancel.Actor = "lead2"
	if _, err := b.guard.Cancel(t.Context(), cancel); err != nil {
		t.Error(err)
	}
}

// TestMoreMembersThanAMandateTellsOfMustBeLookedAt has more members than a mandate
// has room for: a process that has not looked at them knows of nobody for certain.
func TestMoreMembersThanAMandateTellsOfMustBeLookedAt(t *testing.T) {
	t.Parallel()
	for approver, tt := range map[string]struct{ may, mayNot []string }{
		"":      {[]string{"mod"}, []string{"lead", "lead2"}},
		"lead2": {[]string{"mod", "lead2"}, []string{"lead"}}, // who asked or approved was held against each member
	} {
		t.Run("approved by "+approver, func(t *testing.T) {
			t.Parallel()
			b := btNew(t, 1100)
			b.newOwner("b-001", "p-lead")
			if approver != "" {
				b.rules["request standard"] = oneLead()
			}
			b.asked(t, b.request("batch"))
			if approver != "" {
				b.approve(t, approver)
			}
			b.start(t)
			if len(b.t.Batch.Whose) != 0 {
				t.Fatalf("the mandate tells of %d bytes", len(b.t.Batch.Whose))
			}
			wantCode(t, b.halt(t, b.t.ID, "lead"), moderation.CodeSelf)
			for _, by := range tt.may {
				b.anotherProcess(t)
				for _, not := range tt.mayNot {
					r := wantCode(t, b.halt(t, b.t.ID, not), moderation.CodeMembers)
					if !strings.Contains(r.Needed, "StartBatch") {
						t.Errorf("%q does not say how to mend it", r.Needed)
					}
				}
				if err := b.halt(t, b.t.ID, by); err != nil {
					t.Fatalf("halt by %s: %v", by, err)
				}
				wantCode(t, b.resume(t, b.t.ID, "lead"), moderation.CodeMembers)
				b.start(t)
				wantCode(t, b.resume(t, b.t.ID, "lead"), moderation.CodeSelf)
				if err := b.resume(t, b.t.ID, "lead2"); err != nil {
					t.Fatal(err)
				}
				wantCode(t, b.halt(t, b.t.ID, "lead"), moderation.CodeSelf)
			}
		})
	}
}

// TestAnApprovalIsVoidForTheMemberThatTheApproverGotAPartIn goes through all ways
// in which one of the approvers comes to have a part in one member once the batch
// is begun: that member is refused, on the trail, and the others are done.
func TestAnApprovalIsVoidForTheMemberThatTheApproverGotAPartIn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		approvers []string
		change    func(*moderation.Target)
		done      bool
	}{
		"its owner":               {[]string{"lead"}, func(target *moderation.Target) { target.Owners = []string{"p-lead"} }, false},
		"a conflict of interest":  {[]string{"lead"}, func(target *moderation.Target) { target.Conflicts = []string{"p-lead"} }, false},
		"one of two approvals":    {[]string{"lead", "lead2"}, func(target *moderation.Target) { target.Owners = []string{"p-lead"} }, false},
		"somebody else's account": {[]string{"lead"}, func(target *moderation.Target) { target.Owners = []string{"p-lead2"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := btNew(t, 4)
				b.rules["request standard"] = moderation.Requirement{Deadline: 24 * time.Hour, Quorum: moderation.Quorum{}}
				for range tt.approvers {
					r := b.rules["request standard"]
					r.Quorum.Slots = append(r.Quorum.Slots, moderation.Slot{"lead"})
					b.rules["request standard"] = r
				}
				b.asked(t, b.request("batch"))
				b.approve(t, tt.approvers...)
				b.start(t)
				b.all(t, 0)
				b.part("b-001", tt.change)
				records := len(b.sink.Records()) // at once: what is known of the people is still remembered
				_, err := b.do(t, 1)
				if tt.done {
					if err != nil {
						t.Error(err)
					}
					return
				}
				wantCode(t, err, moderation.CodeConflictOf)
				var refused []string
				for _, r := range b.sink.Records()[records:] {
					if r.Event == audit.EventRefused && r.Outcome != nil {
						refused = append(refused, fmt.Sprint(r.Outcome.Code, " ", r.Target.ID))
					}
				}
				if len(refused) != 1 || refused[0] != string(moderation.CodeConflictOf)+" b-001" {
					t.Errorf("on the trail: %v", refused)
				}
				b.all(t, 2, 3)
				if got := b.inForce(); len(got) != 3 {
					t.Errorf("in force: %v", got)
				}
				b.part("b-001", func(*moderation.Target) {})
				b.all(t, 1) // the part was given up
			})
		})
	}
}
