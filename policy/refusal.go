package policy

import (
	"math"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

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

func blocked(draws []draw) bool {
	for i := range draws {
		if draws[i].blocks() {
			return true
		}
	}
	return false
}

// states says how the limits stand, those in the way first.
func states(draws []draw, charge bool) []moderation.LimitState {
	if len(draws) == 0 {
		return nil
	}
	list := make([]moderation.LimitState, len(draws))
	n := 0
	for i := range draws {
		if draws[i].blocks() {
			draws[i].state(&list[n], charge)
			n++
		}
	}
	for i := range draws {
		if !draws[i].blocks() {
			draws[i].state(&list[n], charge)
			n++
		}
	}
	return list
}

func (d *draw) blocks() bool { return d.over && !d.spared }

func (d *draw) state(s *moderation.LimitState, charge bool) {
	s.Rule, s.Key, s.Unit, s.Left = d.limit.text, d.label, string(d.limit.shape.unit), max(d.left, 0)
	if charge {
		s.Charged = d.charged()
		s.Left = max(d.left-s.Charged, 0)
	}
}

// refusal says no, for how long, and what would help.
func refusal(draws []draw, t int64) moderation.Usage {
	u := moderation.Usage{Limits: states(draws, false)}
	var over []moderation.Slot
	approvable, waitable := true, true
	for i := range draws {
		d := &draws[i]
		if !d.blocks() {
			continue
		}
		over = append(over, d.limit.over...)
		approvable = approvable && len(d.limit.over) > 0
		wait, ever := d.wait(t)
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
func (d *draw) wait(t int64) (wait time.Duration, ever bool) {
	switch {
	case d.gauge.rates.open:
		return 0, true
	case d.want > d.limit.shape.amount:
		return 0, false
	}
	elapsed := t - d.shard.buckets[d.place].at
	holds := func(after int64) bool { return d.held(elapsed+min(after, math.MaxInt64-max(elapsed, 0))) >= d.want }
	if !holds(math.MaxInt64) {
		return 0, false
	}
	// What a bucket holds only grows while nothing is drawn, so the first
	// moment at which it suffices is found by halving.
	missing, enough := int64(0), int64(math.MaxInt64)
	for enough-missing > 1 {
		if middle := missing + (enough-missing)/2; holds(middle) {
			enough = middle
		} else {
			missing = middle
		}
	}
	return time.Duration(enough), true
}
