package moderation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// vbModel is a small host for the model-based test, in virtual time, with
// faults at every seam. It is its own directory, policy and limiter, and knows
// by itself what each execution needs.
type vbModel struct {
	t     *testing.T
	rng   *rand.Rand
	guard *moderation.Guard
	now   time.Time
	step  string // what is being done, for messages

	actors  map[string]moderation.Actor
	roles   map[string][]string
	targets map[string]moderation.Target
	rows    map[string]moderation.Requirement // by step and tier
	version int

	faulty  bool // dependencies fail now and then
	trail   *vbTrail
	ends    *rand.Rand                   // how guards come to their end; apart, so that old seeds lead to their sequences
	tickets map[string]moderation.Ticket // as the trail has them
	order   []string
	then    map[string]moderation.Requirement // by ticket, of when it was asked for
	read    int                               // records that were looked at

	force  map[string][]string        // tickets in force by target, as the service has them
	done   map[string]bool            // calls that took effect
	begun  map[string]int             // calls that began
	fences map[string]map[uint64]bool // by target
	keys   int
	glass  *rand.Rand // who bypasses; nil for nobody
	mass   *vbMass    // batches; nil for none
	house  *vbHouse   // replicas over one store; nil for one guard that has its own
}

var errVBFault = errors.New("model: a fault")

func vbNewModel(t *testing.T, seed uint64) *vbModel {
	m := &vbModel{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), ends: rand.New(rand.NewPCG(seed, 8)), now: time.Date(2017, time.November, 2, 18, 0, 0, 0, time.UTC),
		actors: make(map[string]moderation.Actor), targets: make(map[string]moderation.Target),
		roles: map[string][]string{
			"mod": {"moderator"}, "mod2": {"moderator"}, "bot": {"moderator"}, "lead": {"lead"}, "lead2": {"lead"},
			"lead3": {"lead"}, "lead-alt": {"lead"}, "director": {"director"}, "boss": {"lead", "director"}, "mod-alt": {"moderator", "lead"},
		},
		rows: make(map[string]moderation.Requirement), tickets: make(map[string]moderation.Ticket),
		then:  make(map[string]moderation.Requirement),
		force: make(map[string][]string), done: make(map[string]bool), begun: make(map[string]int), fences: make(map[string]map[uint64]bool),
	}
	m.trail = &vbTrail{m: m, tried: make(map[string]bool)}
	for login, person := range map[string]string{
		"mod": "p-mod", "mod2": "p-mod2", "lead": "p-lead", "lead2": "p-lead2", "lead3": "p-lead3",
		"lead-alt": "p-lead", "director": "p-director", "boss": "p-boss", "mod-alt": "p-mod",
	} {
		m.actors[login] = vbHuman(login, person)
	}
	m.actors["bot"] = vbService("bot", "p-mod", "p-mod2")
	for id, tier := range map[string]string{"a": "standard", "b": "standard", "c": "protected"} {
		m.targets[id] = moderation.Target{ID: id, Tier: tier, Domain: "en", Reach: 10}
	}
	m.rows["request protected"] = vbNeeds(10*time.Minute, moderation.Slot{"lead"}, moderation.Slot{"lead", "director"})
	m.open()
	return m
}

// open makes a guard over what the trail has, as after a crash.
func (m *vbModel) open() {
	m.t.Helper()
	faulty := m.faulty
	m.faulty, m.trail.dead = false, false
	defer func() { m.faulty = faulty }()
	if m.house != nil {
		m.house.open(m)
		return
	}
	guard, err := moderation.New(m.t.Context(), m.config(m.trail))
	if err != nil {
		m.t.Fatalf("%s: New: %v", m.step, err)
	}
	m.guard = guard
}

// config is a guard's over a sink.
func (m *vbModel) config(sink audit.Sink) moderation.Config {
	kind := moderation.Kind{Name: moderation.Suspend, Apply: m.apply, Undo: m.undo, Probe: m.probe, Idempotent: true, Timed: true}
	limit := kind
	limit.Name, limit.Timed, limit.Idempotent, limit.Probe = moderation.Limit, false, false, nil
	retries := 0
	if m.glass != nil {
		retries, kind.Probe = 2, nil // which would know better
	}
	return moderation.Config{
		MaxRetries: retries, RetryPause: time.Minute,
		Directory: m, Authorizer: m, Limiter: m, Audit: sink, Kinds: []moderation.Kind{kind, limit},
		Tiers: []string{"standard", "protected"}, Now: func() time.Time { return m.now }, Questions: 1 << 30,
	}
}

// fails tells whether a dependency fails this time.
func (m *vbModel) fails() bool { return m.faulty && m.rng.IntN(40) == 0 }

// Actor, Resolve and Target make it a Directory.
func (m *vbModel) Actor(_ context.Context, login string) (moderation.Actor, error) {
	m.meanwhile()
	if m.fails() {
		return moderation.Actor{}, errVBFault
	}
	if a, ok := m.actors[login]; ok {
		return a, nil
	}
	return moderation.Actor{}, moderation.ErrUnknownActor
}

func (m *vbModel) Resolve(_ context.Context, handle string) (string, error) {
	if m.fails() {
		return "", errVBFault
	}
	if _, ok := m.targets[handle]; ok {
		return handle, nil
	}
	return "", moderation.ErrUnknownTarget
}

func (m *vbModel) Target(_ context.Context, id string) (moderation.Target, error) {
	m.meanwhile()
	if m.fails() {
		return moderation.Target{}, errVBFault
	}
	return m.targets[id], nil
}

// Decide makes it an Authorizer.
func (m *vbModel) Decide(_ context.Context, q moderation.Question) (moderation.Decision, error) {
	if m.fails() {
		return moderation.Decision{Allowed: true}, errVBFault
	}
	d := moderation.Decision{Policy: fmt.Sprint("policy-", m.version), Roles: slices.Clone(m.roles[q.Actor.Login])}
	d.Allowed = len(d.Roles) > 0
	if q.Step != moderation.StepRequest && q.Step != moderation.StepUndo && q.Step != moderation.StepRead {
		d.Allowed = m.mayReview(q.Actor.Login)
	}
	if d.Allowed && q.Step.Required() {
		d.Requirement = m.requirement(q.Step, q.Target.Tier)
	}
	return d, nil
}

func (m *vbModel) mayReview(login string) bool {
	return slices.ContainsFunc(m.roles[login], func(r string) bool { return r != "moderator" })
}

func (m *vbModel) requirement(step moderation.Step, tier string) moderation.Requirement {
	if r, ok := m.rows[string(step)+" "+tier]; ok {
		return r
	}
	return moderation.Requirement{Quorum: moderation.Quorum{None: true}}
}

// Take and Peek make it a Limiter.
func (m *vbModel) Take(_ context.Context, c moderation.Charge) (moderation.Usage, error) {
	if m.fails() {
		return moderation.Usage{Allowed: true}, errVBFault
	}
	if m.faulty && c.At == moderation.ChargeExecute && m.rng.IntN(20) == 0 {
		return moderation.Usage{RetryAfter: time.Minute}, nil
	}
	return moderation.Usage{Allowed: true}, nil
}

func (m *vbModel) Peek(context.Context, moderation.Charge) (moderation.Usage, error) {
	return moderation.Usage{Allowed: true}, nil
}

// vbTrail is a sink that fails now and then, before or after it has stored a
// record, and that can go dead as with its process. It keeps snapshots.
type vbTrail struct {
	m        *vbModel
	records  []audit.Record
	tried    map[string]bool // a record that was tried can't be blamed any more
	dead     bool
	snapshot []byte
	after    int // how many records it has
}

func (s *vbTrail) Append(_ context.Context, r audit.Record) error {
	store := func() { s.records = append(s.records, r.Clone()) }
	if s.dead {
		return errVBFault
	}
	if !s.m.faulty || s.m.rng.IntN(25) > 0 {
		store()
		return nil
	}
	first := !s.tried[r.ID]
	s.tried[r.ID] = true
	switch s.m.rng.IntN(4) {
	case 0:
		if first {
			return fmt.Errorf("%w: %w", errVBFault, audit.ErrNotWritten)
		}
	case 1:
		store()
	case 2:
		s.dead = true
	case 3:
		store()
		s.dead = true
	}
	return errVBFault
}

func (s *vbTrail) Replay(context.Context) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, r := range s.records {
			if !yield(r.Clone(), nil) {
				return
			}
		}
	}
}

func (s *vbTrail) SaveSnapshot(_ context.Context, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if s.dead || s.m.faulty && s.m.ends.IntN(4) == 0 {
		return errVBFault
	}
	s.snapshot, s.after = b.Bytes(), len(s.records)
	return nil
}

func (s *vbTrail) ReplaySnapshot(_ context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		if s.snapshot != nil {
			if err := read(bytes.NewReader(s.snapshot)); err != nil {
				yield(audit.Record{}, err)
				return
			}
		}
		for _, r := range s.records[s.after:] {
			if !yield(r.Clone(), nil) {
				return
			}
		}
	}
}

// catchUp takes in what the trail says since the last look.
func (m *vbModel) catchUp() {
	m.t.Helper()
	for ; m.read < len(m.trail.records); m.read++ {
		r := m.trail.records[m.read]
		if len(r.State) == 0 {
			continue
		}
		var state struct{ Tickets []moderation.Ticket }
		if err := json.Unmarshal(r.State, &state); err != nil {
			m.t.Fatal(err)
		}
		for _, t := range state.Tickets {
			m.follows(r, t)
		}
	}
}

// follows holds a ticket's new state against its last one.
func (m *vbModel) follows(r audit.Record, t moderation.Ticket) {
	m.t.Helper()
	was, known := m.tickets[t.ID]
	switch {
	case !known:
		m.order = append(m.order, t.ID)
		m.then[t.ID] = m.requirement(t.Step, t.Subject.Tier)
	case t.Revision == was.Revision:
		return // appended twice
	case t.Revision != was.Revision+1:
		m.t.Errorf("%s: ticket %s went from revision %d to %d", m.step, t.ID, was.Revision, t.Revision)
	case was.Status.Final() && !was.Owes():
		m.t.Errorf("%s: ticket %s was %s and is %s by record %s", m.step, t.ID, was.Status, t.Status, r.ID)
	case t.Digest != was.Digest || t.Subject.ID != was.Subject.ID:
		m.t.Errorf("%s: ticket %s is about something else now", m.step, t.ID)
	}
	m.tickets[t.ID] = t
	if m.mass != nil {
		m.mass.follows(m, r, was, t)
	}
}

// apply, undo and probe are the handler.
func (m *vbModel) apply(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
	return moderation.UndoToken("token-" + p.Ticket), m.called(p, func() {
		m.force[p.Target] = append(m.force[p.Target], p.Ticket)
	})
}

func (m *vbModel) undo(_ context.Context, p moderation.Permit) error {
	return m.called(p, func() {
		m.force[p.Target] = slices.DeleteFunc(m.force[p.Target], func(id string) bool { return id == p.Undoes })
	})
}

func (m *vbModel) probe(_ context.Context, p moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
	switch {
	case m.fails():
		return moderation.ProbeNotApplied, "", errVBFault
	case !m.done[vbCall(p)]:
		return moderation.ProbeNotApplied, "", nil
	case p.Call == moderation.CallApply:
		return moderation.ProbeApplied, moderation.UndoToken("token-" + p.Ticket), nil
	}
	return moderation.ProbeApplied, "", nil
}

// called checks that the call may be, and lets it take effect, or fail before
// or after it.
func (m *vbModel) called(p moderation.Permit, effect func()) error {
	m.mayBeCalled(p)
	m.begun[vbCall(p)]++
	m.meanwhile()
	act := func() {
		if !m.done[vbCall(p)] {
			effect()
		}
		m.done[vbCall(p)] = true
	}
	if m.glass != nil && m.step != atRest && m.glass.IntN(4) == 0 {
		if m.glass.IntN(2) == 0 {
			act()
		}
		return errVBFault
	}
	if m.mass != nil && m.step != atRest && m.mass.rng.IntN(8) == 0 {
		return vbPick(m, errVBFault, fmt.Errorf("%w: %w", errVBFault, moderation.ErrNotApplied))
	}
	if !m.faulty || m.rng.IntN(8) > 0 {
		act()
		return nil
	}
	switch m.rng.IntN(5) {
	case 0:
		return fmt.Errorf("%w: %w", errVBFault, moderation.ErrNotApplied)
	case 1:
		act()
		panic("model: after the effect")
	case 2:
		panic("model: before the effect")
	case 3:
		act()
	}
	return errVBFault
}

// vbCall names a call.
func vbCall(p moderation.Permit) string { return p.Ticket + "." + string(p.Call) }
