package policy

// bucket is what was drawn on one meter for one of whom it counts for. It is a
// token bucket for each limit on the meter, drawn together, and reckons as
// rate.Limiter of golang.org/x/time/rate does in a fraction of its size. Its
// time never goes back: rate.Limiter sets its clock to an earlier time that it
// is given, and then counts the time in between twice.
type bucket struct {
	hash  uint64
	label string // whom it is for, as answers name it
	rates *rates // by which it was drawn last
	at    int64  // of the last draw, in nanoseconds since 1970
	// first is what it held then for the first limit, below zero where it was
	// overdrawn, and others for the others. Where unfinished tickets are
	// counted, first is how many there are.
	first  float64
	others []float64
}

// newBucket returns a bucket that is full.
func newBucket(hash uint64, label string, r *rates, at int64) bucket {
	b := bucket{hash: hash, label: label, rates: r, at: at}
	if r.open {
		return b
	}
	b.first = r.list[0].burst
	for _, rate := range r.list[1:] {
		b.others = append(b.others, rate.burst)
	}
	return b
}

// is reports whether the bucket is that of a meter and of whom it counts for.
func (b *bucket) is(r *rates, value string) bool {
	return (b.rates == r || b.rates.meter == r.meter) &&
		len(b.label) == len(r.prefix)+len(value) && b.label[len(r.prefix):] == value
}

func (b *bucket) held(i int) float64 {
	if i == 0 {
		return b.first
	}
	return b.others[i-1]
}

// level returns what the bucket holds for the i-th limit of r, in tokens, when
// some time has passed since the last draw.
func (b *bucket) level(r *rates, i int, elapsed int64) float64 {
	if b.rates != r {
		return b.carried(r, i, elapsed)
	}
	return r.list[i].after(b.held(i), elapsed)
}

// advance sets the time of the bucket to t, unless that is earlier than its
// last draw, and its rates to r.
func (b *bucket) advance(r *rates, t int64) {
	t = max(t, b.at)
	elapsed := t - b.at
	switch {
	case r.open:
	case b.rates == r:
		b.first = r.list[0].after(b.first, elapsed)
		for i := range b.others {
			b.others[i] = r.list[i+1].after(b.others[i], elapsed)
		}
	default:
		first, others := b.carried(r, 0, elapsed), []float64(nil)
		for i := range r.list[1:] {
			others = append(others, b.carried(r, i+1, elapsed))
		}
		b.first, b.others = first, others
	}
	b.rates, b.at = r, t
}

// draw takes n tokens for the i-th limit, whether or not there are so many.
func (b *bucket) draw(i int, n int64) {
	if i == 0 {
		b.first -= float64(n)
		return
	}
	b.others[i-1] -= float64(n)
}

// full reports whether a bucket that is not there would answer the same by r.
func (b *bucket) full(r *rates, t int64) bool {
	if r.open {
		return b.first <= 0
	}
	for i := range r.list {
		if b.level(r, i, t-b.at) < r.list[i].burst {
			return false
		}
	}
	return true
}
