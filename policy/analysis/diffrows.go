package analysis

import (
	"context"
	"slices"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// changedRows are the rows that only one of two versions has.
type changedRows struct {
	rules  []policy.RuleRow
	needs  []policy.RequirementRow
	labels []string
}

func changedBetween(before, after *policy.Policy) changedRows {
	var c changedRows
	rows := func(p *policy.Policy) map[string]bool {
		set := make(map[string]bool)
		for row := range p.Rows() {
			set[row.String()] = true
		}
		return set
	}
	for _, side := range []struct {
		p     *policy.Policy
		other map[string]bool
	}{{before, rows(after)}, {after, rows(before)}} {
		for r := range side.p.Rules() {
			if !side.other[r.Row.String()] {
				c.rules = append(c.rules, r)
				c.labels = append(c.labels, r.Label)
			}
		}
		for r := range side.p.Requirements() {
			if !side.other[r.Row.String()] {
				c.needs = append(c.needs, r)
			}
		}
	}
	slices.Sort(c.labels)
	c.labels = slices.DeleteFunc(slices.Compact(c.labels), func(label string) bool { return label == "" })
	return c
}

// touch reports whether a changed row has to do with a step in a cell; with a
// label, whether one about that label has.
func (r *changedRows) touch(g *ground, step moderation.Step, c cell, label string) bool {
	kind, tier, domain := g.kind(c), g.tier(c), g.domain(c)
	for i := range r.rules {
		row := &r.rules[i]
		if (row.Step == step || row.Step == policy.AllSteps) && (label == "" || row.Label == label) && row.Scope.Touches(kind, tier, domain) {
			return true
		}
	}
	for i := range r.needs {
		if row := &r.needs[i]; label == "" && row.Step == step && row.Scope.Touches(kind, tier, domain) {
			return true
		}
	}
	return false
}

// diffLabels reports what people would gain and lose besides, if they had a
// label that changed rows are about.
func (c *comparison) diffLabels(ctx context.Context) error {
	for _, label := range c.changed.labels {
		groups := newChangeGroups()
		for _, class := range c.classes {
			if err := ctx.Err(); err != nil {
				return err
			}
			now := c.twins(class.first, c.before.at)
			gains, loses := c.moved(c.twins(class.first, c.before.at, label), label)
			gainsNow, losesNow := c.moved(now, "")
			for what, pair := range map[What][2][]uint64{Gains: {gains, gainsNow}, Loses: {loses, losesNow}} {
				for i := range pair[0] {
					pair[0][i] &^= pair[1][i]
				}
				cells := make(map[spell][]cell)
				for n := range len(moderation.Steps()) * len(c.cells) {
					c.spells(what, [][]uint64{pair[0]}, n, cells)
				}
				for s, list := range cells {
					groups.add(Change{What: s.what, Step: s.step, Where: c.before.ground.where(list), When: "with @" + label}, class.people)
				}
			}
		}
		c.found = append(c.found, groups.list()...)
	}
	return nil
}
