package moderationtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func restoreDefects() []limiterDefect {
	return []limiterDefect{
		{"nothing is restored", "what was restored was used", restoring(func(*naiveLimiter, context.Context, moderation.Charge) error { return nil })},
		{"what is restored is used now", "what was restored is refilled since it was used", restoring(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			c.Time = c.Time.Add(time.Hour)
			return l.Restore(ctx, c)
		})},
		{"no more than the burst is restored", "more than the burst is restored, and waited for", restoring(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			if u, err := l.Take(ctx, c); err != nil || !u.Allowed {
				return errors.New("limit exhausted")
			}
			return nil
		})},
		{"what is past the burst is never waited for", "more than the burst is restored, and waited for", func(*testing.T) moderation.Limiter {
			n := 0
			return alteredLimiter{
				naiveLimiter: newNaiveLimiter(),
				restore: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
					n++
					return l.Restore(ctx, c)
				},
				take: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
					u, err := l.Take(ctx, c)
					u.Never = n > 7
					return u, err
				},
			}
		}},
		{"the wait is shorter than what was restored takes", "more than the burst is restored, and waited for", answering(func(_ moderation.Charge, u *moderation.Usage) {
			u.RetryAfter = min(u.RetryAfter, time.Hour/7+1)
		})},
		{"an old use sets the clock back", "an old use that is restored refills nothing", restoring(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			err := l.Restore(ctx, c)
			l.level(l.buckets(c)[0]).last = c.Time
			return err
		})},
		{"what is over is given back", "nothing is given back when a ticket is over", releasing(func(l *naiveLimiter, _ context.Context, c moderation.Charge) error {
			c.Count = -c.Count
			l.draw(c)
			return nil
		})},
	}
}

func openDefects() []limiterDefect {
	capped, once := "unfinished tickets are capped, and released one by one", "a ticket is released once, and no other than one that is open"
	free := func(l *naiveLimiter, c moderation.Charge, n int64) {
		c.At = moderation.ChargeRequest
		l.level(naiveBucket{l.limits[3], l.limits[3].per(c)}).open -= n
	}
	return []limiterDefect{
		{"open tickets are not counted", capped, func(*testing.T) moderation.Limiter {
			l := newNaiveLimiter()
			l.limits = slices.Delete(l.limits, 3, 4)
			return l
		}},
		{"nothing is released", capped, releasing(func(*naiveLimiter, context.Context, moderation.Charge) error { return nil })},
		{"all is released", capped, releasing(func(l *naiveLimiter, _ context.Context, c moderation.Charge) error {
			free(l, c, 2)
			return nil
		})},
		{"a release is an error", capped, releasing(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			return errors.Join(l.Release(ctx, c), errors.New("not found"))
		})},
		{"nobody tells it what is over", capped, func(*testing.T) moderation.Limiter { return struct{ moderation.Limiter }{newNaiveLimiter()} }},
		{"each release makes room", once, releasing(func(l *naiveLimiter, _ context.Context, c moderation.Charge) error {
			if c.Person != "" {
				free(l, c, 1)
			}
			return nil
		})},
		{"an open ticket is forgotten after a while", "time alone releases no ticket", asked(func(l *naiveLimiter, c *moderation.Charge) {
			if c.Time.After(epoch.Add(24 * time.Hour)) {
				free(l, *c, 1)
			}
		})},
		{"what is open is said to be so for ever", "time alone releases no ticket", answering(func(_ moderation.Charge, u *moderation.Usage) { u.Never = !u.Allowed })},
		{"open tickets are not restored", "unfinished tickets are restored", restoring(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			if c.At == moderation.ChargeRequest {
				return nil
			}
			return l.Restore(ctx, c)
		})},
		{"what was restored can't be released", "unfinished tickets are restored", restoring(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			c.Ticket = ""
			return l.Restore(ctx, c)
		})},
	}
}
