package moderation_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

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

// TestAnOutcomeThatIsWrittenLateIsCounted has the store refuse an outcome, or lose
// its answer, and pays the debt with a step of somebody else.
func TestAnOutcomeThatIsWrittenLateIsCounted(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]moderationtest.Fault{
		"refused": moderationtest.Fail(errFC), "without an answer": moderationtest.After(moderationtest.Fail(errFC)),
	} {
		for what, wrong := range map[string]func(*testing.T, *btWorld, string) error{
			"a failure": func(t *testing.T, b *btWorld, _ string) error {
				b.handler.OnApply.Inject(moderationtest.Fail(fmt.Errorf("x: %w", moderation.ErrNotApplied)))
				defer b.handler.OnApply.Heal()
				_, err := b.do(t, 1)
				return err
			},
			"an undo": func(t *testing.T, b *btWorld, ticket string) error {
				_, err := b.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: ticket, Actor: "mod2", Reason: "appeal", Key: "a"})
				return err
			},
		} {
			t.Run(what+" "+name, func(t *testing.T) {
				t.Parallel()
				behind, err := moderation.NewMemoryStore(t.Context(), &audit.Memory{})
				if err != nil {
					t.Fatal(err)
				}
				store := moderationtest.NewStore(t, behind)
				b := btNew(t, 6, func(w *world) { w.config.Store, w.config.Audit = store, nil })
				b.begin(t, func(r *moderation.BatchRequest) { r.Tolerance = moderation.Tolerance{} })
				done := b.all(t, 0)
				store.OnCommit.InjectAt(len(store.OnCommit.Calls())+2, fault)
				if err := wrong(t, b, done[0].ID); !errors.Is(err, moderation.ErrUnrecorded) {
					t.Fatalf("the outcome is written: %v", err)
				}
				store.OnCommit.Heal()
				b.do(t, 2) // which pays the debt
				_, err = b.do(t, 3)
				wantCode(t, err, moderation.CodeHalted)
			})
		}
	}
}

// TestAMemberThatACrashLeftInTheMiddleIsCounted: its outcome is unknown, and that
// counts before the next handler is called.
func TestAMemberThatACrashLeftInTheMiddleIsCounted(t *testing.T) {
	t.Parallel()
	sink := &audit.Memory{}
	behind, err := moderation.NewMemoryStore(t.Context(), sink)
	if err != nil {
		t.Fatal(err)
	}
	store := moderationtest.NewStore(t, behind)
	b := btNew(t, 6, func(w *world) { w.config.Store, w.config.Audit = store, nil })
	b.begin(t, func(r *moderation.BatchRequest) { r.Tolerance = moderation.Tolerance{} })
	b.all(t, 0)
	for n := range 9 { // all but the intent
		store.OnCommit.InjectAt(len(store.OnCommit.Calls())+2+n, moderationtest.Fail(errFC))
	}
	if _, err := b.do(t, 1); !errors.Is(err, moderation.ErrUnrecorded) {
		t.Fatalf("the outcome is written: %v", err)
	}
	b.config.Store, b.config.Audit = nil, sink
	b.open(t)
	calls := len(b.handler.OnApply.Calls())
	_, err = b.do(t, 2)
	wantCode(t, err, moderation.CodeHalted)
	if again := len(b.handler.OnApply.Calls()); again != calls {
		t.Error("another handler is called before the crash counts")
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
