package moderation_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// clWorld is a world whose trail keeps snapshots.
type clWorld struct {
	*world
	t    *testing.T
	sink *ssSink
}

func clNew(t *testing.T, change ...func(*world)) *clWorld {
	t.Helper()
	w := &clWorld{t: t, sink: &ssSink{}}
	w.world = newWorld(t, append(change, func(inner *world) { inner.config.Audit = w.sink })...)
	return w
}

// do has mod suspend @one.
func (w *clWorld) do() (moderation.Ticket, error) {
	return w.guard.Do(w.t.Context(), suspend("mod", "@one", "k"))
}

// closes closes the guard and wants a snapshot of all records.
func (w *clWorld) closes() {
	w.t.Helper()
	if err := w.guard.Close(w.t.Context()); err != nil {
		w.t.Fatalf("Close: %v", err)
	}
	if _, after := w.sink.saved(); after != len(w.sink.Records()) {
		w.t.Errorf("the snapshot is of %d records of %d", after, len(w.sink.Records()))
	}
}

// wantNoSnapshot wants that none was saved yet.
func (w *clWorld) wantNoSnapshot() {
	w.t.Helper()
	if _, after := w.sink.saved(); after != 0 {
		w.t.Errorf("a snapshot of %d records was saved", after)
	}
}

// within is a context of so long.
func clWithin(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestClosedGuardRefusesEveryVerb(t *testing.T) {
	t.Parallel()
	verbs := append(fcVerbs(), fcCall{verb: "Run", call: func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
		return g.Run(ctx)
	}}, fcCall{verb: "ReportBacklog", call: func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
		return g.ReportBacklog(ctx)
	}})
	for _, verb := range verbs {
		t.Run(verb.verb, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := fcNew(t, nil)
				if verb.given != nil {
					verb.given(w)
				}
				if err := w.guard.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				calls, records, asked := w.calls(), len(w.trail.Records()), w.directory.OnActor.Count()
				err := verb.call(t.Context(), w.guard, w, w.good())
				wantCode(t, err, moderation.CodeClosed)
				if !errors.Is(err, moderation.ErrRefused) || !errors.Is(err, moderation.ErrUnavailable) {
					t.Errorf("%v is no refusal of the family ErrUnavailable", err)
				}
				time.Sleep(time.Hour)
				if w.calls() != calls || len(w.trail.Records()) != records || w.directory.OnActor.Count() != asked {
					t.Error("something was asked, recorded or run")
				}
			})
		})
	}
}

func TestCloseWaitsForTheVerbUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		w.handler.OnApply.Inject(moderationtest.Slow(20 * time.Second))
		var done error
		var verb sync.WaitGroup
		verb.Go(func() { _, done = w.do() })
		synctest.Wait()
		begun := time.Now()
		w.closes()
		if waited := time.Since(begun); waited != 20*time.Second {
			t.Errorf("Close waited %v", waited)
		}
		verb.Wait()
		if done != nil || w.calls() != 1 {
			t.Errorf("the action that was under way: %v, %d handler calls", done, w.calls())
		}
		wantEvents(t, w.over(w.sink.Records()), audit.EventIntent, audit.EventOutcome)
	})
}

// over is the world with a trail of these records.
func (w *clWorld) over(records []audit.Record) *world {
	inner := *w.world
	inner.sink = &audit.Memory{}
	for _, r := range records {
		if err := inner.sink.Append(w.t.Context(), r); err != nil {
			w.t.Fatal(err)
		}
	}
	return &inner
}

func TestCloseIsBoundedByItsContextAndCanGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		w.handler.OnApply.Inject(moderationtest.Slow(20 * time.Second))
		var verb sync.WaitGroup
		verb.Go(func() { _, _ = w.do() })
		synctest.Wait()
		begun := time.Now()
		err := w.guard.Close(clWithin(t, 5*time.Second))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "verbs are still under way") || time.Since(begun) != 5*time.Second {
			t.Errorf("Close after %v: %v", time.Since(begun), err)
		}
		w.wantNoSnapshot()
		_, err = w.guard.Do(t.Context(), suspend("mod", "@two", "k2"))
		wantCode(t, err, moderation.CodeClosed)
		w.closes()
		if time.Since(begun) != 20*time.Second {
			t.Errorf("closed after %v", time.Since(begun))
		}
		verb.Wait()
	})
}

func TestCloseWaitsForTheHandlerThatRanOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		begun := time.Now()
		w.handler.OnApply.Inject(moderationtest.Slow(time.Minute)) // twice Config.HandlerTimeout
		if _, err := w.do(); !errors.Is(err, moderation.ErrUnknown) {
			t.Fatal(err)
		}
		err := w.guard.Close(clWithin(t, time.Second))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "handlers are still running") {
			t.Errorf("Close: %v", err)
		}
		w.closes()
		if time.Since(begun) != time.Minute {
			t.Errorf("closed after %v", time.Since(begun))
		}
	})
}

func TestCloseEndsRunWhenItsHandlersHaveReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		a := suspend("mod", "@one", "k")
		a.Duration = time.Minute
		ticket, err := w.guard.Do(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		w.handler.OnUndo.Inject(moderationtest.Slow(10 * time.Second))
		var ended error
		var run sync.WaitGroup
		run.Go(func() { ended = w.guard.Run(t.Context()) })
		time.Sleep(time.Minute + 5*time.Second) // its end is under way
		w.closes()
		run.Wait()
		wantCode(t, ended, moderation.CodeClosed)
		w.open(t)
		if got, err := w.guard.Ticket(t.Context(), "mod", ticket.ID); err != nil || got.Status != moderation.StatusEnded {
			t.Errorf("the ticket is %s, %v", got.Status, err)
		}
	})
}

func TestCloseKeepsRunFromBeginningMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fcNew(t, nil)
		fcTimed(w)
		w.store.OnTickets.Inject(moderationtest.Slow(time.Second / 2)) // what is due takes so long to find
		var run sync.WaitGroup
		run.Go(func() { _ = w.guard.Run(t.Context()) })
		time.Sleep(time.Second / 4)
		if err := w.guard.Close(t.Context()); err != nil {
			t.Error(err)
		}
		run.Wait()
		if got := w.handler.OnUndo.Count(); got != 0 {
			t.Errorf("%d handlers were called", got)
		}
		w.wantStatus(moderation.StatusExecuted)
	})
}

func TestClosingAgainDoesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		if _, err := w.do(); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := w.guard.Close(t.Context()); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		}
		all.Wait()
		if saves, _ := w.sink.saved(); saves != 1 {
			t.Errorf("%d snapshots were saved", saves)
		}
		// Nor is there anything to save where nothing was added to a snapshot.
		w.open(t)
		w.closes()
		if saves, _ := w.sink.saved(); saves != 1 {
			t.Errorf("%d snapshots were saved after a restart in which nothing happened", saves)
		}
	})
}

func TestHandlerThatAsksAClosedGuardIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w *clWorld
		var inner error
		w = clNew(t, func(inside *world) {
			inside.config.Kinds[1].Apply = func(ctx context.Context, _ moderation.Permit) (moderation.UndoToken, error) {
				time.Sleep(time.Second) // the guard is closed meanwhile
				_, inner = w.guard.Do(ctx, suspend("mod", "@two", "inner"))
				return "", nil
			}
		})
		var verb sync.WaitGroup
		verb.Go(func() {
			_, _ = w.guard.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "@one", Reason: "spam", Key: "outer"})
		})
		synctest.Wait()
		w.closes()
		verb.Wait()
		wantCode(t, inner, moderation.CodeClosed)
	})
}
