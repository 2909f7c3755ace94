package moderation

import (
	"sync"
	"time"
)

// tallyWindow is how long a tally counts one actor's questions together.
const tallyWindow = time.Minute

// tally counts per actor and window, so that nobody can fill the trail, or
// sound out the policy, by asking. Memory is bounded by the actors of one
// window.
type tally struct {
	mu     sync.Mutex
	since  time.Time
	counts map[string]int
	passed map[string]int // beyond the bound, in windows that are over
}

// add counts one and returns the actor's count in this window.
func (t *tally) add(actor string, now time.Time, bound int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now, bound)
	if t.counts == nil {
		t.counts = make(map[string]int)
	}
	t.counts[actor]++
	return t.counts[actor]
}

// over takes the counts, by actor, of windows that are over and in which the
// bound was passed. What could not be written down goes back with putBack.
func (t *tally) over(now time.Time, bound int) map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now, bound)
	over := t.passed
	t.passed = nil
	return over
}

// putBack returns a count that over took.
func (t *tally) putBack(actor string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass(actor, n)
}

// turn begins a new window when the last one is over.
func (t *tally) turn(now time.Time, bound int) {
	if now.Sub(t.since) < tallyWindow {
		return
	}
	for actor, n := range t.counts {
		if n > bound {
			t.pass(actor, n-bound)
		}
	}
	t.since, t.counts = now, nil
}

func (t *tally) pass(actor string, n int) {
	if t.passed == nil {
		t.passed = make(map[string]int)
	}
	t.passed[actor] += n
}
