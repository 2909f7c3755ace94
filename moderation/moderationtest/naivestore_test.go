package moderationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// naiveStore is as simple as a store can be: one lock, and every question is
// answered by looking at every ticket. What must hold for a commit is a list,
// so that a defect is a list with one thing left out.
type naiveStore struct {
	mu      sync.Mutex
	tickets []moderation.Ticket // the last revisions, in the order of commits
	changes []moderation.Change
	rules   []commitRule
	full    bool // takes no further record
	hasty   bool // defect: looks and writes under two locks
}

type commitRule struct {
	name  string
	holds func(s *naiveStore, c moderation.Change) bool
}

func newNaiveStore() *naiveStore {
	return &naiveStore{rules: []commitRule{
		{"begins at 1", beginsAtOne},
		{"revision follows", revisionFollows},
		{"new is new", newIsNew},
		{"key is free", keyIsFree},
		{"one at work", oneAtWork},
		{"heads hold", headsHold},
		{"unchanged hold", unchangedHold},
		{"one debt", oneDebt},
	}}
}

func (s *naiveStore) without(name string) *naiveStore {
	n := len(s.rules)
	s.rules = slices.DeleteFunc(s.rules, func(r commitRule) bool { return r.name == name })
	if len(s.rules) == n {
		panic("there is no rule " + name)
	}
	return s
}

func (s *naiveStore) Commit(_ context.Context, c moderation.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Record.ID == "" {
		return errors.New("naive: the record has no ID")
	}
	for _, old := range s.changes {
		if old.Record.ID != c.Record.ID {
			continue
		}
		if diff(old.Record, c.Record) != "" {
			return errors.New("naive: the record ID is taken")
		}
		return nil
	}
	for _, r := range s.rules {
		if !r.holds(s, c) {
			return fmt.Errorf("naive: %s: %w", r.name, moderation.ErrConflict)
		}
	}
	if s.hasty {
		s.mu.Unlock()
		time.Sleep(time.Millisecond) // in a bubble: until the others have looked
		s.mu.Lock()
	}
	if s.full {
		return fmt.Errorf("naive: %w", audit.ErrNoRoom)
	}
	s.write(c)
	return nil
}

func (s *naiveStore) write(c moderation.Change) {
	for _, t := range c.Tickets {
		if i := s.index(t.ID); i >= 0 {
			s.tickets[i] = t.Clone()
		} else {
			s.tickets = append(s.tickets, t.Clone())
		}
	}
	c.Tickets = cloneTickets(c.Tickets)
	s.changes = append(s.changes, c)
}

func (s *naiveStore) index(id string) int {
	return slices.IndexFunc(s.tickets, func(t moderation.Ticket) bool { return t.ID == id })
}

func (s *naiveStore) revision(id string) uint64 {
	if i := s.index(id); i >= 0 {
		return s.tickets[i].Revision
	}
	return 0
}

func beginsAtOne(_ *naiveStore, c moderation.Change) bool {
	return !slices.ContainsFunc(c.Tickets, func(t moderation.Ticket) bool { return t.Revision == 0 })
}

func revisionFollows(s *naiveStore, c moderation.Change) bool {
	return !slices.ContainsFunc(c.Tickets, func(t moderation.Ticket) bool {
		return t.Revision > 1 && t.Revision != s.revision(t.ID)+1
	})
}

func newIsNew(s *naiveStore, c moderation.Change) bool {
	return !slices.ContainsFunc(c.Tickets, func(t moderation.Ticket) bool { return t.Revision == 1 && s.index(t.ID) >= 0 })
}

func keyIsFree(s *naiveStore, c moderation.Change) bool {
	type key struct{ requester, key string }
	taken := make(map[key]string)
	for _, t := range slices.Concat(s.tickets, c.Tickets) {
		k := key{t.Action.Actor, t.Action.Key}
		if id, ok := taken[k]; ok && id != t.ID {
			return false
		}
		taken[k] = t.ID
	}
	return true
}

// after returns the tickets as they would be after a change.
func (s *naiveStore) after(c moderation.Change) []moderation.Ticket {
	tickets := slices.Clone(c.Tickets)
	for _, t := range s.tickets {
		if !slices.Contains(ids(c.Tickets), t.ID) {
			tickets = append(tickets, t)
		}
	}
	return tickets
}

func atWork(t moderation.Ticket) bool {
	return t.Status == moderation.StatusExecuting || t.Status == moderation.StatusUnknown
}

func oneAtWork(s *naiveStore, c moderation.Change) bool {
	tickets := s.after(c)
	for i, a := range tickets {
		for _, b := range tickets[i+1:] {
			joins := a.Undoes == b.ID && b.Status == moderation.StatusUnknown || b.Undoes == a.ID && a.Status == moderation.StatusUnknown
			if atWork(a) && atWork(b) && a.Subject.ID == b.Subject.ID && !joins {
				return false
			}
		}
	}
	return true
}

func headsHold(s *naiveStore, c moderation.Change) bool {
	return !slices.ContainsFunc(c.Heads, func(h moderation.HeadIs) bool { return s.head(h.Target).Fence != h.Fence })
}

// reopen returns a store that is rebuilt from what was committed.
func (s *naiveStore) reopen() *naiveStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := newNaiveStore()
	for _, c := range s.changes {
		again.write(c)
	}
	return again
}

func (s *naiveStore) records() []audit.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	records := make([]audit.Record, len(s.changes))
	for i, c := range s.changes {
		records[i] = c.Record
	}
	return records
}

func cloneTickets(tickets []moderation.Ticket) []moderation.Ticket {
	tickets = slices.Clone(tickets)
	for i := range tickets {
		tickets[i] = tickets[i].Clone()
	}
	return tickets
}

func unchangedHold(s *naiveStore, c moderation.Change) bool {
	return !slices.ContainsFunc(c.Unchanged, func(is moderation.TicketIs) bool { return s.revision(is.Ticket) != is.Revision })
}

func oneDebt(s *naiveStore, c moderation.Change) bool {
	return oneDebtOf(moderation.Ticket.Owes, s.after(c))
}

func oneDebtOf(owes func(moderation.Ticket) bool, tickets []moderation.Ticket) bool {
	debtors := make(map[string]bool)
	for _, t := range tickets {
		if owes(t) && debtors[t.Requester.Person] {
			return false
		}
		debtors[t.Requester.Person] = debtors[t.Requester.Person] || owes(t)
	}
	return true
}
