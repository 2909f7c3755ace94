package moderation_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// btVoids are what can become of somebody who approved a batch of b-000, b-001, …
// before b-001 has its turn.
var btVoids = map[string]struct {
	happens func(*btWorld)
	why     string // as the ticket tells
	member  bool   // it is about b-001 alone
}{
	"the approver has left": {func(b *btWorld) { b.becomes("lead", func(a *moderation.Actor) { a.Status = moderation.Departed }) }, "departed", false},
	"the approver is leaving": {func(b *btWorld) {
		b.becomes("lead", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now().Add(time.Hour)) })
	}, "leaving", false},
	"the approver's login is gone": {func(b *btWorld) { b.directory.RemoveActor("lead") }, "lead", false},
	"the approver has lost the role": {func(b *btWorld) {
		b.denies(func(q moderation.Question) bool { return q.Actor.Login == "lead" })
	}, "lead", false},
	"the approver has lost the role over one member": {func(b *btWorld) {
		b.denies(func(q moderation.Question) bool { return q.Actor.Login == "lead" && q.Target.Domain == "de" })
	}, "lead", false},
	"the approver owns one member": {func(b *btWorld) {
		b.part("b-001", func(target *moderation.Target) { target.Domain, target.Owners = "de", []string{"p-lead"} })
	}, "their own", true},
	"the approver has a conflict of interest with one member": {func(b *btWorld) {
		b.part("b-001", func(target *moderation.Target) { target.Domain, target.Conflicts = "de", []string{"p-lead"} })
	}, "conflict of interest", true},
}

func (b *btWorld) becomes(login string, change func(*moderation.Actor)) {
	a, err := b.directory.Actor(b.ctx(), login)
	if err != nil {
		panic(err)
	}
	change(&a)
	b.directory.SetActor(a)
}

// denies makes the policy deny what matches.
func (b *btWorld) denies(match func(moderation.Question) bool) {
	b.authorizer.AnswerWith(func(q moderation.Question) (moderation.Decision, error) {
		if match(q) {
			return moderation.Decision{Policy: policyDigest, Code: moderation.CodeNoRule, Missing: "a role of " + q.Actor.Login}, nil
		}
		return b.decide(q)
	})
}

// btApproved asks for a batch of four, of which b-001 is in another domain, and has
// it approved by lead.
func btApproved(t *testing.T) *btWorld {
	t.Helper()
	b := btNew(t, 4)
	b.part("b-001", func(target *moderation.Target) { target.Domain = "de" })
	b.rules["request standard"] = oneLead()
	b.asked(t, b.request("batch"))
	b.approve(t, "lead")
	return b
}

// ofMember are the tickets that a member has had.
func (b *btWorld) ofMember(t *testing.T, mandate, id string) (tickets []moderation.Ticket) {
	t.Helper()
	for ticket, err := range b.guard.Tickets(t.Context(), "mod2", moderation.Query{Mandate: mandate, Target: id}) {
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, ticket)
	}
	return tickets
}

// wantVoid wants a ticket to say of an approval by lead why it is void.
func wantVoid(t *testing.T, ticket moderation.Ticket, why string) {
	t.Helper()
	if len(ticket.Reviews) != 1 || ticket.Reviews[0].Login != "lead" || !strings.Contains(ticket.Reviews[0].Void, why) {
		t.Errorf("ticket %s has the reviews %+v, want that by lead to be void (%s)", ticket.ID, ticket.Reviews, why)
	}
}

func TestAnApprovalOfABatchIsVoidedBeforeItBegins(t *testing.T) {
	t.Parallel()
	for name, tt := range btVoids {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := btApproved(t)
			tt.happens(b)
			_, err := b.guard.StartBatch(t.Context(), b.t.ID, b.set)
			wantPending(t, err)
			got := b.mandate(t)
			wantVoid(t, got, tt.why)
			if got.Status != moderation.StatusPending || len(got.Open) != 1 {
				t.Errorf("the batch is %s, open %v", got.Status, got.Open)
			}
			if _, err := b.do(t, 0); err == nil || b.calls() != 0 {
				t.Errorf("a member was done: %v", err)
			}
			b.approve(t, "lead2")
			b.start(t)
			b.all(t)
		})
	}
}

func TestAnApprovalOfABatchIsVoidOnceItHasBegun(t *testing.T) {
	t.Parallel()
	for name, tt := range btVoids {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := btApproved(t)
				b.start(t)
				b.all(t, 0)
				tt.happens(b)
				time.Sleep(time.Second) // what is known of the people is that old at most
				_, err := b.do(t, 1)
				if b.calls() != 1 {
					t.Fatal("the handler was called")
				}
				if !tt.member {
					wantCode(t, err, moderation.CodeApprovalsVoid)
					got := b.mandate(t).Batch
					if got.Halted.IsZero() || got.HaltCode != moderation.CodeApprovalsVoid || !strings.Contains(got.HaltNote, `"lead" is void`) || !strings.Contains(got.HaltNote, tt.why) {
						t.Errorf("halted %v with code %s and note %q", got.Halted, got.HaltCode, got.HaltNote)
					}
					_, err = b.do(t, 2)
					wantCode(t, err, moderation.CodeHalted)
					return
				}
				refusal := wantCode(t, err, moderation.CodeConflictOf)
				_, err = b.do(t, 1)
				wantCode(t, err, moderation.CodeConflictOf)
				tickets := b.ofMember(t, b.t.ID, "b-001")
				if len(tickets) != 1 {
					t.Fatalf("the member has %d tickets, want one", len(tickets))
				}
				got := tickets[0]
				if got.ID != refusal.Ticket || got.Status != moderation.StatusRefused || got.Code != moderation.CodeConflictOf || !strings.Contains(got.Note, tt.why) {
					t.Errorf("ticket %s, named %q, is %s with code %s and note %q", got.ID, refusal.Ticket, got.Status, got.Code, got.Note)
				}
				wantVoid(t, got, tt.why)
				if r := b.mandate(t).Reviews[0]; r.Void != "" {
					t.Errorf("for all others it is void too: %s", r.Void)
				}
				b.all(t, 2, 3)
				b.part("b-001", func(*moderation.Target) {}) // it is given up
				if done := b.all(t, 1); len(done[0].Reviews) != 0 || done[0].ID == got.ID {
					t.Errorf("then it was done under %s with reviews %+v", done[0].ID, done[0].Reviews)
				}
			})
		})
	}
}

func TestAMemberThatTheRequesterGotAPartInSaysSo(t *testing.T) {
	t.Parallel()
	b := btApproved(t)
	b.start(t)
	b.part("b-001", func(target *moderation.Target) { target.Conflicts = []string{"p-mod"} })
	_, err := b.do(t, 1)
	wantCode(t, err, moderation.CodeConflictOf)
	if got := b.ofMember(t, b.t.ID, "b-001"); len(got) != 1 || got[0].Status != moderation.StatusRefused || !strings.Contains(got[0].Note, `"mod"`) {
		t.Errorf("its tickets: %+v", got)
	}
	if b.calls() != 0 {
		t.Error("the handler was called")
	}
}

// TestAVoidApprovalThatIsNotNeededIsTold has two approvals where one would do.
func TestAVoidApprovalThatIsNotNeededIsTold(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.rules["request standard"] = oneLead()
	b.asked(t, b.request("batch"))
	b.approve(t, "lead")
	b.rules["request standard"] = twoLeads() // for a while
	_, err := b.guard.StartBatch(t.Context(), b.t.ID, b.set)
	wantPending(t, err)
	b.approve(t, "lead2")
	b.rules["request standard"] = oneLead()
	b.t, err = b.guard.StartBatch(t.Context(), b.t.ID, b.set)
	if err != nil {
		t.Fatal(err)
	}
	b.newOwner("b-001", "p-lead")
	done := b.all(t)
	wantVoid(t, done[1], "their own")
	if len(done[0].Reviews)+len(done[2].Reviews) != 0 {
		t.Errorf("reviews of the others: %+v, %+v", done[0].Reviews, done[2].Reviews)
	}
}

// TestAnApprovalOfTheUndoOfABatchIsVoidForAMember is the same for what takes a
// batch back.
func TestAnApprovalOfTheUndoOfABatchIsVoidForAMember(t *testing.T) {
	t.Parallel()
	b := btNew(t, 3)
	b.begin(t)
	done := b.all(t)
	b.rules["undo standard"] = oneLead()
	undo, err := b.guard.UndoBatch(t.Context(), moderation.UndoRequest{Ticket: b.t.ID, Actor: "mod2", Reason: "wrong", Key: "u"})
	wantPending(t, err)
	if undo, err = b.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: undo.ID, Actor: "lead", Digest: undo.Digest}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.guard.Advance(t.Context(), undo.ID); err != nil {
		t.Fatal(err)
	}
	b.newOwner("b-001", "p-lead")
	for i, ticket := range done {
		_, err := b.guard.UndoMember(t.Context(), undo.ID, ticket.ID)
		if i != 1 && err != nil {
			t.Errorf("member %d: %v", i, err)
		}
		if i == 1 {
			wantCode(t, err, moderation.CodeConflictOf)
		}
	}
	got := b.ofMember(t, undo.ID, "b-001")
	if len(got) != 1 || got[0].Status != moderation.StatusRefused || got[0].Undoes != done[1].ID {
		t.Fatalf("its tickets: %+v", got)
	}
	wantVoid(t, got[0], "their own")
	if left := b.inForce(); len(left) != 1 || left[0] != "b-001" {
		t.Errorf("in force: %v", left)
	}
}
