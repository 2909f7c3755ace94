package moderation_test

import (
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// follows holds what the trail says of batches against what may be.
func (s *vbMass) follows(m *vbModel, r audit.Record, was, t moderation.Ticket) {
	m.t.Helper()
	if t.Mandate != "" {
		s.followsMember(m, was, t)
	}
	if t.Batch == nil {
		return
	}
	fail := func(text string) {
		m.t.Errorf("%s: batch %s (%s) %s, by record %s of %s", m.step, t.ID, t.Status, text, r.ID, r.Actor.Login)
	}
	switch set := s.sets[t.Batch.Root]; {
	case t.Undoes == "" && (set == nil || set.Len() != t.Batch.Count):
		fail("is about other members than were named")
		return
	case was.ID == "":
		s.needed[t.ID] = s.needs(m, t, t.Batch.Asked)
		if t.Undoes == "" {
			s.whose[t.ID] = s.owners(m, t)
		} else {
			s.whose[t.ID] = s.whose[t.Undoes]
		}
	}
	late := m.trail.tried[r.ID] // it may have been decided when all was different
	switch r.Event {
	case audit.EventBegun:
		if r.Ticket != t.ID {
			return // the undo of this one
		}
		s.events["begun"]++
		if t.Undoes != "" {
			s.events["undo of the whole"]++
		} else {
			s.whose[t.ID] = s.owners(m, t)
		}
		if !late {
			s.mayBegin(m, t, fail)
		}
	case audit.EventStage:
		s.events["stage"]++
		before := t.Batch.Stages[was.Batch.Stage-1]
		if t.Batch.Stage != was.Batch.Stage+1 || t.Batch.StageBegun.Before(was.Batch.StageBegun.Add(before.Soak)) || !was.Batch.Halted.IsZero() {
			fail("has a stage begun before its time")
		}
	case audit.EventHalted:
		s.haltedBy(m, r, was, t, fail)
	case audit.EventResumed:
		s.events["resumed"]++
		a := m.actors[r.Actor.Login]
		requester := m.actors[t.Requester.Login]
		own := append(slices.Clone(t.Requester.Owners), requester.Owners...)
		if p := r.Actor.Person; !late && (p == t.Requester.Person || p == requester.Person || slices.Contains(own, p) || a.Type != moderation.Human || !m.mayReview(a.Login)) {
			fail("was resumed by one who asked for it, or may not approve it")
		}
		if slices.Contains(s.whose[t.ID], r.Actor.Person) {
			fail("was resumed by one whose a member is")
		}
		if was.Batch.Halted.IsZero() {
			fail("was resumed and not halted")
		}
	}
}

// followsMember wants a member's ticket to have one outcome.
func (s *vbMass) followsMember(m *vbModel, was, t moderation.Ticket) {
	if was.ID != "" && (was.Mandate != t.Mandate || was.Subject.ID != t.Subject.ID) {
		m.t.Errorf("%s: ticket %s is of another member now", m.step, t.ID)
	}
	if t.Status == moderation.StatusUndone && was.Status == moderation.StatusExecuted && m.tickets[t.UndoneBy].Mandate == "" {
		s.events["member undone singly"]++
	}
}

// haltedBy holds a halt against who may.
func (s *vbMass) haltedBy(m *vbModel, r audit.Record, was, t moderation.Ticket, fail func(string)) {
	switch b := t.Batch; {
	case b.HaltedBy == "" && b.HaltCode == moderation.CodeHalted:
		if _, undos := s.wrongs(m, t.ID); undos > 0 {
			s.events["halted by undos"]++
		} else {
			s.events["halted by failures"]++
		}
	case b.HaltedBy == "":
		s.events["halted for a member"]++
	case strings.HasPrefix(b.HaltNote, "revoked: "): // with all that the person had a part in, whose the members are or not
		s.events["halted by a revocation"]++
	default:
		s.events["halted by hand"]++
		if slices.Contains(s.whose[t.ID], b.HaltedBy) {
			fail("was halted by one whose a member is")
		}
	}
	if !was.Batch.Halted.IsZero() {
		fail("was halted twice")
	}
}

// owners are those whose the members of a batch are now.
func (s *vbMass) owners(m *vbModel, t moderation.Ticket) (owners []string) {
	for id := range s.sets[t.Batch.Root].All() {
		owners = append(owners, m.targets[id].Owners...)
	}
	return owners
}

// needs is what all classes of members ask for together.
func (s *vbMass) needs(m *vbModel, t moderation.Ticket, classes []moderation.BatchClass) moderation.Requirement {
	var tiers []string
	for _, c := range classes {
		tiers = append(tiers, c.Tier)
	}
	return vbTogetherNeed(m, t.Step, tiers)
}

// vbTogetherNeed joins what tiers ask for: each slot as often as one of them has it,
// and the longest hold.
func vbTogetherNeed(m *vbModel, step moderation.Step, tiers []string) (all moderation.Requirement) {
	for _, tier := range tiers {
		r := m.requirement(step, tier)
		all.Hold = max(all.Hold, r.Hold)
		have := slices.Clone(all.Quorum.Slots)
		for _, slot := range r.Quorum.Slots {
			i := slices.IndexFunc(have, func(h moderation.Slot) bool { return slices.Equal(h, slot) })
			if i < 0 {
				all.Quorum.Slots = append(all.Quorum.Slots, slot)
				continue
			}
			have = slices.Delete(have, i, i+1)
		}
	}
	return all
}

// tiers are those that count for members now.
func (s *vbMass) tiers(m *vbModel, t moderation.Ticket) (tiers []string) {
	for id := range s.sets[t.Batch.Root].All() {
		tiers = append(tiers, m.tierOf(id))
	}
	return tiers
}

func (m *vbModel) tierOf(id string) string {
	if m.targets[id].Tier == "protected" || m.seenProtected(id) {
		return "protected"
	}
	return "standard"
}

// mayBegin holds the beginning of a batch against all of its members, as they are.
func (s *vbMass) mayBegin(m *vbModel, t moderation.Ticket, fail func(string)) {
	needed, needs := s.needed[t.ID], s.needs(m, t, t.Batch.Asked)
	requester := m.actors[t.Requester.Login]
	if t.Undoes == "" {
		needs = vbTogetherNeed(m, t.Step, s.tiers(m, t))
		for id := range s.sets[t.Batch.Root].All() {
			if t.Tier == "standard" && m.tierOf(id) == "protected" {
				fail("is begun with a protected member, " + id)
			}
			if slices.Contains(m.targets[id].Owners, requester.Person) {
				fail("is begun with a member of the requester's, " + id)
			}
		}
	}
	if hold := max(needed.Hold, needs.Hold); hold > 0 && (t.Approved.IsZero() || m.now.Before(t.Approved.Add(hold))) {
		fail("was not held as long as it must be")
	}
	s.suffice(m, t, needed, needs, s.whoseNow(m, t), fail)
	if t.Requester.Person != requester.Person || requester.Status != moderation.Active {
		fail("was asked for by one who may not act now")
	}
	if !t.Deadline.IsZero() && !m.now.Before(t.Deadline) {
		fail("is begun after its deadline")
	}
}

func (s *vbMass) whoseNow(m *vbModel, t moderation.Ticket) []string {
	if t.Undoes != "" {
		return nil
	}
	return s.owners(m, t)
}

// suffice wants the approvals that count to fill what was and is needed; those of
// the named persons do not.
func (s *vbMass) suffice(m *vbModel, t moderation.Ticket, then, now moderation.Requirement, without []string, fail func(string)) {
	var held, holds []vbVote
	for _, r := range t.Reviews {
		if r.Void == "" && r.Verdict == moderation.Approved && m.counts(r, t) && !slices.Contains(without, m.actors[r.Login].Person) {
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
}

// mayBeDone holds a member's call against its batch, as the trail has it.
func (s *vbMass) mayBeDone(m *vbModel, p moderation.Permit, t moderation.Ticket, fail func(string)) {
	mandate := m.tickets[t.Mandate]
	s.events[string(p.Call)]++
	call := string(p.Call) + " " + t.Mandate + " " + p.Target
	s.started[call]++
	set := s.sets[mandate.Batch.Root]
	place, in := set.Find(p.Target)
	switch {
	case !in:
		fail("is about one who is no member")
		return
	case mandate.Status != moderation.StatusExecuted:
		fail("comes under a batch that is " + string(mandate.Status))
	case !mandate.Batch.Halted.IsZero():
		fail("comes under a batch that was halted: " + mandate.Batch.HaltNote)
	}
	if p.Call == moderation.CallUndo {
		if of := m.tickets[t.Undoes]; of.Mandate != mandate.Undoes {
			fail("takes back what is not of the batch")
		}
		now := s.needs(m, mandate, mandate.Batch.Asked)
		s.suffice(m, mandate, s.needed[t.Mandate], now, m.targets[p.Target].Owners, fail)
		return
	}
	if s.started[call] > 1 {
		fail("is the second call for this member")
	}
	turn := 0
	for set.Turn(turn) != place {
		turn++
	}
	if turn >= vbOpenTurns(mandate) {
		fail("comes before its stage")
	}
	if mandate.Tier == "standard" && m.tierOf(p.Target) == "protected" {
		fail("is done to one who is protected, which nobody approved")
	}
	now := vbTogetherNeed(m, mandate.Step, []string{m.tierOf(p.Target)})
	s.suffice(m, mandate, s.needed[t.Mandate], now, m.targets[p.Target].Owners, fail)
}

// vbMassCount is what had gone wrong when a step began.
type vbMassCount struct {
	records int
	owing   bool
}

// looks remembers how far the trail is before a step that may halt a batch.
func (s *vbMass) looks(m *vbModel) {
	m.catchUp()
	s.last = vbMassCount{records: len(m.trail.records), owing: m.faulty || m.trail.dead || m.house != nil}
}

// wrongs counts what went wrong with members since the batch was last resumed.
func (s *vbMass) wrongs(m *vbModel, mandate string) (failures, undos int) {
	for _, t := range m.tickets {
		switch {
		case t.Mandate != mandate:
		case t.Status == moderation.StatusFailed || t.Status == moderation.StatusUnknown:
			failures++
		case t.Status == moderation.StatusUndone:
			undos++
		}
	}
	forgiven := m.tickets[mandate].Batch.Forgiven
	return failures - forgiven.Failures, undos - forgiven.Undos
}

// wantHalted wants a batch in which too much goes wrong to be halted as soon as an
// outcome is on the trail, unless something failed that keeps it from that.
func (s *vbMass) wantHalted(m *vbModel, mandate string) {
	m.t.Helper()
	m.catchUp()
	t := m.tickets[mandate]
	if s.last.owing || len(m.trail.records) == s.last.records || !vbGoing(t) {
		return
	}
	outcome := slices.ContainsFunc(m.trail.records[s.last.records:], func(r audit.Record) bool {
		of := m.tickets[r.Ticket]
		return r.Event == audit.EventOutcome && of.Status != moderation.StatusUnknown && (of.Mandate == mandate && of.Undoes == "" || m.tickets[of.Undoes].Mandate == mandate && of.Status == moderation.StatusExecuted)
	})
	done := 0
	for _, o := range m.tickets {
		if o.Mandate == mandate && o.Status != moderation.StatusRefused {
			done++
		}
	}
	failures, undos := s.wrongs(m, mandate)
	b := t.Batch.Tolerance
	if outcome && (failures > max(b.Failures, b.FailurePercent*done/100) || undos > 0 && undos*100 > b.UndoPercent*done) {
		m.t.Errorf("%s: batch %s goes on with %d failures and %d undos of %d (tolerated: %+v)", m.step, mandate, failures, undos, done, b)
	}
}
