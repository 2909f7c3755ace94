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
	standing []*Ticket
	last     *Ticket
	tier     string
	tierSeen time.Time
	all      []string

	// Most targets have one ticket in their life.
	standingRoom [1]*Ticket
	allRoom      [1]string
}

func newTargetState() *targetState {
	h := &targetState{}
	h.standing, h.all = h.standingRoom[:0], h.allRoom[:0]
	return h
}

// update takes a ticket's new state into its target's head.
func (h *targetState) update(t *Ticket) {
	h.fence = max(h.fence, t.Fence)
	h.busy = withoutBusy(h.busy, t.ID)
	if takesTarget(t) {
		h.busy[1] = h.busy[0]
		h.busy[0] = t.ID
	}
	h.standing = slices.DeleteFunc(h.standing, func(s *Ticket) bool { return s.ID == t.ID })
	if t.imposes() {
		h.standing = append(h.standing, t)
		slices.SortFunc(h.standing, func(a, b *Ticket) int {
			return cmp.Or(a.Executed.Compare(b.Executed), cmp.Compare(a.Fence, b.Fence), cmp.Compare(a.ID, b.ID))
		})
	}
	// What is said of a ticket after its end does not make it the last one again.
	if t.calledOff() && (h.last == nil || h.last.ID == t.ID || !t.Over.Before(h.last.Over)) {
		h.last = t
	}
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
func (h *targetState) look(s Subject) {
	if !s.TierSeen.Before(h.tierSeen) {
		h.tier, h.tierSeen = s.Tier, s.TierSeen
	}
}
