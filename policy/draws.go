package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Draw is what one charge asks of one bucket: Want, of every limit of its meter.
type Draw struct {
	Meter Meter // whose limits are drawn on
	// Value is whom the bucket is for: the charge's person, actor and so on;
	// empty for per all. A bucket is named by Meter.Name and Value together.
	Value string
	// Want is how much is drawn for each of Meter.Rates: Charge.Count for
	// requests and actions, Charge.Reach for reach, 1 for open.
	Want int64
	// Over are, for each of Meter.Rates, the slots that let a charge over that
	// limit when all of them were approved; none where nobody does.
	Over [][]moderation.Slot
}

// Draws is what one charge asks of the limits of one version of a policy, and
// reckons as [Limiter] does. It is for limiters that keep their buckets
// elsewhere, as one that many processes share: such a limiter reads the bucket of
// each draw, asks [Draws.Settle], and writes all buckets back, while nobody else
// writes to them; or it reckons itself, where the buckets are, and lets Settle
// say the same in words. Get one from [Policy.Draws].
//
// The zero Draws refuses. A Draws may be used by many goroutines at once.
type Draws struct {
	draws   []draw
	overrun []moderation.Slot
	list    []Draw
	asked   bool
}

// Draws returns what a charge asks of the limits of this version. A charge that
// lacks what a limit goes by, or counts nothing or less, is an error, as for
// [Limiter.Take], and so is a policy that was not loaded.
func (p *Policy) Draws(c moderation.Charge) (Draws, error) {
	if !p.isLoaded() {
		return Draws{}, errors.New("policy: draws: the policy was not loaded")
	}
	if err := checkCharge(&c); err != nil {
		return Draws{}, fmt.Errorf("policy: draws: %w", err)
	}
	known := p.compiled.gauges()
	draws, err := known.gauges.draws(nil, &c)
	if err != nil {
		return Draws{}, fmt.Errorf("policy: draws: %w", err)
	}
	d := Draws{draws: draws, overrun: cloneSlots(c.Overrun), asked: true}
	for i := range draws {
		if draws[i].nth == 0 {
			g := draws[i].gauge
			d.list = append(d.list, Draw{Meter: known.meters[known.of[g]], Value: draws[i].value, Want: draws[i].want})
		}
		last := &d.list[len(d.list)-1]
		last.Over = append(last.Over, draws[i].limit.over)
	}
	return d, nil
}

// List returns the draws, each bucket once, in the order in which approvals are
// counted for limits. What it shares with the policy is not to be changed.
func (d Draws) List() []Draw { return d.list }

// Bucket is how a bucket stands. One that was never drawn from is full: it Held
// the Amount of each of its meter's Rates. The zero Bucket is an error to
// [Draws.Settle].
type Bucket struct {
	// At is when it was drawn from last, from 1970 to 2261.
	At time.Time
	// Rates are by which it was drawn then, and Held what it held after that
	// for each, in units, below zero where it was overdrawn. Other rates than
	// the meter has now are those of another version of the policy.
	Rates []Rate
	Held  []float64
	// Open is, for unit open, how many unfinished tickets it counts. At and
	// Held say nothing then.
	Open int64
	// Counted says that this charge was drawn from the bucket before, or that
	// its ticket is counted there: it draws nothing.
	Counted bool
}

// Settle says what comes of the charge, as [Limiter.Take] does, when the bucket
// of each draw of List stands as told, in that order. Where the charge is
// allowed it draws from all buckets, so that they are as they are to be written
// back; else it leaves them as they are. now is from 1970 to 2261; for each
// bucket it is no earlier than At.
func (d Draws) Settle(now time.Time, buckets []Bucket) (moderation.Usage, error) {
	switch {
	case !d.asked:
		return moderation.Usage{}, errors.New("policy: settle: the draws are nobody's; get them from Policy.Draws")
	case !sane(now):
		return moderation.Usage{}, fmt.Errorf("policy: settle: the time is %v, not between the years %d and %d", now, minYear, maxYear)
	case len(buckets) != len(d.list):
		return moderation.Usage{}, fmt.Errorf("policy: settle: %d buckets for %d draws", len(buckets), len(d.list))
	}
	draws, shards, err := d.fill(buckets)
	if err != nil {
		return moderation.Usage{}, fmt.Errorf("policy: settle: %w", err)
	}
	t := now.UnixNano()
	for i := range draws {
		draws[i].look(t)
	}
	spare(draws, d.overrun)
	if blocked(draws) {
		return refusal(draws, t), nil
	}
	for i := range draws {
		draws[i].take(t)
	}
	for i := range buckets {
		buckets[i].set(&shards[i].buckets[0])
	}
	return moderation.Usage{Allowed: true, Limits: states(draws, true)}, nil
}

// fill puts each bucket into a shard of its own, where its draws find it.
func (d Draws) fill(buckets []Bucket) ([]draw, []shard, error) {
	draws, shards := slices.Clone(d.draws), make([]shard, len(buckets))
	at := -1
	for i := range draws {
		if draws[i].nth == 0 {
			at++
			b, err := buckets[at].bucket(draws[i].gauge.rates, draws[i].value)
			if err != nil {
				return nil, nil, fmt.Errorf("the bucket of %s for %q: %w", d.list[at].Meter.Name, d.list[at].Value, err)
			}
			shards[at].add(b)
		}
		draws[i].shard = &shards[at]
		if buckets[at].Counted {
			draws[i].want = 0
		}
	}
	return draws, shards, nil
}

// bucket returns the bucket as it is reckoned with.
func (b *Bucket) bucket(r *rates, value string) (bucket, error) {
	if r.open {
		if b.Open < 0 {
			return bucket{}, fmt.Errorf("it counts %d tickets", b.Open)
		}
		return bucket{label: r.prefix + value, rates: r, first: float64(b.Open)}, nil
	}
	switch {
	case len(b.Rates) == 0 || len(b.Rates) != len(b.Held):
		return bucket{}, fmt.Errorf("it has %d rates and what it held by %d", len(b.Rates), len(b.Held))
	case !sane(b.At):
		return bucket{}, fmt.Errorf("its time is %v, not between the years %d and %d", b.At, minYear, maxYear)
	}
	drawn := &rates{meter: r.meter, prefix: r.prefix}
	for i, rate := range b.Rates {
		if rate.Amount < 1 || rate.Amount > maxAmount || rate.Window < 1 || rate.Window > maxWindow || !(b.Held[i] <= float64(rate.Amount)) {
			return bucket{}, fmt.Errorf("it held %v by a rate of %d in %v", b.Held[i], rate.Amount, rate.Window)
		}
		drawn.list = append(drawn.list, newFillRate(&shape{amount: rate.Amount, window: rate.Window}))
	}
	if slices.Equal(drawn.list, r.list) {
		drawn = r
	}
	return bucket{label: r.prefix + value, rates: drawn, at: b.At.UnixNano(), first: b.Held[0], others: slices.Clone(b.Held[1:])}, nil
}

// set takes over what was drawn.
func (b *Bucket) set(from *bucket) {
	if from.rates.open {
		b.Open = int64(from.first)
		return
	}
	b.At, b.Rates = time.Unix(0, from.at).UTC(), from.rates.typed()
	b.Held = append([]float64{from.first}, from.others...)
}
