package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// errZero is what a Store that Open did not make says to everything.
var errZero = errors.New("postgres: the Store was made without Open")

// Commit implements [moderation.Store]. Changes that are committed at the same
// time share a transaction, as far as they don't touch each other.
//
// nil and ErrConflict are certain. So is audit.ErrNotWritten, here also for a
// text that is looked up by and has U+0000 or more than 1,024 bytes, and
// audit.ErrNoRoom, for a disk or a quota of the server's that is full. After
// [ErrHalted] nothing is written before the halt is lifted. Where the
// connection breaks, the change is sent again, which is harmless since its
// record has an ID, for as long as somebody waits for it and ten seconds at
// most. A commit that has begun does not end with its ctx; only the wait for it
// does, and it is in doubt then.
func (s *Store) Commit(ctx context.Context, c moderation.Change) error {
	if s == nil || s.pool == nil {
		return errZero
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("postgres: commit not begun: %w", err)
	}
	e, err := encode(c)
	if err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	r := newRequest(e)
	s.queue.put(r, s.write)
	select {
	case err := <-r.answer:
		return err
	case <-ctx.Done():
		return s.queue.leave(r, context.Cause(ctx))
	}
}

// request is a change that somebody waits for.
type request struct {
	change *encoded
	answer chan error    // has room for the one answer
	left   chan struct{} // closed when nobody waits any more
}

func newRequest(e *encoded) *request {
	return &request{change: e, answer: make(chan error, 1), left: make(chan struct{})}
}

// queue holds what is to be committed while a batch is under way. A goroutine
// works for as long as there is something in it.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	working bool
}

// put appends a request, and sees that somebody works.
func (q *queue) put(r *request, write func([]*request)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, r)
	if !q.working {
		q.working = true
		go q.work(write)
	}
}

// work writes one batch after the other until nothing is left.
func (q *queue) work(write func([]*request)) {
	for {
		batch := q.take()
		if len(batch) == 0 {
			return
		}
		write(batch)
	}
}

func (q *queue) take() (batch []*request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, q.waiting = next(q.waiting)
	q.working = len(batch) > 0
	return batch
}

// leave ends the wait for a request: it is taken out again where nobody has
// begun with it.
func (q *queue) leave(r *request, why error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(r.left)
	if i := slices.Index(q.waiting, r); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return fmt.Errorf("postgres: record %.64q was not written: commit not begun: %w", r.change.id, why)
	}
	select {
	case err := <-r.answer: // just now
		return err
	default:
		return fmt.Errorf("postgres: record %.64q is in doubt: %w", r.change.id, why)
	}
}

// awaited reports whether anybody still waits for one of these.
func awaited(batch []*request) bool {
	for _, r := range batch {
		select {
		case <-r.left:
		default:
			return true
		}
	}
	return false
}
