package moderationtest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func chargeDefects() []limiterDefect {
	const (
		malformed = "a charge with something missing or out of range takes nothing"
		beyond    = "a charge beyond the burst is never taken, and says so"
		names     = "an answer names its limits"
		done      = "a context that is done takes no more than there is"
	)
	allowed := moderation.Usage{Allowed: true}
	return []limiterDefect{
		{"one more than the burst is taken", "the burst is taken and no more", withLimit(func(l *naiveLimit) { l.burst++ })},
		{"one less than the burst is taken", "the burst is taken and no more", withLimit(func(l *naiveLimit) { l.burst-- })},
		{"nothing is limited", "the burst is taken and no more", answering(func(_ moderation.Charge, u *moderation.Usage) { u.Allowed = true })},
		{"Peek takes", "Peek charges nothing", peeking((*naiveLimiter).Take)},
		{"Peek always allows", "Peek answers as Take would", peeking(func(*naiveLimiter, context.Context, moderation.Charge) (moderation.Usage, error) { return allowed, nil })},
		{"Peek knows no wait", "Peek answers as Take would", peeking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			u, err := l.Peek(ctx, c)
			u.RetryAfter = 0
			return u, err
		})},
		{"the zero charge costs nothing, so it is fine", "the zero charge is refused", taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if reflect.ValueOf(c).IsZero() {
				return allowed, nil
			}
			return l.Take(ctx, c)
		})},
		{"a negative count fills the limit", malformed, taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if c.Count < 0 {
				l.draw(c)
				return moderation.Usage{}, errors.New("negative")
			}
			return l.Take(ctx, c)
		})},
		{"no targets count as one", malformed, asked(func(_ *naiveLimiter, c *moderation.Charge) { c.Count = max(c.Count, 1) })},
		{"a charge at no moment costs nothing", malformed, taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if c.At == "" {
				return allowed, nil
			}
			return l.Take(ctx, c)
		})},
		{"a step that nobody knows is free", malformed, taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if !slices.Contains(moderation.Steps(), c.Step) {
				return allowed, nil
			}
			return l.Take(ctx, c)
		})},
		{"the zero time is now", malformed, asked(func(_ *naiveLimiter, c *moderation.Charge) {
			if c.Time.IsZero() {
				c.Time = epoch
			}
		})},
		{"a negative reach is small", malformed, asked(func(_ *naiveLimiter, c *moderation.Charge) { c.Reach = max(c.Reach, 0) })},
		{"a full limit takes anything", beyond, taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if u, err := l.Take(ctx, c); !u.Never {
				return u, err
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.draw(c)
			return allowed, nil
		})},
		{"what is too much has a wait", beyond, answering(func(_ moderation.Charge, u *moderation.Usage) {
			if u.Never {
				u.Never, u.RetryAfter = false, time.Hour
			}
		})},
		{"what is too much empties the limit", beyond, taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			u, err := l.Take(ctx, c)
			if u.Never {
				c.Count = 7
				_, _ = l.Take(ctx, c)
			}
			return u, err
		})},
		{"counts are kept in 32 bits", "a charge beyond all numbers refills nothing", taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if count := int32(c.Count); count < 0 {
				c.Count = int(count)
				l.draw(c)
				return moderation.Usage{}, nil
			}
			return l.Take(ctx, c)
		})},
		{"every refusal is for ever", "what would fit the burst is not said to be never", answering(func(_ moderation.Charge, u *moderation.Usage) { u.Never = !u.Allowed })},
		{"a refusal knows no wait", "what would fit the burst is not said to be never", answering(func(_ moderation.Charge, u *moderation.Usage) { u.RetryAfter = 0 })},
		{"undo draws on the budget of requests", "a step's budget is its own", asked(func(_ *naiveLimiter, c *moderation.Charge) {
			if c.Step == moderation.StepUndo {
				c.Step = moderation.StepRequest
			}
		})},
		{"overrun spares every limit", "overrun spares only limits that asked for approvals", taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if len(c.Overrun) > 0 {
				return allowed, nil
			}
			return l.Take(ctx, c)
		})},
		{"no limit is named", names, answering(func(_ moderation.Charge, u *moderation.Usage) { u.Limits = nil })},
		{"a limit has no rule", names, answering(func(_ moderation.Charge, u *moderation.Usage) { u.Limits[0].Rule.Source = "" })},
		{"a limit has a unit of its own", names, answering(func(_ moderation.Charge, u *moderation.Usage) { u.Limits[0].Unit = "tokens" })},
		{"a limit has less than nothing left", names, answering(func(_ moderation.Charge, u *moderation.Usage) { u.Limits[0].Left -= 2 })},
		{"what was taken is to be waited for", names, answering(func(_ moderation.Charge, u *moderation.Usage) { u.RetryAfter = time.Second })},
		{"it looks and then draws", "of many at once exactly the burst is taken", taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			u, err := l.Peek(ctx, c)
			if !u.Allowed {
				return u, err
			}
			time.Sleep(time.Millisecond) // in a bubble: until the others have looked
			l.mu.Lock()
			defer l.mu.Unlock()
			l.draw(c)
			return u, err
		})},
		{"nobody waits, so it is free", done, taking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			if ctx.Err() != nil {
				return allowed, nil
			}
			return l.Take(ctx, c)
		})},
		{"nobody waits, so Peek allows", done, peeking(func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
			u, err := l.Peek(ctx, c)
			u.Allowed = u.Allowed || ctx.Err() != nil
			return u, err
		})},
		{"nobody waits, so it hangs", done, func(t *testing.T) moderation.Limiter {
			hanging := NewLimiter(t)
			hanging.OnTake.Inject(HangForever())
			return alteredLimiter{naiveLimiter: newNaiveLimiter(), take: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
				if ctx.Err() != nil {
					return hanging.Take(ctx, c)
				}
				return l.Take(ctx, c)
			}}
		}},
	}
}
