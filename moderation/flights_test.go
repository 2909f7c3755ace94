package moderation

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestFlightsLetOneDoIt(t *testing.T) {
	t.Parallel()
	f := flights{inAir: make(map[flight]chan struct{})}
	one, other := flight{ticket: "a"}, flight{ticket: "b"}
	if !f.try(one) || f.try(one) || !f.flying(one) || f.flying(other) {
		t.Error("the same thing took off twice, or is not seen in the air")
	}
	// A key that reads like a ticket is another thing.
	for _, w := range []flight{other, {key: "a"}, {requester: "a"}, {requester: "a", key: "a"}} {
		if !f.try(w) {
			t.Errorf("%+v waits for %+v", w, one)
		}
	}
	f.land(one)
	if f.flying(one) || !f.try(one) {
		t.Error("what has landed can't take off again")
	}
}

func TestFlightsOneAfterTheOther(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		f := flights{inAir: make(map[flight]chan struct{})}
		what := flight{requester: "mod", key: "k"}
		var flying, landed atomic.Int32
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := f.wait(t.Context(), what); err != nil {
					t.Error(err)
					return
				}
				if flying.Add(1) != 1 {
					t.Error("two are in the air")
				}
				time.Sleep(time.Second)
				flying.Add(-1)
				landed.Add(1)
				f.land(what)
			})
		}
		all.Wait()
		if landed.Load() != 100 || len(f.inAir) != 0 {
			t.Errorf("%d landed, %d are remembered", landed.Load(), len(f.inAir))
		}
	})
}

func TestFlightsGiveUpWithTheCaller(t *testing.T) {
	fcBubble(t, func(t *testing.T) {
		f := flights{inAir: make(map[flight]chan struct{})}
		what := flight{ticket: "a"}
		f.try(what)
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.wait(ctx, what) }()
		synctest.Wait()
		cancel(errFCCause)
		if err := <-done; !errors.Is(err, errFCCause) {
			t.Errorf("got %v, want the cause", err)
		}
		f.land(what)
		if f.flying(what) {
			t.Error("who gave up took off")
		}
		if err := f.wait(ctx, what); err != nil {
			t.Errorf("nobody is in the air, but %v", err)
		}
	})
}
