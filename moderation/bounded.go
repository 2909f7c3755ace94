package moderation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// panicError is what a dependency's panic becomes.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panicked: %v", e.value) }

// errEnded is what a call of runtime.Goexit becomes.
var errEnded = errors.New("ended its goroutine")

// errOverrun is what bounded returns for a call that ran over its limit.
var errOverrun = fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)

// span is the context of one verb's calls to dependencies, one after the
// other. It ends with the limit of the call that is under way, and with the
// caller's context until the verb is detached from it. One goroutine, one timer
// and one channel serve a whole verb; that is what it is for.
type span struct {
	context.Context // the caller's
	detached        bool
	timer           *time.Timer
	work            chan call // to the goroutine that makes the calls
	// news has room for an answer and for the end of the span: whoever waits
	// looks at err to tell which it was.
	news chan struct{}

	mu       sync.Mutex
	deadline time.Time     // of the last call
	calling  bool          // it is under way
	ticking  time.Time     // when the timer goes off; zero for not
	done     chan struct{} // made when somebody asks for it
	err      error
}

func newSpan(ctx context.Context) *span {
	return &span{Context: ctx, news: make(chan struct{}, 2)}
}

// Deadline is that of the call under way.
func (s *span) Deadline() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline, true
}

// Done is closed when a call's limit, or the verb, is over.
func (s *span) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = make(chan struct{})
		if s.err != nil {
			close(s.done)
		}
	}
	return s.done
}

// Err says why the span is over.
func (s *span) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// end ends the span for good, the first time.
func (s *span) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(err)
}

// finish is end with s.mu held.
func (s *span) finish(err error) {
	if s.err != nil {
		return
	}
	s.err = err
	if s.done != nil {
		close(s.done)
	}
	s.news <- struct{}{}
}

// close lets go of everything that was derived from the span.
func (s *span) close() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.end(context.Canceled)
	if s.work != nil {
		close(s.work)
	}
}

// call is something to ask of a dependency.
type call interface{ get(s *span) }

// start leaves a call to the span's goroutine. It waits for one, or is about
// to: a span whose last call has not come back is not used again.
func (s *span) start(c call) {
	if s.work == nil {
		s.work = make(chan call, 1)
		go s.serve()
	}
	s.work <- c
}

// stackRoom is about how much stack the calls of a verb take.
const stackRoom = 12 << 10

// serve makes the calls, one after the other.
func (s *span) serve() {
	growStack(0)
	for c := range s.work {
		c.get(s)
	}
}

// growStack makes the stack of a new goroutine large enough while there is
// nothing on it. Else it grows bit by bit, and all that is on it is moved again
// and again: for a verb that is over soon that costs more than the calls.
//
//go:noinline
func growStack(i int) byte {
	var room [stackRoom]byte
	return room[i]
}

// arm starts the limit of the next call. A timer that goes off before that is
// left alone: it then goes on, which few calls live to see.
func (s *span) arm(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline, s.calling = time.Now().Add(limit), true
	if !s.ticking.IsZero() && !s.deadline.Before(s.ticking) {
		return
	}
	s.ticking = s.deadline
	if s.timer == nil {
		s.timer = time.AfterFunc(limit, s.expire)
		return
	}
	s.timer.Reset(limit)
}

// disarm ends the limit of a call that is over. It returns why the span is
// over, if it is: before, or just as, the call was.
func (s *span) disarm() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calling = false
	return s.err
}

// expire ends the span when the limit is over.
func (s *span) expire() {
	s.mu.Lock()
	left := time.Until(s.deadline)
	switch {
	case !s.calling:
		s.ticking = time.Time{}
	case left > 0: // of another call than that for which it was set
		s.ticking = s.deadline
		s.timer.Reset(left)
	default:
		s.finish(errOverrun)
	}
	s.mu.Unlock()
}

// lent is a span as the dependencies see it: one that calls a guard again with
// it begins a span of its own.
type lent span

// Deadline is that of the call under way.
func (l *lent) Deadline() (time.Time, bool) { return (*span)(l).Deadline() }

// Done is closed when a call's limit, or the verb, is over.
func (l *lent) Done() <-chan struct{} { return (*span)(l).Done() }

// Err says why the span is over.
func (l *lent) Err() error { return (*span)(l).Err() }

// Value is the caller's. Why the caller is gone is not among what it tells: that
// is not why the span is over, and must not be taken for what came of a call.
func (l *lent) Value(key any) any { return context.WithoutCancel(l.Context).Value(key) }

// detach makes what follows ignore the end of the caller's context.
func detach(ctx context.Context) context.Context {
	if s, ok := ctx.(*span); ok {
		s.detached = true
		return s
	}
	return context.WithoutCancel(ctx)
}

// gone returns why the caller is gone, or nil.
func gone(ctx context.Context) error {
	s, ok := ctx.(*span)
	switch {
	case !ok:
		return context.Cause(ctx)
	case s.detached:
		return nil
	}
	return context.Cause(s.Context)
}

// usable returns the verb's span if it can still carry a call, else a new one
// that the call has to close.
func usable(ctx context.Context) (s *span, own bool) {
	s, ok := ctx.(*span)
	switch {
	case !ok:
		return newSpan(ctx), true
	case s.Err() == nil:
		return s, false
	}
	again := newSpan(s.Context) // an earlier call ran over its limit
	again.detached = s.detached
	return again, true
}

// bounded calls f in another goroutine and waits for it no longer than
// limit, or until the caller is gone: a dependency that hangs, also one that
// ignores its context, must not hang the guard. What f returns after that is
// dropped, so f must hand over its results by value. Panics become errors;
// runtime.Goexit does too.
func bounded[T any](ctx context.Context, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	s, own := usable(ctx)
	if own {
		defer s.close()
	}
	var zero T
	if err := gone(s); err != nil {
		return zero, err
	}
	s.arm(limit)
	a := &answer[T]{ask: f}
	s.start(a)
	if s.detached {
		<-s.news // which costs less than to wait for one of two
	} else {
		select {
		case <-s.news:
		case <-s.Context.Done():
			s.end(s.Context.Err())
			return zero, context.Cause(s.Context)
		}
	}
	if err := s.disarm(); err != nil {
		return zero, err
	}
	// An answer that came when the caller was gone counts as none.
	if err := gone(s); a.err == nil && err != nil {
		s.end(s.Context.Err())
		return zero, err
	}
	return a.value, a.err
}

// answer is what a dependency said.
type answer[T any] struct {
	ask   func(context.Context) (T, error)
	value T
	err   error
}

// get asks, and reports the answer, whatever becomes of it. A call that ends
// the goroutine ends the span with it.
func (a *answer[T]) get(s *span) {
	ended := true
	defer func() {
		if p := recover(); p != nil {
			a.err, ended = &panicError{p}, false
		}
		if ended {
			s.end(errEnded)
			return
		}
		s.news <- struct{}{}
	}()
	a.value, a.err = a.ask((*lent)(s))
	ended = false
}
