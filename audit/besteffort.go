package audit

import (
	"context"
	"fmt"
	"sync"
)

// maxQueue is the longest queue of a [BestEffortSink].
const maxQueue = 1 << 20

// BestEffortSink passes records on without making anybody wait. It is made by
// [BestEffort]; the zero BestEffortSink refuses every record with [ErrNoSink].
// Its methods may be called by many goroutines at once.
type BestEffortSink struct {
	caller *caller
	queue  chan Record
	cancel context.CancelFunc // gives up on the append under way
	done   chan struct{}      // closed when nothing more will be passed on

	mu      sync.Mutex
	closed  bool
	dropped uint64
	failed  uint64
	last    error
}

// BestEffort returns a sink that passes records on to sink, one after the
// other, in the background. At most queue records, from 1 to 1,048,576, wait
// for it; what comes while the queue is full is dropped and counted, and
// Append returns nil all the same: that is the meaning of best effort.
// What sink then answers reaches nobody but the figures.
//
// So this is for a second copy whose loss may not stop the work, next to a sink
// that keeps its word, and never the only sink. It is no [Replayer], whatever
// sink is, so that it can't be taken for a trail.
//
// Append keeps a copy of the record. It refuses records that
// [Record.Validate] refuses, and a context that is done. A sink that hangs
// holds up the queue: wrap it in [Deadline]. The owner must call
// [BestEffortSink.Close]; until then one goroutine runs.
//
// BestEffort returns [ErrNoSink] for a nil sink, and an error for a queue
// out of range.
func BestEffort(sink Sink, queue int) (*BestEffortSink, error) {
	c, err := newCaller(sink, "BestEffort")
	if err != nil {
		return nil, err
	}
	if queue < 1 || queue > maxQueue {
		return nil, fmt.Errorf("audit: best-effort queue of %d records, want 1 to %d", queue, maxQueue)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &BestEffortSink{
		caller: c,
		queue:  make(chan Record, queue),
		cancel: cancel,
		done:   make(chan struct{}),
	}
	go b.run(ctx)
	return b, nil
}

// Append puts a copy of the record into the queue, or drops it if the queue is
// full, and returns nil in both cases. It returns [ErrClosed] after Close.
func (b *BestEffortSink) Append(ctx context.Context, r Record) error {
	if b.queue == nil {
		return fmt.Errorf("%w: make a BestEffortSink with BestEffort", ErrNoSink)
	}
	if err := r.Validate(); err != nil {
		return err
	}
	if err := alive(ctx); err != nil {
		return err
	}
	r = r.Clone()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("%w: it was a BestEffortSink", ErrClosed)
	}
	select {
	case b.queue <- r:
	default:
		b.dropped++
	}
	return nil
}

// run passes on what is queued until the queue is closed and empty. When ctx is
// done it drops the rest.
func (b *BestEffortSink) run(ctx context.Context) {
	defer close(b.done)
	for r := range b.queue {
		if ctx.Err() != nil {
			b.count(&b.dropped, nil)
			continue
		}
		if err := b.caller.append(ctx, r).err; err != nil {
			b.count(&b.failed, err)
		}
	}
}

func (b *BestEffortSink) count(n *uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*n++
	if err != nil {
		b.last = err
	}
}

// Dropped returns how many records were never passed on, because the queue was
// full or Close was cut short.
func (b *BestEffortSink) Dropped() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Failed returns how many records were passed on without success: the sink
// returned an error, panicked, or had not answered when Close was cut short.
func (b *BestEffortSink) Failed() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}

// LastError returns what the last record that [BestEffortSink.Failed] counts
// failed with, or nil.
func (b *BestEffortSink) LastError() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// Close accepts no more records and waits until those that are queued have been
// passed on. When ctx is done first, the append under way is given up on, the
// rest is dropped and counted, and the error wraps that of ctx. Close does not
// close the sink behind. It may be called again.
func (b *BestEffortSink) Close(ctx context.Context) error {
	if b.queue == nil {
		return nil
	}
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
	b.mu.Unlock()

	defer b.cancel()
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-b.done: // just in time
		return nil
	default:
	}
	b.cancel()
	<-b.done // soon: nothing waits for the sink any more
	return fmt.Errorf("audit: best-effort sink closed before the queue was empty: %w", context.Cause(ctx))
}
