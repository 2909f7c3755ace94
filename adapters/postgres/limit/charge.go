package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// What the function in the database may answer; it says there what each means.
const (
	allowed    = "allowed"
	refused    = "refused"
	again      = "again"
	other      = "other"
	lost       = "lost"
	unknown    = "register"
	sweptAway  = "swept"
	maxRetries = 4 // each is for a rare event, after which it succeeds
)

const chargeText = `SELECT place, verdict, now, at, opened, amounts, windows, held, counted
	FROM @schema@.limit_charge_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`

func (l *Limiter) charge(ctx context.Context, c moderation.Charge, take bool) (moderation.Usage, error) {
	if l == nil || l.pool == nil {
		return moderation.Usage{}, errNotNew
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	u, err := l.chargeUntil(ctx, c, take)
	if err != nil {
		return moderation.Usage{}, fmt.Errorf("limit: charge: %w", err)
	}
	return u, nil
}

func (l *Limiter) chargeUntil(ctx context.Context, c moderation.Charge, take bool) (moderation.Usage, error) {
	p := l.authorizer.Policy()
	draws, err := p.Draws(c)
	if err != nil {
		return moderation.Usage{}, err
	}
	asked := newDemand(draws.List(), &c)
	for range maxRetries {
		verdict, now, buckets, err := l.ask(ctx, asked, take)
		if err != nil {
			return moderation.Usage{}, err
		}
		switch verdict {
		case allowed, refused, again:
			return settle(draws, verdict, now, buckets)
		case other:
			return moderation.Usage{}, fmt.Errorf("ticket %s was charged before, for another person, actor, kind or target", c.Ticket)
		case lost:
			err = l.restart(ctx)
		case unknown:
			err = l.register(ctx, p)
		case sweptAway:
		default:
			err = fmt.Errorf("the database answered %q", verdict)
		}
		if err != nil {
			return moderation.Usage{}, err
		}
	}
	return moderation.Usage{}, errors.New("the buckets are lost or new again and again; does something else write to the tables?")
}

// settle puts an answer into words. It reckons again what the database has
// reckoned, and believes neither where they differ.
func settle(draws policy.Draws, verdict string, now time.Time, buckets []policy.Bucket) (moderation.Usage, error) {
	u, err := draws.Settle(now, buckets)
	if err != nil {
		return moderation.Usage{}, err
	}
	if u.Allowed != (verdict != refused) {
		return moderation.Usage{}, fmt.Errorf("the database answered %q, which its buckets do not bear out", verdict)
	}
	return u, nil
}

// ask makes the round trip.
func (l *Limiter) ask(ctx context.Context, d *demand, take bool) (verdict string, now time.Time, buckets []policy.Bucket, err error) {
	rows, err := l.pool.Query(ctx, l.sql(chargeText), take, l.now(), d.what, d.payer, d.opens, d.facts,
		d.names, d.whom, d.openMeters, d.wants, d.first, d.last, d.amounts, d.windows, d.slots, d.ranks, d.approved)
	if err != nil {
		return "", now, nil, err
	}
	buckets = make([]policy.Bucket, len(d.places))
	var r answer
	_, err = pgx.ForEachRow(rows, r.fields(), func() error {
		if r.place < 0 || r.place > len(buckets) {
			return fmt.Errorf("the database answered for bucket %d of %d", r.place, len(buckets))
		}
		now = time.Unix(0, r.now)
		if r.place == 0 {
			verdict = r.verdict
			return nil
		}
		buckets[d.places[r.place-1]] = r.bucket()
		return nil
	})
	return verdict, now, buckets, err
}

// answer is one row of the answer.
type answer struct {
	place            int
	verdict          string
	now, at, opened  int64
	amounts, windows []int64
	held             []float64
	counted          bool
}

func (r *answer) fields() []any {
	return []any{&r.place, &r.verdict, &r.now, &r.at, &r.opened, &r.amounts, &r.windows, &r.held, &r.counted}
}

func (r *answer) bucket() policy.Bucket {
	b := policy.Bucket{At: time.Unix(0, r.at), Open: r.opened, Held: r.held, Counted: r.counted}
	for i := range min(len(r.amounts), len(r.windows)) {
		b.Rates = append(b.Rates, policy.Rate{Amount: r.amounts[i], Window: time.Duration(r.windows[i])})
	}
	r.held = nil // the bucket's from here on
	return b
}
