package moderationtest

import (
	"context"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func timeDefects() []limiterDefect {
	bucket := func(l *naiveLimiter, c moderation.Charge) *level { return l.level(l.buckets(c)[0]) }
	return []limiterDefect{
		{"a window takes longer", "a window refills the burst and no more", withLimit(func(l *naiveLimit) { l.window += time.Second })},
		{"an idle limit saves up", "a window refills the burst and no more", asked(func(l *naiveLimiter, c *moderation.Charge) {
			if v := bucket(l, *c); c.Time.Sub(v.last) > 5*time.Hour {
				v.parts = 14 * int64(time.Hour)
				v.last = c.Time
			}
		})},
		{"a window is refilled at its end only", "a part of the window refills its part", asked(func(_ *naiveLimiter, c *moderation.Charge) { c.Time = c.Time.Truncate(time.Hour) })},
		{"what is asked for in vain begins the window anew", "a part of the window refills its part", taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			u, err := l.Take(ctx, c)
			if !u.Allowed && err == nil {
				bucket(l, c).last = c.Time
			}
			return u, err
		})},
		{"the wait is rounded down", "after RetryAfter the same charge is taken", answering(func(_ moderation.Charge, u *moderation.Usage) {
			u.RetryAfter = u.RetryAfter.Truncate(time.Millisecond)
		})},
		{"the wait is a nanosecond short", "after RetryAfter the same charge is taken", answering(func(_ moderation.Charge, u *moderation.Usage) { u.RetryAfter-- })},
		{"the wait is a whole window", "before RetryAfter the same charge is refused", answering(func(_ moderation.Charge, u *moderation.Usage) {
			if !u.Allowed {
				u.RetryAfter = time.Hour
			}
		})},
		{"the wait is a nanosecond long", "before RetryAfter the same charge is refused", answering(func(_ moderation.Charge, u *moderation.Usage) { u.RetryAfter++ })},
		{"time that goes back counts like time that passes", "time that goes back refills nothing", asked(func(l *naiveLimiter, c *moderation.Charge) {
			if v := bucket(l, *c); c.Time.Before(v.last) {
				c.Time = v.last.Add(v.last.Sub(c.Time))
			}
		})},
		{"the last moment is set back", "time that goes back refills nothing", taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			u, err := l.Take(ctx, c)
			if u.Allowed {
				bucket(l, c).last = c.Time
			}
			return u, err
		})},
		{"time that went back stops the clock", "time that went back does not stop the refilling", func(*testing.T) moderation.Limiter {
			stopped := false
			return alteredLimiter{naiveLimiter: newNaiveLimiter(), take: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
				stopped = stopped || c.Time.Before(bucket(l, c).last)
				if stopped {
					c.Time = bucket(l, c).last
				}
				return l.Take(ctx, c)
			}}
		}},
	}
}
