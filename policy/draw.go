package policy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// draw is what one charge asks of one limit.
type draw struct {
	limit *limit
	key   bucketKey
	index int // of the shard
	shard *shard
	want  int64

	// Known once the shard is locked.
	left   int64 // what the bucket holds
	spared bool  // exceeded, but approvals let it pass
	over   bool  // exceeded
}

// draws lists what a charge asks of the limits that match it.
func (l *Limiter) draws(list []draw, c *moderation.Charge) ([]draw, error) {
	if err := checkCharge(c); err != nil {
		return nil, err
	}
	v := l.authorizer.current.Load()
	for _, limit := range v.limits[budget{c.Step, c.At}] {
		applies, err := limit.matches(c)
		if err != nil {
			return nil, err
		}
		if !applies || !limit.counts(c.For) {
			continue
		}
		value, err := limit.value(c)
		if err != nil {
			return nil, err
		}
		d := draw{limit: limit, key: bucketKey{limit.handle, value}, want: limit.wants(c)}
		d.index = l.shardOf(d.key)
		d.shard = &l.shards[d.index]
		list = append(list, d)
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

// matches reports whether a limit is about a charge: about a charge for
// everything, limits of a part of it are too.
func (l *limit) matches(c *moderation.Charge) (bool, error) {
	s := &l.shape.scope
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
			return false, fmt.Errorf("%s is empty; the limit of %s goes by it", f.field, l.row.Source)
		}
		if !f.pattern.touches(f.value) {
			return false, nil
		}
	}
	return true, nil
}

// value returns whom or what a limit counts a charge for.
func (l *limit) value(c *moderation.Charge) (string, error) {
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

// label names the bucket, for people.
func (d *draw) label() string {
	if d.limit.shape.per == perAll {
		return perAll
	}
	return d.limit.shape.per + "=" + d.key.value
}

// look finds out how the bucket stands.
func (d *draw) look(c *moderation.Charge) {
	if d.limit.shape.unit == unitOpen {
		d.left = d.limit.shape.amount - d.shard.open[d.key]
	} else {
		d.left = d.shard.left(d.key, c.Time)
	}
	d.over = d.want > max(d.left, 0)
}

// spare lets the limits pass whose own slots were all approved. An approval
// counts for one limit.
func spare(draws []draw, approved []moderation.Slot) {
	left := slices.Clone(approved)
	for i := range draws {
		d := &draws[i]
		if !d.over || len(d.limit.over) == 0 {
			continue
		}
		rest, all := left, true
		for _, slot := range d.limit.over {
			var given bool
			rest, given = without(rest, slot)
			all = all && given
		}
		if all {
			d.spared, left = true, rest
		}
	}
}

// without takes one slot out of a list.
func without(slots []moderation.Slot, slot moderation.Slot) (rest []moderation.Slot, found bool) {
	i := slices.IndexFunc(slots, func(s moderation.Slot) bool { return slices.Equal(s, slot) })
	if i < 0 {
		return slots, false
	}
	return slices.Delete(slices.Clone(slots), i, i+1), true
}

// take draws; it reports whether the bucket gave what it held.
func (d *draw) take(c *moderation.Charge, m mode) bool {
	amount := d.charged()
	switch {
	case amount == 0:
	case d.limit.shape.unit == unitOpen:
		d.shard.reopen(d.key)
	case m == restores:
		d.shard.force(d.key, c.Time, amount)
	default:
		return d.shard.take(d.key, c.Time, amount)
	}
	return true
}

// charged is how much an allowed charge draws. An open ticket is counted
// whether or not it was spared, since it will be released.
func (d *draw) charged() int64 {
	if d.spared && d.limit.shape.unit != unitOpen {
		return min(d.want, max(d.left, 0))
	}
	return d.want
}

func blocked(draws []draw) bool {
	return slices.ContainsFunc(draws, func(d draw) bool { return d.over && !d.spared })
}

// states says how the limits stand, those in the way first.
func states(draws []draw, charge bool) []moderation.LimitState {
	if len(draws) == 0 {
		return nil
	}
	list := make([]moderation.LimitState, 0, len(draws))
	for _, blocking := range []bool{true, false} {
		for i := range draws {
			d := &draws[i]
			if (d.over && !d.spared) != blocking {
				continue
			}
			state := moderation.LimitState{Rule: d.limit.text, Key: d.label(), Unit: string(d.limit.shape.unit), Left: max(d.left, 0)}
			if charge {
				state.Charged = d.charged()
				state.Left = max(d.left-state.Charged, 0)
			}
			list = append(list, state)
		}
	}
	return list
}

// refusal says no, for how long, and what would help.
func refusal(draws []draw, c *moderation.Charge) moderation.Usage {
	u := moderation.Usage{Limits: states(draws, false)}
	var over []moderation.Slot
	approvable, waitable := true, true
	for i := range draws {
		d := &draws[i]
		if !d.over || d.spared {
			continue
		}
		over = append(over, d.limit.over...)
		approvable = approvable && len(d.limit.over) > 0
		wait, ever := d.wait(c)
		u.Never = u.Never || !ever
		waitable = waitable && wait > 0
		u.RetryAfter = max(u.RetryAfter, wait)
	}
	if approvable {
		u.Over = cloneSlots(over)
	}
	if !waitable {
		u.RetryAfter = 0
	}
	return u
}

// wait returns how long until the bucket holds what is wanted, zero where that
// is not known; ever is false where it never does.
func (d *draw) wait(c *moderation.Charge) (wait time.Duration, ever bool) {
	switch {
	case d.limit.shape.unit == unitOpen:
		return 0, true
	case d.want > d.limit.shape.amount:
		return 0, false
	}
	holds := func(after time.Duration) bool { return d.shard.left(d.key, c.Time.Add(after)) >= d.want }
	if !holds(math.MaxInt64) {
		return 0, false
	}
	// What a bucket holds only grows while nothing is drawn, so the first
	// moment at which it suffices is found by halving.
	missing, enough := time.Duration(0), time.Duration(math.MaxInt64)
	for enough-missing > 1 {
		if middle := missing + (enough-missing)/2; holds(middle) {
			enough = middle
		} else {
			missing = middle
		}
	}
	return enough, true
}
