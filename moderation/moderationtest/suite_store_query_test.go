package moderationtest

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

func queryDefects() []storeDefect {
	unsorted := func(by func(a, b moderation.Ticket) int) func(*testing.T) moderation.Store {
		return onFound(func(_ *naiveStore, _ moderation.Query, found []moderation.Ticket) []moderation.Ticket {
			slices.SortStableFunc(found, by)
			return found
		})
	}
	history := onFound(func(s *naiveStore, q moderation.Query, _ []moderation.Ticket) []moderation.Ticket {
		all := &naiveStore{}
		for _, c := range s.changes {
			all.tickets = append(all.tickets, c.Tickets...)
		}
		found, _ := all.find(q)
		return found
	})
	defects := []storeDefect{
		{name: "tickets come in the order of commits", check: "the zero query returns every ticket in the order of request",
			open: onFound(func(s *naiveStore, q moderation.Query, _ []moderation.Ticket) []moderation.Ticket {
				var found []moderation.Ticket
				for _, t := range s.tickets {
					if matches(q, t) {
						found = append(found, t)
					}
				}
				return found
			})},
		{name: "tickets come latest first", check: "the zero query returns every ticket in the order of request",
			open: unsorted(func(a, b moderation.Ticket) int { return b.Requested.Compare(a.Requested) })},
		{name: "any field that matches is enough", check: "the fields of a query must all match",
			open: onQuery(func(q *moderation.Query) {
				if q.Target != "" {
					*q = moderation.Query{Target: q.Target}
				}
			})},
		{name: "old revisions are found", check: "a query sees the last revision only", open: history},
		{name: "what is due now is not due yet", check: "DueBy selects and orders by what is due",
			open: onQuery(func(q *moderation.Query) {
				if !q.DueBy.IsZero() {
					q.DueBy = q.DueBy.Add(-1)
				}
			})},
		{name: "what is never due is due", check: "DueBy selects and orders by what is due",
			open: onFound(func(s *naiveStore, q moderation.Query, found []moderation.Ticket) []moderation.Ticket {
				for _, t := range s.tickets {
					if !q.DueBy.IsZero() && t.Due.IsZero() {
						found = append(found, t)
					}
				}
				return found
			})},
		{name: "what is due comes in the order of request", check: "DueBy selects and orders by what is due",
			open: unsorted(func(a, b moderation.Ticket) int { return a.Requested.Compare(b.Requested) })},
		{name: "a batch restricts its set", check: "Mandate selects the members of a batch", open: batchStands},
		{name: "the limit is not kept", check: "Limit is the most that is returned", open: onQuery(func(q *moderation.Query) { q.Limit = 0 })},
		{name: "no limit is a small one", check: "Limit is the most that is returned", open: onQuery(func(q *moderation.Query) { q.Limit = cmp.Or(q.Limit, 3) })},
	}
	for field, forget := range map[string]func(q *moderation.Query){
		"Requester": func(q *moderation.Query) { q.Requester = "" },
		"Key":       func(q *moderation.Query) { q.Key = "" },
		"Person":    func(q *moderation.Query) { q.Person = "" },
		"Target":    func(q *moderation.Query) { q.Target = "" },
		"Kind":      func(q *moderation.Query) { q.Kind = "" },
		"Mandate":   func(q *moderation.Query) { q.Mandate = "" },
		"Status":    func(q *moderation.Query) { q.Status = nil },
		"Statuses":  func(q *moderation.Query) { q.Status = q.Status[:min(len(q.Status), 1)] },
	} {
		defects = append(defects, storeDefect{name: "a query forgets " + field, check: "each field of a query selects", open: onQuery(forget)})
	}
	return append(defects, storeDefect{name: "a reviewer's tickets are not found", check: "each field of a query selects",
		open: onFound(func(_ *naiveStore, q moderation.Query, found []moderation.Ticket) []moderation.Ticket {
			return slices.DeleteFunc(found, func(t moderation.Ticket) bool { return q.Person != "" && t.Requester.Person != q.Person })
		})})
}

// batchStands opens a store in which a mandate stands like any restriction.
func batchStands(*testing.T) moderation.Store { return mandateStands{&naiveStore{}} }

type mandateStands struct{ *naiveStore }

func (s mandateStands) Head(ctx context.Context, targetID string) (moderation.Head, error) {
	h, err := s.naiveStore.Head(ctx, targetID)
	for _, t := range s.tickets {
		if t.Batch != nil && t.Subject.ID == targetID && t.Status == moderation.StatusExecuted {
			h.Standing = append(h.Standing, t)
		}
	}
	return h, err
}
