package batch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestRunDoesAllMembersStageByStage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 200)
		var seen []batch.Progress
		r := w.runner(t, batch.Config{
			Stages: []batch.Stage{{Share: 0.01, Soak: 10 * time.Minute}, {Share: 0.1, Soak: 30 * time.Minute}, {Share: 1}}, Workers: 8,
			Progress: func(p batch.Progress) { seen = append(seen, p) },
		})
		mandate := w.start(t, r)
		began := time.Now()
		results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
		if err != nil || len(results) != 200 || w.inForce() != 200 || w.applied() != 200 {
			t.Fatalf("%d results, %d in force, %d calls, %v", len(results), w.inForce(), w.applied(), err)
		}
		if took := time.Since(began); took != 40*time.Minute {
			t.Errorf("it took %v, want the soak times", took)
		}
		count := map[int]int{}
		var ids []string
		for _, result := range results {
			count[result.Stage]++
			ids = append(ids, result.Member)
		}
		if d := cmp.Diff(map[int]int{1: 2, 2: 18, 3: 180}, count); d != "" {
			t.Errorf("members by stage (-want +got):\n%s", d)
		}
		if slices.Sort(ids); !slices.Equal(ids, w.members) {
			t.Error("not each member came once")
		}
		if last := seen[len(seen)-1]; last != (batch.Progress{Mandate: mandate.ID, Stage: 3, Stages: 3, Done: 200, Total: 200}) {
			t.Errorf("last progress: %+v", last)
		}
	})
}

// TestHaltLeavesEachWorkerOneCall halts while every worker is in a handler. What
// may follow is at most one more call of each.
func TestHaltLeavesEachWorkerOneCall(t *testing.T) {
	t.Parallel()
	const workers = 4
	for _, by := range []string{"halt", "freeze", "undo"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 100)
				slow := w.config.Kinds[0].Apply
				w.config.Kinds[0].Apply = func(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
					time.Sleep(time.Second)
					return slow(ctx, p)
				}
				w.open(t)
				r := w.runner(t, batch.Config{Workers: workers})
				mandate := w.start(t, r)
				done := make(chan error)
				go func() {
					_, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
					done <- err
				}()
				time.Sleep(2500 * time.Millisecond)
				before := w.applied()
				var err error
				switch by {
				case "halt":
					_, err = r.Halt(t.Context(), moderation.HaltRequest{Mandate: mandate.ID, Actor: "lead", Reason: "stop"})
				case "freeze":
					_, err = w.guard.Freeze(t.Context(), moderation.FreezeRequest{Actor: "lead", Scope: moderation.Scope{All: true}, Duration: time.Hour, Reason: "stop", Key: "f"})
				case "undo":
					_, err = w.guard.UndoBatch(t.Context(), moderation.UndoRequest{Ticket: mandate.ID, Actor: "mod2", Reason: "stop", Key: "u"})
				}
				if err != nil {
					t.Fatal(err)
				}
				err = <-done
				if after := w.applied() - before; after > workers {
					t.Errorf("%d calls ended after the halt, more than one for each of %d workers", after, workers)
				}
				wantCode(t, err, map[string]moderation.Code{"halt": moderation.CodeHalted, "freeze": moderation.CodeFrozen, "undo": moderation.CodeNotOpen}[by])
				if w.applied() != 3*workers {
					t.Errorf("%d calls in all, want %d", w.applied(), 3*workers)
				}
			})
		})
	}
}

func TestRunGoesOnAfterResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	r := w.runner(t, batch.Config{Workers: 3})
	mandate := w.start(t, r)
	n := 0
	for _, err := range r.Run(t.Context(), mandate.ID, w.members) {
		if n++; n == 20 {
			if _, err := r.Halt(t.Context(), moderation.HaltRequest{Mandate: mandate.ID, Actor: "mod", Reason: "look"}); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			wantCode(t, err, moderation.CodeHalted)
		}
	}
	if w.applied() >= 60 {
		t.Fatal("it was not halted")
	}
	_, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
	wantCode(t, err, moderation.CodeHalted)
	again := moderation.HaltRequest{Mandate: mandate.ID, Actor: "mod", Reason: "go on"}
	_, err = r.Resume(t.Context(), again)
	wantCode(t, err, moderation.CodeOwnRequest)
	again.Actor = "lead"
	if _, err := r.Resume(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
	if err != nil || len(results) != 60 || len(failures(results)) != 0 || w.applied() != 60 {
		t.Errorf("%d results, %v, %d calls, %v", len(results), failures(results), w.applied(), err)
	}
}

func TestLeavingTheLoopLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50)
		r := w.runner(t, batch.Config{Workers: 5})
		mandate := w.start(t, r)
		for range r.Run(t.Context(), mandate.ID, w.members) {
			break
		}
		before := w.applied()
		synctest.Wait()
		if w.applied() != before || before > 20 {
			t.Errorf("%d calls, then %d", before, w.applied())
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for result, err := range r.Run(ctx, mandate.ID, w.members) {
			cancel()
			if err != nil && !errors.Is(err, context.Canceled) || err == nil && result.Err != nil {
				t.Errorf("%+v, %v", result, err)
			}
		}
		results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
		if err != nil || len(failures(results)) != 0 || w.applied() != 50 {
			t.Errorf("%v, %v, %d calls", failures(results), err, w.applied())
		}
	})
}

// TestRunAfterACrashAnywhere cuts the trail after each record that a run wrote, as
// a crash does, and runs again: no member has two handler calls.
func TestRunAfterACrashAnywhere(t *testing.T) {
	t.Parallel()
	const n = 6
	whole := newWorld(t, n)
	r := whole.runner(t, batch.Config{Workers: 2, Stages: []batch.Stage{{Share: 0.5}, {Share: 1}}})
	mandate := whole.start(t, r)
	if _, err := drain(t, r.Run(t.Context(), mandate.ID, whole.members)); err != nil {
		t.Fatal(err)
	}
	records := whole.sink.Records()
	for cut := 1; cut <= len(records); cut++ {
		w := newWorld(t, n)
		intents, outcomes := 0, 0
		for _, record := range records[:cut] {
			switch record.Event {
			case audit.EventIntent:
				intents++
			case audit.EventOutcome:
				outcomes++
			}
			if err := w.sink.Append(t.Context(), record); err != nil {
				t.Fatal(err)
			}
		}
		w.open(t)
		r := w.runner(t, batch.Config{Workers: 2, MaxFailures: n})
		results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
		unknown := 0
		for _, result := range results {
			if errors.Is(result.Err, moderation.ErrUnknown) {
				unknown++
			}
		}
		if err != nil || len(results) != n || unknown != intents-outcomes || w.applied() != n-intents {
			t.Errorf("cut after %d records (%d intents, %d outcomes): %d results, %d unknown, %d calls, %v",
				cut, intents, outcomes, len(results), unknown, w.applied(), err)
		}
	}
}

func TestUndoAllRestoresExactly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 40)
	before, err := w.guard.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "a-0007", Reason: "x", Parameters: map[string]string{"level": "2"}, Key: "before"})
	if err != nil {
		t.Fatal(err)
	}
	r := w.runner(t, batch.Config{Workers: 4})
	mandate := w.start(t, r)
	if _, err := drain(t, r.Run(t.Context(), mandate.ID, w.members)); err != nil {
		t.Fatal(err)
	}
	u := moderation.UndoRequest{Ticket: mandate.ID, Actor: "mod2", Reason: "the wrong list", Key: "undo"}
	// The service is away for some of them; they are taken back by the next call.
	w.handler.OnUndo.Inject(moderationtest.Fail(moderation.ErrNotApplied))
	results, err := drain(t, r.UndoAll(t.Context(), u))
	if err != nil || len(failures(results)) != 40 || w.inForce() != 41 {
		t.Fatalf("%d failures, %d in force, %v", len(failures(results)), w.inForce(), err)
	}
	w.handler.OnUndo.Heal()
	results, err = drain(t, r.UndoAll(t.Context(), u))
	if err != nil || len(results) != 40 || len(failures(results)) != 0 {
		t.Fatalf("%d results, %v, %v", len(results), failures(results), err)
	}
	if left := w.handler.InForce("a-0007"); w.inForce() != 1 || left[0].Ticket != before.ID {
		t.Errorf("%d in force: %v", w.inForce(), left)
	}
	results, err = drain(t, r.UndoAll(t.Context(), u))
	if err != nil || len(results) != 0 {
		t.Errorf("once more: %v, %v", results, err)
	}
}

func TestMembersThatCannotBeDoneDoNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	r := w.runner(t, batch.Config{Workers: 2, MaxFailures: 3})
	mandate := w.start(t, r)
	if _, err := w.guard.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "a-0001", Reason: "x", Key: "x"}); err != nil {
		t.Fatal(err)
	}
	w.directory.RemoveTarget("a-0002")
	var last batch.Progress
	r = w.runner(t, batch.Config{Workers: 2, MaxFailures: 3, Progress: func(p batch.Progress) { last = p }})
	results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
	if err != nil || len(results) != 10 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	got := map[string]moderation.Code{}
	for _, f := range failures(results) {
		var refusal *moderation.Refusal
		errors.As(f.Err, &refusal)
		got[f.Member] = refusal.Code
	}
	if d := cmp.Diff(map[string]moderation.Code{"a-0001": moderation.CodeStands, "a-0002": moderation.CodeUnknownTarget}, got); d != "" {
		t.Errorf("failures (-want +got):\n%s", d)
	}
	if last.Done != 8 || last.Skipped != 2 || last.Failed != 0 {
		t.Errorf("progress: %+v", last)
	}
}

func TestTooManyFailuresEndTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30)
	r := w.runner(t, batch.Config{MaxFailures: 2})
	mandate := w.start(t, r)
	w.handler.OnApply.Inject(moderationtest.Fail(moderation.ErrNotApplied))
	results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
	wantCode(t, err, moderation.CodeHalted)
	if len(results) != 3 || len(failures(results)) != 3 {
		t.Errorf("%d results", len(results))
	}
}

func TestRunWaitsForNothingButSoakTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.quorum = oneLead()
	r := w.runner(t, batch.Config{})
	mandate := w.start(t, r)
	results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members))
	if !errors.Is(err, moderation.ErrPending) || len(results) != 0 {
		t.Errorf("%v, %v", results, err)
	}
	if _, err := w.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: mandate.ID, Actor: "lead", Digest: mandate.Digest}); err != nil {
		t.Fatal(err)
	}
	_, err = drain(t, r.Run(t.Context(), mandate.ID, w.members[:2]))
	wantCode(t, err, moderation.CodeMembers)
	if results, err := drain(t, r.Run(t.Context(), mandate.ID, w.members)); err != nil || len(results) != 3 {
		t.Errorf("%v, %v", results, err)
	}
}

func TestTwoRunnersShareABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 80)
	r := w.runner(t, batch.Config{Workers: 4})
	mandate := w.start(t, r)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for _, err := range r.Run(t.Context(), mandate.ID, w.members) {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if w.applied() != 80 || w.inForce() != 80 {
		t.Errorf("%d calls, %d in force", w.applied(), w.inForce())
	}
}

func TestFileMembers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "members")
	read := func(text string) (names []string, failed error) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, err := range batch.File(path).Members(t.Context()) {
			if err != nil {
				return names, err
			}
			names = append(names, name)
		}
		return names, nil
	}
	got, err := read("a\r\nb\n\nc")
	if d := cmp.Diff([]string{"a", "b", "c"}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if _, err := read("a\n" + strings.Repeat("x", 300)); err == nil {
		t.Error("a long line is read")
	}
	for _, err := range batch.File(filepath.Join(path, "none")).Members(t.Context()) {
		if !errors.Is(err, os.ErrNotExist) && err == nil {
			t.Errorf("a missing file: %v", err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	stages := func(s ...batch.Stage) batch.Config { return batch.Config{Stages: s} }
	for name, c := range map[string]batch.Config{
		"negative workers": {Workers: -1}, "too many workers": {Workers: batch.MaxWorkers + 1}, "negative failures": {MaxFailures: -1},
		"a rate above one": {MaxFailureRate: 1.1}, "a negative rate": {MaxUndoRate: -0.1},
		"shares that shrink": stages(batch.Stage{Share: 0.5}, batch.Stage{Share: 0.4}, batch.Stage{Share: 1}),
		"a last share below": stages(batch.Stage{Share: 0.5}), "a share of zero": stages(batch.Stage{}, batch.Stage{Share: 1}),
		"a share above one": stages(batch.Stage{Share: 2}), "a negative soak": stages(batch.Stage{Share: 0.5, Soak: -1}, batch.Stage{Share: 1}),
		"a soak at the end": stages(batch.Stage{Share: 1, Soak: 1}),
	} {
		if r, err := batch.New(w.guard, c); !errors.Is(err, batch.ErrConfig) || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if _, err := batch.New(nil, batch.Config{}); !errors.Is(err, batch.ErrConfig) {
		t.Errorf("no guard: %v", err)
	}
	var zero batch.Runner
	for range 2 {
		for _, err := range zero.Run(t.Context(), "m", w.members) {
			wantCode(t, err, moderation.CodeZeroGuard)
		}
	}
	_, err := (*batch.Runner)(nil).Start(t.Context(), action("k"), w.members, 1)
	wantCode(t, err, moderation.CodeZeroGuard)
}
