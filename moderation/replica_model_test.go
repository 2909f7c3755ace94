package moderation_test

import (
	"context"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// TestModelWithReplicas takes the model's steps with several guards over one store:
// each step is by one of them, another one acts in the middle of it, and now and then
// one of them crashes, with all that it had in mind.
func TestModelWithReplicas(t *testing.T) {
	t.Parallel()
	sequences := uint64(modelSequences(t, 150))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	sum, meanwhile := newVBMass(0), 0
	for i := range sequences {
		m := vbReplicaSequence(t, seed+i)
		if t.Failed() {
			t.Fatalf("sequence with seed %d (see TestModelWithReplicasSequence)", seed+i)
		}
		sum.count(m.mass)
		meanwhile += m.house.acted
	}
	sum.wantAll(t)
	t.Logf("%d times one replica acted in the middle of another's step", meanwhile)
	if meanwhile == 0 {
		t.Error("no replica acted in the middle of another's step")
	}
}

// TestModelWithReplicasSequence takes the sequences that once failed.
func TestModelWithReplicasSequence(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3} {
		vbReplicaSequence(t, seed)
	}
}

func vbReplicaSequence(t *testing.T, seed uint64) *vbModel {
	m := vbNewModel(t, seed)
	m.addBatches(seed)
	m.house = &vbHouse{rng: rand.New(rand.NewPCG(seed, 11))}
	m.open()
	vbTakeSteps(m)
	return m
}

// vbHouse is some guards over one store.
type vbHouse struct {
	rng      *rand.Rand
	behind   *moderation.MemoryStore
	replicas []vbReplica
	busy     bool // one of them acts in the middle of another's step
	acted    int
}

// vbReplica is one guard, and its way to the store.
type vbReplica struct {
	guard *moderation.Guard
	store *vbReplicaStore
}

// open makes all of them anew, over a store that is rebuilt from the trail.
func (h *vbHouse) open(m *vbModel) {
	m.t.Helper()
	var err error
	if h.behind, err = moderation.NewMemoryStore(m.t.Context(), vbRecordsAlone{m.trail, m.trail}); err != nil {
		m.t.Fatalf("%s: NewMemoryStore: %v", m.step, err)
	}
	h.replicas = nil
	for range 3 {
		h.replicas = append(h.replicas, h.newReplica(m))
	}
	m.guard = h.replicas[0].guard
}

func (h *vbHouse) newReplica(m *vbModel) vbReplica {
	m.t.Helper()
	faulty := m.faulty
	m.faulty = false
	defer func() { m.faulty = faulty }()
	store := &vbReplicaStore{Store: h.behind, m: m}
	c := m.config(nil)
	c.Store = store
	guard, err := moderation.New(m.t.Context(), c)
	if err != nil {
		m.t.Fatalf("%s: New: %v", m.step, err)
	}
	return vbReplica{guard, store}
}

// loses crashes one replica, with all that it owes, unless it is the store's turn,
// or nothing works.
func (h *vbHouse) loses(m *vbModel) bool {
	m.sendsToAnyReplica()
	if m.trail.dead || m.step == atRest || h.rng.IntN(4) == 0 {
		return false
	}
	h.replicas[h.rng.IntN(len(h.replicas))] = h.newReplica(m)
	m.guard = h.replicas[h.rng.IntN(len(h.replicas))].guard
	return true
}

// sendsToAnyReplica chooses who takes the next step. One that crashed starts again.
func (m *vbModel) sendsToAnyReplica() {
	if m.house == nil {
		return
	}
	i := m.house.rng.IntN(len(m.house.replicas))
	if m.house.replicas[i].store.dead {
		m.house.replicas[i] = m.house.newReplica(m)
	}
	m.guard = m.house.replicas[i].guard
}

// meanwhile lets another replica act in the middle of what one of them does. What
// it does is what a guard must notice, however late it comes.
func (m *vbModel) meanwhile() {
	h := m.house
	if h == nil || h.busy || m.step == atRest || h.rng.IntN(60) > 0 {
		return
	}
	acting, faulty := m.guard, m.faulty
	for _, other := range h.replicas {
		if other.guard != acting && !other.store.dead {
			m.guard = other.guard
		}
	}
	if m.guard == acting {
		return
	}
	h.busy, m.faulty = true, false
	h.acted++
	defer func() { m.guard, m.faulty, h.busy = acting, faulty, false }()
	acts := []func(*vbModel){
		(*vbModel).haltsMany, (*vbModel).resumesMany, (*vbModel).doesMembers, (*vbModel).doesMembers, (*vbModel).undoesMembers, (*vbModel).undoesMany,
		(*vbModel).freezesSome, (*vbModel).advancesOne, (*vbModel).undoesOne, (*vbModel).cancelsOne, (*vbModel).startsMany,
	}
	acts[h.rng.IntN(len(acts))](m)
}

// quiet keeps the others from acting, until what it returns is called.
func (h *vbHouse) quiet() (over func()) {
	if h == nil {
		return func() {}
	}
	busy := h.busy
	h.busy = true
	return func() { h.busy = busy }
}

// vbReplicaStore is the way of one replica to the store. It breaks where the
// replica crashes: before a change is made, or when it is.
type vbReplicaStore struct {
	moderation.Store
	m    *vbModel
	dead bool
}

func (s *vbReplicaStore) Commit(ctx context.Context, c moderation.Change) error {
	if s.dead {
		return errVBFault
	}
	if s.m.faulty && s.m.house.rng.IntN(30) == 0 {
		s.dead = true
		if s.m.house.rng.IntN(2) == 0 {
			_ = s.Store.Commit(ctx, c)
		}
		return errVBFault
	}
	return s.Store.Commit(ctx, c)
}

func (s *vbReplicaStore) Ticket(ctx context.Context, id string) (moderation.Ticket, error) {
	if s.dead {
		return moderation.Ticket{}, errVBFault
	}
	return s.Store.Ticket(ctx, id)
}

func (s *vbReplicaStore) Tickets(ctx context.Context, q moderation.Query) iter.Seq2[moderation.Ticket, error] {
	if s.dead {
		return func(yield func(moderation.Ticket, error) bool) { yield(moderation.Ticket{}, errVBFault) }
	}
	return s.Store.Tickets(ctx, q)
}

func (s *vbReplicaStore) Head(ctx context.Context, target string) (moderation.Head, error) {
	if s.dead {
		return moderation.Head{}, errVBFault
	}
	return s.Store.Head(ctx, target)
}
