package analysis

import (
	"math"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// decide is the only place where the policy is asked.
func (a *Analysis) decide(q *moderation.Question) moderation.Decision { return a.policy.Decide(*q) }

// mayAsk reports whether some row allows a step in a cell to a role that is
// held: else there is no need to ask.
func (a *Analysis) mayAsk(h *holding, step moderation.Step, c cell) bool {
	roles := a.allowing(step, c)
	return len(roles) > 0 && slices.ContainsFunc(h.rolesIn(c), func(role string) bool { return roles[role] })
}

// allowing returns the roles to which rows allow a step in a cell.
func (a *Analysis) allowing(step moderation.Step, c cell) map[string]bool {
	where := charged{step, c}
	roles, known := a.allowed[where]
	if !known {
		roles = make(map[string]bool)
		for _, r := range a.allows[step] {
			if r.Scope.Covers(a.ground.kind(c), a.ground.tier(c), a.ground.domain(c)) {
				roles[r.Role] = true
			}
		}
		a.allowed[where] = roles
	}
	return roles
}

// probe is what of a question is neither who, nor what, nor where.
type probe struct {
	duration time.Duration
	reach    int64
	since    time.Duration
	count    int
}

// shortest is the least that an action can last where it must last.
const shortest = time.Second

// easiest is the probe that meets the fewest conditions, but for the reach,
// which is the target's: the shortest duration, one target, no age.
func (a *Analysis) easiest(step moderation.Step, c cell, reach int64) probe {
	p := probe{reach: reach, count: 1}
	if step == moderation.StepFreeze || step == moderation.StepUnfreeze || a.kinds.timed[a.ground.kind(c)] {
		p.duration = shortest
	}
	return p
}

// hardest is the probe that meets every condition but those about labels and
// batches, which no action is yet.
func hardest() probe {
	return probe{duration: moderation.Permanent, reach: math.MaxInt64, since: math.MaxInt64, count: 1}
}

// ask asks whether a login with a holding may take a step.
func (a *Analysis) ask(h *holding, step moderation.Step, c cell, p probe) moderation.Decision {
	q := moderation.Question{
		Step:     step,
		Actor:    moderation.Actor{Login: h.login, Labels: h.labels},
		Kind:     a.ground.kind(c),
		Target:   moderation.Target{Tier: a.ground.tier(c), Domain: a.ground.domain(c), Reach: p.reach},
		Duration: p.duration, Count: p.count, Since: p.since,
		Time: h.at,
	}
	return a.decide(&q)
}

// opens reports whether the guard would go on after a decision: it refuses an
// irreversible kind for which policy asks nobody, and any undo of one.
func (a *Analysis) opens(step moderation.Step, c cell, d *moderation.Decision) bool {
	if !d.Allowed || d.Requirement.Check() != nil {
		return false
	}
	if !a.kinds.irreversible[a.ground.kind(c)] {
		return true
	}
	switch step {
	case moderation.StepUndo, moderation.StepBypass:
		return false
	case moderation.StepRequest:
		return len(d.Requirement.Quorum.Slots) > 0
	}
	return true
}

// alone is how a login can take a step without anybody else.
type alone struct {
	reach Bound // of targets, at most
	hold  time.Duration
}

// alone reports whether a login with a holding can take a step alone.
func (a *Analysis) alone(h *holding, step moderation.Step, c cell) (alone, bool) {
	if step == moderation.StepBypass {
		return a.bypass(h, c)
	}
	found := alone{reach: Unbounded}
	for i, reach := range a.bands.of(step, c, a.ground) {
		d := a.ask(h, step, c, a.easiest(step, c, reach))
		if !a.opens(step, c, &d) || len(d.Requirement.Quorum.Slots) > 0 {
			found.reach = Bound(reach - 1)
			return found, i > 0
		}
		if i == 0 {
			found.hold = d.Requirement.Hold
		}
	}
	return found, true
}

// bypass: whoever may break the glass does so alone, whatever the quorum; but
// no leaver, and not for what can't be undone.
func (a *Analysis) bypass(h *holding, c cell) (alone, bool) {
	d := a.ask(h, moderation.StepBypass, c, a.easiest(moderation.StepBypass, c, 0))
	return alone{reach: Unbounded}, a.opens(moderation.StepBypass, c, &d) && !h.is(moderation.LabelLeaving)
}

// bands are the requirement rows that depend on the reach of the target.
type bands map[moderation.Step][]policy.RequirementRow

func newBands(p *policy.Policy) bands {
	b := make(bands)
	for row := range p.Requirements() {
		if slices.ContainsFunc(row.When, func(c policy.Condition) bool { return c.About == "reach" }) {
			b[row.Step] = append(b[row.Step], row)
		}
	}
	return b
}

// of returns the least reach of each band in which rows ask for the same,
// from 0 on. Freezes have no reach.
func (b bands) of(step moderation.Step, c cell, g *ground) []int64 {
	list := []int64{0}
	if step == moderation.StepFreeze || step == moderation.StepUnfreeze {
		return list
	}
	for _, row := range b[step] {
		if !row.Scope.Touches(g.kind(c), g.tier(c), g.domain(c)) {
			continue
		}
		for _, condition := range row.When {
			if condition.About == "reach" && condition.Above < math.MaxInt64 {
				list = append(list, condition.Above+1)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
