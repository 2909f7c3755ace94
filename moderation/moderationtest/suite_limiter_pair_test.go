package moderationtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func pairDefects() []limiterDefect {
	// inTurn draws on one limit after the other, and stops at one that refuses.
	inTurn := func(order func(limits []*naiveLimit)) func(*testing.T) moderation.Limiter {
		return taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			limits := slices.Clone(l.limits)
			order(limits)
			var u moderation.Usage
			for _, limit := range limits {
				one := &naiveLimiter{limits: []*naiveLimit{limit}, levels: l.levels, open: l.open}
				if len(one.buckets(c)) == 0 {
					continue
				}
				var err error
				if u, err = one.Take(ctx, c); err != nil || !u.Allowed {
					return u, err
				}
			}
			return u, nil
		})
	}
	return []limiterDefect{
		{"limits are drawn on in turn", "what one limit refuses is not taken from the other", inTurn(func([]*naiveLimit) {})},
		{"limits are drawn on in turn, the last first", "what the second limit refuses is not taken from the first", inTurn(slices.Reverse)},
		{"limits are named in any order", "a refusal names the exceeded limit first", answering(func(_ moderation.Charge, u *moderation.Usage) { slices.Reverse(u.Limits) })},
		{"the wait is that of the first limit", "the wait is that of the limit that takes longest", peekingAndTakingShortest()},
		{"limits are looked at together and drawn on in turn", "of many at once on two limits none is taken in part",
			taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
				u, err := l.Peek(ctx, c)
				time.Sleep(time.Millisecond) // in a bubble: until the others have looked
				if err != nil || !u.Allowed {
					return u, err
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				for _, limit := range l.limits {
					one := &naiveLimiter{limits: []*naiveLimit{limit}, levels: l.levels, open: l.open}
					if len(one.buckets(c)) == 0 {
						continue
					}
					if u, err = one.Take(ctx, c); err != nil || !u.Allowed {
						return u, err
					}
				}
				return u, nil
			})},
	}
}

// peekingAndTakingShortest says to wait as long as the first limit that a
// charge is about.
func peekingAndTakingShortest() func(*testing.T) moderation.Limiter {
	return taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
		u, err := l.Take(ctx, c)
		if err == nil && !u.Allowed && !u.Never {
			u.RetryAfter, _ = l.wait(l.buckets(c)[0], c)
		}
		return u, err
	})
}
