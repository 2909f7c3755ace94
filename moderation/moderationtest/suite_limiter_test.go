package moderationtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func TestNaiveLimiterPasses(t *testing.T) {
	t.Parallel()
	open := func(*testing.T) moderation.Limiter { return newNaiveLimiter() }
	approvable := LimiterOptions{Charge: sampleCharge(), Burst: 2, Window: time.Hour}
	approvable.Charge.Tier = "staff"
	for name, opts := range map[string]LimiterOptions{
		"with all options": sampleLimits(),
		"with the least":   {Charge: sampleCharge(), Burst: 7, Window: time.Hour},
		"with approvals":   approvable,
		"per target":       {Charge: sampleLimits().PerTarget, Burst: 4, Window: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			TestLimiter(t, open, opts)
		})
	}
}

func TestLimiterThatOnlyTakesPasses(t *testing.T) {
	t.Parallel()
	TestLimiter(t, func(*testing.T) moderation.Limiter { return struct{ moderation.Limiter }{newNaiveLimiter()} },
		LimiterOptions{Charge: sampleCharge(), Burst: 7, Window: time.Hour})
}

func TestLimiterOptionsMustBeWhole(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(o *LimiterOptions){
		"Charge":           func(o *LimiterOptions) { o.Charge = moderation.Charge{} },
		"Burst is 1":       func(o *LimiterOptions) { o.Burst = 1 },
		"Burst is 1001":    func(o *LimiterOptions) { o.Burst = 1001 },
		"Window is 6ms":    func(o *LimiterOptions) { o.Window = 6 * time.Millisecond },
		"Slack is -1ns":    func(o *LimiterOptions) { o.Slack = -1 },
		"Both and Other":   func(o *LimiterOptions) { o.Other = moderation.Charge{} },
		"Open and OpenCap": func(o *LimiterOptions) { o.OpenCap = 0 },
		"PerTarget and":    func(o *LimiterOptions) { o.PerTargetBurst = 0 },
	} {
		o := sampleLimits()
		spoil(&o)
		if _, err := o.complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// alteredLimiter is a naive limiter of which some methods do something else.
type alteredLimiter struct {
	*naiveLimiter
	take    func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error)
	peek    func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error)
	restore func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error
	release func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error
}

func (a alteredLimiter) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	if a.take == nil {
		return a.naiveLimiter.Take(ctx, c)
	}
	return a.take(a.naiveLimiter, ctx, c)
}

func (a alteredLimiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	if a.peek == nil {
		return a.naiveLimiter.Peek(ctx, c)
	}
	return a.peek(a.naiveLimiter, ctx, c)
}

func (a alteredLimiter) Restore(ctx context.Context, c moderation.Charge) error {
	if a.restore == nil {
		return a.naiveLimiter.Restore(ctx, c)
	}
	return a.restore(a.naiveLimiter, ctx, c)
}

func (a alteredLimiter) Release(ctx context.Context, c moderation.Charge) error {
	if a.release == nil {
		return a.naiveLimiter.Release(ctx, c)
	}
	return a.release(a.naiveLimiter, ctx, c)
}

type limiterDefect struct {
	name, check string
	open        func(t *testing.T) moderation.Limiter
}

type (
	asking  = func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error)
	telling = func(l *naiveLimiter, ctx context.Context, c moderation.Charge) error
)

func taking(f asking) func(*testing.T) moderation.Limiter {
	return func(*testing.T) moderation.Limiter { return alteredLimiter{naiveLimiter: newNaiveLimiter(), take: f} }
}

func peeking(f asking) func(*testing.T) moderation.Limiter {
	return func(*testing.T) moderation.Limiter { return alteredLimiter{naiveLimiter: newNaiveLimiter(), peek: f} }
}

func restoring(f telling) func(*testing.T) moderation.Limiter {
	return func(*testing.T) moderation.Limiter {
		return alteredLimiter{naiveLimiter: newNaiveLimiter(), restore: f}
	}
}

func releasing(f telling) func(*testing.T) moderation.Limiter {
	return func(*testing.T) moderation.Limiter {
		return alteredLimiter{naiveLimiter: newNaiveLimiter(), release: f}
	}
}

// answering changes what Take and Peek answer.
func answering(f func(c moderation.Charge, u *moderation.Usage)) func(*testing.T) moderation.Limiter {
	return func(*testing.T) moderation.Limiter {
		return alteredLimiter{
			naiveLimiter: newNaiveLimiter(),
			take: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
				u, err := l.Take(ctx, c)
				f(c, &u)
				return u, err
			},
			peek: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
				u, err := l.Peek(ctx, c)
				f(c, &u)
				return u, err
			},
		}
	}
}

// asked changes charges before Take and Peek see them.
func asked(f func(l *naiveLimiter, c *moderation.Charge)) func(*testing.T) moderation.Limiter {
	return func(*testing.T) moderation.Limiter {
		return alteredLimiter{
			naiveLimiter: newNaiveLimiter(),
			take: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
				f(l, &c)
				return l.Take(ctx, c)
			},
			peek: func(l *naiveLimiter, ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
				f(l, &c)
				return l.Peek(ctx, c)
			},
		}
	}
}

func withLimit(f func(l *naiveLimit)) func(*testing.T) moderation.Limiter {
	return func(*testing.T) moderation.Limiter {
		l := newNaiveLimiter()
		f(l.limits[0])
		return l
	}
}

func TestLimiterSuiteCatches(t *testing.T) {
	t.Parallel()
	opts, err := sampleLimits().complete()
	if err != nil {
		t.Fatal(err)
	}
	var defects []defect[limiterSubject]
	add := func(opts LimiterOptions, list []limiterDefect) {
		for _, d := range list {
			defects = append(defects, defect[limiterSubject]{d.name, d.check, func(t *testing.T) limiterSubject {
				return limiterSubject{
					opts:    opts,
					open:    func() moderation.Limiter { return d.open(t) },
					advance: func(moderation.Limiter, time.Duration) {},
				}
			}})
		}
	}
	add(opts, slices.Concat(chargeDefects(), timeDefects(), pairDefects(), restoreDefects(), openDefects(), batchDefects()))
	approvable := opts
	approvable.Charge.Tier, approvable.Burst = "staff", 2
	add(approvable, []limiterDefect{
		{"approvals that were asked for do not count", "overrun spares only limits that asked for approvals",
			asked(func(_ *naiveLimiter, c *moderation.Charge) { c.Overrun = nil })},
	})
	mustCatch(t, limiterChecks(opts), defects)
}
