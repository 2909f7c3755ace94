package trail

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit/trail/internal/tiles"
)

// maxWorkers bounds how many bundles are in memory.
const maxWorkers = 1024

// task is to verify the entries below a tile of level 0.
type task struct {
	expected           // its hashes are unknown while it is unread
	root     tlog.Hash // of an unread tile
	unread   bool
}

// stretch is the entries of one bundle, while they are worked on.
type stretch struct {
	task
	bundle  located
	tile    []byte // memory of the tile's hashes
	leaves  []byte // the entries' own hashes
	records bool   // all entries are whole records
	err     error
	done    chan struct{} // takes one value when it has been worked on
}

// queue hands tasks to workers and what came of them back in order. It has a
// fixed number of stretches, which go round.
type queue struct {
	workers int
	free    chan *stretch
	tasks   chan *stretch // to the workers
	ordered chan *stretch // to who asks for the next
	end     error         // what ended the walk; set before ordered is closed
}

func newQueue(workers int, size uint64) *queue {
	bundles := size/tiles.Width + 1
	workers = int(min(uint64(workers), bundles, maxWorkers))
	n := 3 * workers
	q := &queue{
		workers: workers,
		free:    make(chan *stretch, n),
		tasks:   make(chan *stretch, n),
		ordered: make(chan *stretch, n),
	}
	for range n {
		q.free <- &stretch{done: make(chan struct{}, 1)}
	}
	return q
}

// start begins the work. It ends soon after ctx is done.
func (q *queue) start(ctx context.Context, w *walk) {
	go func() {
		q.end = errEnded
		defer close(q.ordered)
		defer close(q.tasks)
		q.end = w.run(ctx, q.emit)
	}()
	for range q.workers {
		go func() {
			for s := range q.tasks {
				w.work(s)
			}
		}()
	}
}

// emit puts a task into the queue.
func (q *queue) emit(ctx context.Context, t task) error {
	select {
	case s := <-q.free:
		s.task = t
		q.ordered <- s // there is room for all stretches
		q.tasks <- s
		return nil
	case <-ctx.Done():
		return cutShort(ctx)
	}
}

// next returns the next stretch when it has been verified, and nil after the
// last one.
func (q *queue) next(ctx context.Context) (*stretch, error) {
	if ctx.Err() != nil {
		return nil, cutShort(ctx)
	}
	select {
	case s, ok := <-q.ordered:
		if !ok {
			return nil, q.end
		}
		return s, s.wait(ctx)
	case <-ctx.Done():
		return nil, cutShort(ctx)
	}
}

// wait waits until the stretch has been worked on.
func (s *stretch) wait(ctx context.Context) error {
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return cutShort(ctx)
	}
}

// release gives a stretch back.
func (q *queue) release(s *stretch) { q.free <- s }
