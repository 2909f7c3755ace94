package moderationtest

import (
	"context"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// countsAs makes charges for one thing count as those for another, and free where
// that is empty.
func countsAs(what, other moderation.ChargeFor) func(*testing.T) moderation.Limiter {
	return asked(func(_ *naiveLimiter, c *moderation.Charge) {
		if c.For == what {
			c.For = other
		}
	})
}

// restoredAs is the same for what is restored alone.
func restoredAs(what, other moderation.ChargeFor) func(*testing.T) moderation.Limiter {
	return restoring(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
		if c.For == what {
			c.For = other
		}
		return l.Restore(ctx, c)
	})
}

func batchDefects() []limiterDefect {
	const (
		batch    = "a batch draws on every limit but those per target"
		member   = "a member of a batch draws on limits per target alone"
		restored = "what a batch and its members used is restored so"
		open     = "an unfinished batch is one ticket, and its members are none"

		forTarget, forBatch, forMember = moderation.ChargeForTarget, moderation.ChargeForBatch, moderation.ChargeForMember
	)
	allowed := moderation.Usage{Allowed: true}
	free := func(what moderation.ChargeFor) func(*testing.T) moderation.Limiter {
		return taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if c.For == what {
				return allowed, nil
			}
			return l.Take(ctx, c)
		})
	}
	return []limiterDefect{
		{"what a charge is for is not looked at", batch, countsAs(forBatch, forTarget)},
		{"a batch is free", batch, free(forBatch)},
		{"a batch is charged like a member", batch, countsAs(forBatch, forMember)},
		{"a batch has a limit for itself", batch, asked(func(_ *naiveLimiter, c *moderation.Charge) {
			if c.For == forBatch {
				c.Person = "batches"
			}
		})},
		{"Peek does not know of batches", batch, peeking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			c.For = forTarget
			return l.Peek(ctx, c)
		})},
		{"members are charged for what their batch was", member, countsAs(forMember, forTarget)},
		{"members are free", member, free(forMember)},
		{"members are charged like a batch", member, countsAs(forMember, forBatch)},
		{"something unknown is charged for like a target", "a charge with something missing or out of range takes nothing",
			countsAs(nobody, forTarget)},
		{"a restored batch is forgotten", restored, restoredAs(forBatch, forMember)},
		{"a restored batch is charged per target", restored, restoredAs(forBatch, forTarget)},
		{"a restored member is charged for all", restored, restoredAs(forMember, forTarget)},
		{"a batch is as many open tickets as it has members", open, taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			u, err := l.Take(ctx, c)
			if c.For == forBatch && u.Allowed {
				l.mu.Lock()
				defer l.mu.Unlock()
				for range min(c.Count-1, 2) {
					l.draw(c)
				}
			}
			return u, err
		})},
		{"a batch is never finished", open, releasing(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			if c.For == forBatch {
				return nil
			}
			return l.Release(ctx, c)
		})},
		{"a member finishes its batch", open, releasing(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error {
			if c.For != forMember {
				return l.Release(ctx, c)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			c.For = forBatch
			l.level(naiveBucket{l.limits[3], l.limits[3].per(c)}).open--
			return nil
		})},
	}
}
