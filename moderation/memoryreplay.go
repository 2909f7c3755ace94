package moderation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/typednil"
)

// openMemoryStore rebuilds a store, and shows to visit the use of limits, in
// order, each with its ticket.
func openMemoryStore(ctx context.Context, sink audit.Sink, visit func(use, *Ticket) error) (*MemoryStore, error) {
	if typednil.Is(sink) {
		return nil, fmt.Errorf("moderation: opening the memory store: %w", audit.ErrNoSink)
	}
	s := newMemoryStore(sink)
	var err error
	if s.snapshots != nil {
		err = s.replaySnapshot(ctx, visit)
	} else if replayer, ok := sink.(audit.Replayer); ok {
		err = s.replay(ctx, replayer.Replay(ctx), func(r *audit.Record, tickets []Ticket) error {
			for _, u := range appendUses(nil, r, tickets) {
				if err := s.show(u, visit); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// show shows a use to visit.
func (s *MemoryStore) show(u use, visit func(use, *Ticket) error) error {
	return visit(u, s.lookup(u.ticket))
}

func newMemoryStore(sink audit.Sink) *MemoryStore {
	s := &MemoryStore{
		sink:     sink,
		settling: make(chan struct{}, 1),
		seed:     maphash.MakeSeed(),
		tickets:  make(map[string]*kept),
		words:    &vocabulary{},
		bodies:   make(map[uint64]uint64),
		keys:     make(map[requestKey]string),
		targets:  make(map[string]*targetState),
		reserved: make(map[claim]bool),

		debtors:    make(map[string]string),
		unfinished: make(map[string]*kept),
		members:    make(map[string][]string),
	}
	if snapshots, ok := sink.(audit.Snapshotter); ok {
		s.snapshots, s.salt = snapshots, make([]byte, saltSize)
		rand.Read(s.salt) // which never fails
	}
	return s
}

// replaySnapshot rebuilds the store from a snapshot and the records after it.
// What the snapshot says counts only when the sink has vouched for all of it.
func (s *MemoryStore) replaySnapshot(ctx context.Context, visit func(use, *Ticket) error) error {
	var given bool
	var failed error
	records := s.snapshots.ReplaySnapshot(ctx, func(r io.Reader) error {
		if given || len(s.bodies) > 0 {
			failed = errSecondSnapshot
			return failed
		}
		given = true
		failed = s.readSnapshot(ctx, r)
		return failed
	})
	err := s.replay(ctx, records, func(*audit.Record, []Ticket) error { return nil })
	switch {
	case failed != nil && !errors.Is(err, failed): // and the sink went on as if nothing had been wrong
		return failed
	case err != nil:
		return err
	}
	for u := range s.usesKept() {
		if err := s.show(u, visit); err != nil {
			return err
		}
	}
	return nil
}

var errSecondSnapshot = errors.New("moderation: the sink has a second snapshot, or one between its records")

// replay applies records, and shows to visit each that is not a repetition.
func (s *MemoryStore) replay(ctx context.Context, records iter.Seq2[audit.Record, error], visit func(*audit.Record, []Ticket) error) error {
	for r, err := range records {
		if err != nil {
			return fmt.Errorf("moderation: replaying the trail: %w", err)
		}
		tickets, err := decodeState(r)
		if err != nil {
			return err
		}
		repeated, err := s.replayOne(r, tickets)
		if err != nil {
			return err
		}
		if repeated {
			continue
		}
		if err := visit(&r, tickets); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// replayOne applies one record. A record that was appended twice, be it late,
// is passed over.
func (s *MemoryStore) replayOne(r audit.Record, tickets []Ticket) (repeated bool, err error) {
	print := s.fingerprint(&r)
	switch same, known := s.known(print); {
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
	s.apply(c, print)
	return false, nil
}

// known reports whether a record of this ID is there, and with this body.
func (s *MemoryStore) known(print fingerprint) (same, known bool) {
	was, known := s.bodies[print.id]
	return known && was == print.body, known
}
