package moderation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// TestModel takes random steps by several people, services and second logins
// over one guard, with faults at the seams, crashes and restarts, and holds
// the guard's promises after each of them.
func TestModel(t *testing.T) {
	t.Parallel()
	const workers = 2
	sequences := uint64(modelSequences(t, 300))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for worker := range uint64(workers) {
		t.Run(fmt.Sprint(worker), func(t *testing.T) {
			t.Parallel()
			for i := range sequences / workers {
				if vbSequence(t, seed+worker*sequences+i); t.Failed() {
					t.Fatalf("sequence with seed %d (see TestModelSequence)", seed+worker*sequences+i)
				}
			}
		})
	}
}

// modelSequences is how many random sequences a model takes: usually few enough
// for every test run, as many as MODEL_SEQUENCES says where that is set.
func modelSequences(t *testing.T, usually int) int {
	t.Helper()
	text, set := os.LookupEnv("MODEL_SEQUENCES")
	if !set {
		return usually
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("MODEL_SEQUENCES is %q; give the number of sequences", text)
	}
	return n
}

// TestModelSequence takes the sequences that once failed; put a seed of
// TestModel here to follow it.
func TestModelSequence(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3, 1795454738865179926} {
		vbSequence(t, seed)
	}
}

func vbSequence(t *testing.T, seed uint64) {
	vbTakeSteps(vbNewModel(t, seed))
}

func vbTakeSteps(m *vbModel) {
	const steps = 40
	for i := range steps {
		m.takeStep(i)
		m.breaksGlass()
		m.actsOnMany()
		m.catchUp()
		m.holdsPromises()
		if m.t.Failed() {
			return
		}
	}
	m.comesToRest()
}

// vbSteps are what can happen next, each as often as it is listed for.
var vbSteps = []struct {
	name  string
	times int
	take  func(*vbModel)
}{
	{"ask", 8, (*vbModel).asks},
	{"approve", 10, (*vbModel).approvesOne},
	{"advance", 8, (*vbModel).advancesOne},
	{"undo", 5, (*vbModel).undoesOne},
	{"time passes", 5, (*vbModel).passes},
	{"reject", 1, (*vbModel).rejectsOne},
	{"cancel", 1, (*vbModel).cancelsOne},
	{"freeze", 1, (*vbModel).freezesSome},
	{"unfreeze", 1, (*vbModel).unfreezesOne},
	{"resolve", 2, (*vbModel).resolvesOne},
	{"revoke", 1, (*vbModel).revokesOne},
	{"people change", 6, (*vbModel).peopleChange},
	{"policy changes", 2, (*vbModel).policyChanges},
	{"restart", 2, (*vbModel).restarts},
}

func (m *vbModel) takeStep(i int) {
	total := 0
	for _, s := range vbSteps {
		total += s.times
	}
	n := m.rng.IntN(total)
	for _, s := range vbSteps {
		if n -= s.times; n < 0 {
			m.step = fmt.Sprintf("step %d (%s)", i, s.name)
			m.faulty = m.rng.IntN(2) == 0
			m.sendsToAnyReplica()
			s.take(m)
			m.faulty = false
			return
		}
	}
}

func vbOneOf[T any](m *vbModel, of ...T) T { return of[m.rng.IntN(len(of))] }

func (m *vbModel) anyone() string {
	return vbOneOf(m, "mod", "mod2", "bot", "lead", "lead2", "lead3", "lead-alt", "director", "boss", "mod-alt")
}

// ticket picks a ticket, most often one in one of these statuses.
func (m *vbModel) ticket(statuses ...moderation.Status) moderation.Ticket {
	var fitting []string
	for _, id := range m.order {
		if slices.Contains(statuses, m.tickets[id].Status) {
			fitting = append(fitting, id)
		}
	}
	switch {
	case len(fitting) > 0 && m.rng.IntN(8) > 0:
		return m.tickets[vbOneOf(m, fitting...)]
	case len(m.order) > 0:
		return m.tickets[vbOneOf(m, m.order...)]
	}
	return moderation.Ticket{ID: "none"}
}

// acknowledged wants a step that returned nil to be on the trail.
func (m *vbModel) acknowledged(t moderation.Ticket, err error) {
	if err != nil {
		return
	}
	m.catchUp()
	if on := m.tickets[t.ID]; on.Revision < t.Revision {
		m.t.Errorf("%s: ticket %s was acknowledged at revision %d; the trail has %d", m.step, t.ID, t.Revision, on.Revision)
	}
}

func (m *vbModel) asks() {
	m.keys++
	a := moderation.Action{
		Kind: moderation.Suspend, Actor: vbOneOf(m, "mod", "mod2", "bot", "mod-alt", "lead"), Target: vbOneOf(m, "a", "b", "c"), Reason: "spam",
		Key: fmt.Sprint("key-", m.keys), Duration: vbOneOf(m, moderation.Permanent, time.Hour, 25*time.Hour),
		Parameters: map[string]string{"part": vbOneOf(m, "posts", "ads")},
	}
	switch {
	case m.rng.IntN(3) == 0:
		a.Kind, a.Duration = moderation.Limit, 0
	case m.rng.IntN(3) == 0 && len(m.order) > 0: // a repeated call
		a = m.ticket(moderation.StatusPending, moderation.StatusHeld, moderation.StatusExecuted).Action
	}
	t, err := m.guard.Do(m.t.Context(), a)
	m.acknowledged(t, err)
	if err == nil && !m.done[t.ID+".apply"] {
		m.t.Errorf("%s: Do returned nil for ticket %s, whose handler has not done its work", m.step, t.ID)
	}
}

func (m *vbModel) approvesOne() {
	t := m.ticket(moderation.StatusPending)
	m.acknowledged(m.guard.Approve(m.t.Context(), moderation.ReviewRequest{Ticket: t.ID, Actor: m.anyone(), Digest: t.Digest}))
}

func (m *vbModel) rejectsOne() {
	t := m.ticket(moderation.StatusPending)
	m.acknowledged(m.guard.Reject(m.t.Context(), moderation.ReviewRequest{Ticket: t.ID, Actor: m.anyone(), Digest: t.Digest, Reason: "no"}))
}

func (m *vbModel) cancelsOne() {
	t := m.ticket(moderation.StatusPending, moderation.StatusHeld)
	m.acknowledged(m.guard.Cancel(m.t.Context(), moderation.CancelRequest{Ticket: t.ID, Actor: m.anyone(), Reason: "no"}))
}

func (m *vbModel) undoesOne() {
	t := m.ticket(moderation.StatusExecuted, moderation.StatusUnknown)
	m.keys++
	u, err := m.guard.Undo(m.t.Context(), moderation.UndoRequest{Ticket: t.ID, Actor: m.anyone(), Reason: "wrong", Key: fmt.Sprint("key-", m.keys)})
	m.acknowledged(u, err)
}

func (m *vbModel) freezesSome() {
	m.keys++
	scope := vbOneOf(m, moderation.Scope{All: true}, moderation.Scope{Kind: moderation.Suspend}, moderation.Scope{Tier: "standard"})
	m.acknowledged(m.guard.Freeze(m.t.Context(), moderation.FreezeRequest{Actor: m.anyone(), Scope: scope, Duration: 30 * time.Minute, Reason: "odd", Key: fmt.Sprint("key-", m.keys)}))
}

func (m *vbModel) unfreezesOne() {
	t := m.ticket(moderation.StatusExecuted)
	m.keys++
	m.acknowledged(m.guard.Unfreeze(m.t.Context(), moderation.UndoRequest{Ticket: t.ID, Actor: m.anyone(), Reason: "over", Key: fmt.Sprint("key-", m.keys)}))
}

// resolvesOne says what is true.
func (m *vbModel) resolvesOne() {
	t := m.ticket(moderation.StatusUnknown)
	m.acknowledged(m.guard.Resolve(m.t.Context(), m.truth(t, m.anyone())))
}

func (m *vbModel) truth(t moderation.Ticket, login string) moderation.Resolution {
	r := moderation.Resolution{Ticket: t.ID, Actor: login, Found: moderation.ProbeNotApplied, Reason: "looked"}
	if m.done[t.ID+"."+string(t.Call)] {
		r.Found = moderation.ProbeApplied
	}
	return r
}

func (m *vbModel) revokesOne() {
	_, _ = m.guard.Revoke(m.t.Context(), moderation.Revocation{Person: vbOneOf(m, "p-mod", "p-lead", "p-boss"), Actor: m.anyone(), Reason: "stolen"})
}

func (m *vbModel) advancesOne() {
	t := m.ticket(moderation.StatusHeld, moderation.StatusUnknown, moderation.StatusPending)
	m.acknowledged(m.guard.Advance(m.t.Context(), t.ID))
}

func (m *vbModel) passes() {
	m.now = m.now.Add(vbOneOf(m, time.Second, time.Minute, 10*time.Minute, time.Hour, 20*time.Hour))
	for _, id := range slices.Clone(m.order) {
		if due := m.tickets[id].Due; !due.IsZero() && !due.After(m.now) {
			m.acknowledged(m.guard.Advance(m.t.Context(), id))
		}
	}
}

// involved picks a login that has a part in a waiting ticket.
func (m *vbModel) involved() string {
	t := m.ticket(moderation.StatusPending, moderation.StatusHeld)
	if len(t.Reviews) > 0 && m.rng.IntN(2) == 0 {
		return t.Reviews[m.rng.IntN(len(t.Reviews))].Login
	}
	if t.Requester.Login == "" {
		return m.anyone()
	}
	return t.Requester.Login
}

// peopleChange lets somebody leave or come back, lose or get a role, or turn
// out to be somebody else, and accounts rise and fall.
func (m *vbModel) peopleChange() {
	login := vbOneOf(m, m.anyone(), m.involved())
	a := m.actors[login]
	switch m.rng.IntN(6) {
	case 0:
		a.Status = vbOneOf(m, moderation.Active, moderation.Suspended)
	case 1:
		m.roles[login] = vbOneOf(m, nil, []string{"moderator"}, []string{"lead"}, []string{"lead", "director"})
	case 2:
		a.Person = vbOneOf(m, "p-"+login, "p-"+login, "p-mod", "p-lead", "p-new")
	case 3:
		a.LastDay = vbOneOf(m, moderation.NoLastDay(), moderation.NoLastDay(), moderation.LastDayAt(m.now.Add(5*time.Hour)))
	case 4:
		t := m.targets["b"]
		t.Tier, t.Owners = vbOneOf(m, "standard", "protected"), vbOneOf(m, nil, nil, []string{a.Person})
		m.targets["b"] = t
	case 5:
		login, a = "bot", m.actors["bot"]
		a.Owners = vbOneOf(m, []string{"p-mod2"}, []string{"p-mod2", "p-lead"}, []string{"p-lead2", "p-boss"})
		m.roles["bot"] = vbOneOf(m, []string{"moderator"}, []string{"moderator", "lead"})
	}
	m.actors[login] = a
}

func (m *vbModel) policyChanges() {
	lead, either, director := moderation.Slot{"lead"}, moderation.Slot{"lead", "director"}, moderation.Slot{"director"}
	m.version++
	row := vbOneOf(m, "request standard", "request protected", "request protected", "undo standard", "undo protected", "freeze *")
	m.rows[row] = vbOneOf(m, vbNeeds(0, lead), vbNeeds(10*time.Minute, lead, either), vbNeeds(time.Hour, either, director), vbNeeds(0, lead, lead), vbNeeds(time.Minute))
	if m.rng.IntN(2) == 0 {
		delete(m.rows, row)
	}
}

// restarts makes a new guard, once the trail and the guard that ends have
// been compared, where they can be. Now and then that one is closed.
func (m *vbModel) restarts() {
	if m.house != nil && m.house.loses(m) {
		return
	}
	faulty := m.faulty
	if !m.trail.dead {
		m.faulty = false
		m.wantSameTickets()
	}
	if m.house == nil && m.ends.IntN(2) == 0 {
		m.faulty = faulty
		m.closes()
		m.faulty = false
	}
	m.open()
}

// closes closes the guard, and wants a snapshot of every record unless
// something went wrong.
func (m *vbModel) closes() {
	m.t.Helper()
	err := m.guard.Close(m.t.Context())
	if err == nil && m.trail.after != len(m.trail.records) {
		m.t.Errorf("%s: the guard was closed, and its snapshot is of %d records of %d", m.step, m.trail.after, len(m.trail.records))
	}
	if err != nil && !m.faulty && !m.trail.dead {
		m.t.Errorf("%s: Close: %v", m.step, err)
	}
	if _, err := m.guard.Advance(m.t.Context(), "none"); !errors.Is(err, moderation.ErrUnavailable) {
		m.t.Errorf("%s: Advance of a closed guard: %v", m.step, err)
	}
}

// wantSameTickets wants the live guard and a replay of the trail to tell the
// same of every ticket.
func (m *vbModel) wantSameTickets() {
	m.t.Helper()
	defer m.house.quiet()()
	_, err := m.guard.Do(m.t.Context(), moderation.Action{}) // refused; what is owed to the trail is paid first
	if errors.Is(err, moderation.ErrUnrecorded) {
		m.t.Errorf("%s: the trail is healthy and the guard can't write: %v", m.step, err)
	}
	if m.ends.IntN(2) == 0 {
		m.wantSameTicketsAs(m.trail)
		return
	}
	m.wantSameTicketsAs(vbRecordsAlone{m.trail, m.trail})
}

// vbRecordsAlone is a sink without its snapshots.
type vbRecordsAlone struct {
	audit.Sink
	audit.Replayer
}

func (m *vbModel) wantSameTicketsAs(sink audit.Sink) {
	m.t.Helper()
	replayed, err := moderation.NewMemoryStore(m.t.Context(), sink)
	if err != nil {
		m.t.Fatalf("%s: replay: %v", m.step, err)
	}
	m.actors["auditor"], m.roles["auditor"] = vbHuman("auditor", "p-auditor"), []string{"lead"}
	var live, told []moderation.Ticket
	for t, err := range m.guard.Tickets(m.t.Context(), "auditor", moderation.Query{}) {
		if err != nil {
			m.t.Fatalf("%s: Tickets: %v", m.step, err)
		}
		live = append(live, t)
	}
	for t, err := range replayed.Tickets(m.t.Context(), moderation.Query{}) {
		if err != nil {
			m.t.Fatal(err)
		}
		told = append(told, t)
	}
	a, errA := json.Marshal(told)
	b, errB := json.Marshal(live)
	if errA == nil && errB == nil && bytes.Equal(a, b) {
		return
	}
	if diff := cmp.Diff(told, live, cmpopts.EquateEmpty()); diff != "" {
		m.t.Errorf("%s: tickets (-by the trail +by the guard):\n%s", m.step, diff)
	}
}

// comesToRest restarts without faults, settles everything, and wants nothing
// to be stuck.
func (m *vbModel) comesToRest() {
	m.t.Helper()
	m.step = atRest
	m.restarts()
	m.catchUp()
	m.now = m.now.Add(48 * time.Hour)
	m.actors["settler"], m.roles["settler"] = vbHuman("settler", "p-settler"), []string{"lead"}
	m.targets["b"] = moderation.Target{ID: "b", Tier: "standard", Domain: "en"}
	for range 3 { // an end may have to wait for what is at work before it
		for _, id := range slices.Clone(m.order) {
			if m.tickets[id].Status == moderation.StatusUnknown {
				_, _ = m.guard.Resolve(m.t.Context(), m.truth(m.tickets[id], "settler"))
			}
			_, _ = m.guard.Advance(m.t.Context(), id)
			m.catchUp()
		}
	}
	m.holdsPromises()
	m.wantSameTickets()
	for _, id := range m.order {
		t := m.tickets[id]
		if t.Status != moderation.StatusExecuted && !t.Status.Final() {
			m.t.Errorf("ticket %s (%s) is still %s (note %q)", id, t.Step, t.Status, t.Note)
		}
	}
}
