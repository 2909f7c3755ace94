package moderationtest

import (
	"time"
)

// timeChecks are about how limits are refilled.
func timeChecks() []check[limiterSubject] {
	return []check[limiterSubject]{
		{"a window refills the burst and no more", refill},
		{"a part of the window refills its part", refillPart},
		{"after RetryAfter the same charge is taken", retryEnough},
		{"before RetryAfter the same charge is refused", retryExact},
		{"time that goes back refills nothing", timeBack},
		{"time that went back does not stop the refilling", timeBackAndOn},
	}
}

// each is the time in which one is refilled, rounded up.
func (s limiterSubject) each() time.Duration {
	n := time.Duration(s.opts.Burst)
	return (s.opts.Window + n - 1) / n
}

// drainAgain takes what is left.
func (r *till) drainAgain(t tester) { r.takes(t, 3*r.opts.Burst, r.opts.Charge) }

func refill(t tester, s limiterSubject) {
	r := s.till()
	r.drain(t)
	for _, wait := range []time.Duration{s.opts.Window, s.opts.Window + 1, 10 * s.opts.Window, 10_000 * s.opts.Window} {
		r.pass(wait + s.opts.Slack)
		r.holds(t, "after a wait of "+wait.String(), s.opts.Burst)
	}
}

func refillPart(t tester, s limiterSubject) {
	r := s.till()
	r.drain(t)
	half := s.opts.Burst / 2
	r.pass(s.each()*time.Duration(half) + s.opts.Slack)
	r.holds(t, "after half a window", half)
	// In small steps, without asking between them, as in one.
	r.drainAgain(t)
	for range half {
		r.pass(s.each())
	}
	r.pass(s.opts.Slack)
	r.holds(t, "after half a window in steps", half)
	// Nor does asking in vain put it off.
	r.drainAgain(t)
	quarter := s.each() / 4
	for range 3 {
		r.pass(quarter)
		r.take(t.Context(), s.opts.Charge)
	}
	r.pass(s.each() - 3*quarter + s.opts.Slack)
	if got := r.takes(t, 1, s.opts.Charge); got != 1 {
		t.Errorf("what was asked for in vain put off the refilling")
	}
}

// retries drains a limit at several moments and calls f with the wait that it
// asked for.
func (s limiterSubject) retries(t tester, f func(r *till, wait time.Duration)) {
	t.Helper()
	for _, phase := range []time.Duration{0, 1, s.each() / 3, s.each() - 1, s.opts.Window/2 + 1} {
		r := s.till()
		r.drain(t)
		r.pass(phase)
		r.drainAgain(t)
		for range 3 {
			u := r.refuses(t, "a charge of an empty limit", s.opts.Charge)
			if u.RetryAfter <= 0 || u.RetryAfter > s.opts.Window+s.opts.Slack {
				t.Fatalf("RetryAfter: got %v, want more than nothing and at most the window of %v", u.RetryAfter, s.opts.Window)
			}
			f(r, u.RetryAfter)
			r.drainAgain(t)
		}
	}
}

func retryEnough(t tester, s limiterSubject) {
	s.retries(t, func(r *till, wait time.Duration) {
		r.pass(wait)
		if !r.take(t.Context(), s.opts.Charge).Allowed {
			t.Errorf("after a wait of %v, as it was told, the same charge was refused", wait)
		}
	})
}

func retryExact(t tester, s limiterSubject) {
	s.retries(t, func(r *till, wait time.Duration) {
		short := wait - s.opts.Slack - 1
		if short < 0 {
			return
		}
		r.pass(short)
		if r.take(t.Context(), s.opts.Charge).Allowed {
			t.Errorf("RetryAfter was %v, but %v was enough", wait, short)
		}
		r.pass(wait - short)
	})
}

func timeBack(t tester, s limiterSubject) {
	r := s.till()
	start := r.now
	r.drain(t)
	for _, back := range []time.Duration{1, s.opts.Window, 2 * s.opts.Window, 1000 * s.opts.Window} {
		r.now = start.Add(-back)
		r.refuses(t, "from an empty limit, when time had gone back by "+back.String(), s.opts.Charge)
		r.now = start
		r.refuses(t, "from an empty limit, when time had gone back by "+back.String()+" and on again", s.opts.Charge)
	}

	// A charge that is taken at an earlier time must not make the time since
	// then count twice.
	r = s.till()
	if got := r.takes(t, s.opts.Burst-1, s.opts.Charge); got != s.opts.Burst-1 {
		t.Fatalf("of a burst of %d, %d were taken", s.opts.Burst, got)
	}
	r.now = start.Add(-s.opts.Window)
	taken := r.takes(t, 2*s.opts.Burst, s.opts.Charge)
	r.now = start
	taken += r.takes(t, 2*s.opts.Burst, s.opts.Charge)
	if taken > 1+s.spill() {
		t.Errorf("one was left; when time went back and on again, %d were taken", taken)
	}
}

func timeBackAndOn(t tester, s limiterSubject) {
	r := s.till()
	start := r.now
	r.drain(t)
	r.now = start.Add(-10 * s.opts.Window)
	r.drainAgain(t)
	r.now = start
	r.pass(s.opts.Window + s.opts.Slack)
	r.holds(t, "a window after the last moment that was charged", s.opts.Burst)
}
