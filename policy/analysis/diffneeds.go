package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// circumstance is a case in which requirement rows may ask for more.
type circumstance struct {
	text   string
	label  string
	probe  probe
	always bool // all conditions hold, labels too
}

// circumstances returns the cases that the rows of a step tell apart, one
// condition at a time, and all together.
func circumstances(step moderation.Step, rows ...[]policy.RequirementRow) []circumstance {
	list := []circumstance{{probe: probe{count: 1}}}
	add := func(c circumstance) {
		if !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	for _, row := range slices.Concat(rows...) {
		if row.Step != step {
			continue
		}
		for _, condition := range row.When {
			add(circumstanceOf(condition))
		}
	}
	slices.SortStableFunc(list, func(a, b circumstance) int { return strings.Compare(a.text, b.text) })
	if len(list) > 2 {
		list = append(list, circumstance{text: "where all conditions hold", always: true})
	}
	return list
}

func circumstanceOf(c policy.Condition) circumstance {
	p := probe{count: 1}
	above := c.Above
	if above < math.MaxInt64 {
		above++
	}
	switch c.About {
	case "label":
		return circumstance{text: "with @" + c.Label, label: c.Label, probe: p}
	case "permanent":
		p.duration = moderation.Permanent
		return circumstance{text: "permanent", probe: p}
	case "duration":
		p.duration = time.Duration(above)
		return circumstance{text: "duration over " + span(time.Duration(c.Above)), probe: p}
	case "reach":
		p.reach = above
		return circumstance{text: fmt.Sprintf("reach over %d", c.Above), probe: p}
	case "age":
		p.since = time.Duration(above)
		return circumstance{text: "age over " + span(time.Duration(c.Above)), probe: p}
	}
	p.count = int(above)
	return circumstance{text: fmt.Sprintf("more than %d targets", c.Above), probe: p}
}

// holds reports whether all conditions of a row do.
func (c circumstance) holds(when []policy.Condition) bool {
	return c.always || !slices.ContainsFunc(when, func(w policy.Condition) bool {
		switch w.About {
		case "label":
			return w.Label != c.label
		case "permanent":
			return c.probe.duration != moderation.Permanent
		case "duration":
			return int64(c.probe.duration) <= w.Above
		case "reach":
			return c.probe.reach <= w.Above
		case "age":
			return int64(c.probe.since) <= w.Above
		}
		return int64(c.probe.count) <= w.Above
	})
}

// needed is what all rows that match ask for together.
type needed struct {
	slots    []moderation.Slot
	hold     time.Duration
	deadline time.Duration // zero for none
}

func (a *Analysis) needed(rows []policy.RequirementRow, step moderation.Step, c cell, in circumstance) needed {
	var n needed
	for i := range rows {
		row := &rows[i]
		if row.Step != step || !row.Scope.Touches(a.ground.kind(c), a.ground.tier(c), a.ground.domain(c)) || !in.holds(row.When) {
			continue
		}
		n.slots = append(n.slots, row.Slots...)
		n.hold = max(n.hold, row.Hold)
		if row.Deadline > 0 && (n.deadline == 0 || row.Deadline < n.deadline) {
			n.deadline = row.Deadline
		}
	}
	return n
}

// slotAt is a slot in a cell under one of the versions.
type slotAt struct {
	after bool
	cell  cell
	slot  string
}

// fills returns who can fill a slot, as a text that is the same for the same
// people.
func (c *comparison) fills(after bool, place cell, slot moderation.Slot) string {
	key := slotAt{after, place, strings.Join(slot, "|")}
	if text, known := c.fillers[key]; known {
		return text
	}
	var text strings.Builder
	for i, class := range c.classes {
		if slices.ContainsFunc(class.twins[0], func(t twin) bool { return c.canFill(after, t, place, slot) }) {
			fmt.Fprint(&text, i, ",")
		}
	}
	c.fillers[key] = text.String()
	return text.String()
}

func (c *comparison) canFill(after bool, t twin, place cell, slot moderation.Slot) bool {
	a, h := c.before, t.before
	if after {
		a, h = c.after, t.after
	}
	if !h.approver() || !fillsSlot(slot, h.rolesIn(place)) || !a.mayAsk(h, moderation.StepApprove, place) {
		return false
	}
	d := a.ask(h, moderation.StepApprove, place, probe{count: 1})
	return d.Allowed
}

func (c *comparison) fillsAll(after bool, place cell, slots []moderation.Slot) []string {
	var list []string
	for _, slot := range slots {
		list = append(list, c.fills(after, place, slot))
	}
	slices.Sort(list)
	return list
}

// diffRequirements reports what needs more or less.
func (c *comparison) diffRequirements(ctx context.Context) error {
	before, after := slices.Collect(c.before.policy.Requirements()), slices.Collect(c.after.policy.Requirements())
	people := c.approversChanged()
	groups := newCellGroups(c.before.ground)
	for _, step := range moderation.Steps() {
		if !step.Required() {
			continue
		}
		in := circumstances(step, before, after)
		for _, place := range c.before.ground.places(step) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !c.askable(step, place) || !people && !c.changed.touch(c.before.ground, step, place, "") {
				continue
			}
			var usual []Change
			for i, one := range in {
				changes := c.compareNeeds(step, place, c.before.needed(before, step, place, one), c.after.needed(after, step, place, one))
				if i == 0 {
					usual = slices.Clone(changes)
				}
				for _, change := range changes {
					if i > 0 && slices.ContainsFunc(usual, func(u Change) bool { return u.What == change.What && u.Old == change.Old && u.New == change.New }) {
						continue // it changes in any case
					}
					change.When = one.text
					groups.add(change, place)
				}
			}
		}
	}
	c.found = append(c.found, groups.list()...)
	return nil
}

// approversChanged reports whether other people may hold roles or approve.
func (c *comparison) approversChanged() bool {
	for _, class := range c.classes {
		if slices.ContainsFunc(class.twins[0], func(t twin) bool { return !t.same() }) {
			return true
		}
	}
	return slices.ContainsFunc(c.changed.rules, func(r policy.RuleRow) bool {
		return r.Step == moderation.StepApprove || r.Step == policy.AllSteps
	})
}

// askable reports whether both versions allow somebody to take a step in a
// cell: what nobody may take needs nothing, and what one version does not allow
// is gained or lost as a whole.
func (c *comparison) askable(step moderation.Step, place cell) bool {
	return len(c.before.allowing(step, place)) > 0 && len(c.after.allowing(step, place)) > 0
}

// compareNeeds returns how two requirements differ.
func (c *comparison) compareNeeds(step moderation.Step, place cell, b, a needed) []Change {
	var list []Change
	add := func(what What, before, after string) {
		list = append(list, Change{What: what, Step: step, Old: before, New: after})
	}
	switch {
	case len(a.slots) < len(b.slots):
		add(FewerApprovals, slotsText(b.slots), slotsText(a.slots))
	case len(a.slots) > len(b.slots):
		add(MoreApprovals, slotsText(b.slots), slotsText(a.slots))
	case !slices.Equal(c.fillsAll(false, place, b.slots), c.fillsAll(true, place, a.slots)):
		add(OtherApprovers, slotsText(b.slots), slotsText(a.slots))
	}
	switch {
	case a.hold < b.hold:
		add(ShorterHold, spanOrNone(b.hold), spanOrNone(a.hold))
	case a.hold > b.hold:
		add(LongerHold, spanOrNone(b.hold), spanOrNone(a.hold))
	}
	switch was, is := orForever(b.deadline), orForever(a.deadline); {
	case is < was:
		add(ShorterDeadline, spanOrNone(b.deadline), spanOrNone(a.deadline))
	case is > was:
		add(LongerDeadline, spanOrNone(b.deadline), spanOrNone(a.deadline))
	}
	return list
}

func orForever(d time.Duration) time.Duration {
	if d == 0 {
		return math.MaxInt64
	}
	return d
}

func spanOrNone(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return span(d)
}

func slotsText(slots []moderation.Slot) string {
	if len(slots) == 0 {
		return "none"
	}
	list := make([]string, len(slots))
	for i, slot := range slots {
		list[i] = strings.Join(slot, "|")
	}
	return strings.Join(list, " ")
}
