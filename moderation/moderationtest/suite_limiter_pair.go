package moderationtest

import (
	"context"

	"github.com/elevenminutes/interlock/moderation"
)

// pairChecks are about charges on two limits.
func pairChecks() []check[limiterSubject] {
	return []check[limiterSubject]{
		{"what one limit refuses is not taken from the other", allOrNothing},
		{"what the second limit refuses is not taken from the first", nothingOrAll},
		{"a refusal names the exceeded limit first", exceededFirst},
		{"the wait is that of the limit that takes longest", longestWait},
		{"of many at once on two limits none is taken in part", racePair},
	}
}

// maxOther is how often Other may be taken before its limit is exhausted.
const maxOther = 1000

// asks are the ways to ask a limiter.
func (r *till) asks() map[string]func(context.Context, moderation.Charge) (moderation.Usage, error) {
	return map[string]func(context.Context, moderation.Charge) (moderation.Usage, error){"Take": r.Take, "Peek": r.Peek}
}

// exhaust takes Other until it is refused, and returns how often it was taken.
func (r *till) exhaust(t tester) int {
	t.Helper()
	n := r.takes(t, maxOther+1, r.opts.Other)
	if n == 0 || n > maxOther {
		t.Fatalf("LimiterOptions.Other was taken %d times; it must exhaust its limit within 1 to %d", n, maxOther)
	}
	return n
}

func allOrNothing(t tester, s limiterSubject) {
	r := s.till()
	r.exhaust(t)
	for range s.opts.Burst + 1 {
		r.refuses(t, "Both, when the other limit is exhausted", s.opts.Both)
	}
	r.holds(t, "when the other limit had refused", s.opts.Burst)
}

func nothingOrAll(t tester, s limiterSubject) {
	want := s.till().exhaust(t)
	r := s.till()
	r.drain(t)
	for range want + 1 {
		r.refuses(t, "Both, when the limit is exhausted", s.opts.Both)
	}
	if got := r.exhaust(t); got < want {
		t.Errorf("when the first limit had refused, %d were taken from the second, want %d", got, want)
	}
}

func exceededFirst(t tester, s limiterSubject) {
	first := func(name string, u moderation.Usage) moderation.LimitState {
		t.Helper()
		if u.Allowed || len(u.Limits) == 0 {
			t.Fatalf("%s of an exhausted limit: got allowed %v and %d limits, want a refusal that names one", name, u.Allowed, len(u.Limits))
		}
		return u.Limits[0]
	}
	same := func(got, want moderation.LimitState) {
		t.Helper()
		if got.Rule != want.Rule || got.Key != want.Key || got.Unit != want.Unit {
			t.Errorf("the first limit named is %+v, want the exceeded one, %+v", got, want)
		}
	}
	r := s.till()
	r.exhaust(t)
	same(first("Both", r.take(t.Context(), s.opts.Both)), first("Other", r.take(t.Context(), s.opts.Other)))
	r = s.till()
	r.drain(t)
	same(first("Both", r.take(t.Context(), s.opts.Both)), first("Charge", r.take(t.Context(), s.opts.Charge)))
}

func longestWait(t tester, s limiterSubject) {
	r := s.till()
	r.drain(t)
	r.exhaust(t)
	one := r.take(t.Context(), s.opts.Charge)
	both := r.refuses(t, "Both, when both limits are exhausted", s.opts.Both)
	if both.Never || both.RetryAfter < one.RetryAfter {
		t.Fatalf("Both: got a wait of %v, never %v; one of its limits alone takes %v", both.RetryAfter, both.Never, one.RetryAfter)
	}
	r.pass(both.RetryAfter)
	if !r.take(t.Context(), s.opts.Both).Allowed {
		t.Errorf("after a wait of %v, as it was told, Both was refused", both.RetryAfter)
	}
}

func racePair(t tester, s limiterSubject) {
	r := s.till()
	// While the other limit is exhausted by some, others draw on both: what
	// those are refused must be left to Charge.
	taken := 0
	for _, ok := range together(s.opts.Burst+racers, func(i int) bool {
		if i%2 == 0 {
			r.take(t.Context(), s.opts.Other)
			return false
		}
		return r.take(t.Context(), s.opts.Both).Allowed
	}) {
		if ok {
			taken++
		}
	}
	r.holds(t, "after a race on two limits", max(0, s.opts.Burst-taken))
	if taken > s.opts.Burst+s.spill() {
		t.Errorf("of a burst of %d, %d were taken at once", s.opts.Burst, taken)
	}
}
