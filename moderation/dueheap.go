package moderation

import "time"

// dueTicket is a moment at which a ticket had something to do. The ticket may
// have moved on since.
type dueTicket struct {
	at time.Time
	id string
}

// dueHeap is a binary heap that finds the next due tickets without looking at
// the others. (container/heap would allocate for each moment.)
type dueHeap []dueTicket

// push adds a moment.
func (h *dueHeap) push(d dueTicket) {
	*h = append(*h, d)
	for i := len(*h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !(*h)[i].at.Before((*h)[parent].at) {
			return
		}
		(*h)[i], (*h)[parent] = (*h)[parent], (*h)[i]
		i = parent
	}
}

// pop takes the earliest moment off.
func (h *dueHeap) pop() dueTicket {
	old := *h
	first, last := old[0], len(old)-1
	old[0], old[last] = old[last], dueTicket{}
	*h = old[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if old[child].at.Before(old[least].at) {
				least = child
			}
		}
		if least == i {
			return first
		}
		old[i], old[least] = old[least], old[i]
		i = least
	}
}

// by returns the tickets that are due by a moment, and forgets the moments
// that no longer hold.
func (h *dueHeap) by(moment time.Time, ticket func(id string) *Ticket) []string {
	var valid []dueTicket
	var ids []string
	seen := make(map[string]bool)
	for len(*h) > 0 && !(*h)[0].at.After(moment) {
		d := h.pop()
		if t := ticket(d.id); t != nil && t.Due.Equal(d.at) && !seen[d.id] {
			seen[d.id] = true
			valid = append(valid, d)
			ids = append(ids, d.id)
		}
	}
	for _, d := range valid {
		h.push(d)
	}
	return ids
}
