package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// classKey is the same for people whose logins hold the same.
func classKey(who present) string {
	ids := make([]int, len(who.logins))
	for i, h := range who.logins {
		ids[i] = h.id
	}
	slices.Sort(ids)
	return fmt.Sprint(ids)
}

// exposed returns what one person of a class can do alone.
func (x *exposing) exposed(class *exposedClass) Exposed {
	slices.Sort(class.people)
	g := Exposed{People: class.people}
	seen := make(map[string]bool)
	for _, moment := range class.first {
		stakes, by := x.combine(moment.present)
		for _, d := range x.deeds(moment, stakes, by) {
			if key := d.key(); !seen[key] {
				seen[key] = true
				g.Deeds = append(g.Deeds, d)
			}
		}
		g.Totals = x.worse(g.Totals, x.totals(stakes))
	}
	return g
}

// combine puts together what the logins of a person can do, and by which of
// them; of each step, the cells stay in order.
func (x *exposing) combine(who present) ([]stakeOf, map[charged]int) {
	var list []stakeOf
	at, by := make(map[charged]int), make(map[charged]int)
	for i, h := range who.logins {
		for _, s := range x.stakesOf(h) {
			where := charged{s.step, s.cell}
			k, known := at[where]
			if !known {
				at[where], by[where] = len(list), i
				list = append(list, s)
				continue
			}
			both := &list[k]
			both.logins++
			both.alone = alone{max(both.alone.reach, s.alone.reach), min(both.alone.hold, s.alone.hold)}
		}
	}
	return list, by
}

// like is what stakes have in common that are one deed.
type like struct {
	step      moderation.Step
	tier      int
	login     int
	alone     alone
	hour, day Allowance
	limits    [2]int
}

// deeds puts stakes together that differ in nothing but kind and domain.
func (x *exposing) deeds(moment presentAt, stakes []stakeOf, by map[charged]int) []Deed {
	var keys []like
	cells := make(map[like][]cell)
	for _, s := range stakes {
		p := []part{one(s.stake)}
		_, actions := x.bound(s.step, p[0], false, time.Hour)
		_, reach := x.bound(s.step, p[0], true, time.Hour)
		key := like{s.step, s.cell.tier, by[charged{s.step, s.cell}], s.alone,
			x.allowance(s.step, p, time.Hour), x.allowance(s.step, p, day), [2]int{actions, reach}}
		if cells[key] == nil {
			keys = append(keys, key)
		}
		cells[key] = append(cells[key], s.cell)
	}
	var list []Deed
	for _, key := range keys {
		for _, b := range x.ground.blocks(cells[key]) {
			list = append(list, x.deed(moment, key, b))
		}
	}
	return list
}

func (x *exposing) deed(moment presentAt, key like, b block) Deed {
	d := Deed{
		Step: key.step, Kinds: namesOf(x.ground.kinds, b.kinds), Tier: x.ground.tier(b.first), Domains: namesOf(x.ground.domains, b.domains),
		Login: moment.person.Logins[key.login].Name, At: moment.at,
		ReachAtMost: key.alone.reach, Hold: key.alone.hold, Hour: key.hour, Day: key.day,
	}
	said := x.ask(moment.logins[key.login], key.step, b.first, x.easiest(key.step, b.first, 0))
	d.Rules = sources(said.Rules, said.Requirement.Rules)
	for _, i := range key.limits {
		if i >= 0 {
			d.Limits = append(d.Limits, x.limits[key.step][i].Row.Source)
		}
	}
	return d
}

// totals returns how much can be done in each tier.
func (x *exposing) totals(stakes []stakeOf) []Total {
	var list []Total
	for len(stakes) > 0 {
		step, tier := stakes[0].step, stakes[0].cell.tier
		var same []stake
		var rest []stakeOf
		for _, s := range stakes {
			if s.step == step && s.cell.tier == tier {
				same = append(same, s.stake)
			} else {
				rest = append(rest, s)
			}
		}
		list = append(list, Total{step, x.ground.tier(same[0].cell), x.total(step, same, time.Hour), x.total(step, same, day)})
		stakes = rest
	}
	return list
}

// worse returns the larger of what two moments allow, for each step and tier.
func (x *exposing) worse(before, now []Total) []Total {
	for _, t := range now {
		i := slices.IndexFunc(before, func(b Total) bool { return b.Step == t.Step && b.Tier == t.Tier })
		if i < 0 {
			before = append(before, t)
			continue
		}
		b := &before[i]
		b.Hour = Allowance{max(b.Hour.Actions, t.Hour.Actions), max(b.Hour.Reach, t.Hour.Reach)}
		b.Day = Allowance{max(b.Day.Actions, t.Day.Actions), max(b.Day.Reach, t.Day.Reach)}
	}
	return before
}

const day = 24 * time.Hour

// key is the same for deeds that are the same but for who does them, and when.
func (d *Deed) key() string {
	return fmt.Sprintf("%q %q %q %q %v %v %v %v %q %q", d.Step, d.Kinds, d.Tier, d.Domains, d.ReachAtMost, d.Hold, d.Hour, d.Day, d.Rules, d.Limits)
}

func (g *Exposed) key() string {
	var key strings.Builder
	for i := range g.Deeds {
		key.WriteString(g.Deeds[i].key() + g.Deeds[i].At.UTC().Format(time.RFC3339Nano))
	}
	return key.String() + fmt.Sprint(g.Totals)
}

// sources returns where rows stand, each once.
func sources(lists ...[]moderation.Rule) []string {
	var list []string
	for _, rules := range lists {
		for _, r := range rules {
			list = append(list, r.Source)
		}
	}
	return distinct(list)
}

// compareExposed puts first who can do more.
func compareExposed(a, b Exposed) int {
	for i := range min(len(a.Totals), len(b.Totals)) {
		if c := compareTotals(a.Totals[i], b.Totals[i]); c != 0 {
			return c
		}
	}
	return cmp.Or(len(b.Totals)-len(a.Totals), strings.Compare(a.People[0], b.People[0]))
}

// compareTotals puts first the worse step, then the larger reach and number.
func compareTotals(a, b Total) int {
	steps := aloneSteps()
	return cmp.Or(slices.Index(steps, a.Step)-slices.Index(steps, b.Step), compareAmounts(a, b), strings.Compare(a.Tier, b.Tier))
}

func compareAmounts(a, b Total) int {
	return cmp.Or(cmp.Compare(b.Hour.Reach, a.Hour.Reach), cmp.Compare(b.Hour.Actions, a.Hour.Actions),
		cmp.Compare(b.Day.Reach, a.Day.Reach), cmp.Compare(b.Day.Actions, a.Day.Actions))
}

// worst returns, for each step and tier, who can do most.
func worst(groups []Exposed) []Worst {
	var list []Worst
	for _, g := range groups {
		for _, t := range g.Totals {
			i := slices.IndexFunc(list, func(w Worst) bool { return w.Step == t.Step && w.Tier == t.Tier })
			if i < 0 {
				list = append(list, Worst{t, len(g.People), g.People[0]})
				continue
			}
			w := &list[i]
			w.People += len(g.People)
			if c := compareAmounts(t, w.Total); c < 0 || c == 0 && g.People[0] < w.Person {
				w.Total, w.Person = t, g.People[0]
			}
		}
	}
	slices.SortFunc(list, func(a, b Worst) int { return compareTotals(a.Total, b.Total) })
	return list
}
