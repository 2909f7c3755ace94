package policy

import (
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/moderation"
)

// Meter is what limits count, and for whom each: p3 rows that differ in amount,
// window and over alone are limits on one meter, and are drawn together, from one
// bucket for each of whom the meter counts for. See [Policy.Meters].
type Meter struct {
	// Name is what its rows have in common, as they are written: per, kind,
	// tier, domain and unit, joined by a comma and a space; a tier or domain
	// that would be ambiguous is quoted as in Go. It is the same in every
	// version of a policy that has the meter, and names no other.
	Name  string
	Per   string          // person, actor, target, kind, tier, domain or all
	Scope Scope           // which actions it counts
	Step  moderation.Step // whose budget; StepRequest for restrictions
	Unit  string          // requests, open, actions or reach
	Rates []Rate          // of its limits, in the order of their rows; at least one
}

// Rate is how much a limit's full bucket holds, and how fast it fills. Those of
// a policy that was loaded have an Amount of at least 1.
type Rate struct {
	Amount int64         // in the meter's unit
	Window time.Duration // in which an empty bucket fills; zero for open
}

// gauged keeps the meters of a version, which are worked out when they are first
// asked for.
type gauged struct {
	once   sync.Once
	gauges *gauges
	meters []Meter
	of     map[*gauge]int
}

// gauges returns the meters of a version with its limits on them.
func (s *snapshot) gauges() *gauged {
	s.gauged.once.Do(func() {
		s.gauged.gauges = newGauges(maphash.MakeSeed(), s, nil)
		s.gauged.of = make(map[*gauge]int)
		for _, b := range s.gauged.gauges.budgets {
			for _, g := range b.list {
				s.gauged.of[g] = len(s.gauged.meters)
				s.gauged.meters = append(s.gauged.meters, g.typed())
			}
		}
	})
	return s.gauged
}

func (g *gauge) typed() Meter {
	m := g.rates.meter.Value()
	t := Meter{Per: m.per, Scope: m.scope.typed(), Step: m.step, Unit: string(m.unit), Rates: g.rates.typed()}
	unit := t.Unit
	if m.step != moderation.StepRequest {
		unit = string(m.step) + "." + unit
	}
	s := t.Scope
	t.Name = strings.Join([]string{t.Per, plain(s.Kind), plain(s.Tier), plain(s.Domain), unit}, ", ")
	return t
}

// plain quotes a name that could be taken for several in a list.
func plain(p Pattern) string {
	special := func(r rune) bool { return r == ',' || r == '"' || r == utf8.RuneError || !strconv.IsPrint(r) }
	if strings.ContainsFunc(string(p), special) {
		return strconv.QuoteToASCII(string(p))
	}
	return string(p)
}

func (r *rates) typed() []Rate {
	list := make([]Rate, len(r.list))
	for i, rate := range r.list {
		list[i] = Rate{int64(rate.burst), rate.window}
	}
	return list
}

// Meters returns what the p3 rows count, each meter once, grouped by step and
// moment in the order of the rows. It is nil for a Policy that was not loaded.
func (p *Policy) Meters() []Meter {
	if !p.isLoaded() {
		return nil
	}
	meters := p.compiled.gauges().meters
	list := make([]Meter, len(meters))
	for i := range meters {
		list[i] = meters[i].clone()
	}
	return list
}

func (m Meter) clone() Meter {
	m.Rates = append([]Rate(nil), m.Rates...)
	return m
}
