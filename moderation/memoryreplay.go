package moderation

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/elevenminutes/interlock/audit"
)

// openMemoryStore rebuilds a store and shows each record and the tickets that
// it changed to visit.
func openMemoryStore(ctx context.Context, sink audit.Sink, visit func(audit.Record, []Ticket) error) (*MemoryStore, error) {
	if isNil(sink) {
		return nil, fmt.Errorf("moderation: opening the memory store: %w", audit.ErrNoSink)
	}
	s := &MemoryStore{
		sink:     sink,
		settling: make(chan struct{}, 1),
		seed:     maphash.MakeSeed(),
		tickets:  make(map[string]*Ticket),
		bodies:   make(map[uint64]uint64),
		keys:     make(map[requestKey]string),
		targets:  make(map[string]*targetState),
		reserved: make(map[claim]bool),
	}
	replayer, ok := sink.(audit.Replayer)
	if !ok {
		return s, nil
	}
	for r, err := range replayer.Replay(ctx) {
		if err != nil {
			return nil, fmt.Errorf("moderation: replaying the trail: %w", err)
		}
		tickets, err := decodeState(r)
		if err != nil {
			return nil, err
		}
		repeated, err := s.replay(r, tickets)
		if err != nil {
			return nil, err
		}
		if repeated {
			continue
		}
		if err := visit(r, tickets); err != nil {
			return nil, err
		}
	}
	return s, ctx.Err()
}

// replay applies one record. A record that was appended twice, be it late, is
// passed over.
func (s *MemoryStore) replay(r audit.Record, tickets []Ticket) (repeated bool, err error) {
	switch same, known := s.known(r); {
	case known && same:
		return true, nil
	case known:
		return false, fmt.Errorf("moderation: record %s: the trail has two bodies under this ID: %w", r.ID, audit.ErrCorrupt)
	}
	for i := range tickets {
		if revision := s.revision(tickets[i].ID); tickets[i].Revision != revision+1 {
			return false, fmt.Errorf("moderation: record %s: ticket %s goes from revision %d to %d; records between are missing or out of order: %w",
				r.ID, tickets[i].ID, revision, tickets[i].Revision, audit.ErrCorrupt)
		}
	}
	c := Change{Tickets: tickets, Record: r}
	if err := s.check(c); err != nil {
		return false, fmt.Errorf("moderation: record %s can't follow those before it: %w (%w)", r.ID, err, audit.ErrCorrupt)
	}
	s.apply(c)
	return false, nil
}

// known reports whether a record of this ID is there, and with this body.
func (s *MemoryStore) known(r audit.Record) (same, known bool) {
	was, known := s.bodies[maphash.String(s.seed, r.ID)]
	return known && was == recordHash(s.seed, r), known
}

// remember keeps a record's body under its ID.
func (s *MemoryStore) remember(r audit.Record) {
	s.bodies[maphash.String(s.seed, r.ID)] = recordHash(s.seed, r)
}
