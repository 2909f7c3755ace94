package analysis

import (
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

// candidate is a person who may fill a slot, by one of the person's logins.
type candidate struct{ person, login int }

// match fills every slot by another person, or returns nil where that can't be
// done: a maximum matching by augmenting paths (Kuhn 1955). fits are, for each
// slot, those who may fill it; without is who may not take part.
func match(fits [][]candidate, without func(person int) bool) []candidate {
	filled := make([]candidate, len(fits))
	by := make(map[int]int, len(fits)) // person to slot
	for slot := range fits {
		if !augment(fits, without, filled, by, slot, make(map[int]bool)) {
			return nil
		}
	}
	return filled
}

// augment fills a slot, moving people to other slots where that helps.
func augment(fits [][]candidate, without func(int) bool, filled []candidate, by map[int]int, slot int, tried map[int]bool) bool {
	for _, c := range fits[slot] {
		if tried[c.person] || without(c.person) {
			continue
		}
		tried[c.person] = true
		other, taken := by[c.person]
		if !taken || augment(fits, without, filled, by, other, tried) {
			by[c.person], filled[slot] = slot, c
			return true
		}
	}
	return false
}

// only reports whether no other people could fill the slots that these fill:
// it can't be done without any of them.
func only(fits [][]candidate, filled []candidate) bool {
	for _, c := range filled {
		if match(fits, func(person int) bool { return person == c.person }) != nil {
			return false
		}
	}
	return len(filled) > 0
}

// fillsSlot reports whether one of the roles is one of the slot's.
func fillsSlot(slot moderation.Slot, roles []string) bool {
	return slices.ContainsFunc(slot, func(role string) bool { return slices.Contains(roles, role) })
}
