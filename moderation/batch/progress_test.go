package batch_test

import (
	"errors"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// TestProgressOfABatchThatGoesOnBeginsWhereItWas halts a batch in the middle, in
// which one member failed, one is unknown, one was undone and one is not known to
// the directory, and runs it again: in the same process, and in another one.
func TestProgressOfABatchThatGoesOnBeginsWhereItWas(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"in the same process": false, "in another process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const members = 60
			w := newWorld(t, members)
			stages := []batch.Stage{{Share: 0.1}, {Share: 1}}
			mandate := w.start(t, w.runner(t, batch.Config{Stages: stages}))
			w.handler.OnApply.InjectAt(3, moderationtest.Fail(moderation.ErrNotApplied))
			w.handler.OnApply.InjectAt(5, moderationtest.Fail(errors.New("it may have been done")))
			w.handler.OnProbe.Inject(moderationtest.Fail(nil))
			first := w.runUntil(t, mandate.ID, 24)
			before := w.applied()
			if _, err := w.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: first.Ticket, Actor: "mod2", Reason: "appeal", Key: "u"}); err != nil {
				t.Fatal(err)
			}
			if restart {
				w.open(t)
			}
			var seen []batch.Progress
			var calls []int
			r := w.runner(t, batch.Config{Workers: 3, Stages: stages, Progress: func(p batch.Progress) {
				seen, calls = append(seen, p), append(calls, w.applied())
			}})
			if _, err := r.Resume(t.Context(), moderation.HaltRequest{Mandate: mandate.ID, Actor: "lead2", Reason: "go on"}); err != nil {
				t.Fatal(err)
			}
			results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
			if err != nil || len(results) != members {
				t.Fatalf("%d results, %v", len(results), err)
			}
			want := batch.Progress{Mandate: mandate.ID, Stage: 2, Stages: 2, Done: before - 3, Failed: 2, Skipped: 1, Total: members}
			if seen[0] != want || calls[0] != before {
				t.Errorf("at first it tells, after %d calls,\n%+v, want, after %d,\n%+v", calls[0], seen[0], before, want)
			}
			for i, p := range seen[1:] {
				if had := p.Done + p.Failed + p.Skipped; had != before+1+i || p.Failed != 2 || p.Skipped != 1 || p.Stage != 2 {
					t.Fatalf("then it tells %+v, want one member more each time", p)
				}
			}
			want.Done = members - 3
			if last := seen[len(seen)-1]; last != want {
				t.Errorf("at last it tells\n%+v, want\n%+v", last, want)
			}
		})
	}
}

// TestProgressCountsAMemberOnce has a member of the first stage undone while the
// batch goes on in the second, after it was counted as done.
func TestProgressCountsAMemberOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	stages := []batch.Stage{{Share: 0.1}, {Share: 1}}
	mandate := w.start(t, w.runner(t, batch.Config{Stages: stages}))
	first := w.runUntil(t, mandate.ID, 10)
	var seen []batch.Progress
	r := w.runner(t, batch.Config{Stages: stages, Progress: func(p batch.Progress) {
		if seen = append(seen, p); len(seen) > 1 {
			return
		}
		if _, err := w.guard.Undo(t.Context(), moderation.UndoRequest{Ticket: first.Ticket, Actor: "mod2", Reason: "appeal", Key: "u"}); err != nil {
			t.Error(err)
		}
	}})
	if _, err := r.Resume(t.Context(), moderation.HaltRequest{Mandate: mandate.ID, Actor: "lead2", Reason: "go on"}); err != nil {
		t.Fatal(err)
	}
	before := w.applied()
	if _, err := drain(t, r.Run(t.Context(), mandate.ID, w.members)); err != nil {
		t.Fatal(err)
	}
	want := batch.Progress{Mandate: mandate.ID, Stage: 2, Stages: 2, Done: before, Total: 20}
	if seen[0] != want {
		t.Errorf("at first it tells\n%+v, want\n%+v", seen[0], want)
	}
	want.Done, want.Skipped = before-1, 1
	if seen[1] != want {
		t.Errorf("then it tells\n%+v, want\n%+v", seen[1], want)
	}
	want.Done = 19
	if last := seen[len(seen)-1]; last != want {
		t.Errorf("at last it tells\n%+v, want\n%+v", last, want)
	}
}

// runUntil runs a batch, halts it when so many members had their turn, and returns
// the first of them.
func (w *world) runUntil(t *testing.T, mandate string, n int) (first batch.Result) {
	t.Helper()
	r := w.runner(t, batch.Config{})
	had := 0
	for result, err := range r.Run(t.Context(), mandate, w.members) {
		if err != nil {
			wantCode(t, err, moderation.CodeHalted)
			break
		}
		if first.Ticket == "" {
			first = result
		}
		if had++; had == n {
			if _, err := r.Halt(t.Context(), moderation.HaltRequest{Mandate: mandate, Actor: "lead", Reason: "look"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return first
}

// TestProgressThatCannotBeCountedAtFirstIsCountedOnTheWay has a store that does not
// say what was done before.
func TestProgressThatCannotBeCountedAtFirstIsCountedOnTheWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	behind, err := moderation.NewMemoryStore(t.Context(), w.sink)
	if err != nil {
		t.Fatal(err)
	}
	store := moderationtest.NewStore(t, behind)
	w.config.Store, w.config.Audit = store, nil
	w.open(t)
	mandate := w.start(t, w.runner(t, batch.Config{}))
	w.runUntil(t, mandate.ID, 10)
	store.OnTickets.InjectWhen(func(q moderation.Query) bool { return q.Mandate != "" }, moderationtest.Fail(nil))
	var seen []batch.Progress
	r := w.runner(t, batch.Config{Progress: func(p batch.Progress) { seen = append(seen, p) }})
	_, err = drain(t, r.Run(t.Context(), mandate.ID, w.members))
	wantCode(t, err, moderation.CodeHalted)
	for i, p := range seen {
		if p.Done != i+1 {
			t.Errorf("it tells %+v", p)
		}
	}
	if len(seen) != w.applied() {
		t.Errorf("it tells of %d members, want %d", len(seen), w.applied())
	}
}
