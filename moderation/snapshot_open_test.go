package moderation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// ssRefusals puts refusals on a trail, which are quick to replay.
func ssRefusals(t testing.TB, sink audit.Sink, n int) {
	t.Helper()
	at := time.Now().UTC()
	for i := range n {
		r := audit.Record{ID: fmt.Sprint("refusal-", at.UnixNano(), "-", i), Event: audit.EventRefused, Time: at}
		if err := sink.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewSavesASnapshotAfterALongReplay(t *testing.T) {
	t.Parallel()
	w := clNew(t)
	ssRefusals(t, w.sink, moderation.LongReplay)
	w.open(t)
	if saves, _ := w.sink.saved(); saves != 0 {
		t.Errorf("%d snapshots were saved after %d records", saves, moderation.LongReplay)
	}
	ssRefusals(t, w.sink, 1)
	for range 2 { // crashes, one after another
		w.open(t)
		if saves, after := w.sink.saved(); saves != 1 || after != moderation.LongReplay+1 {
			t.Errorf("%d snapshots were saved, the last of %d records", saves, after)
		}
		ssRefusals(t, w.sink, 1) // which no snapshot has
	}
}

// The handler that was running at a crash is unknown after it, which is
// recorded; the snapshot comes before that.
func TestNewSavesASnapshotBeforeItAppends(t *testing.T) {
	t.Parallel()
	w := clNew(t)
	w.sink.refuses(func(r audit.Record) error {
		if r.Event == audit.EventOutcome {
			return errFC
		}
		return nil
	})
	ticket, err := w.do()
	if !errors.Is(err, moderation.ErrUnrecorded) {
		t.Fatal(err)
	}
	w.sink.refuses(nil)
	ssRefusals(t, w.sink, moderation.LongReplay)
	w.open(t)
	saves, after := w.sink.saved()
	records := w.sink.Records()
	if last := records[len(records)-1]; saves != 1 || after != len(records)-1 || last.Event != audit.EventOutcome {
		t.Errorf("%d snapshots of %d records of %d; the last is %s", saves, after, len(records), last.Event)
	}
	w.open(t)
	if got, err := w.guard.Ticket(t.Context(), "mod", ticket.ID); err != nil || got.Status != moderation.StatusUnknown {
		t.Errorf("the ticket is %s, %v", got.Status, err)
	}
}

func TestNewGoesOnWithoutASnapshot(t *testing.T) {
	t.Parallel()
	for name, save := range clSaving() {
		if strings.HasPrefix(name, "hangs") {
			continue
		}
		t.Run("where the sink "+name, func(t *testing.T) {
			t.Parallel()
			w := clNew(t)
			ssRefusals(t, w.sink, moderation.LongReplay+1)
			w.sink.savesBy(func(ctx context.Context, write func(io.Writer) error) error { return save(w.sink, ctx, write) })
			w.open(t)
			if _, err := w.do(); err != nil {
				t.Error(err)
			}
			if err := w.guard.Close(t.Context()); err == nil {
				t.Error("Close says nothing of it")
			}
		})
	}
}

func TestNewIsBoundedWhileTheSinkHangs(t *testing.T) {
	t.Parallel()
	for name, save := range clSaving() {
		if !strings.HasPrefix(name, "hangs") {
			continue
		}
		t.Run("where the sink "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := clNew(t)
				ssRefusals(t, w.sink, moderation.LongReplay+1)
				w.sink.savesBy(func(ctx context.Context, write func(io.Writer) error) error { return save(w.sink, ctx, write) })
				begun := time.Now()
				if _, err := moderation.New(clWithin(t, time.Minute), w.config); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Minute {
					t.Errorf("New after %v: %v", time.Since(begun), err)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

// ssLiar is a sink with a way of its own to replay its snapshot.
type ssLiar struct {
	*ssSink
	replay func(s *ssSink, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error]
}

func (l ssLiar) ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return l.replay(l.ssSink, ctx, read)
}

func TestSinkThatLiesAboutItsSnapshotIsNotOpened(t *testing.T) {
	t.Parallel()
	type replay = func(s *ssSink, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error]
	type yield = func(audit.Record, error) bool
	records := func(s *ssSink, ctx context.Context, yield yield) {
		for r, err := range s.Replay(ctx) {
			if !yield(r, err) {
				return
			}
		}
	}
	second := "second snapshot"
	for name, tc := range map[string]struct {
		is     error
		says   string
		replay replay
	}{
		"a snapshot that can't be read, and every record as if there had been none": {audit.ErrCorrupt, "snapshot, line 1", func(s *ssSink, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield yield) {
				_ = read(strings.NewReader("nonsense\n"))
				records(s, ctx, yield)
			}
		}},
		"a snapshot's tickets, and every record as if there had been none": {audit.ErrCorrupt, "snapshot, line", func(s *ssSink, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield yield) {
				_ = read(bytes.NewReader(s.snapshot[:bytes.Index(s.snapshot, []byte(`{"target"`))]))
				records(s, ctx, yield)
			}
		}},
		"half a snapshot, and nothing": {audit.ErrCorrupt, "snapshot, line", func(s *ssSink, _ context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield) { _ = read(bytes.NewReader(s.snapshot[:len(s.snapshot)/2])) }
		}},
		"the snapshot twice": {nil, second, func(s *ssSink, _ context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield yield) {
				_ = read(bytes.NewReader(s.snapshot))
				_ = read(bytes.NewReader(s.snapshot))
			}
		}},
		"the snapshot behind its records": {nil, second, func(s *ssSink, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield yield) {
				records(s, ctx, yield)
				_ = read(bytes.NewReader(s.snapshot))
			}
		}},
		"a snapshot that it can't vouch for": {errFC, "replaying the trail", func(s *ssSink, _ context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield yield) {
				_ = read(bytes.NewReader(s.snapshot))
				yield(audit.Record{}, errFC)
			}
		}},
		"a gap behind the snapshot": {audit.ErrCorrupt, "missing", func(s *ssSink, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield yield) {
				_ = read(bytes.NewReader(s.snapshot))
				records := s.Records()
				yield(records[len(records)-1], nil)
			}
		}},
		"another body for a record that the snapshot has": {audit.ErrCorrupt, "two bodies", func(s *ssSink, ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
			return func(yield yield) {
				_ = read(bytes.NewReader(s.snapshot))
				r := s.Records()[0]
				r.Reason = "something else"
				yield(r, nil)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := clNew(t)
			if _, err := w.do(); err != nil {
				t.Fatal(err)
			}
			w.closes()
			w.open(t)
			waits, err := w.guard.Do(t.Context(), suspend("mod", "@vip", "later"))
			wantPending(t, err)
			if _, err := w.guard.Cancel(t.Context(), moderation.CancelRequest{Ticket: waits.ID, Actor: "mod", Reason: "no"}); err != nil {
				t.Fatal(err)
			}
			limiter := moderationtest.NewLimiter(t)
			w.config.Limiter, w.config.Audit = limiter, ssLiar{w.sink, tc.replay}
			guard, err := moderation.New(t.Context(), w.config)
			if guard != nil || err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("New: %v, want %v and %q", err, tc.is, tc.says)
			}
			if n := len(limiter.Taken()); n > 0 {
				t.Errorf("the limiter was told of %d charges", n)
			}
		})
	}
}

// A record may be stored twice, be it once before the snapshot and once after.
func TestRecordThatTheSnapshotHasMayComeAgain(t *testing.T) {
	t.Parallel()
	w := clNew(t)
	ticket, err := w.do()
	if err != nil {
		t.Fatal(err)
	}
	w.closes()
	for _, r := range w.sink.Records() {
		if err := w.sink.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	w.open(t)
	if got, err := w.guard.Ticket(t.Context(), "mod", ticket.ID); err != nil || got.Status != moderation.StatusExecuted {
		t.Errorf("the ticket is %s, %v", got.Status, err)
	}
	if err := w.guard.Close(t.Context()); err != nil { // with nothing to save
		t.Error(err)
	}
	if saves, _ := w.sink.saved(); saves != 1 {
		t.Errorf("%d snapshots were saved", saves)
	}
}
