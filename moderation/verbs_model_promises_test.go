package moderation_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// mayBeCalled holds the beginning of a handler's call against all that must be
// true at that moment, by what the trail and the model's own people say.
func (m *vbModel) mayBeCalled(p moderation.Permit) {
	m.catchUp()
	t, known := m.tickets[p.Ticket]
	fail := func(text string) {
		m.t.Errorf("%s: %s of ticket %s (%s on %s) %s", m.step, p.Call, p.Ticket, t.Step, p.Target, text)
	}
	if !known || t.Status != moderation.StatusExecuting || t.Call != p.Call {
		fail("was called without an intent on the trail")
		return
	}
	ends := p.Call == moderation.CallUndo && t.Undoes == ""
	if m.begun[vbCall(p)] > 0 && !(ends && !m.done[vbCall(p)]) && !m.mayBeRetried(t) {
		fail("was called a second time")
	}
	if p.Digest != t.Digest || p.Target != t.Subject.ID {
		fail("is about something else than was approved")
	}
	if m.fences[p.Target] == nil {
		m.fences[p.Target] = make(map[uint64]bool)
	}
	for fence := range m.fences[p.Target] {
		if p.Fence <= fence {
			fail("has a fence that is not above all before it")
		}
	}
	m.fences[p.Target][p.Fence] = true
	if got, want := vbStanding(p), m.standing(p); !slices.Equal(got, want) {
		fail(fmt.Sprintf("was told that %v stand besides, not %v", got, want))
	}
	if ends {
		if (t.Until.IsZero() || m.now.Before(t.Until)) && !m.unratified(t) {
			fail("ends before its time")
		}
		return
	}
	m.mayBeDone(p, t, fail)
}

// mayBeDone holds what somebody asked for against time, freezes, and who asked
// and approved.
func (m *vbModel) mayBeDone(p moderation.Permit, t moderation.Ticket, fail func(string)) {
	requester := m.actors[t.Requester.Login]
	end, leaves := requester.LastDay.End()
	switch {
	case requester.Status != moderation.Active || leaves && !m.now.Before(end) || requester.Person != t.Requester.Person:
		fail("was asked for by one who may not act now")
	case slices.Contains(m.targets[p.Target].Owners, requester.Person):
		fail("was asked for by the owner of the target")
	case !t.Deadline.IsZero() && !m.now.Before(t.Deadline):
		fail("comes after its deadline")
	case p.Tier != "protected" && (m.targets[p.Target].Tier == "protected" || m.seenProtected(p.Target)):
		fail("takes a protected account for a standard one")
	}
	if of := m.tickets[t.Undoes]; of.Status == moderation.StatusUnknown && of.Action.Kind == moderation.Limit {
		fail("takes back what may not have been done, and is not idempotent")
	}
	if (t.Step == moderation.StepRequest || t.Step == moderation.StepBypass) && m.frozen(p) {
		fail("was called though it is frozen")
	}
	if t.Step == moderation.StepBypass {
		m.mayBeBypassed(t, fail)
		return
	}
	if t.Mandate != "" {
		m.mass.mayBeDone(m, p, t, fail)
		return
	}
	then, now := m.then[t.ID], m.requirement(t.Step, p.Tier)
	if hold := max(then.Hold, now.Hold); hold > 0 && (t.Approved.IsZero() || m.now.Before(t.Approved.Add(hold))) {
		fail("was not held as long as it must be")
	}
	var held, holds []vbVote
	for _, r := range t.Reviews {
		if r.Void == "" && r.Verdict == moderation.Approved && m.counts(r, t) {
			held = append(held, vbVote{r.Person, r.Roles})
			holds = append(holds, vbVote{m.actors[r.Login].Person, m.roles[r.Login]})
		}
	}
	if !vbFilled(append(slices.Clone(then.Quorum.Slots), t.Extra...), held) {
		fail("lacks the approvals that were needed when it was asked for")
	}
	if !vbFilled(append(slices.Clone(now.Quorum.Slots), t.Extra...), holds) {
		fail("lacks the approvals that are needed now")
	}
	if last := t.After; last != "" && len(t.Extra) == 0 {
		fail("came soon after a rejection or an undo and needed nobody more")
	}
}

// counts reports whether an approval counts at this moment.
func (m *vbModel) counts(r moderation.Review, t moderation.Ticket) bool {
	a := m.actors[r.Login]
	_, leaves := a.LastDay.End()
	requester := m.actors[t.Requester.Login]
	own := append([]string{t.Requester.Person, requester.Person}, t.Requester.Owners...)
	return a.Type == moderation.Human && a.Status == moderation.Active && !leaves && a.Person == r.Person &&
		!slices.Contains(own, a.Person) && !slices.Contains(requester.Owners, a.Person) &&
		!slices.Contains(m.targets[t.Subject.ID].Owners, a.Person) && !slices.Contains(t.Barred, a.Person) && m.mayReview(r.Login)
}

// vbVote is a person with the roles that count.
type vbVote struct {
	person string
	roles  []string
}

// vbFilled reports whether distinct persons can fill all slots, by trying.
func vbFilled(slots []moderation.Slot, votes []vbVote) bool {
	if len(slots) == 0 {
		return true
	}
	for i, v := range votes {
		fits := slices.ContainsFunc(slots[0], func(role string) bool { return role == moderation.Any || slices.Contains(v.roles, role) })
		if !fits {
			continue
		}
		var others []vbVote
		for j, o := range votes {
			if j != i && o.person != v.person {
				others = append(others, o)
			}
		}
		if vbFilled(slots[1:], others) {
			return true
		}
	}
	return false
}

// seenProtected reports whether an account was seen as protected within a day.
func (m *vbModel) seenProtected(target string) bool {
	for _, t := range m.tickets {
		if t.Subject.ID == target && t.Subject.Tier == "protected" && m.now.Sub(t.Subject.TierSeen) < 24*time.Hour {
			return true
		}
	}
	return false
}

// standing are the tickets under which something else stands on a permit's
// target, by the trail.
func (m *vbModel) standing(p moderation.Permit) []string {
	var ids []string
	for id, t := range m.tickets {
		if t.Subject.ID == p.Target && t.Status == moderation.StatusExecuted && t.Undoes == "" && id != p.Ticket && id != p.Undoes {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func vbStanding(p moderation.Permit) []string {
	var ids []string
	for _, s := range p.Standing {
		ids = append(ids, s.Ticket)
	}
	slices.Sort(ids)
	return ids
}

// frozen reports whether a freeze that stands on the trail covers a call.
func (m *vbModel) frozen(p moderation.Permit) bool {
	for _, t := range m.tickets {
		scope := t.Action.Parameters
		if t.Step == moderation.StepFreeze && t.Status == moderation.StatusExecuted && m.now.Before(t.Until) &&
			(scope["kind"] == "" || scope["kind"] == p.Kind) && (scope["tier"] == "" || scope["tier"] == p.Tier) {
			return true
		}
	}
	return false
}

// holdsPromises wants each account to be as the trail says, unless a ticket on
// it is at work or unknown.
func (m *vbModel) holdsPromises() {
	m.t.Helper()
	standing, busy := make(map[string][]string), make(map[string]int)
	for _, id := range m.order {
		t := m.tickets[id]
		switch {
		case t.Status == moderation.StatusExecuting || t.Status == moderation.StatusUnknown:
			busy[t.Subject.ID]++
		case t.Status == moderation.StatusExecuted && t.Undoes == "":
			standing[t.Subject.ID] = append(standing[t.Subject.ID], id)
		}
		if t.Status.Waiting() && m.begun[id+".apply"]+m.begun[id+".undo"] > 0 {
			m.t.Errorf("%s: ticket %s waits, but its handler was called", m.step, id)
		}
	}
	for target := range m.targets {
		want, got := standing[target], slices.Clone(m.force[target])
		slices.Sort(want)
		slices.Sort(got)
		if busy[target] == 0 && !slices.Equal(want, got) {
			m.t.Errorf("%s: in force on %s: %v; the trail says %v", m.step, target, got, want)
		}
	}
}
