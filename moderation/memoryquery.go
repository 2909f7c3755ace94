package moderation

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
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
		if t := s.withKey(key); t != nil {
			yield(*t, nil)
		}
	}
}

func (s *MemoryStore) withKey(key requestKey) *Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookup(s.keys[key])
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
		for _, m := range found {
			if err := ctx.Err(); err != nil {
				yield(Ticket{}, err)
				return
			}
			if !yield(s.open(m.kept), nil) {
				return
			}
		}
	}
}

// open returns a ticket that was found, as it was then.
func (s *MemoryStore) open(k *kept) (t Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.copyTo(&t)
	return t
}

// match is a ticket that a query matches, and its place in the order. There may
// be a million, so that they are not unpacked all at once.
type match struct {
	*kept
	at        time.Time // when it is due, where that is asked; else zero
	requested time.Time
}

// find collects what a query matches, in its order.
func (s *MemoryStore) find(q Query) ([]match, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []match
	for k := range s.candidates(q) {
		if !k.mayMatch(q) {
			continue
		}
		if t := k.ticket(); q.matches(t) {
			found = append(found, q.match(k, t))
		}
	}
	slices.SortFunc(found, match.compare)
	if q.After != "" {
		k := s.tickets[q.After]
		if k == nil {
			return nil, fmt.Errorf("Query.After: %w: %.60q", ErrNoTicket, q.After)
		}
		after := q.match(k, k.ticket())
		found = slices.DeleteFunc(found, func(m match) bool { return m.compare(after) <= 0 })
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

// candidates narrows a query by the index that fits it best.
func (s *MemoryStore) candidates(q Query) iter.Seq[*kept] {
	var ids []string
	switch {
	case q.Target != "":
		if h := s.targets[q.Target]; h != nil {
			ids = h.all
		}
	case q.Mandate != "":
		ids = s.members[q.Mandate]
	case !q.DueBy.IsZero():
		ids = s.due.by(q.DueBy, s.lookup)
	case q.Owed:
		ids = slices.Collect(maps.Values(s.debtors))
	case q.onlyUnfinished():
		return maps.Values(s.unfinished)
	default:
		return maps.Values(s.tickets)
	}
	return func(yield func(*kept) bool) {
		for _, id := range ids {
			if k := s.tickets[id]; k != nil && !yield(k) {
				return
			}
		}
	}
}

func (q Query) matches(t *Ticket) bool {
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

func (q Query) match(k *kept, t *Ticket) match {
	m := match{kept: k, requested: t.Requested}
	if !q.DueBy.IsZero() {
		m.at = t.Due
	}
	return m
}

func (m match) compare(other match) int {
	return cmp.Or(m.at.Compare(other.at), m.requested.Compare(other.requested), cmp.Compare(m.id, other.id))
}
