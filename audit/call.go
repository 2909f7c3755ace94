package audit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
)

const (
	// maxCalls bounds how many appends a composition has in one sink at once,
	// and so the goroutines that a sink which hangs can hold.
	maxCalls = 1024
	// maxStuck is how many appends may hang with nobody waiting for them any
	// more before further ones are refused at once.
	maxStuck = 64
)

// caller runs the appends to one sink on goroutines of their own, so that the
// sink can neither hang, panic nor end the goroutine of who asked.
type caller struct {
	sink  Sink
	slots chan struct{} // one is taken by each append until the sink answers
	stuck atomic.Int64  // appends that nobody waits for any more
}

// newCaller returns an error that says to whom a nil sink was given.
func newCaller(sink Sink, to string) (*caller, error) {
	if isNil(sink) {
		return nil, fmt.Errorf("%w to %s: it is nil (%T)", ErrNoSink, to, sink)
	}
	return &caller{sink: sink, slots: make(chan struct{}, maxCalls)}, nil
}

// isNil reports whether an interface is nil or holds a nil pointer.
func isNil(dependency any) bool {
	if dependency == nil {
		return true
	}
	switch v := reflect.ValueOf(dependency); v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// call is one append that was handed to the sink.
type call struct {
	record   Record
	pointees pointees // of record
	answers  chan answer
	settled  atomic.Bool // whichever of answer and abandonment came first
}

// answer is what the sink said. What the error says of itself is looked up
// where a panic of the error's methods does no harm.
type answer struct {
	err     error
	refused bool // err wraps ErrNotWritten
}

// append hands the record to the sink and waits for its answer, or until ctx
// is done.
func (c *caller) append(ctx context.Context, r Record) answer {
	k, err := c.start(ctx, r)
	if err != nil {
		return answer{err: err}
	}
	return c.wait(ctx, k)
}

// start hands a copy of the record to the sink: the sink may hold it for longer
// than the caller's append takes.
func (c *caller) start(ctx context.Context, r Record) (*call, error) {
	if n := c.stuck.Load(); n >= maxStuck {
		return nil, fmt.Errorf("%w: %d earlier appends still hang in it", ErrTimeout, n)
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, unanswered(ctx)
	}
	k := &call{answers: make(chan answer, 1)}
	k.record = r.cloneInto(&k.pointees)
	go c.run(ctx, k)
	return k, nil
}

func (c *caller) run(ctx context.Context, k *call) {
	var a answer
	returned := false
	defer func() {
		if v := recover(); v != nil {
			a = answer{err: fmt.Errorf("%w: %v", ErrPanic, v)} // never wraps v: it proves nothing
		} else if !returned {
			a = answer{err: fmt.Errorf("%w: it ended its goroutine", ErrPanic)}
		}
		<-c.slots
		if k.settled.Swap(true) {
			c.stuck.Add(-1)
			return
		}
		k.answers <- a
	}()
	a = ask(ctx, c.sink, k.record)
	returned = true
}

func ask(ctx context.Context, sink Sink, r Record) answer {
	err := sink.Append(ctx, r)
	if err == nil {
		return answer{}
	}
	_ = err.Error() // panics here, if at all
	return answer{err: err, refused: errors.Is(err, ErrNotWritten)}
}

func (c *caller) wait(ctx context.Context, k *call) answer {
	select {
	case a := <-k.answers:
		return a
	case <-ctx.Done():
	}
	c.stuck.Add(1)
	if k.settled.Swap(true) { // it answered just now
		c.stuck.Add(-1)
		return <-k.answers
	}
	return answer{err: unanswered(ctx)}
}

// unanswered is the error of an append that nobody waits for any more.
func unanswered(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
}
