package moderation_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// TestModelWithBypassesAndRetries takes the model's steps with people among them
// who break the glass, and with handlers that are called again.
func TestModelWithBypassesAndRetries(t *testing.T) {
	t.Parallel()
	sequences := uint64(modelSequences(t, 150))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i := range sequences {
		if vbGlassSequence(t, seed+i); t.Failed() {
			t.Fatalf("sequence with seed %d (see TestModelWithBypassesSequence)", seed+i)
		}
	}
}

// TestModelWithBypassesSequence takes the sequences that once failed.
func TestModelWithBypassesSequence(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2, 3, 1795473228461924935} {
		vbGlassSequence(t, seed)
	}
}

func vbGlassSequence(t *testing.T, seed uint64) {
	m := vbNewModel(t, seed)
	m.glass = rand.New(rand.NewPCG(seed, 9))
	m.open()
	vbTakeSteps(m)
}

// breaksGlass lets somebody bypass, or answer for a bypass.
func (m *vbModel) breaksGlass() {
	if m.glass == nil || m.glass.IntN(3) > 0 {
		return
	}
	m.step += ", and a bypass"
	m.faulty = m.glass.IntN(2) == 0
	defer func() { m.faulty = false }()
	t := m.owed()
	r := moderation.ReviewRequest{Ticket: t.ID, Actor: m.anyone(), Digest: t.Digest, Reason: "looked"}
	switch m.glass.IntN(6) {
	case 0, 1:
		m.keys++
		a := moderation.Action{
			Kind: vbOneOf(m, moderation.Suspend, moderation.Limit), Actor: m.anyone(), Target: vbOneOf(m, "a", "b", "c"), Reason: "now",
			Key: fmt.Sprint("key-", m.keys), Parameters: map[string]string{"part": vbOneOf(m, "posts", "ads")},
		}
		if a.Kind == moderation.Suspend {
			a.Duration = vbOneOf(m, moderation.Permanent, time.Hour, 25*time.Hour)
		}
		m.acknowledged(m.guard.Bypass(m.t.Context(), moderation.BypassRequest{Action: a, Incident: "incident"}))
	case 2, 3:
		m.acknowledged(m.guard.Ratify(m.t.Context(), r))
	case 4:
		m.acknowledged(m.guard.Reject(m.t.Context(), r))
	case 5:
		m.acknowledged(m.guard.Acknowledge(m.t.Context(), r))
	}
}

// owed picks a bypass that is owed, or else any ticket.
func (m *vbModel) owed() moderation.Ticket {
	for _, id := range m.order {
		if t := m.tickets[id]; t.Owes() && m.glass.IntN(2) == 0 {
			return t
		}
	}
	return m.ticket(moderation.StatusExecuted)
}

// mayBeBypassed wants a person who does not leave and owes for nothing else.
func (m *vbModel) mayBeBypassed(t moderation.Ticket, fail func(string)) {
	a := m.actors[t.Requester.Login]
	_, leaves := a.LastDay.End()
	if a.Type != moderation.Human || leaves || !m.mayReview(a.Login) {
		fail("was a bypass by one who may not bypass")
	}
	for _, id := range m.order {
		if o := m.tickets[id]; id != t.ID && o.Owes() && (o.Requester.Person == a.Person || m.actors[o.Requester.Login].Person == a.Person) && t.Tries == 0 {
			fail("was a bypass by one who owes for ticket " + id)
		}
	}
}

// unratified reports whether a bypass may be undone for want of a ratification.
func (m *vbModel) unratified(t moderation.Ticket) bool {
	rejected := slices.ContainsFunc(t.Reviews, func(r moderation.Review) bool { return r.Verdict == moderation.Rejected })
	return t.Step == moderation.StepBypass && t.Settled.IsZero() && (rejected || !m.now.Before(t.Deadline))
}

// mayBeRetried reports whether a call may be made again.
func (m *vbModel) mayBeRetried(t moderation.Ticket) bool {
	return m.glass != nil && t.Tries > 0 && t.Tries <= 2 && t.Action.Kind == moderation.Suspend
}

// atRest is the step in which nothing fails any more.
const atRest = "coming to rest"
