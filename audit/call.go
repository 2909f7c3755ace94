package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/elevenminutes/interlock/internal/typednil"
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

	mu    sync.Mutex
	stuck int            // appends that nobody waits for any more
	late  map[string]int // how many of them there are for each record's ID
}

// newCaller returns an error that says to whom a nil sink was given.
func newCaller(sink Sink, to string) (*caller, error) {
	if typednil.Is(sink) {
		return nil, fmt.Errorf("%w to %s: it is nil (%T)", ErrNoSink, to, sink)
	}
	return &caller{sink: sink, slots: make(chan struct{}, maxCalls), late: map[string]int{}}, nil
}

// call is one append that was handed to the sink.
type call struct {
	record   Record
	pointees pointees // of record
	answers  chan answer
	again    bool // an earlier append of the record still hangs

	settled bool // whichever of answer and abandonment came first; under caller.mu
}

// append hands the record to the sink and waits for its answer, or until ctx
// is done.
func (c *caller) append(ctx context.Context, r Record) answer {
	k, a := c.start(ctx, r)
	if k == nil {
		return a
	}
	return c.wait(ctx, k)
}

// start hands a copy of the record to the sink: the sink may hold it for longer
// than the caller's append takes. Without a call the answer says why.
func (c *caller) start(ctx context.Context, r Record) (*call, answer) {
	stuck, again := c.hanging(r.ID)
	if stuck >= maxStuck {
		return nil, answer{untried: true, err: fmt.Errorf("%w: %d earlier appends still hang in it", ErrTimeout, stuck)}
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, answer{untried: true, err: unanswered(ctx)}
	}
	k := &call{answers: make(chan answer, 1), again: again}
	k.record = r.cloneInto(&k.pointees)
	go c.run(ctx, k)
	return k, answer{}
}

// hanging returns how many appends hang with nobody waiting for them, and
// whether one of them is of the record with that ID.
func (c *caller) hanging(id string) (stuck int, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stuck, c.late[id] > 0
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
		c.settle(k, a)
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
	return answer{err: err, refused: errors.Is(err, ErrNotWritten), noRoom: errors.Is(err, ErrNoRoom)}
}

// settle passes on the sink's answer if somebody still waits for it.
func (c *caller) settle(k *call, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !k.settled {
		k.settled = true
		k.answers <- a.afterLate(k.again)
		return
	}
	c.stuck--
	if c.late[k.record.ID]--; c.late[k.record.ID] == 0 {
		delete(c.late, k.record.ID)
	}
}

func (c *caller) wait(ctx context.Context, k *call) answer {
	select {
	case a := <-k.answers:
		return a
	case <-ctx.Done():
	}
	if c.abandon(k) {
		return answer{err: unanswered(ctx)}
	}
	return <-k.answers // it came just now
}

// abandon reports whether nobody will wait for the call, which has not been
// answered.
func (c *caller) abandon(k *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.settled {
		return false
	}
	k.settled = true
	c.stuck++
	c.late[k.record.ID]++
	return true
}
