package analysis

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Allowance is how much limits let through in a span of time.
type Allowance struct {
	// Actions is how many are executed at most.
	Actions Bound `json:"actions"`
	// Reach is how many people they affect at most, each target counted once.
	Reach Bound `json:"reach"`
}

// stake is one cell in which somebody can do something alone.
type stake struct {
	cell   cell
	alone  alone
	logins int // by how many of the person's logins
}

// charged is where something is charged.
type charged struct {
	step moderation.Step
	cell cell
}

// rowsAt returns the limits that a step in a cell is charged to, by their
// places among those of the step.
func (a *Analysis) rowsAt(step moderation.Step, c cell) []int {
	if list, known := a.rows[charged{step, c}]; known {
		return list
	}
	kind := a.ground.kind(c)
	if step == moderation.StepFreeze || step == moderation.StepUnfreeze {
		kind = moderation.FreezeKind
	}
	var list []int
	for i, row := range a.limits[step] {
		if row.Scope.Touches(kind, a.ground.tier(c), a.ground.domain(c)) {
			list = append(list, i)
		}
	}
	a.rows[charged{step, c}] = list
	return list
}

// part is some stakes that are bounded together.
type part struct {
	stakes []stake
	// In how many kinds and domains they are, where those have buckets of
	// their own.
	kinds, domains Bound
	// How many parts there are that are like this one.
	alike Bound
}

// one is a single kind in a single domain.
func one(s stake) part { return part{[]stake{s}, 1, 1, 1} }

// divide puts stakes into parts: by kind, by domain, by both or in one.
func (a *Analysis) divide(stakes []stake, byKind, byDomain bool) []part {
	var keys []cell
	parts := make(map[cell]*part)
	for _, s := range stakes {
		key := cell{}
		if byKind {
			key.kind = s.cell.kind
		}
		if byDomain {
			key.domain = s.cell.domain
		}
		if parts[key] == nil {
			keys = append(keys, key)
			parts[key] = &part{}
		}
		parts[key].stakes = append(parts[key].stakes, s)
	}
	list := make([]part, len(keys))
	for i, key := range keys {
		p := parts[key]
		kinds := a.ground.count(a.ground.kinds, p.stakes, func(c cell) int { return c.kind })
		domains := a.ground.count(a.ground.domains, p.stakes, func(c cell) int { return c.domain })
		p.kinds, p.domains, p.alike = kinds, domains, 1
		if byKind {
			p.kinds, p.alike = 1, kinds
		}
		if byDomain {
			p.domains, p.alike = 1, p.alike.times(domains)
		}
		list[i] = *p
	}
	return list
}

// count returns how many names of an axis stakes are about.
func (g *ground) count(axis []element, stakes []stake, of func(cell) int) Bound {
	n, seen := Bound(0), make(map[int]bool)
	for _, s := range stakes {
		i := of(s.cell)
		switch {
		case seen[i]:
		case i < 0:
			n = n.plus(1)
		case axis[i].endless:
			n = Unbounded
		default:
			n = n.plus(Bound(len(axis[i].names)))
		}
		seen[i] = true
	}
	return n
}

// row returns what a row lets through of a part; a row that is not about all
// of it bounds nothing.
func (p part) row(row *policy.LimitRow, span time.Duration) Bound {
	most := drawn(row.Amount, max(row.Window, 1), span)
	if row.Unit == "open" {
		hold := p.stakes[0].alone.hold
		for _, s := range p.stakes {
			hold = min(hold, s.alone.hold)
		}
		most = passing(row.Amount, hold, span)
	}
	switch row.Per {
	case "target":
		return Unbounded // there is always another one
	case "actor":
		logins := 0
		for _, s := range p.stakes {
			logins = max(logins, s.logins)
		}
		return most.times(Bound(logins))
	case "kind":
		return most.times(p.kinds)
	case "domain":
		return most.times(p.domains)
	}
	return most
}

// bound returns what the rows that are about all of a part let through, and
// which of them lets through the least; -1 for none.
func (a *Analysis) bound(step moderation.Step, p part, reach bool, span time.Duration) (Bound, int) {
	about := make([]int, len(a.limits[step]))
	for _, s := range p.stakes {
		for _, i := range a.rowsAt(step, s.cell) {
			about[i]++
		}
	}
	least, which := Unbounded, -1
	for i := range about {
		row := &a.limits[step][i]
		if about[i] == len(p.stakes) && reach == (row.Unit == "reach") {
			if most := p.row(row, span); most < least {
				least, which = most, i
			}
		}
	}
	return least, which
}

// largest returns the largest reach that one action in a cell can have.
func (a *Analysis) largest(step moderation.Step, s stake) Bound {
	most := s.alone.reach
	if t, known := a.targets[a.ground.tier(s.cell)]; known {
		most = min(most, Bound(t.Largest))
	}
	for _, i := range a.rowsAt(step, s.cell) {
		if row := &a.limits[step][i]; row.Unit == "reach" {
			most = min(most, Bound(row.Amount))
		}
	}
	return most
}

// allowance returns how much can be done in parts that do not overlap.
func (a *Analysis) allowance(step moderation.Step, parts []part, span time.Duration) Allowance {
	var sum Allowance
	single := Bound(0)
	for _, p := range parts {
		actions, _ := a.bound(step, p, false, span)
		reach, _ := a.bound(step, p, true, span)
		sum.Actions, sum.Reach = sum.Actions.plus(actions.times(p.alike)), sum.Reach.plus(reach.times(p.alike))
		for _, s := range p.stakes {
			single = max(single, a.largest(step, s))
		}
	}
	if step == moderation.StepFreeze || step == moderation.StepUnfreeze {
		return Allowance{Actions: sum.Actions}
	}
	sum.Reach = min(sum.Reach, sum.Actions.times(single))
	if t, known := a.targets[a.ground.tier(parts[0].stakes[0].cell)]; known {
		sum.Reach = min(sum.Reach, Bound(t.Count).times(single))
	}
	return sum
}

// total returns how much can be done at most in all cells of one tier: the
// least of several sums, of which each is enough.
func (a *Analysis) total(step moderation.Step, stakes []stake, span time.Duration) Allowance {
	least := Allowance{Unbounded, Unbounded}
	for _, byKind := range []bool{false, true} {
		for _, byDomain := range []bool{false, true} {
			sum := a.allowance(step, a.divide(stakes, byKind, byDomain), span)
			least.Actions, least.Reach = min(least.Actions, sum.Actions), min(least.Reach, sum.Reach)
		}
	}
	return least
}
