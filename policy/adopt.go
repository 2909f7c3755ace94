package policy

import (
	"hash/maphash"
	"strings"
)

// inForce returns the version of the policy that is in force.
func (l *Limiter) inForce() *snapshot { return l.authorizer.current.Load().snapshot }

// adopt returns the limits in force. After a reload the first charge takes them
// over: limits of open tickets that were not there before count those that are
// open already, for which all tickets are locked.
func (l *Limiter) adopt() *gauges {
	if gs := l.gauges.Load(); gs.version == l.inForce() {
		return gs
	}
	l.adopting.Lock()
	defer l.adopting.Unlock()
	older, version := l.gauges.Load(), l.inForce()
	if older.version == version {
		return older
	}
	gs := newGauges(l.seed, version, older)
	for i := range l.tickets {
		l.tickets[i].mu.Lock()
		defer l.tickets[i].mu.Unlock()
	}
	for _, b := range gs.budgets {
		for _, g := range b.list {
			if g.rates.open && older.find(g.rates.meter) == nil {
				l.countOpen(g)
			}
		}
	}
	l.gauges.Store(gs)
	return gs
}

// countOpen counts the tickets that are open already for limits that are new.
// All tickets are locked. A ticket that lacks what a limit goes by, as those
// that the guard charges never do, counts for nobody.
func (l *Limiter) countOpen(g *gauge) {
	m := g.rates.meter.Value()
	for i := range l.tickets {
		for _, o := range l.tickets[i].open {
			if o.charge.Step != m.step || !g.limits[0].counts(o.charge.For) {
				continue
			}
			applies, err := g.matches(&o.charge)
			if err != nil || !applies {
				continue
			}
			value, err := g.value(&o.charge)
			if err != nil || o.isCounted(g.rates, value) {
				continue
			}
			by := counted{g.rates, g.hash ^ maphash.String(l.seed, value), strings.Clone(value)}
			o.counts = append(o.counts, by)
			l.count(by)
		}
	}
}
