package moderationtest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

func (s *naiveStore) Ticket(_ context.Context, id string) (moderation.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(id); i >= 0 {
		return s.tickets[i].Clone(), nil
	}
	return moderation.Ticket{}, moderation.ErrNoTicket
}

func (s *naiveStore) Head(_ context.Context, targetID string) (moderation.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head(targetID), nil
}

func (s *naiveStore) head(targetID string) moderation.Head {
	var h moderation.Head
	for _, t := range s.tickets {
		if t.Subject.ID != targetID {
			continue
		}
		h.Fence = max(h.Fence, t.Fence)
		if atWork(t) {
			h.Busy = t.ID
		}
		if t.Status == moderation.StatusExecuted && t.Undoes == "" && t.Batch == nil {
			h.Standing = append(h.Standing, t.Clone())
		}
		if (t.Status == moderation.StatusRejected || t.Status == moderation.StatusUndone) && !t.Over.Before(lastOf(h).Over) {
			last := t.Clone()
			h.Last = &last
		}
		if h.Tier == "" || t.Subject.TierSeen.After(h.TierSeen) {
			h.Tier, h.TierSeen = t.Subject.Tier, t.Subject.TierSeen
		}
	}
	slices.SortStableFunc(h.Standing, func(a, b moderation.Ticket) int { return a.Executed.Compare(b.Executed) })
	return h
}

func (s *naiveStore) Tickets(_ context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	return func(yield func(moderation.Ticket, error) bool) {
		tickets, err := s.find(q)
		for _, t := range tickets {
			if !yield(t, nil) {
				return
			}
		}
		if err != nil {
			yield(moderation.Ticket{}, err)
		}
	}
}

func (s *naiveStore) find(q moderation.Query) ([]moderation.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inOrder := func(a, b moderation.Ticket) int {
		if !q.DueBy.IsZero() && !a.Due.Equal(b.Due) {
			return a.Due.Compare(b.Due)
		}
		return cmp.Or(a.Requested.Compare(b.Requested), cmp.Compare(a.ID, b.ID))
	}
	sorted := slices.SortedFunc(slices.Values(s.tickets), inOrder)
	if q.After != "" {
		i := slices.IndexFunc(sorted, func(t moderation.Ticket) bool { return t.ID == q.After })
		if i < 0 {
			return nil, fmt.Errorf("naive: Query.After: %w", moderation.ErrNoTicket)
		}
		sorted = sorted[i+1:]
	}
	var found []moderation.Ticket
	for _, t := range sorted {
		if matches(q, t) && (q.Limit == 0 || len(found) < q.Limit) {
			found = append(found, t.Clone())
		}
	}
	return found, nil
}

func matches(q moderation.Query, t moderation.Ticket) bool {
	reviewed := slices.ContainsFunc(t.Reviews, func(r moderation.Review) bool { return r.Person == q.Person })
	return (q.Requester == "" || q.Requester == t.Action.Actor) &&
		(q.Key == "" || q.Key == t.Action.Key) &&
		(q.Person == "" || q.Person == t.Requester.Person || reviewed) &&
		(q.Target == "" || q.Target == t.Subject.ID) &&
		(q.Kind == "" || q.Kind == t.Action.Kind) &&
		(len(q.Status) == 0 || slices.Contains(q.Status, t.Status)) &&
		(q.DueBy.IsZero() || !t.Due.IsZero() && !t.Due.After(q.DueBy)) &&
		(!q.Owed || t.Owes()) &&
		(q.Mandate == "" || q.Mandate == t.Mandate)
}
