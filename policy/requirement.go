package policy

import (
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// unmet says why rows, taken together, don't state what a step needs; empty
// where they do.
func unmet(q *moderation.Question, needs []*compiledNeed) string {
	stated := !mustState(q.Step)
	for _, n := range needs {
		stated = stated || n.scope.covers(q.Kind, q.Target.Tier, q.Target.Domain)
	}
	if !stated {
		return fmt.Sprintf("a p2 row for %s that covers %s", q.Step, place(q.Kind, q.Target.Tier, q.Target.Domain))
	}
	if hold, deadline := times(needs); deadline > 0 && deadline <= hold {
		return fmt.Sprintf("p2 rows of which the earliest deadline (%v) is longer than the longest hold (%v)", deadline, hold)
	}
	return ""
}

// times returns the longest hold and the earliest deadline; zero for none.
func times(needs []*compiledNeed) (hold, deadline time.Duration) {
	for _, n := range needs {
		hold = max(hold, n.hold)
		if n.deadline > 0 && (deadline == 0 || n.deadline < deadline) {
			deadline = n.deadline
		}
	}
	return hold, deadline
}

// grant is the yes to a step that comes with a requirement: the slots of all
// rows add up. Texts and names are copied into one array each.
func (s *snapshot) grant(held *roleSet, allows []*compiledRule, needs []*compiledNeed) moderation.Decision {
	slots, names := 0, held.len()
	for _, n := range needs {
		slots += len(n.slots)
		for _, slot := range n.slots {
			names += len(slot)
		}
	}
	text := make([]moderation.Rule, 0, len(allows)+len(needs))
	for _, r := range allows {
		text = append(text, r.text)
	}
	for _, n := range needs {
		text = append(text, n.text)
	}
	words := held.appendNames(make([]string, 0, names), s.roles.names)
	d := moderation.Decision{
		Allowed: true,
		Rules:   text[:len(allows):len(allows)],
		Roles:   words[:len(words):len(words)],
		Policy:  s.digest,
	}
	d.Requirement.Hold, d.Requirement.Deadline = times(needs)
	if len(needs) > 0 {
		d.Requirement.Rules = text[len(allows):]
	}
	if slots == 0 {
		d.Requirement.Quorum.None = true
		return d
	}
	quorum := make([]moderation.Slot, 0, slots)
	for _, n := range needs {
		for _, slot := range n.slots {
			start := len(words)
			words = append(words, slot...)
			quorum = append(quorum, words[start:len(words):len(words)])
		}
	}
	d.Requirement.Quorum.Slots = quorum
	return d
}
