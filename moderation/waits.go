package moderation

import (
	"sync"
	"time"
)

// waits remembers, while this process runs, when holds began by the steady
// clock, and which waiting tickets were charged for their execution already.
type waits struct {
	mu      sync.Mutex
	since   map[string]time.Time // raw readings, with their steady part
	charged map[string]bool
}

// over reports whether a hold is over both by the wall clock and, where the
// process saw it begin, by the steady one: a wall clock that is set forward
// does not skip it.
func (w *waits) over(t Ticket, hold time.Duration, now, raw time.Time) bool {
	if now.Before(t.holdOver(hold)) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	began, seen := w.since[t.ID]
	return !seen || raw.Sub(began) >= hold
}

// begin notes that a ticket's hold starts, or starts anew.
func (w *waits) begin(id string, raw time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since[id] = raw
}

// charge notes that a waiting ticket was charged.
func (w *waits) charge(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.charged == nil {
		w.charged = make(map[string]bool)
	}
	w.charged[id] = true
}

// paid reports whether a waiting ticket was charged.
func (w *waits) paid(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.charged[id]
}

// follow keeps up with a transition: a hold that begins or begins anew, a wait
// that is over.
func (w *waits) follow(was, is Ticket, raw time.Time) {
	switch {
	case is.Status == StatusHeld && !is.Approved.Equal(was.Approved):
		w.begin(is.ID, raw)
	case !is.Status.Waiting():
		w.end(is.ID)
	}
}

// end forgets a ticket that waits no longer.
func (w *waits) end(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.since, id)
	delete(w.charged, id)
}
