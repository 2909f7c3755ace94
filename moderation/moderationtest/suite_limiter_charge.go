package moderationtest

import (
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// chargeChecks are about what is taken at one moment.
func chargeChecks() []check[limiterSubject] {
	return []check[limiterSubject]{
		{"the burst is taken and no more", burst},
		{"Peek charges nothing", peekFree},
		{"Peek answers as Take would", peekTrue},
		{"the zero charge is refused", zeroCharge},
		{"a charge with something missing or out of range takes nothing", malformedCharge},
		{"a charge beyond the burst is never taken, and says so", tooMuch},
		{"a charge beyond all numbers refills nothing", hugeCharge},
		{"what would fit the burst is not said to be never", notNever},
		{"a step's budget is its own", stepBudgets},
		{"overrun spares only limits that asked for approvals", overrun},
		{"an answer names its limits", namesLimits},
		{"of many at once exactly the burst is taken", raceBurst},
		{"a context that is done takes no more than there is", limiterDone},
	}
}

func burst(t tester, s limiterSubject) {
	s.till().holds(t, "of a limit that is full", s.opts.Burst)
}

func peekFree(t tester, s limiterSubject) {
	r := s.till()
	for range 2*s.opts.Burst + 3 {
		if _, err := r.Peek(t.Context(), r.at(r.now, s.opts.Charge)); err != nil {
			t.Fatalf("Peek: %v", err)
		}
	}
	r.holds(t, "after many peeks", s.opts.Burst)
	for range 2 * s.opts.Burst {
		_, _ = r.Peek(t.Context(), r.at(r.now, s.opts.Charge))
	}
	r.refuses(t, "after peeks at an empty limit", s.opts.Charge)
}

func peekTrue(t tester, s limiterSubject) {
	r := s.till()
	for range s.opts.Burst + 2 {
		peeked, err := r.Peek(t.Context(), r.at(r.now, s.opts.Charge))
		if err != nil {
			t.Fatalf("Peek: %v", err)
		}
		taken := r.take(t.Context(), s.opts.Charge)
		if peeked.Allowed != taken.Allowed || peeked.Never != taken.Never {
			t.Errorf("Peek said allowed %v, never %v; Take then said allowed %v, never %v", peeked.Allowed, peeked.Never, taken.Allowed, taken.Never)
		}
		if off := (peeked.RetryAfter - taken.RetryAfter).Abs(); off > s.opts.Slack {
			t.Errorf("Peek said to wait %v, Take then said %v", peeked.RetryAfter, taken.RetryAfter)
		}
	}
}

func zeroCharge(t tester, s limiterSubject) {
	r := s.till()
	for name, ask := range r.asks() {
		if u, err := ask(t.Context(), moderation.Charge{}); err == nil && u.Allowed {
			t.Errorf("%s of the zero charge is allowed", name)
		}
	}
	r.holds(t, "after a zero charge", s.opts.Burst)
}

func malformedCharge(t tester, s limiterSubject) {
	r := s.till()
	for what, spoil := range map[string]func(c *moderation.Charge){
		"no moment":                    func(c *moderation.Charge) { c.At = "" },
		"an unknown moment":            func(c *moderation.Charge) { c.At = nobody },
		"no step":                      func(c *moderation.Charge) { c.Step = "" },
		"an unknown step":              func(c *moderation.Charge) { c.Step = nobody },
		"nothing known that it is for": func(c *moderation.Charge) { c.For = nobody },
		"no targets":                   func(c *moderation.Charge) { c.Count = 0 },
		"fewer than none":              func(c *moderation.Charge) { c.Count = -1 },
		"the least count":              func(c *moderation.Charge) { c.Count = -most(*c).Count - 1 },
		"negative reach":               func(c *moderation.Charge) { c.Reach = -1 },
		"the least reach":              func(c *moderation.Charge) { c.Reach = -most(*c).Reach - 1 },
		"no time":                      func(c *moderation.Charge) { c.Time = time.Time{} },
	} {
		for name, ask := range r.asks() {
			c := r.at(r.now, s.opts.Charge)
			spoil(&c)
			if u, err := ask(t.Context(), c); err == nil && u.Allowed {
				t.Errorf("%s of a charge with %s is allowed", name, what)
			}
		}
	}
	r.holds(t, "after malformed charges", s.opts.Burst)
}

func tooMuch(t tester, s limiterSubject) {
	r := s.till()
	for name, ask := range r.asks() {
		u, err := ask(t.Context(), r.at(r.now, s.opts.TooMuch))
		switch {
		case err != nil:
			t.Errorf("%s of more than the burst: %v", name, err)
		case u.Allowed:
			t.Errorf("%s of more than the burst is allowed", name)
		case !u.Never:
			t.Errorf("%s of more than the burst says to wait %v, not that it is never taken", name, u.RetryAfter)
		}
	}
	r.holds(t, "after a charge beyond the burst", s.opts.Burst)
	r.pass(100 * s.opts.Window)
	r.refuses(t, "more than the burst, after a long wait", s.opts.TooMuch)
}

func hugeCharge(t tester, s limiterSubject) {
	r := s.till()
	r.take(t.Context(), s.opts.Charge)
	want := s.opts.Burst - 1
	if r.take(t.Context(), most(s.opts.Charge)).Allowed {
		want = 0 // the limit counts neither targets nor reach
	}
	got := r.takes(t, 2*s.opts.Burst, s.opts.Charge)
	if got > s.opts.Burst-1+s.spill() || got < want {
		t.Errorf("after a charge of the highest count and reach, %d were taken; %d were left before it", got, s.opts.Burst-1)
	}
}

func notNever(t tester, s limiterSubject) {
	r := s.till()
	r.drain(t)
	u := r.refuses(t, "a charge of an empty limit", s.opts.Charge)
	if u.Never {
		t.Errorf("a charge that fits the burst is said to be never taken")
	}
	if u.RetryAfter <= 0 {
		t.Errorf("a charge that fits the burst is refused with a wait of %v", u.RetryAfter)
	}
}

func stepBudgets(t tester, s limiterSubject) {
	for _, step := range moderation.Steps() {
		if step == s.opts.Charge.Step {
			continue
		}
		other := s.opts.Charge
		other.Step = step
		if !s.till().take(t.Context(), other).Allowed {
			continue // there is no such budget
		}
		r := s.till()
		r.takes(t, 3*s.opts.Burst, s.opts.Charge)
		if !r.take(t.Context(), other).Allowed {
			t.Errorf("step %s is refused when the budget of step %s is exhausted", step, s.opts.Charge.Step)
		}
		r = s.till()
		r.takes(t, 3*s.opts.Burst, other)
		r.holds(t, "when the budget of step "+string(step)+" was drawn on", s.opts.Burst)
	}
}

func overrun(t tester, s limiterSubject) {
	r := s.till()
	r.drain(t)
	approvals := r.refuses(t, "a charge of an empty limit", s.opts.Charge).Over
	c := s.opts.Charge
	if c.Overrun = approvals; len(approvals) == 0 {
		c.Overrun = []moderation.Slot{{"approver"}}
	}
	switch got := r.take(t.Context(), c).Allowed; {
	case got && len(approvals) == 0:
		t.Errorf("a charge with Overrun was taken from an empty limit that asks for no approvals")
	case !got && len(approvals) > 0:
		t.Errorf("a charge with Overrun was refused by a limit that asked for approvals by %v", approvals)
	}
}

func namesLimits(t tester, s limiterSubject) {
	r := s.till()
	for range s.opts.Burst + 1 {
		u := r.take(t.Context(), s.opts.Charge)
		if u.Allowed && (u.RetryAfter != 0 || u.Never || len(u.Over) > 0) {
			t.Errorf("a charge that was taken says to wait %v, never %v, approvals %v", u.RetryAfter, u.Never, u.Over)
		}
		if len(u.Limits) == 0 {
			t.Errorf("an answer (allowed %v) names no limit", u.Allowed)
		}
		for _, l := range u.Limits {
			if l.Rule.Source == "" || l.Key == "" || !slices.Contains([]string{"requests", "open", "actions", "reach"}, l.Unit) {
				t.Errorf("a limit lacks its rule, key or unit: %+v", l)
			}
			if l.Left < 0 {
				t.Errorf("a limit has %d left", l.Left)
			}
		}
	}
}

func raceBurst(t tester, s limiterSubject) {
	r := s.till()
	taken := 0
	for _, ok := range together(s.opts.Burst+racers, func(int) bool { return r.take(t.Context(), s.opts.Charge).Allowed }) {
		if ok {
			taken++
		}
	}
	if taken < s.opts.Burst || taken > s.opts.Burst+s.spill() {
		t.Errorf("of %d charges at once %d were taken, want the burst of %d", s.opts.Burst+racers, taken, s.opts.Burst)
	}
}

func limiterDone(t tester, s limiterSubject) {
	ctx := doneContext(t)
	r := s.till()
	taken := 0
	returns(t, "Take with a context that is done", func() {
		for range 2 * s.opts.Burst {
			if r.take(ctx, s.opts.Charge).Allowed {
				taken++
			}
		}
	})
	taken += r.takes(t, 2*s.opts.Burst, s.opts.Charge)
	if taken > s.opts.Burst+s.spill() {
		t.Errorf("with a context that is done and then without, %d were taken, want at most the burst of %d", taken, s.opts.Burst)
	}
	r.drainAgain(t)
	returns(t, "Peek with a context that is done", func() {
		if u, err := r.Peek(ctx, r.at(r.now, s.opts.Charge)); err == nil && u.Allowed {
			t.Errorf("Peek at an empty limit with a context that is done is allowed")
		}
	})
}
