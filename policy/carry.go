package policy

import "slices"

// carried returns what a bucket holds for the i-th limit of r when some time
// has passed, where it was drawn last by other rates: the policy was edited
// since.
//
// A limit that was there then goes on as it is. One that was not takes the
// place of those that are gone, of the one with its window if there is one, and
// what was drawn from that counts against it; of several, the most that was
// drawn. Where none is gone it is there in addition, and at worst empty. When
// the edit took force is not known, so what was drawn is paid back at the slower
// of both rates since the last draw.
func (b *bucket) carried(r *rates, i int, elapsed int64) float64 {
	limit := &r.list[i]
	if same := slices.Index(b.rates.list, *limit); same >= 0 {
		return limit.after(b.held(same), elapsed)
	}
	replaced := b.replacedBy(r, limit)
	drawn := 0.0
	for j := range b.rates.list {
		if replaced == nil || replaced(&b.rates.list[j]) {
			drawn = max(drawn, b.drawn(j, limit, elapsed))
		}
	}
	level := limit.burst - drawn
	if replaced == nil {
		return max(level, 0)
	}
	return level
}

// replacedBy tells which limits a limit of r takes the place of; nil where it
// takes nobody's.
func (b *bucket) replacedBy(r *rates, limit *fillRate) func(*fillRate) bool {
	isGone := func(old *fillRate) bool { return !slices.Contains(r.list, *old) }
	sameWindow := func(old *fillRate) bool { return isGone(old) && old.window == limit.window }
	for _, replaced := range []func(*fillRate) bool{sameWindow, isGone} {
		for j := range b.rates.list {
			if replaced(&b.rates.list[j]) {
				return replaced
			}
		}
	}
	return nil
}

// drawn returns what was drawn for the j-th limit of the bucket and is not paid
// back, at its own rate or that of another limit if that is slower.
func (b *bucket) drawn(j int, other *fillRate, elapsed int64) float64 {
	own := &b.rates.list[j]
	slower := fillRate{burst: own.burst, perSecond: min(own.perSecond, other.perSecond)}
	return own.burst - slower.after(b.held(j), elapsed)
}
