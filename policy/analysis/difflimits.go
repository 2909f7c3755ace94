package analysis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// cellGroups puts the cells together in which the same changes.
type cellGroups struct {
	ground  *ground
	order   []string
	changes map[string]Change
	cells   map[string][]cell
}

func newCellGroups(g *ground) *cellGroups {
	return &cellGroups{ground: g, changes: make(map[string]Change), cells: make(map[string][]cell)}
}

func (g *cellGroups) add(c Change, place cell) {
	key := fmt.Sprintf("%s %s %q %q %q", c.What, c.Step, c.When, c.Old, c.New)
	if g.cells[key] == nil {
		g.order = append(g.order, key)
		g.changes[key] = c
	}
	g.cells[key] = append(g.cells[key], place)
}

func (g *cellGroups) list() []Change {
	list := make([]Change, len(g.order))
	for i, key := range g.order {
		list[i] = g.changes[key]
		list[i].Where = g.ground.where(g.cells[key])
	}
	return list
}

// counted is what limits have in common that are held against each other.
type counted struct{ unit, per string }

// diffLimits reports where more or less fits.
func (c *comparison) diffLimits(ctx context.Context) error {
	groups := newCellGroups(c.before.ground)
	for _, step := range moderation.Steps() {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed := false
		for _, place := range c.before.ground.places(step) {
			b, a := c.limitsAt(c.before, step, place), c.limitsAt(c.after, step, place)
			for _, k := range keysOf(b, a) {
				if change, differs := c.compareLimits(place, k, b[k], a[k]); differs {
					change.Step, changed = step, true
					groups.add(change, place)
				}
			}
		}
		if !changed {
			c.regrouped(step, groups)
		}
	}
	c.found = append(c.found, groups.list()...)
	return nil
}

// limitsAt returns the limits of a cell by what they count.
func (c *comparison) limitsAt(a *Analysis, step moderation.Step, place cell) map[counted][]*policy.LimitRow {
	all := make(map[counted][]*policy.LimitRow)
	for _, i := range a.rowsAt(step, place) {
		row := &a.limits[step][i]
		key := counted{row.Unit, row.Per}
		all[key] = append(all[key], row)
	}
	return all
}

func keysOf(maps ...map[counted][]*policy.LimitRow) []counted {
	var list []counted
	for _, m := range maps {
		for k := range m {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b counted) int { return strings.Compare(a.unit+" "+a.per, b.unit+" "+b.per) })
	return slices.Compact(list)
}

// compareLimits says how the limits of one cell differ that count the same.
func (c *comparison) compareLimits(place cell, k counted, before, after []*policy.LimitRow) (Change, bool) {
	if slices.Equal(c.meanings(false, place, before), c.meanings(true, place, after)) {
		return Change{}, false
	}
	change := Change{What: DifferentLimit, Old: limitsText(k, before), New: limitsText(k, after)}
	looser, tighter := false, false
	for _, span := range []time.Duration{0, time.Hour, day} {
		was, is := through(before, span), through(after, span)
		looser, tighter = looser || is > was, tighter || is < was
	}
	switch {
	case looser && !tighter:
		change.What = LooserLimit
	case tighter && !looser:
		change.What = TighterLimit
	}
	return change, true
}

// meanings returns what each row lets through, and who can let pass more.
func (c *comparison) meanings(after bool, place cell, rows []*policy.LimitRow) []string {
	var list []string
	for _, row := range rows {
		list = append(list, fmt.Sprintf("%d %d %q", row.Amount, row.Window, c.fillsAll(after, place, row.Over)))
	}
	slices.Sort(list)
	return list
}

// through returns what rows let through in a span of time.
func through(rows []*policy.LimitRow, span time.Duration) Bound {
	least := Unbounded
	for _, row := range rows {
		if row.Unit == "open" {
			least = min(least, Bound(row.Amount))
			continue
		}
		least = min(least, drawn(row.Amount, max(row.Window, 1), span))
	}
	return least
}

func limitsText(k counted, rows []*policy.LimitRow) string {
	if len(rows) == 0 {
		return "none"
	}
	var list []string
	for _, row := range rows {
		text := fmt.Sprintf("%d %s per %s", row.Amount, k.unit, k.per)
		if row.Window > 0 {
			text += " in " + span(row.Window)
		}
		if len(row.Over) > 0 {
			text += ", over it " + slotsText(row.Over)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, " and ")
}

// regrouped reports limits that let through as much of each kind, tier and
// domain as before, but count other ones together.
func (c *comparison) regrouped(step moderation.Step, groups *cellGroups) {
	buckets := func(after bool, a *Analysis) map[string][]cell {
		cells := make(map[int][]cell)
		for _, place := range a.ground.places(step) {
			for _, i := range a.rowsAt(step, place) {
				cells[i] = append(cells[i], place)
			}
		}
		all := make(map[string][]cell)
		for i, list := range cells {
			row := &a.limits[step][i]
			key := fmt.Sprintf("%s %s %q %v", row.Unit, row.Per, c.meanings(after, list[0], []*policy.LimitRow{row}), list)
			all[key] = list
		}
		return all
	}
	before, after := buckets(false, c.before), buckets(true, c.after)
	for key, list := range after {
		if _, same := before[key]; !same {
			for _, place := range list {
				groups.add(Change{What: RegroupedLimit, Step: step, Old: "counted apart or with others", New: "counted together"}, place)
			}
		}
	}
}
