package moderationtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// LimiterOptions describe limits that a limiter under test has. Charges are
// used as they are, but for Ticket, which is a new one each time, and Time.
type LimiterOptions struct {
	// Charge draws one on a limit that needs no approvals to refuse: at one
	// moment it is taken Burst times and no more, and no other limit is
	// exhausted before. Its Time is when the suite begins; zero for a moment
	// of the suite's choice. Required.
	Charge moderation.Charge
	// Burst is how much the limit holds; from 2 to 1000. Required.
	Burst int
	// Window is the time in which the empty limit is full again, evenly; at
	// least a millisecond for each of Burst. Required.
	Window time.Duration
	// TooMuch exceeds Burst by itself. Where it is zero it is Charge with its
	// Count and Reach multiplied by Burst+1.
	TooMuch moderation.Charge
	// Both draws one on the limit, like Charge, and something on another
	// limit, on which Other draws as well, without drawing on the first.
	// Other exhausts its limit within 1000 times at one moment. Both and
	// Other are zero where there is no such pair.
	Both, Other moderation.Charge
	// Open draws on a limit of OpenCap unfinished tickets, at ChargeRequest.
	// Both are zero where there is none.
	Open    moderation.Charge
	OpenCap int
	// PerTarget draws one on a limit of PerTargetBurst for each target, and on no
	// other that is exhausted by one more than that. Both are zero where there is
	// none. Charge may be of such a limit as well.
	PerTarget      moderation.Charge
	PerTargetBurst int
	// Advance moves the limiter's own clock on by d, which begins at
	// Charge.Time. Nil where the limiter goes by the time of charges.
	Advance func(t *testing.T, l moderation.Limiter, d time.Duration)
	// Slack is how much RetryAfter may be longer than needed, and how much
	// time may pass of itself in a subtest. Zero where RetryAfter is exact to
	// the nanosecond.
	Slack time.Duration
}

// limiterSubject opens limiters under test.
type limiterSubject struct {
	open    func() moderation.Limiter
	advance func(l moderation.Limiter, d time.Duration)
	opts    LimiterOptions
}

// TestLimiter holds a [moderation.Limiter] to its contract; one that is a
// [moderation.Restorer] or a [moderation.Releaser] is held to that as well.
// open returns a limiter of which nothing has been drawn and which shares
// nothing with those opened before; it closes it by t.Cleanup. A subtest may
// open several.
func TestLimiter(t *testing.T, open func(t *testing.T) moderation.Limiter, opts LimiterOptions) {
	t.Helper()
	opts, err := opts.complete()
	if err != nil {
		t.Fatal(err)
	}
	runChecks(t, limiterChecks(opts), func(t *testing.T) limiterSubject {
		return limiterSubject{
			opts: opts,
			open: func() moderation.Limiter {
				l := open(t)
				if l == nil {
					t.Fatal("open returned no limiter")
				}
				return l
			},
			advance: func(l moderation.Limiter, d time.Duration) {
				if opts.Advance != nil {
					opts.Advance(t, l, d)
				}
			},
		}
	})
}

// complete fills in what may be left out, and refuses what the suite can't do
// without.
func (o LimiterOptions) complete() (LimiterOptions, error) {
	if o.Charge.Time.IsZero() {
		o.Charge.Time = epoch
	}
	if reflect.ValueOf(o.TooMuch).IsZero() {
		o.TooMuch = o.Charge
		o.TooMuch.Count *= o.Burst + 1
		o.TooMuch.Reach *= int64(o.Burst + 1)
	}
	switch {
	case o.Charge.Step == "" || o.Charge.At == "" || o.Charge.Count < 1:
		return o, errors.New("moderationtest: LimiterOptions.Charge lacks a Step, At or Count; give one that the limiter takes")
	case o.Burst < 2 || o.Burst > 1000:
		return o, fmt.Errorf("moderationtest: LimiterOptions.Burst is %d; use a limit of 2 to 1000", o.Burst)
	case o.Window < time.Duration(o.Burst)*time.Millisecond:
		return o, fmt.Errorf("moderationtest: LimiterOptions.Window is %v; use at least a millisecond for each of Burst", o.Window)
	case o.Slack < 0:
		return o, fmt.Errorf("moderationtest: LimiterOptions.Slack is %v; it can't be negative", o.Slack)
	case reflect.ValueOf(o.Both).IsZero() != reflect.ValueOf(o.Other).IsZero():
		return o, errors.New("moderationtest: LimiterOptions has only one of Both and Other; give both or none")
	case reflect.ValueOf(o.Open).IsZero() != (o.OpenCap <= 0):
		return o, errors.New("moderationtest: LimiterOptions has only one of Open and OpenCap; give both or none")
	case !o.hasPerTarget():
		return o, errors.New("moderationtest: LimiterOptions has only one of PerTarget and PerTargetBurst; give both or none")
	}
	return o, nil
}

func limiterChecks(opts LimiterOptions) []check[limiterSubject] {
	checks := append(chargeChecks(), timeChecks()...)
	checks = append(checks, restoreChecks()...)
	checks = append(checks, batchChecks()...)
	if !reflect.ValueOf(opts.Both).IsZero() {
		checks = append(checks, pairChecks()...)
	}
	if opts.OpenCap > 0 {
		checks = append(checks, openChecks()...)
	}
	return checks
}

// till is a limiter with a clock. It is used by one goroutine but for take.
type till struct {
	limiterSubject
	moderation.Limiter
	now     time.Time
	tickets *atomic.Int64
}

func (s limiterSubject) till() *till {
	return &till{limiterSubject: s, Limiter: s.open(), now: s.opts.Charge.Time, tickets: new(atomic.Int64)}
}

// pass lets time pass.
func (r *till) pass(d time.Duration) {
	r.now = r.now.Add(d)
	r.advance(r.Limiter, d)
}

// at returns a charge as of a moment, for a ticket that was not charged yet.
func (r *till) at(moment time.Time, c moderation.Charge) moderation.Charge {
	c.Time = moment
	c.Ticket = fmt.Sprintf("ticket-%d", r.tickets.Add(1))
	return c
}

// take charges now. An error refuses.
func (r *till) take(ctx context.Context, c moderation.Charge) moderation.Usage {
	u, err := r.Take(ctx, r.at(r.now, c))
	u.Allowed = u.Allowed && err == nil
	return u
}

// takes charges up to n times, until it is refused, and returns how often it
// was allowed.
func (r *till) takes(t tester, n int, c moderation.Charge) int {
	for i := range n {
		if !r.take(t.Context(), c).Allowed {
			return i
		}
	}
	return n
}

// drain takes the whole burst.
func (r *till) drain(t tester) {
	t.Helper()
	if got := r.takes(t, r.opts.Burst, r.opts.Charge); got != r.opts.Burst {
		t.Fatalf("of a burst of %d, %d were taken", r.opts.Burst, got)
	}
}

// holds checks how much is left by taking it.
func (r *till) holds(t tester, what string, want int) {
	t.Helper()
	got := r.takes(t, want+r.opts.Burst+1, r.opts.Charge)
	if got < want || got > want+r.spill() {
		t.Errorf("%s: %d were taken, want %d", what, got, want)
	}
}

// spill is how much may be refilled by time that passes of itself.
func (s limiterSubject) spill() int {
	if s.opts.Slack == 0 {
		return 0
	}
	return 1 + int(int64(s.opts.Burst)*int64(s.opts.Slack)/int64(s.opts.Window))
}

// refuses checks that a charge is not taken.
func (r *till) refuses(t tester, what string, c moderation.Charge) moderation.Usage {
	t.Helper()
	u := r.take(t.Context(), c)
	if u.Allowed {
		t.Errorf("%s: it was taken", what)
	}
	return u
}

// most counts as much as numbers can say.
func most(c moderation.Charge) moderation.Charge {
	c.Count, c.Reach = math.MaxInt, math.MaxInt64
	return c
}
