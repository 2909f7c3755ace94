package moderation

import "slices"

// valid reports whether a quorum is stated: nobody in so many words, or slots
// that each name a role.
func (q Quorum) valid() bool {
	if q.None {
		return len(q.Slots) == 0
	}
	return len(q.Slots) > 0 && !slices.ContainsFunc(q.Slots, func(s Slot) bool { return len(s) == 0 || slices.Contains(s, "") })
}

// Check returns an error that says what is wrong with a requirement: an
// unstated quorum, a negative hold, or a wait without a deadline that outlasts
// the hold.
func (r Requirement) Check() error {
	switch {
	case !r.Quorum.valid():
		return invalid("Requirement.Quorum", "is unstated; policy must name the slots, or none in so many words")
	case r.Hold < 0 || r.Deadline < 0:
		return invalid("Requirement.Hold", "or Deadline is negative")
	case r.Deadline == 0 && (r.Hold > 0 || !r.Quorum.None):
		return invalid("Requirement.Deadline", "is missing; what waits must have one")
	case r.Deadline > 0 && r.Deadline <= r.Hold:
		return invalid("Requirement.Deadline", "is not longer than the hold")
	}
	return nil
}

// approver is a person who approved, with the roles that count.
type approver struct {
	person string
	roles  []string
}

// fills reports whether a person with these roles may fill the slot. Any in a
// slot stands for everyone whom policy lets approve.
func (s Slot) fills(roles []string) bool {
	return slices.ContainsFunc(s, func(role string) bool {
		return role == Any || slices.Contains(roles, role)
	})
}

// openSlots returns the slots that stay open when as many as possible are
// filled, each by another person: a maximum matching by augmenting paths
// (Kuhn 1955). Greedy assignment could leave open what can be filled.
func openSlots(slots []Slot, approvers []approver) []Slot {
	filledBy := make([]int, len(approvers)) // slot + 1 that an approver fills
	var open []Slot
	for i := range slots {
		if !augment(slots, approvers, filledBy, i, make([]bool, len(approvers))) {
			open = append(open, slots[i])
		}
	}
	return open
}

// augment fills a slot, moving approvers to other slots where that helps.
func augment(slots []Slot, approvers []approver, filledBy []int, slot int, tried []bool) bool {
	for a, who := range approvers {
		if tried[a] || samePerson(approvers[:a], who.person) || !slots[slot].fills(who.roles) {
			continue
		}
		tried[a] = true
		if filledBy[a] == 0 || augment(slots, approvers, filledBy, filledBy[a]-1, tried) {
			filledBy[a] = slot + 1
			return true
		}
	}
	return false
}

// samePerson keeps one person from filling two slots with two logins.
func samePerson(earlier []approver, person string) bool {
	return person == "" || slices.ContainsFunc(earlier, func(a approver) bool { return a.person == person })
}

// eligible reports whether one more approver would fill an open slot.
func eligible(slots []Slot, approvers []approver, candidate approver) bool {
	with := append(slices.Clone(approvers), candidate)
	return len(openSlots(slots, with)) < len(openSlots(slots, approvers))
}
