package policy

import (
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// none is a quorum of nobody, in so many words.
const none = "none"

// Bounds of one row's quorum.
const (
	maxSlots        = 16
	maxAlternatives = 16
)

// parseSlots reads a quorum that is not none: slots separated by spaces, each
// of them roles separated by |.
func parseSlots(a *at, column, text string) []moderation.Slot {
	var slots []moderation.Slot
	for word := range strings.FieldsSeq(text) {
		slots = append(slots, parseSlot(a, column, text, word))
	}
	if len(slots) > maxSlots {
		a.wrong(column, text, "has %d slots; at most %d are allowed", len(slots), maxSlots)
	}
	return slots
}

func parseSlot(a *at, column, text, word string) moderation.Slot {
	slot := moderation.Slot(strings.Split(word, "|"))
	for i, role := range slot {
		switch problem := checkRole(role); {
		case role == "":
			a.wrong(column, text, "has a | without a role on both sides; write roles as lead|director, slots as lead director")
		case problem != "":
			a.wrong(column, text, "%q %s", role, problem)
		case slices.Contains(slot[:i], role):
			a.wrong(column, text, "names %s twice in one slot; once is enough", role)
		}
	}
	if len(slot) > maxAlternatives {
		a.wrong(column, text, "has a slot of %d roles; at most %d are allowed", len(slot), maxAlternatives)
	}
	return slot
}

// slotsText renders slots for people: "lead or director, director".
func slotsText(slots []moderation.Slot) string {
	texts := make([]string, len(slots))
	for i, s := range slots {
		texts[i] = strings.Join(s, " or ")
	}
	return strings.Join(texts, ", ")
}

// cloneSlots returns slots that share nothing with the policy.
func cloneSlots(slots []moderation.Slot) []moderation.Slot {
	slots = slices.Clone(slots)
	for i := range slots {
		slots[i] = slices.Clone(slots[i])
	}
	return slots
}

// fillable reports whether every slot can be filled by another login, by
// maximum matching. candidates are, for each slot, logins that may fill it; of
// a slot with as many candidates as there are slots, no more are needed.
func fillable[L comparable](candidates [][]L) bool {
	filledBy := make(map[L]int) // login to slot
	for slot := range candidates {
		if !fill(candidates, slot, filledBy, make(map[L]bool)) {
			return false
		}
	}
	return true
}

// fill finds a login for a slot, moving others where they can move.
func fill[L comparable](candidates [][]L, slot int, filledBy map[L]int, tried map[L]bool) bool {
	for _, login := range candidates[slot] {
		if tried[login] {
			continue
		}
		tried[login] = true
		other, taken := filledBy[login]
		if !taken || fill(candidates, other, filledBy, tried) {
			filledBy[login] = slot
			return true
		}
	}
	return false
}
