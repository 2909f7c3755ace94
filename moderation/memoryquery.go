package moderation

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
)

// Tickets implements [Store].
func (s *MemoryStore) Tickets(ctx context.Context, q Query) iter.Seq2[Ticket, error] {
	if q.onlyKey() {
		return s.ofKey(ctx, requestKey{q.Requester, q.Key})
	}
	return s.scan(ctx, q)
}

// onlyKey reports whether a query asks for the ticket of a key, and no more.
func (q Query) onlyKey() bool {
	return q.Requester != "" && q.Key != "" && len(q.Status) == 0 && q.DueBy.IsZero() &&
		q.Person == "" && q.Target == "" && q.Kind == "" && q.After == "" && !q.Owed && q.Mandate == ""
}

// ofKey finds the one ticket that a key can have.
func (s *MemoryStore) ofKey(ctx context.Context, key requestKey) iter.Seq2[Ticket, error] {
	return func(yield func(Ticket, error) bool) {
		if s == nil || s.sink == nil {
			yield(Ticket{}, errZeroStore)
			return
		}
		if err := s.settle(ctx); err != nil {
			yield(Ticket{}, err)
			return
		}
		if err := ctx.Err(); err != nil {
			yield(Ticket{}, err)
			return
		}
		s.mu.Lock()
		t := s.tickets[s.keys[key]]
		s.mu.Unlock()
		if t != nil {
			yield(*t, nil)
		}
	}
}

// scan looks through all tickets that can match.
func (s *MemoryStore) scan(ctx context.Context, q Query) iter.Seq2[Ticket, error] {
	return func(yield func(Ticket, error) bool) {
		if s == nil || s.sink == nil {
			yield(Ticket{}, errZeroStore)
			return
		}
		if err := s.settle(ctx); err != nil {
			yield(Ticket{}, err)
			return
		}
		found, err := s.find(q)
		if err != nil {
			yield(Ticket{}, err)
			return
		}
		for _, t := range found {
			if err := ctx.Err(); err != nil {
				yield(Ticket{}, err)
				return
			}
			if !yield(*t, nil) {
				return
			}
		}
	}
}

// find collects what a query matches, in its order.
func (s *MemoryStore) find(q Query) ([]*Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Ticket
	for _, t := range s.candidates(q) {
		if q.matches(*t) {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, q.compare)
	if q.After != "" {
		after := s.tickets[q.After]
		if after == nil {
			return nil, fmt.Errorf("Query.After: %w: %.60q", ErrNoTicket, q.After)
		}
		found = slices.DeleteFunc(found, func(t *Ticket) bool { return q.compare(t, after) <= 0 })
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

// candidates narrows a query by the index that fits it best.
func (s *MemoryStore) candidates(q Query) []*Ticket {
	var found []*Ticket
	add := func(id string) {
		if t := s.tickets[id]; t != nil {
			found = append(found, t)
		}
	}
	switch {
	case q.Target != "":
		if h := s.targets[q.Target]; h != nil {
			for _, id := range h.all {
				add(id)
			}
		}
	case q.Mandate != "":
		for _, id := range s.members[q.Mandate] {
			add(id)
		}
	case !q.DueBy.IsZero():
		for _, id := range s.due.by(q.DueBy, s.tickets) {
			add(id)
		}
	case q.Owed:
		for _, id := range s.debtors {
			add(id)
		}
	case q.onlyUnfinished():
		for id := range s.unfinished {
			add(id)
		}
	default:
		for _, t := range s.tickets {
			found = append(found, t)
		}
	}
	return found
}

func (q Query) matches(t Ticket) bool {
	return (q.Requester == "" || q.Requester == t.Action.Actor) &&
		(q.Key == "" || q.Key == t.Action.Key) &&
		(q.Person == "" || q.Person == t.Requester.Person || slices.ContainsFunc(t.Reviews, func(r Review) bool { return r.Person == q.Person })) &&
		(q.Target == "" || q.Target == t.Subject.ID) &&
		(q.Kind == "" || q.Kind == t.Action.Kind) &&
		(len(q.Status) == 0 || slices.Contains(q.Status, t.Status)) &&
		(q.DueBy.IsZero() || !t.Due.IsZero() && !t.Due.After(q.DueBy)) &&
		(!q.Owed || t.Owes()) &&
		(q.Mandate == "" || q.Mandate == t.Mandate)
}

func (q Query) compare(a, b *Ticket) int {
	if !q.DueBy.IsZero() {
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
	}
	return cmp.Or(a.Requested.Compare(b.Requested), cmp.Compare(a.ID, b.ID))
}
