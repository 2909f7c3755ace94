package policy_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/elevenminutes/interlock/audit"
)

// meet orders what a test does before time passes and what a watch does after
// it: a clock alone does not, to the race detector.
func meet() { meetings.Add(1) }

var meetings atomic.Int64

// watcher is a Casbin watcher that a test fires.
type watcher struct {
	mu       sync.Mutex
	callback func(string)
	set      func() error // what SetUpdateCallback does besides
}

func (w *watcher) SetUpdateCallback(callback func(string)) error {
	w.mu.Lock()
	set := w.set
	w.mu.Unlock()
	if set != nil {
		if err := set(); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.callback = callback
	return nil
}

func (w *watcher) Update() error { return nil }
func (w *watcher) Close()        {}

// fire calls the callback, once it is set.
func (w *watcher) fire(t *testing.T) {
	t.Helper()
	for t.Context().Err() == nil {
		w.mu.Lock()
		callback := w.callback
		w.mu.Unlock()
		if callback != nil {
			callback("whatever")
			return
		}
		runtime.Gosched()
	}
}

// failingSink is a sink that fails when it is told to.
type failingSink struct {
	*audit.Memory
	mu    sync.Mutex
	err   error
	store bool // though it fails
}

func (s *failingSink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *failingSink) Append(ctx context.Context, r audit.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil || s.store {
		if err := s.Memory.Append(ctx, r); err != nil {
			return err
		}
	}
	return s.err
}
