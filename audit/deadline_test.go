package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

func TestDeadlineMustBePositive(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, -time.Nanosecond} {
		if sink, err := audit.Deadline(new(audit.Memory), d); sink != nil || err == nil || !strings.Contains(err.Error(), d.String()) {
			t.Errorf("Deadline of %v: %v, %v", d, sink, err)
		}
	}
}

func TestDeadlineGivesUpInTime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault audittest.Fault
		give  time.Duration // the caller's own limit, if any
		want  error
		after time.Duration
	}{
		"hangs":                       {audittest.Hang(), 0, audit.ErrTimeout, time.Second},
		"waits for the context":       {audittest.Wait(), 0, context.DeadlineExceeded, time.Second},
		"hangs, the caller is faster": {audittest.Hang(), time.Millisecond, audit.ErrTimeout, time.Millisecond},
		"waits, the caller is faster": {audittest.Wait(), time.Millisecond, context.DeadlineExceeded, time.Millisecond},
		"panics":                      {audittest.Panic("boom"), 0, audit.ErrPanic, 0},
		"ends its goroutine":          {audittest.Exit(), 0, audit.ErrPanic, 0},
		"fails":                       {audittest.Fail(audit.ErrCorrupt), 0, audit.ErrCorrupt, 0},
		"refuses":                     {refuseRecord("big"), 0, audit.ErrNotWritten, 0},
		"has no room":                 {noRoom(), 0, audit.ErrNoRoom, 0},
		"stores":                      {audittest.Pass(), 0, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := always(test.fault)
				defer inner.Release()
				sink := must[audit.Sink](t)(audit.Deadline(inner, time.Second))
				ctx := t.Context()
				if test.give > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.give)
					defer cancel()
				}
				start := time.Now()
				err := sink.Append(ctx, audittest.Record("id"))
				if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				if test.want != audit.ErrNotWritten && errors.Is(err, audit.ErrNotWritten) {
					t.Errorf("%v claims that nothing was written", err)
				}
				if waited := time.Since(start); waited != test.after {
					t.Errorf("waited %v, want %v", waited, test.after)
				}
			})
		})
	}
}

// TestNoRoomIsNoAnswerWhileAnEarlierAppendMayFindSome gives up on an append of
// "id" that hangs, and appends again.
func TestNoRoomIsNoAnswerWhileAnEarlierAppendMayFindSome(t *testing.T) {
	t.Parallel()
	for name, compose := range map[string]func(t *testing.T, sink audit.Sink) audit.Sink{
		"Deadline": func(t *testing.T, sink audit.Sink) audit.Sink {
			return must[audit.Sink](t)(audit.Deadline(sink, time.Second))
		},
		"All": func(t *testing.T, sink audit.Sink) audit.Sink {
			return must[audit.Sink](t)(audit.All(sink))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				gates := []chan error{make(chan error), make(chan error)}
				inner := funcSink(func(context.Context, audit.Record) error {
					if n := int(calls.Add(1)); n <= len(gates) {
						return <-gates[n-1]
					}
					return fmt.Errorf("%w: 0 bytes left", audit.ErrNoRoom)
				})
				sink := compose(t, inner)
				wantNoRoom := func(when, id string, want bool) {
					t.Helper()
					err := sink.Append(t.Context(), minimalRecord(id))
					if err == nil || errors.Is(err, audit.ErrNoRoom) != want || !strings.Contains(err.Error(), "0 bytes left") {
						t.Errorf("%s: got %v; want one that matches ErrNoRoom: %v", when, err, want)
					}
				}
				for range 2 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if err := sink.Append(ctx, minimalRecord("id")); !errors.Is(err, audit.ErrTimeout) {
						t.Fatalf("got %v", err)
					}
				}
				wantNoRoom("while two appends hang", "id", false)
				wantNoRoom("another record meanwhile", "other", true)
				gates[1] <- nil
				synctest.Wait()
				wantNoRoom("while one hangs", "id", false)
				gates[0] <- nil
				synctest.Wait()
				wantNoRoom("once none hangs any more", "id", true)
			})
		})
	}
}

func TestCancelledCallerIsToldSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := always(audittest.Hang())
		defer inner.Release()
		sink := must[audit.Sink](t)(audit.Deadline(inner, time.Hour))
		reason := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		if err := sink.Append(ctx, audittest.Record("id")); !errors.Is(err, reason) || !errors.Is(err, audit.ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRecordMayBeChangedAfterTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := always(audittest.Hang())
		sink := must[audit.Sink](t)(audit.Deadline(inner, time.Second))
		r := audittest.Record("id")
		intact := r.Clone()
		if err := sink.Append(t.Context(), r); !errors.Is(err, audit.ErrTimeout) {
			t.Fatalf("got %v", err)
		}
		r.Reviews[0].Person, r.State[0], r.Decision.Rules[0].Source = "spoiled", 'x', "spoiled"
		inner.Release()
		synctest.Wait()
		if diff := cmp.Diff([]audit.Record{intact}, inner.Records()); diff != "" {
			t.Errorf("stored late (-want +got):\n%s", diff)
		}
	})
}

func TestSinkThatHangsIsSoonAskedNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := always(audittest.Hang())
		sink := must[audit.Sink](t)(audit.Deadline(inner, time.Second))
		for range 64 {
			if err := sink.Append(t.Context(), minimalRecord("id")); !errors.Is(err, audit.ErrTimeout) {
				t.Fatalf("got %v", err)
			}
		}
		start := time.Now()
		err := sink.Append(t.Context(), minimalRecord("id"))
		if !errors.Is(err, audit.ErrTimeout) || !strings.Contains(err.Error(), "64 earlier appends still hang") {
			t.Errorf("got %v", err)
		}
		if time.Since(start) != 0 || inner.Calls() != 64 {
			t.Errorf("the 65th waited %v; the sink was asked %d times", time.Since(start), inner.Calls())
		}

		inner.Script = nil
		inner.Release()
		synctest.Wait()
		if err := sink.Append(t.Context(), minimalRecord("id")); err != nil {
			t.Errorf("after the sink has recovered: %v", err)
		}
	})
}

func TestAppendsUnderWayInOneSinkAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := always(audittest.Hang())
		defer inner.Release()
		sink := must[audit.Sink](t)(audit.Deadline(inner, time.Second))
		var group sync.WaitGroup
		for range 3000 {
			group.Go(func() {
				if err := sink.Append(t.Context(), minimalRecord("id")); !errors.Is(err, audit.ErrTimeout) {
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		synctest.Wait()
		if inner.Calls() != 1024 {
			t.Errorf("the sink was asked %d things at once", inner.Calls())
		}
	})
}

func TestAppendsBeyondTheMostWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := always(audittest.Hang())
		sink := must[audit.Sink](t)(audit.Deadline(inner, time.Second))
		time.AfterFunc(time.Second/2, func() {
			inner.Release()
			synctest.Wait() // those that waited have had their turn, and hang
			inner.Release()
		})
		var group sync.WaitGroup
		for range 1500 {
			group.Go(func() {
				if err := sink.Append(t.Context(), minimalRecord("id")); err != nil {
					t.Errorf("got %v", err)
				}
			})
		}
		group.Wait()
		if len(inner.Records()) != 1500 {
			t.Errorf("%d records were stored", len(inner.Records()))
		}
	})
}
