package moderation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// LongReplay is after how many records New saves a snapshot.
const LongReplay = longReplay

// SaveSnapshot has the sink keep a snapshot, as Guard.Close does.
func (s *MemoryStore) SaveSnapshot(ctx context.Context) error { return s.save(ctx) }

// Contents is all that a memory store has, but for the records' fingerprints.
type Contents struct {
	Tickets map[string]Ticket
	Keys    map[requestKey]string
	Targets map[string]TargetContents
	Due     []string // tickets, by when they are due
	Uses    []use
	Last    time.Time
	Records int

	Debtors    map[string]string
	Unfinished map[string]Ticket
	Members    map[string][]string // in the order of their names
}

// TargetContents is all that a memory store has of a target.
type TargetContents struct {
	Head
	Busy [2]string
	All  []string
}

// Contents returns a copy.
func (s *MemoryStore) Contents(ctx context.Context) (Contents, error) {
	c := Contents{
		Tickets: make(map[string]Ticket), Keys: s.keys, Targets: make(map[string]TargetContents),
		Last: s.last, Records: len(s.bodies),
		Debtors: s.debtors, Unfinished: make(map[string]Ticket), Members: make(map[string][]string),
	}
	c.Uses = slices.Collect(s.usesKept())
	for id, t := range s.tickets {
		c.Tickets[id] = t.ticket().Clone()
	}
	for id, t := range s.unfinished {
		c.Unfinished[id] = t.ticket().Clone()
	}
	for mandate, ids := range s.members {
		c.Members[mandate] = slices.Sorted(slices.Values(ids))
	}
	for id, h := range s.targets {
		head, err := s.Head(ctx, id)
		if err != nil {
			return c, err
		}
		c.Targets[id] = TargetContents{head, h.busy, slices.Sorted(slices.Values(h.all))}
	}
	due := slices.Clone(s.due)
	c.Due = due.by(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), s.lookup)
	slices.SortFunc(c.Due, func(a, b string) int {
		return cmp.Or(s.lookup(a).Due.Compare(s.lookup(b).Due), cmp.Compare(a, b))
	})
	return c, nil
}

// Knows reports whether the store has a record of this ID, and with this body.
func (s *MemoryStore) Knows(r audit.Record) (same, known bool) { return s.known(s.fingerprint(&r)) }

// TurnOf is the turn of a place of a set.
func TurnOf(s *MemberSet, place int) int { return orderOf(s.Root(), s.Len()).turn(place) }

// InSet reports whether a member's proof holds.
func InSet(m Member, root Digest, count int) bool { return m.in(root, count) }
