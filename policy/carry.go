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
	left := limit.burst
	for j := range b.rates.list {
		old := &b.rates.list[j]
		drawn := old.burst - b.held(j)
		switch {
		case replaced == nil:
			drawn = min(drawn, limit.burst)
		case !replaced(old):
			continue
		}
		slower := fillRate{burst: limit.burst, perSecond: min(old.perSecond, limit.perSecond)}
		left = min(left, slower.after(limit.burst-drawn, elapsed))
	}
	return left
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
