package moderation

import (
	"cmp"
	"slices"
	"time"
)

// targetState is what a Head is made of, and the target's tickets.
type targetState struct {
	fence    uint64
	busy     [2]string // tickets at work; an undo may join the unknown ticket that it takes back
	standing []kept    // by the time of their execution
	last     *kept
	tier     string
	tierSeen time.Time
	all      []string

	// Most targets have one ticket in their life.
	standingRoom [1]kept
	allRoom      [1]string
}

func newTargetState() *targetState {
	h := &targetState{}
	h.standing, h.all = h.standingRoom[:0], h.allRoom[:0]
	return h
}

// update takes a ticket's new state into its target's head.
func (h *targetState) update(k *kept, t *Ticket) {
	h.fence = max(h.fence, t.Fence)
	h.busy = withoutBusy(h.busy, k.id)
	if takesTarget(t) {
		h.busy[1] = h.busy[0]
		h.busy[0] = k.id
	}
	h.standing = slices.DeleteFunc(h.standing, func(s kept) bool { return s.id == k.id })
	if t.imposes() {
		h.standing = slices.Insert(h.standing, h.after(t), *k)
	}
	// What is said of a ticket after its end does not make it the last one again.
	if t.calledOff() && (h.last == nil || h.last.id == k.id || !t.Over.Before(h.last.ticket().Over)) {
		h.last = k
	}
}

// after is the place of a ticket among those that stand: nearly always the last.
func (h *targetState) after(t *Ticket) int {
	i := len(h.standing)
	for ; i > 0; i-- {
		s := h.standing[i-1].ticket()
		if cmp.Or(s.Executed.Compare(t.Executed), cmp.Compare(s.Fence, t.Fence), cmp.Compare(s.ID, t.ID)) < 0 {
			break
		}
	}
	return i
}

// calledOff reports whether people said no to a ticket, before or after it was
// executed.
func (t *Ticket) calledOff() bool { return t.Status == StatusRejected || t.Status == StatusUndone }

// withoutBusy moves up who is left.
func withoutBusy(busy [2]string, id string) (left [2]string) {
	n := 0
	for _, other := range busy {
		if other != "" && other != id {
			left[n] = other
			n++
		}
	}
	return left
}

// look takes what the guard saw of the target into its head. A revision that
// leaves its ticket's subject as it was is no look: it would put back what was
// seen before.
func (h *targetState) look(seen time.Time, tier string) {
	if !seen.Before(h.tierSeen) {
		h.tier, h.tierSeen = tier, seen
	}
}
