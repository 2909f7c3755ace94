package policy

import (
	"hash/maphash"
	"slices"
	"time"
	"unique"

	"github.com/elevenminutes/interlock/moderation"
)

// gauge is a meter with the limits that one version of a policy sets on it, in
// the order of the policy. They are drawn together, from one bucket for each of
// whom the meter counts for.
type gauge struct {
	limits     []*limit
	rates      *rates
	hash       uint64
	everything bool // its scope has no bounds
}

// rates is how the buckets of a meter fill, a rate for each limit. It is never
// changed, and stays the same in another version whose limits are the same.
type rates struct {
	meter  unique.Handle[meter]
	open   bool   // counts unfinished tickets, which nothing fills again
	prefix string // of the labels of its buckets
	list   []fillRate
}

// fillRate is how a bucket fills for one limit, in the numbers that
// golang.org/x/time/rate reckons with.
type fillRate struct {
	burst     float64
	perSecond float64
	window    time.Duration
}

func newFillRate(s *shape) fillRate {
	r := fillRate{burst: float64(s.amount), window: s.window}
	if s.unit != unitOpen {
		r.perSecond = r.burst / s.window.Seconds()
	}
	return r
}

// after returns what there is when some time has passed.
func (r *fillRate) after(level float64, elapsed int64) float64 {
	if elapsed <= 0 {
		return min(level, r.burst)
	}
	gained := float64(time.Duration(elapsed).Seconds() * r.perSecond) // rounded, hence the same on all machines
	return min(level+gained, r.burst)
}

// gauges are all limits of one version of a policy, by what they count.
type gauges struct {
	version *snapshot
	budgets []budgetGauges
	rates   []*rates // of all of them
}

// budgetGauges are those that a charge for a step at a moment may be about.
type budgetGauges struct {
	budget
	list []*gauge
}

// newGauges takes over from an older version what is the same.
func newGauges(seed maphash.Seed, version *snapshot, older *gauges) *gauges {
	gs := &gauges{version: version}
	for _, l := range version.parsed.limits {
		gs.add(seed, l)
	}
	for _, b := range gs.budgets {
		for _, g := range b.list {
			if same := older.find(g.rates.meter); same != nil && slices.Equal(same.rates.list, g.rates.list) {
				g.rates = same.rates
			}
			gs.rates = append(gs.rates, g.rates)
		}
	}
	return gs
}

func (gs *gauges) add(seed maphash.Seed, l *limit) {
	handle := unique.Make(l.shape.meter)
	g := gs.find(handle)
	if g == nil {
		g = newGauge(seed, handle)
		b := gs.budget(budget{l.shape.step, l.shape.unit.charged()})
		b.list = append(b.list, g)
	}
	g.limits = append(g.limits, l)
	g.rates.list = append(g.rates.list, newFillRate(&l.shape))
}

func newGauge(seed maphash.Seed, handle unique.Handle[meter]) *gauge {
	m := handle.Value()
	r := &rates{meter: handle, open: m.unit == unitOpen, prefix: perAll}
	if m.per != perAll {
		r.prefix = m.per + "="
	}
	everywhere := m.scope.kind.form == all && m.scope.tier.form == all && m.scope.domain.form == all
	return &gauge{rates: r, hash: maphash.Comparable(seed, m), everything: everywhere}
}

// budget returns the entry of a budget, which it makes where it is not there.
func (gs *gauges) budget(of budget) *budgetGauges {
	for i := range gs.budgets {
		if gs.budgets[i].budget == of {
			return &gs.budgets[i]
		}
	}
	gs.budgets = append(gs.budgets, budgetGauges{budget: of})
	return &gs.budgets[len(gs.budgets)-1]
}

// of returns the gauges that a charge may be about.
func (gs *gauges) of(c *moderation.Charge) []*gauge {
	for i := range gs.budgets {
		if b := &gs.budgets[i]; b.step == c.Step && b.at == c.At {
			return b.list
		}
	}
	return nil
}

// inForce returns the rates by which buckets fill that were drawn by some
// others: those of their meter now, or their own where no limit is on it.
func (gs *gauges) inForce(drawn *rates) *rates {
	for _, r := range gs.rates {
		if r.meter == drawn.meter {
			return r
		}
	}
	return drawn
}

// find returns the gauge of a meter, or nil.
func (gs *gauges) find(m unique.Handle[meter]) *gauge {
	if gs == nil {
		return nil
	}
	for i := range gs.budgets {
		for _, g := range gs.budgets[i].list {
			if g.rates.meter == m {
				return g
			}
		}
	}
	return nil
}
