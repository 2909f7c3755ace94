package moderation

import (
	"fmt"
	"slices"
)

// checkDebtor allows a person one bypass for which others have not answered.
func (s *MemoryStore) checkDebtor(c Change, i int) error {
	t := &c.Tickets[i]
	if !t.owing() {
		return nil
	}
	person := t.Requester.Person
	if id := s.debtors[person]; id != "" && id != t.ID && !c.changes(id) {
		return fmt.Errorf("moderation: %s owes for the bypass of ticket %s: %w", person, id, ErrConflict)
	}
	for j := range i {
		if before := &c.Tickets[j]; before.owing() && before.Requester.Person == person {
			return fmt.Errorf("moderation: a change has two bypasses for which %s owes: %w", person, ErrConflict)
		}
	}
	return nil
}

// follow keeps up with who owes, and with what is not finished.
func (s *MemoryStore) follow(k *kept, t *Ticket) {
	switch person := t.Requester.Person; {
	case t.owing():
		s.debtors[s.words.name(person)] = k.id
	case s.debtors[person] == k.id:
		delete(s.debtors, person)
	}
	if t.Status.Waiting() || takesTarget(t) {
		s.unfinished[k.id] = k
		return
	}
	delete(s.unfinished, k.id)
}

// onlyUnfinished reports whether a query wants only tickets that wait or are at
// work.
func (q Query) onlyUnfinished() bool {
	return len(q.Status) > 0 && !slices.ContainsFunc(q.Status, func(s Status) bool {
		return !takesTarget(&Ticket{Status: s}) && !s.Waiting()
	})
}
