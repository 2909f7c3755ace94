package moderation_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// TestModelWithBatches takes the model's steps with batches among them.
func TestModelWithBatches(t *testing.T) {
	t.Parallel()
	sequences := uint64(modelSequences(t, 60))
	seed := uint64(1000) // the same ones, so that a run says something of the change that it is for
	if os.Getenv("MODEL_SEQUENCES") != "" {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	sum := newVBMass(0)
	for i := range sequences {
		sum.count(vbMassSequence(t, seed+i))
		if t.Failed() {
			t.Fatalf("sequence with seed %d (see TestModelWithBatchesSequence)", seed+i)
		}
	}
	sum.wantAll(t)
}

// TestModelWithBatchesSequence takes the sequences that once failed.
func TestModelWithBatchesSequence(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3, 1795487977806787745, 1795491088143183904, 1795492123574209594} {
		vbMassSequence(t, seed)
	}
}

func vbMassSequence(t *testing.T, seed uint64) *vbMass {
	m := vbNewModel(t, seed)
	m.addBatches(seed)
	vbTakeSteps(m)
	return m.mass
}

// addBatches gives the model more accounts, and people who act on many at once.
func (m *vbModel) addBatches(seed uint64) {
	m.mass = newVBMass(seed)
	for _, id := range []string{"d", "e", "f", "g", "h", "i"} {
		m.targets[id] = moderation.Target{ID: id, Tier: "standard", Domain: "en", Reach: 10}
	}
}

// vbMass is what the model knows of batches.
type vbMass struct {
	rng     *rand.Rand
	sets    map[moderation.Digest]*moderation.MemberSet
	needed  map[string]moderation.Requirement // by mandate, when it was asked for
	whose   map[string][]string               // by mandate, whose members it had when they were looked at last
	started map[string]int                    // handler calls by mandate and member
	settled map[string]bool                   // tickets whose outcome is on the trail
	events  map[string]int                    // what happened, so that a model in which little does is found out
	last    vbMassCount
}

func newVBMass(seed uint64) *vbMass {
	return &vbMass{
		rng: rand.New(rand.NewPCG(seed, 10)), sets: make(map[moderation.Digest]*moderation.MemberSet),
		needed: make(map[string]moderation.Requirement), whose: make(map[string][]string),
		started: make(map[string]int), settled: make(map[string]bool), events: make(map[string]int),
	}
}

// count adds what happened in another sequence.
func (s *vbMass) count(o *vbMass) {
	for what, n := range o.events {
		s.events[what] += n
	}
}

// wantAll wants everything that can happen to a batch to have happened.
func (s *vbMass) wantAll(t *testing.T) {
	t.Helper()
	t.Logf("%v", s.events)
	for _, what := range []string{"begun", "stage", "halted by hand", "halted by failures", "halted by undos", "halted for a member", "resumed", "apply", "undo", "member undone singly", "undo of the whole"} {
		if s.events[what] == 0 && !t.Failed() {
			t.Errorf("in no sequence: %s", what)
		}
	}
}

// vbMassSteps are what can be done about batches, each as often as it is listed for.
var vbMassSteps = []struct {
	times int
	take  func(*vbModel)
}{
	{3, (*vbModel).asksForMany},
	{3, (*vbModel).approvesMany},
	{6, (*vbModel).startsMany},
	{12, (*vbModel).doesMembers},
	{3, (*vbModel).beginsStage},
	{2, (*vbModel).haltsMany},
	{3, (*vbModel).resumesMany},
	{1, (*vbModel).undoesMany},
	{5, (*vbModel).undoesMembers},
	{2, (*vbModel).undoesOneMember},
}

// actsOnMany takes a step about a batch, and restarts what is dead sooner than
// the other steps do.
func (m *vbModel) actsOnMany() {
	if m.mass == nil {
		return
	}
	if m.trail.dead && m.mass.rng.IntN(3) == 0 {
		m.restarts()
	}
	total := 0
	for _, s := range vbMassSteps {
		total += s.times
	}
	for range 2 {
		n := m.mass.rng.IntN(total)
		for _, s := range vbMassSteps {
			if n -= s.times; n >= 0 {
				continue
			}
			m.catchUp()
			m.step += ", and a batch"
			m.faulty = m.mass.rng.IntN(3) == 0
			m.now = m.now.Add(time.Second) // for which what is known of people holds
			m.sendsToAnyReplica()
			s.take(m)
			m.faulty = false
			m.catchUp()
			break
		}
	}
}

func vbPick[T any](m *vbModel, of ...T) T { return of[m.mass.rng.IntN(len(of))] }

// batch picks a mandate, most often one that fits.
func (m *vbModel) batch(fits func(moderation.Ticket) bool) (moderation.Ticket, bool) {
	var all, fitting []string
	for _, id := range m.order {
		t := m.tickets[id]
		if t.Batch == nil {
			continue
		}
		if all = append(all, id); fits(t) {
			fitting = append(fitting, id)
		}
	}
	switch {
	case len(fitting) > 0 && m.mass.rng.IntN(10) > 0:
		return m.tickets[vbPick(m, fitting...)], true
	case len(all) > 0:
		return m.tickets[vbPick(m, all...)], true
	}
	return moderation.Ticket{}, false
}

func vbGoing(t moderation.Ticket) bool {
	return t.Status == moderation.StatusExecuted && t.Batch.Halted.IsZero()
}

func (m *vbModel) asksForMany() {
	var names btNames
	for _, id := range []string{"a", "b", "d", "e", "f", "g", "h", "i", "c"} {
		if m.mass.rng.IntN(2) == 0 && (id != "c" || m.mass.rng.IntN(4) == 0) {
			names = append(names, id)
		}
	}
	if len(names) == 0 {
		return
	}
	m.keys++
	a := moderation.Action{
		Kind: vbPick(m, moderation.Suspend, moderation.Limit), Actor: vbPick(m, "mod", "mod2", "bot", "lead"), Tier: vbPick(m, "standard", "standard", "standard", "protected"),
		Reason: "a raid", Key: fmt.Sprint("key-", m.keys), Parameters: map[string]string{"part": vbPick(m, "posts", "ads", "likes", "follows")},
	}
	if a.Kind == moderation.Suspend {
		a.Duration = vbPick(m, moderation.Permanent, time.Hour, 25*time.Hour)
	}
	r := moderation.BatchRequest{Action: a, Members: names, Expect: len(names)}
	if n := len(names); n > 1 && m.mass.rng.IntN(2) == 0 {
		r.Stages = []moderation.Stage{{Members: 1 + m.mass.rng.IntN(n-1), Soak: vbPick(m, 0, time.Minute)}, {Members: n}}
	}
	r.Tolerance = vbPick(m, moderation.Tolerance{}, moderation.Tolerance{Failures: 1}, moderation.Tolerance{FailurePercent: 60, UndoPercent: 40}, moderation.Tolerance{FailurePercent: 100, UndoPercent: 100})
	set, err := moderation.NewMemberSet(slices.Values(names))
	if err != nil {
		m.t.Fatal(err)
	}
	m.mass.sets[set.Root()] = set
	m.acknowledged(m.guard.RequestBatch(m.t.Context(), r))
}

// approvesMany lets two people approve one batch, so that more are begun.
func (m *vbModel) approvesMany() {
	for range 2 {
		t, ok := m.batch(func(t moderation.Ticket) bool { return t.Status == moderation.StatusPending })
		if !ok {
			return
		}
		r := moderation.ReviewRequest{Ticket: t.ID, Actor: vbPick(m, "lead", "lead2", "lead3", "boss", "director", m.anyone()), Digest: t.Digest}
		m.acknowledged(m.guard.Approve(m.t.Context(), r))
	}
}

func (m *vbModel) startsMany() {
	t, ok := m.batch(func(t moderation.Ticket) bool { return t.Status == moderation.StatusHeld && t.Undoes == "" })
	if !ok {
		return
	}
	started, err := m.guard.StartBatch(m.t.Context(), t.ID, m.mass.sets[t.Batch.Root])
	m.acknowledged(started, err)
	if err == nil && m.tickets[t.ID].Executed.IsZero() {
		m.t.Errorf("%s: StartBatch returned nil for %s, which is %s", m.step, t.ID, m.tickets[t.ID].Status)
	}
}

// doesMembers does some members of a batch: those whose turn is next, or any.
func (m *vbModel) doesMembers() {
	t, ok := m.batch(func(t moderation.Ticket) bool { return vbGoing(t) && t.Undoes == "" && m.left(t) > 0 })
	if !ok {
		return
	}
	for range 1 + m.mass.rng.IntN(4) {
		m.catchUp()
		set := m.mass.sets[t.Batch.Root]
		place := m.mass.rng.IntN(set.Len())
		if next, ok := m.next(m.tickets[t.ID]); ok && m.mass.rng.IntN(6) > 0 {
			place = next
		}
		m.mass.looks(m)
		if m.mass.rng.IntN(20) == 0 { // one whom nobody approved
			set, place = m.anySet(), 0
		}
		done, err := m.guard.DoMember(m.t.Context(), t.ID, set.Member(place))
		m.acknowledged(done, err)
		if err == nil && !m.done[done.ID+".apply"] {
			m.t.Errorf("%s: DoMember returned nil for ticket %s, whose handler has not done its work", m.step, done.ID)
		}
		m.mass.wantHalted(m, t.ID)
	}
}

// anySet is the set of some batch.
func (m *vbModel) anySet() *moderation.MemberSet {
	var all []*moderation.MemberSet
	for _, id := range m.order {
		if t := m.tickets[id]; t.Batch != nil {
			all = append(all, m.mass.sets[t.Batch.Root])
		}
	}
	return vbPick(m, all...)
}

// next is the place of the member whose turn is next.
func (m *vbModel) next(t moderation.Ticket) (place int, ok bool) {
	set := m.mass.sets[t.Batch.Root]
	for turn := range vbOpenTurns(t) {
		if place := set.Turn(turn); m.mass.started["apply "+t.ID+" "+set.ID(place)] == 0 {
			return place, true
		}
	}
	return 0, false
}

// left is how many members of a batch nobody has begun.
func (m *vbModel) left(t moderation.Ticket) (n int) {
	set := m.mass.sets[t.Batch.Root]
	for id := range set.All() {
		if m.mass.started["apply "+t.ID+" "+id] == 0 {
			n++
		}
	}
	return n
}

// vbOpenTurns is how many members may have had their turn.
func vbOpenTurns(t moderation.Ticket) int {
	if t.Batch.Stage == 0 {
		return 0
	}
	return t.Batch.Stages[t.Batch.Stage-1].Members
}

func (m *vbModel) beginsStage() {
	t, ok := m.batch(func(t moderation.Ticket) bool { return vbGoing(t) && t.Batch.Stage < len(t.Batch.Stages) })
	if !ok {
		return
	}
	if m.mass.rng.IntN(2) == 0 {
		m.now = m.now.Add(time.Minute)
	}
	m.acknowledged(m.guard.BeginStage(m.t.Context(), t.ID, t.Batch.Stage+1))
}

func (m *vbModel) haltsMany() {
	if t, ok := m.batch(vbGoing); ok {
		m.acknowledged(m.guard.HaltBatch(m.t.Context(), moderation.HaltRequest{Mandate: t.ID, Actor: m.anyone(), Reason: "look"}))
	}
}

func (m *vbModel) resumesMany() {
	t, ok := m.batch(func(t moderation.Ticket) bool {
		return t.Status == moderation.StatusExecuted && !t.Batch.Halted.IsZero()
	})
	if ok {
		m.acknowledged(m.guard.ResumeBatch(m.t.Context(), moderation.HaltRequest{Mandate: t.ID, Actor: m.anyone(), Reason: "go on"}))
	}
}

func (m *vbModel) undoesMany() {
	t, ok := m.batch(func(t moderation.Ticket) bool { return t.Status == moderation.StatusExecuted && t.Undoes == "" })
	if ok {
		m.keys++
		m.acknowledged(m.guard.UndoBatch(m.t.Context(), moderation.UndoRequest{Ticket: t.ID, Actor: m.anyone(), Reason: "wrong", Key: fmt.Sprint("key-", m.keys)}))
	}
}

// undoesMembers takes back members under the undo of their batch.
func (m *vbModel) undoesMembers() {
	t, ok := m.batch(func(t moderation.Ticket) bool { return vbGoing(t) && t.Undoes != "" })
	if !ok || t.Undoes == "" {
		return
	}
	if t.Status == moderation.StatusHeld {
		m.acknowledged(m.guard.Advance(m.t.Context(), t.ID))
	}
	var standing []string
	for id, err := range m.guard.StandingMembers(m.t.Context(), t.ID) {
		if err != nil {
			return
		}
		standing = append(standing, id)
	}
	for range min(len(standing), 4) {
		m.catchUp()
		m.mass.looks(m)
		m.acknowledged(m.guard.UndoMember(m.t.Context(), t.ID, vbPick(m, standing...)))
		m.mass.wantHalted(m, t.ID)
	}
}

// undoesOneMember takes back a member by itself.
func (m *vbModel) undoesOneMember() {
	var members []string
	for _, id := range m.order {
		if t := m.tickets[id]; t.Mandate != "" && t.Undoes == "" && t.Status == moderation.StatusExecuted {
			members = append(members, id)
		}
	}
	if len(members) == 0 {
		return
	}
	m.keys++
	t := m.tickets[vbPick(m, members...)]
	m.mass.looks(m)
	u, err := m.guard.Undo(m.t.Context(), moderation.UndoRequest{Ticket: t.ID, Actor: m.anyone(), Reason: "appeal", Key: fmt.Sprint("key-", m.keys)})
	m.acknowledged(u, err)
	m.mass.wantHalted(m, t.Mandate)
}
