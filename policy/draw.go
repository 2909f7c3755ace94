package policy

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"

	"github.com/elevenminutes/interlock/moderation"
)

// draw is what one charge asks of one limit.
type draw struct {
	limit *limit
	gauge *gauge
	nth   int // which of the gauge's limits it is
	value string
	hash  uint64
	index uint16 // of the shard
	shard *shard
	want  int64

	// Known once the shard is locked.
	place  int    // of the bucket
	label  string // of the bucket
	left   int64  // what the bucket holds
	spared bool   // exceeded, but approvals let it pass
	over   bool   // exceeded
}

// draws lists what a charge asks of the limits that match it, and where each
// finds its bucket.
func (l *Limiter) draws(list []draw, gs *gauges, c *moderation.Charge) ([]draw, error) {
	list, err := gs.draws(list, c)
	for i := range list {
		d := &list[i]
		if d.nth == 0 {
			d.hash = d.gauge.hash ^ maphash.String(l.seed, d.value)
		} else {
			d.hash = list[i-1].hash
		}
		d.index = shardOf(d.hash)
		d.shard = &l.shards[d.index]
	}
	return list, err
}

// draws lists what a charge asks of the limits that match it.
func (gs *gauges) draws(list []draw, c *moderation.Charge) ([]draw, error) {
	for _, g := range gs.of(c) {
		applies, err := g.matches(c)
		if err != nil {
			return nil, err
		}
		if !applies || !g.limits[0].counts(c.For) {
			continue
		}
		value, err := g.value(c)
		if err != nil {
			return nil, err
		}
		for i, limit := range g.limits {
			list = append(list, draw{limit: limit, gauge: g, nth: i, value: value, want: limit.wants(c)})
		}
	}
	return list, nil
}

func checkCharge(c *moderation.Charge) error {
	switch {
	case c.At != moderation.ChargeRequest && c.At != moderation.ChargeExecute:
		return fmt.Errorf("Charge.At is %q; it is %q or %q", c.At, moderation.ChargeRequest, moderation.ChargeExecute)
	case !isStep(c.Step):
		return fmt.Errorf("Charge.Step is %q, which is no step", c.Step)
	case c.Time.IsZero():
		return errors.New("Charge.Time is zero")
	case !sane(c.Time):
		return fmt.Errorf("Charge.Time is %v, not between the years %d and %d", c.Time, minYear, maxYear)
	case c.Count < 1:
		return fmt.Errorf("Charge.Count is %d; at least 1 is charged", c.Count)
	case c.For != moderation.ChargeForTarget && c.For != moderation.ChargeForBatch && c.For != moderation.ChargeForMember:
		return fmt.Errorf("Charge.For is %q, which is nothing that can be charged for", c.For)
	case c.Reach < 0:
		return fmt.Errorf("Charge.Reach is %d; it can't be negative", c.Reach)
	}
	return nil
}

// counts reports whether a limit counts a charge: what is counted per target is
// charged for each member of a batch, and all else once for the batch.
func (l *limit) counts(what moderation.ChargeFor) bool {
	switch what {
	case moderation.ChargeForBatch:
		return l.shape.per != perTarget
	case moderation.ChargeForMember:
		return l.shape.per == perTarget
	}
	return true
}

// matches reports whether a gauge is about a charge: about a charge for
// everything, gauges of a part of it are too.
func (g *gauge) matches(c *moderation.Charge) (bool, error) {
	if g.everything {
		return true, nil
	}
	s := &g.limits[0].shape.scope
	for _, f := range [...]struct {
		field   string
		value   string
		pattern *pattern
	}{
		{"Charge.Kind", c.Kind, &s.kind},
		{"Charge.Tier", c.Tier, &s.tier},
		{"Charge.Domain", c.Domain, &s.domain},
	} {
		if f.value == "" && f.pattern.form != all {
			return false, fmt.Errorf("%s is empty; the limit of %s goes by it", f.field, g.limits[0].row.Source)
		}
		if !f.pattern.touches(f.value) {
			return false, nil
		}
	}
	return true, nil
}

// value returns whom or what a gauge counts a charge for.
func (g *gauge) value(c *moderation.Charge) (string, error) {
	l := g.limits[0]
	if l.shape.unit == unitOpen && c.Ticket == "" {
		return "", fmt.Errorf("Charge.Ticket is empty; the limit of %s counts open tickets", l.row.Source)
	}
	var field, value string
	switch l.shape.per {
	case perAll:
		return "", nil
	case perPerson:
		field, value = "Charge.Person", c.Person
	case perActor:
		field, value = "Charge.Actor", c.Actor
	case perTarget:
		field, value = "Charge.Target", c.Target
	case perKind:
		field, value = "Charge.Kind", c.Kind
	case perTier:
		field, value = "Charge.Tier", c.Tier
	case perDomain:
		field, value = "Charge.Domain", c.Domain
	}
	if value == "" {
		return "", fmt.Errorf("%s is empty; the limit of %s counts for each one", field, l.row.Source)
	}
	return value, nil
}

// wants returns what a limit counts a charge as.
func (l *limit) wants(c *moderation.Charge) int64 {
	switch l.shape.unit {
	case unitOpen:
		return 1
	case unitReach:
		return c.Reach
	}
	return int64(c.Count)
}

// look finds out how the bucket stands.
func (d *draw) look(t int64) {
	d.left = d.limit.shape.amount
	d.place = d.shard.find(d.hash, d.gauge.rates, d.value)
	if d.place == absent {
		d.label = d.gauge.rates.prefix + d.value
	} else {
		d.label = d.shard.buckets[d.place].label
		d.left = d.held(t - d.shard.buckets[d.place].at)
	}
	d.over = d.want > max(d.left, 0)
}

// held returns what the bucket, which is there, holds when some time has passed
// since its last draw, in whole tokens; below zero where it was overdrawn.
func (d *draw) held(elapsed int64) int64 {
	b := &d.shard.buckets[d.place]
	if d.gauge.rates.open {
		return d.limit.shape.amount - int64(b.first)
	}
	return int64(max(math.Floor(b.level(d.gauge.rates, d.nth, elapsed)), math.MinInt64))
}

// take draws what is charged from the bucket, which is made where it is not
// there. Another draw of the same charge may have made it.
func (d *draw) take(t int64) {
	amount := d.charged()
	if amount == 0 {
		return
	}
	s := d.shard
	if d.place == absent {
		d.place = s.find(d.hash, d.gauge.rates, d.value)
	}
	if d.place == absent {
		d.place = s.add(newBucket(d.hash, d.label, d.gauge.rates, s.swept))
	}
	b := &s.buckets[d.place]
	b.advance(d.gauge.rates, t)
	if !d.gauge.rates.open {
		b.draw(d.nth, amount)
	} else if d.nth == 0 {
		b.first++
	}
	s.draws++
}

// charged is how much an allowed charge draws. An open ticket is counted
// whether or not it was spared, since it will be released.
func (d *draw) charged() int64 {
	if d.spared && d.limit.shape.unit != unitOpen {
		return min(d.want, max(d.left, 0))
	}
	return d.want
}
