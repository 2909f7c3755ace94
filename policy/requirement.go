package policy

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// times returns the longest hold and the earliest deadline of the needs; zero
// for none.
func (v *Verdict) times() (hold, deadline time.Duration) {
	for _, i := range v.rows.needRows() {
		n := v.compiled.parsed.needs[i]
		hold = max(hold, n.hold)
		if n.deadline > 0 && (deadline == 0 || n.deadline < deadline) {
			deadline = n.deadline
		}
	}
	return hold, deadline
}

// grant is the yes, with what the step needs where it needs anything: the slots
// of all rows add up. Texts and names are copied into one array each.
func (v *Verdict) grant() moderation.Decision {
	held, needs := v.heldRoles(), v.rows.needRows()
	slots, names := 0, len(held)
	for _, i := range needs {
		n := v.compiled.parsed.needs[i]
		slots += len(n.slots)
		for _, slot := range n.slots {
			names += len(slot)
		}
	}
	text := v.needTexts(v.ruleTexts(make([]moderation.Rule, 0, v.rows.len())))
	rules := v.rows.rules
	words := v.compiled.roles.appendNames(make([]string, 0, names), held)
	d := moderation.Decision{
		Allowed: true,
		Rules:   text[:rules:rules],
		Roles:   words[:len(words):len(words)],
		Policy:  v.compiled.digest,
		AsOf:    v.asOf,
	}
	if !v.step.Required() {
		return d
	}
	d.Requirement.Hold, d.Requirement.Deadline = v.times()
	if len(needs) > 0 {
		d.Requirement.Rules = text[rules:]
	}
	if slots == 0 {
		d.Requirement.Quorum.None = true
		return d
	}
	quorum := make([]moderation.Slot, 0, slots)
	for _, i := range needs {
		for _, slot := range v.compiled.parsed.needs[i].slots {
			start := len(words)
			words = append(words, slot...)
			quorum = append(quorum, words[start:len(words):len(words)])
		}
	}
	d.Requirement.Quorum.Slots = quorum
	return d
}
