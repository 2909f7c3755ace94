package analysis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// twin is what a login holds under the one version and under the other.
type twin struct{ before, after *holding }

// same reports whether roles and labels have the same names in both.
func (t twin) same() bool {
	return slices.EqualFunc(t.before.roles, t.after.roles, slices.Equal[[]string]) && slices.Equal(t.before.labels, t.after.labels)
}

// twinClass are people with the same twins at the same moments.
type twinClass struct {
	people  []string
	moments []time.Time
	twins   [][]twin // at each moment; none for who is gone
	first   *Person
}

// pair puts people into classes.
func (c *comparison) pair() {
	for i := range c.before.directory.People {
		p := &c.before.directory.People[i]
		class := &twinClass{first: p}
		class.moments = sorted(append(c.before.momentsOf(p), c.after.momentsOf(p)...))
		var key strings.Builder
		for _, at := range class.moments {
			twins := c.twins(p, at)
			class.twins = append(class.twins, twins)
			fmt.Fprint(&key, at.UnixNano())
			for _, t := range twins {
				fmt.Fprintf(&key, " %d.%d", t.before.id, t.after.id)
			}
			key.WriteByte(';')
		}
		known := c.class[key.String()]
		if known == nil {
			known = class
			c.class[key.String()] = class
			c.classes = append(c.classes, class)
		}
		known.people = append(known.people, p.ID)
	}
}

func (c *comparison) twins(p *Person, at time.Time, labels ...string) []twin {
	b, there := c.before.personAt(p, at, labels...)
	if !there {
		return nil
	}
	a, _ := c.after.personAt(p, at, labels...)
	twins := make([]twin, len(b.logins))
	for i := range twins {
		twins[i] = twin{b.logins[i], a.logins[i]}
	}
	return twins
}

// rightsOf is whose rights are kept; whole for all, else only where a row has
// changed.
type rightsOf struct {
	*holding
	whole bool
	label string
}

// rightsUnder returns which step in which cell a holding allows, a bit for each.
func (c *comparison) rightsUnder(a *Analysis, h *holding, whole bool, label string) []uint64 {
	key := rightsOf{h, whole, label}
	if bits, known := c.rights[key]; known {
		return bits
	}
	steps := moderation.Steps()
	bits := make([]uint64, (len(steps)*len(c.cells)+63)/64)
	for s, step := range steps {
		for i, place := range c.cells {
			if place == anywhere && !general(step) || !a.mayAsk(h, step, place) || !whole && !c.changed.touch(a.ground, step, place, label) {
				continue
			}
			d := a.ask(h, step, place, a.easiest(step, place, 0))
			if d.Allowed && (!step.Required() || a.opens(step, place, &d)) {
				n := s*len(c.cells) + i
				bits[n/64] |= 1 << (n % 64)
			}
		}
	}
	c.rights[key] = bits
	return bits
}

// general reports whether a step can be about everything at once: those about
// freezes, and the reviews of them.
func general(step moderation.Step) bool {
	switch step {
	case moderation.StepRequest, moderation.StepUndo, moderation.StepBypass:
		return false
	}
	return true
}

// moved returns what a person gains and loses by twins.
func (c *comparison) moved(twins []twin, label string) (gains, loses []uint64) {
	whole := label == "" && slices.ContainsFunc(twins, func(t twin) bool { return !t.same() })
	size := (len(moderation.Steps())*len(c.cells) + 63) / 64
	before, after := make([]uint64, size), make([]uint64, size)
	for _, t := range twins {
		for i, b := range c.rightsUnder(c.before, t.before, whole, label) {
			before[i] |= b
		}
		for i, b := range c.rightsUnder(c.after, t.after, whole, label) {
			after[i] |= b
		}
	}
	gains, loses = make([]uint64, size), make([]uint64, size)
	for i := range before {
		gains[i], loses[i] = after[i]&^before[i], before[i]&^after[i]
	}
	return gains, loses
}

// spell is during which moments a class gains or loses a step.
type spell struct {
	what        What
	step        moderation.Step
	from, until int
}

// diffRights reports who gains and loses what.
func (c *comparison) diffRights(ctx context.Context) error {
	groups := newChangeGroups()
	for _, class := range c.classes {
		if err := ctx.Err(); err != nil {
			return err
		}
		for what, moved := range c.movedOf(class) {
			cells := make(map[spell][]cell)
			for n := range len(moderation.Steps()) * len(c.cells) {
				c.spells(what, moved, n, cells)
			}
			for s, list := range cells {
				change := Change{What: s.what, Step: s.step, Where: c.before.ground.where(list)}
				if s.from > 0 {
					change.From = class.moments[s.from]
				}
				if s.until < len(class.moments) {
					change.Until = class.moments[s.until]
				}
				groups.add(change, class.people)
			}
		}
	}
	c.found = append(c.found, groups.list()...)
	return nil
}

// movedOf returns what a class gains and loses at each moment.
func (c *comparison) movedOf(class *twinClass) map[What][][]uint64 {
	all := make(map[What][][]uint64)
	for _, twins := range class.twins {
		gains, loses := c.moved(twins, "")
		all[Gains], all[Loses] = append(all[Gains], gains), append(all[Loses], loses)
	}
	return all
}

// spells adds the runs of moments in which a bit is set.
func (c *comparison) spells(what What, moved [][]uint64, n int, into map[spell][]cell) {
	set := func(m int) bool { return m < len(moved) && moved[m][n/64]&(1<<(n%64)) != 0 }
	for m := 0; m < len(moved); m++ {
		if !set(m) {
			continue
		}
		from := m
		for set(m) {
			m++
		}
		key := spell{what, moderation.Steps()[n/len(c.cells)], from, m}
		into[key] = append(into[key], c.cells[n%len(c.cells)])
	}
}

// changeGroups puts people together for whom the same changes.
type changeGroups struct {
	order   []string
	changes map[string]*Change
}

func newChangeGroups() *changeGroups { return &changeGroups{changes: make(map[string]*Change)} }

func (g *changeGroups) add(c Change, people []string) {
	key := fmt.Sprintf("%s %s %q %+v %d %d", c.What, c.Step, c.When, c.Where, c.From.UnixNano(), c.Until.UnixNano())
	known := g.changes[key]
	if known == nil {
		known = &c
		g.changes[key] = known
		g.order = append(g.order, key)
	}
	known.People = append(known.People, people...)
}

func (g *changeGroups) list() []Change {
	slices.Sort(g.order) // a class's changes come in no order
	list := make([]Change, len(g.order))
	for i, key := range g.order {
		list[i] = *g.changes[key]
		slices.Sort(list[i].People)
	}
	return list
}
