package postgres

import (
	"fmt"

	"github.com/elevenminutes/interlock/moderation"
)

// takesTarget reports whether a ticket keeps others from its target.
func takesTarget(t *moderation.Ticket) bool {
	return t.Status == moderation.StatusExecuting || t.Status == moderation.StatusUnknown
}

// imposes reports whether a ticket stands on its target.
func imposes(t *moderation.Ticket) bool {
	return t.Status == moderation.StatusExecuted && t.Undoes == "" && t.Batch == nil
}

// calledOff reports whether people said no to a ticket.
func calledOff(t *moderation.Ticket) bool {
	return t.Status == moderation.StatusRejected || t.Status == moderation.StatusUndone
}

// check refuses a change that can't hold whatever the store has, since its own
// tickets are in each other's way.
func (e *encoded) check() error {
	for i := range e.tickets {
		t := e.tickets[i].Ticket
		if t.ID == "" || t.Revision == 0 {
			return fmt.Errorf("postgres: ticket %.64q at revision %d is none: %w", t.ID, t.Revision, moderation.ErrConflict)
		}
		for j := range e.tickets {
			if i == j {
				continue
			}
			if err := besides(t, e.tickets[j].Ticket); err != nil {
				return err
			}
		}
	}
	return nil
}

// besides refuses two tickets that one change can't have both.
func besides(t, other *moderation.Ticket) error {
	switch {
	case other.ID == t.ID, other.Action.Actor == t.Action.Actor && other.Action.Key == t.Action.Key:
		return fmt.Errorf("postgres: a change has ticket %s, or its key, twice: %w", t.ID, moderation.ErrConflict)
	case t.Owes() && other.Owes() && t.Requester.Person == other.Requester.Person:
		return fmt.Errorf("postgres: a change has two bypasses for which %s owes: %w", t.Requester.Person, moderation.ErrConflict)
	case takesTarget(t) && takesTarget(other) && t.Subject.ID == other.Subject.ID && t.Undoes != other.ID && other.Undoes != t.ID:
		return fmt.Errorf("postgres: ticket %s is at work on %s: %w", other.ID, t.Subject.ID, moderation.ErrConflict)
	}
	return nil
}
