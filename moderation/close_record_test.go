package moderation_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

func TestCloseRecordsWhatIsOwed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		broken := errors.New("the disk is gone")
		w.sink.refuses(func(r audit.Record) error {
			if r.Event == audit.EventOutcome {
				return broken
			}
			return nil
		})
		ticket, err := w.do()
		if !errors.Is(err, moderation.ErrUnrecorded) {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.guard.Close(t.Context()); !errors.Is(err, moderation.ErrUnrecorded) || !errors.Is(err, broken) {
				t.Errorf("Close while the outcome can't be written: %v", err)
			}
		}
		w.wantNoSnapshot()
		w.sink.refuses(nil)
		w.closes()
		w.open(t)
		if got, err := w.guard.Ticket(t.Context(), "mod", ticket.ID); err != nil || got.Status != moderation.StatusExecuted {
			t.Errorf("after a restart the ticket is %s, %v", got.Status, err)
		}
	})
}

func TestCloseSavesNothingWhileACommitIsInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		broken := errors.New("the disk is gone")
		w.sink.refuses(func(audit.Record) error { return broken })
		if _, err := w.guard.Do(t.Context(), suspend("stranger", "@one", "k")); !errors.Is(err, moderation.ErrUnrecorded) {
			t.Fatal(err)
		}
		if err := w.guard.Close(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Close: %v", err)
		}
		w.wantNoSnapshot()
		w.sink.refuses(nil)
		w.closes()
		wantEvents(t, w.over(w.sink.Records()), audit.EventRefused)
	})
}

// A record that the sink has not answered for may yet come, after the snapshot.
func TestCloseSavesNothingWhileTheSinkHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t)
		w.sink.refuses(func(audit.Record) error {
			time.Sleep(time.Minute) // twelve times Config.RecordTimeout
			return nil
		})
		if _, err := w.guard.Do(t.Context(), suspend("stranger", "@one", "k")); !errors.Is(err, moderation.ErrUnrecorded) {
			t.Fatal(err)
		}
		w.sink.refuses(nil)
		if err := w.guard.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "a commit is under way") {
			t.Errorf("Close: %v", err)
		}
		w.wantNoSnapshot()
		time.Sleep(2 * time.Minute)
		w.closes()
	})
}

func TestCloseRecordsTheRefusalsThatWereOnlyCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := clNew(t, func(w *world) { w.config.Questions = 2 })
		for range 5 {
			_, err := w.guard.Do(t.Context(), suspend("stranger", "@one", "k"))
			wantCode(t, err, moderation.CodeNoRule)
		}
		w.closes()
		records := w.sink.Records()
		if last := records[len(records)-1]; last.Event != audit.EventRefusals || last.Outcome.Count != 3 || last.Time.After(time.Now()) {
			t.Errorf("the last record is %s of %v with outcome %+v", last.Event, last.Time, last.Outcome)
		}
	})
}

func TestCloseWithoutSnapshots(t *testing.T) {
	t.Parallel()
	t.Run("over a sink that keeps none", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if err := w.guard.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("over a store of the host's, which may be others' too", func(t *testing.T) {
		t.Parallel()
		sink := &ssSink{}
		w := newWorld(t, func(w *world) { w.config.Store, w.config.Audit = fcStore(t, sink), nil })
		if _, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k")); err != nil {
			t.Fatal(err)
		}
		if err := w.guard.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if saves, _ := sink.saved(); saves != 0 {
			t.Errorf("%d snapshots were saved", saves)
		}
	})
}

// clSaving are the ways in which a sink can fail to save a snapshot.
func clSaving() map[string]func(s *ssSink, ctx context.Context, write func(io.Writer) error) error {
	return map[string]func(s *ssSink, ctx context.Context, write func(io.Writer) error) error{
		"fails": func(*ssSink, context.Context, func(io.Writer) error) error { return errFC },
		"fails after it has written": func(_ *ssSink, _ context.Context, write func(io.Writer) error) error {
			_ = write(io.Discard)
			return errFC
		},
		"runs out of space": func(_ *ssSink, _ context.Context, write func(io.Writer) error) error {
			return write(clFull{})
		},
		"runs out of space and says nothing": func(_ *ssSink, _ context.Context, write func(io.Writer) error) error {
			_ = write(clFull{})
			return nil
		},
		"says that it has done it, and has not": func(*ssSink, context.Context, func(io.Writer) error) error { return nil },
		"panics":                                func(*ssSink, context.Context, func(io.Writer) error) error { panic("boom") },
		"hangs until it is told to stop": func(_ *ssSink, ctx context.Context, _ func(io.Writer) error) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"hangs": func(*ssSink, context.Context, func(io.Writer) error) error {
			time.Sleep(time.Hour)
			return errFC
		},
	}
}

// clFull takes no byte.
type clFull struct{}

func (clFull) Write([]byte) (int, error) { return 0, errFC }

func TestCloseSaysThatNoSnapshotCouldBeSaved(t *testing.T) {
	t.Parallel()
	for name, save := range clSaving() {
		t.Run("the sink "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := clNew(t)
				if _, err := w.do(); err != nil {
					t.Fatal(err)
				}
				w.sink.savesBy(func(ctx context.Context, write func(io.Writer) error) error { return save(w.sink, ctx, write) })
				begun := time.Now()
				err := w.guard.Close(clWithin(t, time.Minute))
				if err == nil || errors.Is(err, moderation.ErrUnrecorded) || time.Since(begun) > time.Minute {
					t.Errorf("Close after %v: %v", time.Since(begun), err)
				}
				time.Sleep(2 * time.Hour)
				w.sink.savesBy(nil)
				w.closes()
			})
		})
	}
}
