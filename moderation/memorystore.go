package moderation

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// MemoryStore is a [Store] for one process, over a sink that is the truth: a
// commit is done when the sink has its record, and the store is rebuilt from
// the sink's records.
//
// Where the sink can't say whether it has a record, the change is in doubt:
// nothing else is committed until the sink has taken that record, with the
// same bytes, or has said that it never will. A sink that is full when it is
// first given a record ([audit.ErrNoRoom]) leaves no doubt: nothing was written.
// The zero MemoryStore refuses.
type MemoryStore struct {
	sink      audit.Sink
	snapshots audit.Snapshotter // the sink, where it is one

	settling chan struct{} // held by who settles what is in doubt

	seed maphash.Seed // of fingerprints, where there are no snapshots
	salt []byte       // of fingerprints, where there are

	rooms sync.Pool // of *[]byte, in which fingerprints are made: a stack that has to grow costs more

	mu       sync.Mutex
	tickets  map[string]*kept
	words    *vocabulary       // of tickets that come to rest
	bodies   map[uint64]uint64 // the records' fingerprints: body by ID
	keys     map[requestKey]string
	targets  map[string]*targetState
	due      dueHeap
	uses     [][]keptUse    // of limits, for the next snapshot
	last     time.Time      // the latest time of a record
	unsaved  int            // records that no snapshot has
	reserved map[claim]bool // of commits under way
	doubts   []doubt

	debtors    map[string]string   // person to the bypass that the person owes for
	unfinished map[string]*kept    // that wait, or are at work
	members    map[string][]string // tickets of members, by mandate
}

// doubt is a change of which the sink could not say whether it has its record.
type doubt struct {
	change Change
	print  fingerprint
}

// requestKey scopes an idempotency key to its requester.
type requestKey struct{ requester, key string }

var errZeroStore = errors.New("moderation: the MemoryStore was made without NewMemoryStore")

// NewMemoryStore returns a store over a sink. If the sink is an
// [audit.Replayer] the store holds what the sink's records say, and an error
// names the first record that does not follow from those before it: a missing
// revision, a damaged state. Of an [audit.Snapshotter] it reads the snapshot and
// the records after it, and holds the same. The sink stays the caller's to close.
func NewMemoryStore(ctx context.Context, sink audit.Sink) (*MemoryStore, error) {
	return openMemoryStore(ctx, sink, func(use, *Ticket) error { return nil })
}

// Ticket implements [Store].
func (s *MemoryStore) Ticket(ctx context.Context, id string) (t Ticket, err error) {
	if s == nil || s.sink == nil {
		return Ticket{}, errZeroStore
	}
	if err := s.settle(ctx); err != nil {
		return Ticket{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.tickets[id]
	if k == nil {
		return Ticket{}, fmt.Errorf("%w: %.60q", ErrNoTicket, id)
	}
	k.copyTo(&t)
	return t, nil
}

// Head implements [Store].
func (s *MemoryStore) Head(ctx context.Context, targetID string) (Head, error) {
	if s == nil || s.sink == nil {
		return Head{}, errZeroStore
	}
	if err := ctx.Err(); err != nil {
		return Head{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.targets[targetID]
	if h == nil {
		return Head{}, nil
	}
	head := Head{Fence: h.fence, Busy: h.busy[0], Tier: h.tier, TierSeen: h.tierSeen}
	if h.last != nil {
		head.Last = h.last.ticket()
	}
	if len(h.standing) == 0 {
		return head, nil
	}
	head.Standing = make([]Ticket, len(h.standing))
	for i := range h.standing {
		h.standing[i].copyTo(&head.Standing[i])
	}
	return head, nil
}
