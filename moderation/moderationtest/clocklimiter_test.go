package moderationtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// TestLimiterWithItsOwnClockPasses runs the suite on a limiter that does not
// look at the time of charges and rounds waits up to a second.
func TestLimiterWithItsOwnClockPasses(t *testing.T) {
	t.Parallel()
	opts := sampleLimits()
	opts.Slack = time.Second
	opts.Advance = func(_ *testing.T, l moderation.Limiter, d time.Duration) { l.(*clockLimiter).advance(d) }
	TestLimiter(t, func(*testing.T) moderation.Limiter {
		return &clockLimiter{inner: newNaiveLimiter(), now: epoch}
	}, opts)
}

type clockLimiter struct {
	inner *naiveLimiter
	mu    sync.Mutex
	now   time.Time
}

func (l *clockLimiter) advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func (l *clockLimiter) clocked(c moderation.Charge) moderation.Charge {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.Time.IsZero() {
		c.Time = l.now
	}
	return c
}

func roundUp(u moderation.Usage, err error) (moderation.Usage, error) {
	u.RetryAfter = (u.RetryAfter + time.Second - 1).Truncate(time.Second)
	return u, err
}

func (l *clockLimiter) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return roundUp(l.inner.Take(ctx, l.clocked(c)))
}

func (l *clockLimiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return roundUp(l.inner.Peek(ctx, l.clocked(c)))
}

func (l *clockLimiter) Release(ctx context.Context, c moderation.Charge) error {
	return l.inner.Release(ctx, c)
}
