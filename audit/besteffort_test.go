package audit_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
)

// figures is what a BestEffortSink counts.
type figures struct{ Stored, Dropped, Failed int }

func count(b *audit.BestEffortSink, inner *audittest.Faulty) figures {
	return figures{len(inner.Records()), int(b.Dropped()), int(b.Failed())}
}

func TestBestEffortWantsAQueueInRange(t *testing.T) {
	t.Parallel()
	for _, queue := range []int{-1, 0, 1<<20 + 1} {
		if sink, err := audit.BestEffort(new(audit.Memory), queue); sink != nil || err == nil {
			t.Errorf("queue of %d: %v, %v", queue, sink, err)
		}
	}
}

func TestZeroBestEffortSinkRefuses(t *testing.T) {
	t.Parallel()
	var b audit.BestEffortSink
	if err := b.Append(t.Context(), audittest.Record("id")); !errors.Is(err, audit.ErrNoSink) {
		t.Errorf("Append: %v", err)
	}
	if err := b.Close(t.Context()); err != nil || b.LastError() != nil {
		t.Errorf("Close: %v; LastError: %v", err, b.LastError())
	}
}

func TestBestEffortNeverWaitsAndCountsWhatItDrops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := always(audittest.Hang())
		b := must[*audit.BestEffortSink](t)(audit.BestEffort(inner, 3))
		appendOne := func(i int) {
			if err := b.Append(t.Context(), minimalRecord(strconv.Itoa(i))); err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		}
		start := time.Now()
		appendOne(0)
		synctest.Wait() // it hangs in the sink; the queue is empty
		for i := 1; i <= 5; i++ {
			appendOne(i)
		}
		if diff := cmp.Diff(figures{0, 2, 0}, count(b, inner)); diff != "" || time.Since(start) != 0 {
			t.Errorf("waited %v; figures (-want +got):\n%s", time.Since(start), diff)
		}
		inner.Script = nil
		inner.Release()
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
		var got []string
		for _, r := range inner.Records() {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff([]string{"0", "1", "2", "3"}, got); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
}

func TestBestEffortCountsFailuresAndGoesOn(t *testing.T) {
	t.Parallel()
	last := errors.New("the last one")
	faults := []audittest.Fault{audittest.Fail(nil), {}, audittest.Panic("boom"), audittest.Exit(), {}, audittest.Fail(last), {}}
	inner := &audittest.Faulty{Script: func(n int, _ audit.Record) audittest.Fault { return faults[n] }}
	b := must[*audit.BestEffortSink](t)(audit.BestEffort(inner, 10))
	for range faults {
		if err := b.Append(t.Context(), audittest.Record("id")); err != nil {
			t.Error(err)
		}
	}
	closeBestEffort(t, b)
	if diff := cmp.Diff(figures{3, 0, 4}, count(b, inner)); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if !errors.Is(b.LastError(), last) {
		t.Errorf("LastError() = %v", b.LastError())
	}
}

func TestBestEffortOutlivesTheCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := new(audittest.Faulty)
		b := must[*audit.BestEffortSink](t)(audit.BestEffort(inner, 10))
		ctx, cancel := context.WithCancel(t.Context())
		if err := b.Append(ctx, audittest.Record("id")); err != nil {
			t.Error(err)
		}
		cancel()
		closeBestEffort(t, b)
		if diff := cmp.Diff(figures{1, 0, 0}, count(b, inner)); diff != "" {
			t.Errorf("figures (-want +got):\n%s", diff)
		}
	})
}

func TestBestEffortClosesInTimeThoughTheSinkHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := always(audittest.Hang())
		defer inner.Release()
		b := must[*audit.BestEffortSink](t)(audit.BestEffort(inner, 10))
		for range 5 {
			if err := b.Append(t.Context(), audittest.Record("id")); err != nil {
				t.Error(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if diff := cmp.Diff(figures{0, 4, 1}, count(b, inner)); diff != "" {
			t.Errorf("figures (-want +got):\n%s", diff)
		}
		if !errors.Is(b.LastError(), audit.ErrTimeout) {
			t.Errorf("LastError() = %v", b.LastError())
		}
		if err := b.Append(t.Context(), audittest.Record("id")); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("Append after Close: %v", err)
		}
		if err := b.Close(ctx); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
}

func TestBestEffortAccountsForEveryRecord(t *testing.T) {
	t.Parallel()
	inner := &audittest.Faulty{Script: func(n int, _ audit.Record) audittest.Fault {
		if n%3 == 0 {
			return audittest.Fail(nil)
		}
		return audittest.Pass()
	}}
	b := must[*audit.BestEffortSink](t)(audit.BestEffort(inner, 8))
	const records = 2000
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range records / 8 {
				if err := b.Append(t.Context(), minimalRecord("id")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	closeBestEffort(t, b)
	got := count(b, inner)
	if got.Stored+got.Dropped+got.Failed != records {
		t.Errorf("%+v do not add up to %d", got, records)
	}
}
