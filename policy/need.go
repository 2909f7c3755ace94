package policy

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// need is a p2 row: what a step needs besides the right to it.
type need struct {
	row      Row
	number   int // the row's
	step     moderation.Step
	scope    scope
	when     []condition       // all must hold; none for always
	slots    []moderation.Slot // none where the quorum is none
	hold     time.Duration     // zero for none
	deadline time.Duration     // zero for none
}

func parseNeed(a *at, v *vocabulary) *need {
	f := a.row.Fields
	n := &need{row: a.row, number: a.number, step: moderation.Step(f[0])}
	if !n.step.Required() {
		a.wrong("step", f[0], "is no step that needs anything; name request, undo, bypass, freeze or unfreeze")
	}
	n.scope = parseScope(a, v, f[1], f[2], f[3])
	n.scope.checkFrozen(a)
	n.when = parseWhen(a, v, n.step, f[4])
	if f[5] != none {
		n.slots = parseSlots(a, "quorum", f[5])
	}
	n.hold = parseSpan(a, "hold", f[6])
	n.deadline = parseSpan(a, "deadline", f[7])
	n.checkDeadline(a, f[7])
	if n.step == moderation.StepBypass && n.hold > 0 {
		a.wrong("hold", f[6], "is on a bypass, which does not wait; write -")
	}
	return n
}

// checkDeadline: whoever waits must know for how long at most.
func (n *need) checkDeadline(a *at, text string) {
	switch {
	case a.bad:
	case n.deadline == 0 && (len(n.slots) > 0 || n.hold > 0):
		a.wrong("deadline", text, "is missing; a quorum or a hold needs one, such as 24h")
	case n.deadline > 0 && n.deadline <= n.hold:
		a.wrong("deadline", text, "is not longer than the hold (%v); the action could never be executed", n.hold)
	}
}

// holds reports whether every condition of the row holds.
func (n *need) holds(q *moderation.Question) bool {
	for i := range n.when {
		if !n.when[i].holds(q) {
			return false
		}
	}
	return true
}
