package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// keeper is a Snapshotter in memory. save, if it is set, is done in place of
// what it does itself.
type keeper struct {
	audittest.Faulty
	save    func(k *keeper, ctx context.Context, write func(io.Writer) error) error
	release chan struct{} // for what hangs in save

	mu    sync.Mutex
	state []byte // nil: there is no snapshot
	after int    // how many records it stands for
	saves int
}

func (k *keeper) SaveSnapshot(ctx context.Context, write func(io.Writer) error) error {
	k.mu.Lock()
	k.saves++
	k.mu.Unlock()
	if k.save != nil {
		return k.save(k, ctx, write)
	}
	return k.keep(ctx, write)
}

// keep saves a snapshot as it should be done.
func (k *keeper) keep(ctx context.Context, write func(io.Writer) error) error {
	before := len(k.Records())
	var state bytes.Buffer
	if err := errors.Join(write(&state), ctx.Err()); err != nil {
		return err
	}
	if len(k.Records()) != before {
		return errors.New("a record came in between")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.after = append([]byte{}, state.Bytes()...), before
	return nil
}

func (k *keeper) ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		k.mu.Lock()
		state, after := k.state, k.after
		k.mu.Unlock()
		if state != nil {
			if err := read(bytes.NewReader(state)); err != nil {
				yield(audit.Record{}, err)
				return
			}
		}
		n := 0
		for r, err := range k.Replay(ctx) {
			if n++; (n > after || err != nil) && !yield(r, err) {
				return
			}
		}
	}
}

// asked returns how often a keeper was asked to save.
func (k *keeper) asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.saves
}

// snapshot returns what a keeper has kept.
func (k *keeper) snapshot() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return string(k.state)
}

// writes returns what writes a state in two parts.
func writes(state string) func(io.Writer) error {
	return func(w io.Writer) error {
		if _, err := io.WriteString(w, state[:2]); err != nil {
			return err
		}
		_, err := io.WriteString(w, state[2:])
		return err
	}
}

// snapshotSink is a sink that is a Snapshotter.
type snapshotSink interface {
	audit.Sink
	audit.Snapshotter
}

// over returns a composition over a sink which it replays.
func over(t *testing.T) map[string]func(sink audit.Sink) snapshotSink {
	compose := must[audit.Sink](t)
	return map[string]func(audit.Sink) snapshotSink{
		"All": func(sink audit.Sink) snapshotSink {
			return compose(audit.All(oneWay{new(audit.Memory)}, sink)).(snapshotSink)
		},
		"Deadline": func(sink audit.Sink) snapshotSink {
			return compose(audit.Deadline(sink, time.Second)).(snapshotSink)
		},
	}
}

func TestSnapshotterBehindCompositionsKeepsTheContract(t *testing.T) {
	t.Parallel()
	compositions := over(t)
	all, deadline := compositions["All"], compositions["Deadline"]
	for name, compose := range map[string]func(sink audit.Sink) snapshotSink{
		"alone":             func(sink audit.Sink) snapshotSink { return sink.(snapshotSink) },
		"All":               all,
		"Deadline":          deadline,
		"All over Deadline": func(sink audit.Sink) snapshotSink { return all(deadline(sink)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			audittest.TestSink(t, func(*testing.T) audit.Sink { return compose(new(keeper)) })
		})
	}
}

func TestCompositionsAreSnapshottersIfWhatTheyReplayIs(t *testing.T) {
	t.Parallel()
	compose := must[audit.Sink](t)
	memory, mute := new(audit.Memory), oneWay{new(audit.Memory)}
	for name, test := range map[string]struct {
		sink audit.Sink
		want bool
	}{
		"All of one":                  {compose(audit.All(new(keeper))), true},
		"All with it first to replay": {compose(audit.All(mute, new(keeper), memory)), true},
		"All that replays another":    {compose(audit.All(memory, new(keeper))), false},
		"All that can't see it":       {compose(audit.All(oneWay{new(keeper)})), false},
		"Deadline of one":             {compose(audit.Deadline(new(keeper), time.Second)), true},
		"Deadline of a Replayer":      {compose(audit.Deadline(memory, time.Second)), false},
		"Deadline of another":         {compose(audit.Deadline(mute, time.Second)), false},
		"BestEffort of one":           {bestEffort(t, new(keeper), 1), false},
		"All over Deadline":           {compose(audit.All(compose(audit.Deadline(new(keeper), time.Second)))), true},
	} {
		if _, got := test.sink.(audit.Snapshotter); got != test.want {
			t.Errorf("%s is a Snapshotter: %v", name, got)
		}
	}
}

type panickingError struct{}

func (panickingError) Error() string { panic("boom") }

type funcWriter func(p []byte) (int, error)

func (f funcWriter) Write(p []byte) (int, error) { return f(p) }

func TestSaveSnapshotSaysYesOnlyIfTheSinkHasTakenAll(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	fails := funcWriter(func([]byte) (int, error) { return 0, full })
	for name, test := range map[string]struct {
		save func(k *keeper, ctx context.Context, write func(io.Writer) error) error
		want error // nil: any
		text string
	}{
		"fails":              {func(*keeper, context.Context, func(io.Writer) error) error { return full }, full, "disk full"},
		"panics":             {func(*keeper, context.Context, func(io.Writer) error) error { panic(audit.ErrNotWritten) }, audit.ErrPanic, "not written"},
		"ends its goroutine": {func(*keeper, context.Context, func(io.Writer) error) error { runtime.Goexit(); return nil }, audit.ErrPanic, "ended its goroutine"},
		"returns an error that panics": {func(*keeper, context.Context, func(io.Writer) error) error {
			return panickingError{}
		}, audit.ErrPanic, "boom"},
		"does not ask for anything": {func(*keeper, context.Context, func(io.Writer) error) error { return nil }, nil, "did not take"},
		"can't write": {func(_ *keeper, _ context.Context, write func(io.Writer) error) error {
			return write(fails)
		}, full, "disk full"},
		"can't write and says yes": {func(_ *keeper, _ context.Context, write func(io.Writer) error) error {
			_ = write(fails)
			return nil
		}, nil, "did not take"},
		"panics when it writes": {func(_ *keeper, _ context.Context, write func(io.Writer) error) error {
			return write(funcWriter(func([]byte) (int, error) { panic("boom") }))
		}, audit.ErrPanic, "boom"},
		"hangs": {func(k *keeper, _ context.Context, _ func(io.Writer) error) error {
			<-k.release
			return nil
		}, audit.ErrTimeout, "may be saved or not"},
		"hangs when it writes": {func(k *keeper, _ context.Context, write func(io.Writer) error) error {
			return write(funcWriter(func(p []byte) (int, error) { <-k.release; return len(p), nil }))
		}, audit.ErrTimeout, "may be saved or not"},
		"hangs with all of it": {func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
			err := k.keep(ctx, write)
			<-k.release
			return err
		}, audit.ErrTimeout, "may be saved or not"},
		"waits for the context": {func(_ *keeper, ctx context.Context, _ func(io.Writer) error) error {
			<-ctx.Done()
			return ctx.Err()
		}, context.DeadlineExceeded, ""},
	} {
		for composition, compose := range over(t) {
			t.Run(name+" behind "+composition, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					k := &keeper{save: test.save, release: make(chan struct{})}
					defer close(k.release)
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					start := time.Now()
					err := compose(k).SaveSnapshot(ctx, writes("state"))
					if waits := strings.Contains(name, "hangs") || strings.Contains(name, "waits"); (time.Since(start) > 0) != waits {
						t.Errorf("answered after %v", time.Since(start))
					}
					if err == nil || test.want != nil && !errors.Is(err, test.want) {
						t.Fatalf("got %v, want %v", err, test.want)
					}
					if !strings.Contains(err.Error(), test.text) || errors.Is(err, audit.ErrNotWritten) {
						t.Errorf("got %v, want %q in it and no ErrNotWritten", err, test.text)
					}
				})
			})
		}
	}
}

func TestSinkMayAskForTheSnapshotTwice(t *testing.T) {
	t.Parallel()
	for name, compose := range over(t) {
		k := &keeper{save: func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
			return errors.Join(write(io.Discard), k.keep(ctx, write))
		}}
		if err := compose(k).SaveSnapshot(t.Context(), writes("state")); err != nil || k.snapshot() != "state" {
			t.Errorf("%s: kept %q, %v", name, k.snapshot(), err)
		}
	}
}

func TestSnapshotOfADoneContextIsNotTried(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("shutting down: %w", audit.ErrNotWritten))
	for name, compose := range over(t) {
		k := new(keeper)
		err := compose(k).SaveSnapshot(ctx, writes("state"))
		if err == nil || !strings.Contains(err.Error(), "shutting down") || errors.Is(err, audit.ErrNotWritten) || k.asked() != 0 {
			t.Errorf("%s: %v; the sink was asked %d times", name, err, k.asked())
		}
	}
}

func TestSinkThatHangsInASnapshotIsAskedForNoOther(t *testing.T) {
	t.Parallel()
	for name, compose := range over(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := &keeper{release: make(chan struct{})}
				var late error
				k.save = func(k *keeper, ctx context.Context, write func(io.Writer) error) error {
					<-k.release
					late = k.keep(context.WithoutCancel(ctx), write)
					return late
				}
				sink := compose(k)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := sink.SaveSnapshot(ctx, writes("first")); !errors.Is(err, audit.ErrTimeout) {
					t.Fatalf("got %v", err)
				}
				start := time.Now()
				err := sink.SaveSnapshot(t.Context(), writes("second"))
				if err == nil || !strings.Contains(err.Error(), "hangs") || k.asked() != 1 || time.Since(start) != 0 {
					t.Errorf("got %v after %v; the sink was asked %d times", err, time.Since(start), k.asked())
				}
				close(k.release)
				synctest.Wait()
				if late == nil || k.snapshot() != "" {
					t.Errorf("who has given up was asked for the snapshot: %v, %q", late, k.snapshot())
				}
				if err := sink.SaveSnapshot(t.Context(), writes("third")); err != nil || k.snapshot() != "third" {
					t.Errorf("after the sink has recovered: %v, %q", err, k.snapshot())
				}
			})
		})
	}
}

func TestPanicOfWhoSavesIsTheirOwn(t *testing.T) {
	t.Parallel()
	for name, compose := range over(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := new(keeper)
			sink := compose(k)
			func() {
				defer func() {
					if v := recover(); v != "boom" {
						t.Errorf("recovered %v", v)
					}
				}()
				err := sink.SaveSnapshot(t.Context(), func(w io.Writer) error {
					_ = writes("half")(w)
					panic("boom")
				})
				t.Errorf("got %v", err)
			}()
			for k.snapshot() == "" { // the sink may still be busy with the first
				_ = sink.SaveSnapshot(t.Context(), writes("state"))
				runtime.Gosched()
			}
			if k.snapshot() != "state" {
				t.Errorf("kept %q", k.snapshot())
			}
		})
	}
}

func TestReplayFromASnapshotIsThatOfTheFirstReplayer(t *testing.T) {
	t.Parallel()
	first, second := new(keeper), new(keeper)
	sink := must[audit.Sink](t)(audit.All(oneWay{new(audit.Memory)}, first, second)).(snapshotSink)
	steps := []error{
		sink.Append(t.Context(), minimalRecord("before")),
		sink.SaveSnapshot(t.Context(), writes("state")),
		sink.Append(t.Context(), minimalRecord("after")),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r, err := range sink.ReplaySnapshot(t.Context(), func(r io.Reader) error {
		state, err := io.ReadAll(r)
		got = append(got, string(state))
		return err
	}) {
		got = append(got, fmt.Sprint(r.ID, err))
	}
	if diff := cmp.Diff([]string{"state", "after<nil>"}, got); diff != "" || second.asked() != 0 {
		t.Errorf("the second one was asked %d times; replayed (-want +got):\n%s", second.asked(), diff)
	}
}
