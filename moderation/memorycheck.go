package moderation

import (
	"fmt"
	"slices"
)

// revision is that of a ticket; zero for one that does not exist.
func (s *MemoryStore) revision(id string) uint64 {
	k := s.tickets[id]
	if k == nil {
		return 0
	}
	revision, _ := k.head()
	return revision
}

// check holds a change against all that must hold.
func (s *MemoryStore) check(c Change) error {
	for i := range c.Tickets {
		if err := s.checkTicket(c, i); err != nil {
			return err
		}
	}
	for _, is := range c.Unchanged {
		if s.revision(is.Ticket) != is.Revision {
			return fmt.Errorf("moderation: ticket %s moved on: %w", is.Ticket, ErrConflict)
		}
	}
	for _, is := range c.Heads {
		var fence uint64
		if head := s.targets[is.Target]; head != nil {
			fence = head.fence
		}
		if fence != is.Fence {
			return fmt.Errorf("moderation: the head of %s moved: %w", is.Target, ErrConflict)
		}
	}
	return nil
}

// checkTicket holds one ticket against the store and against the tickets
// before it in the same change.
func (s *MemoryStore) checkTicket(c Change, i int) error {
	t := &c.Tickets[i]
	key := requestKey{t.Action.Actor, t.Action.Key}
	if revision := s.revision(t.ID); t.ID == "" || t.Revision != revision+1 {
		return fmt.Errorf("moderation: ticket %q is at revision %d, not before %d: %w", t.ID, revision, t.Revision, ErrConflict)
	}
	if id, ok := s.keys[key]; ok && id != t.ID {
		return fmt.Errorf("moderation: the key is ticket %s's: %w", id, ErrConflict)
	}
	for j := range i {
		before := &c.Tickets[j]
		if before.ID == t.ID || key == (requestKey{before.Action.Actor, before.Action.Key}) {
			return fmt.Errorf("moderation: a change has ticket %s, or its key, twice: %w", t.ID, ErrConflict)
		}
	}
	if err := s.checkDebtor(c, i); err != nil {
		return err
	}
	if !takesTarget(t) {
		return nil
	}
	return s.checkBusy(c, t)
}

// checkBusy allows one ticket at work on a target when the change is made; an
// undo may join the unknown ticket that it takes back.
func (s *MemoryStore) checkBusy(c Change, t *Ticket) error {
	busy := func(id, undoes string) error {
		if id == "" || id == t.ID || id == t.Undoes || undoes == t.ID {
			return nil
		}
		return fmt.Errorf("moderation: ticket %s is at work on %s: %w", id, t.Subject.ID, ErrConflict)
	}
	if head := s.targets[t.Subject.ID]; head != nil {
		for _, id := range head.busy {
			if c.changes(id) {
				continue
			}
			if err := busy(id, ""); err != nil {
				return err
			}
		}
	}
	for j := range c.Tickets {
		if other := &c.Tickets[j]; takesTarget(other) && other.Subject.ID == t.Subject.ID {
			if err := busy(other.ID, other.Undoes); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes reports whether a ticket is one of those changed.
func (c Change) changes(id string) bool {
	return slices.ContainsFunc(c.Tickets, func(t Ticket) bool { return t.ID == id })
}

// takesTarget reports whether a ticket keeps others from its target.
func takesTarget(t *Ticket) bool {
	return t.Status == StatusExecuting || t.Status == StatusUnknown
}
