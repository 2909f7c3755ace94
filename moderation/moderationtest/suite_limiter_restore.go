package moderationtest

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// restoreChecks hold a limiter that is a Restorer or a Releaser to that.
func restoreChecks() []check[limiterSubject] {
	return []check[limiterSubject]{
		{"what was restored was used", restoreUses},
		{"what was restored is refilled since it was used", restoreRefills},
		{"more than the burst is restored, and waited for", restorePastBurst},
		{"an old use that is restored refills nothing", restoreOld},
		{"nothing is given back when a ticket is over", releaseGivesNothing},
	}
}

// openChecks are about limits of unfinished tickets.
func openChecks() []check[limiterSubject] {
	return []check[limiterSubject]{
		{"unfinished tickets are capped, and released one by one", openCap},
		{"a ticket is released once, and no other than one that is open", openReleasedOnce},
		{"time alone releases no ticket", openTimeless},
		{"unfinished tickets are restored", openRestored},
	}
}

// restore restores n charges at one moment; ok is false where the limiter is
// no Restorer.
func (r *till) restore(t tester, n int, at time.Time, c moderation.Charge) (charges []moderation.Charge, ok bool) {
	t.Helper()
	restorer, ok := r.Limiter.(moderation.Restorer)
	if !ok {
		return nil, false
	}
	for range n {
		c = r.at(at, c)
		charges = append(charges, c)
		if err := restorer.Restore(t.Context(), c); err != nil {
			t.Fatalf("Restore: %v", err)
		}
	}
	return charges, true
}

func restoreUses(t tester, s limiterSubject) {
	taken, restored := s.till(), s.till()
	taken.drain(t)
	if _, ok := restored.restore(t, s.opts.Burst, restored.now, s.opts.Charge); !ok {
		return
	}
	want := taken.refuses(t, "a charge of an empty limit", s.opts.Charge)
	got := restored.refuses(t, "a charge of a limit that was restored as empty", s.opts.Charge)
	if off := (got.RetryAfter - want.RetryAfter).Abs(); off > s.opts.Slack {
		t.Errorf("a limit that was restored as empty says to wait %v; one that was emptied says %v", got.RetryAfter, want.RetryAfter)
	}
}

func restoreRefills(t tester, s limiterSubject) {
	for _, ago := range []time.Duration{s.opts.Window / 2, s.opts.Window, 3 * s.opts.Window} {
		taken, restored := s.till(), s.till()
		begin := taken.now
		if _, ok := restored.restore(t, s.opts.Burst, begin, s.opts.Charge); !ok {
			return
		}
		taken.drain(t)
		taken.pass(ago)
		restored.pass(ago)
		want := taken.takes(t, 2*s.opts.Burst, s.opts.Charge)
		restored.holds(t, "of a limit that was restored as empty "+ago.String()+" ago", want)
	}
}

func restorePastBurst(t tester, s limiterSubject) {
	full, past := s.till(), s.till()
	if _, ok := full.restore(t, s.opts.Burst, full.now, s.opts.Charge); !ok {
		return
	}
	past.restore(t, 2*s.opts.Burst, past.now, s.opts.Charge)
	want := full.refuses(t, "a charge of a limit that was restored as empty", s.opts.Charge)
	got := past.refuses(t, "a charge of a limit that was restored past its burst", s.opts.Charge)
	if got.Never {
		t.Errorf("a charge of a limit that was restored past its burst is said to be never taken")
	}
	if got.RetryAfter < want.RetryAfter-s.opts.Slack {
		t.Errorf("a limit that was restored past its burst says to wait %v, less than the %v of an empty one", got.RetryAfter, want.RetryAfter)
	}
	past.pass(got.RetryAfter)
	if !past.take(t.Context(), s.opts.Charge).Allowed {
		t.Errorf("after a wait of %v, as it was told, the same charge was refused", got.RetryAfter)
	}
}

func restoreOld(t tester, s limiterSubject) {
	r := s.till()
	start := r.now
	r.drain(t)
	if _, ok := r.restore(t, 1, start.Add(-s.opts.Window), s.opts.Charge); !ok {
		return
	}
	r.refuses(t, "from an empty limit, when an older use was restored", s.opts.Charge)
}

func releaseGivesNothing(t tester, s limiterSubject) {
	r := s.till()
	releaser, ok := r.Limiter.(moderation.Releaser)
	if !ok {
		return
	}
	for range s.opts.Burst {
		c := r.at(r.now, s.opts.Charge)
		if u, err := r.Take(t.Context(), c); err != nil || !u.Allowed {
			t.Fatalf("of a burst of %d, one was refused: %v", s.opts.Burst, err)
		}
		if err := releaser.Release(t.Context(), c); err != nil {
			t.Errorf("Release: %v", err)
		}
	}
	r.refuses(t, "from an empty limit, when the tickets were over", s.opts.Charge)
}

// opens takes all open tickets that there may be, and returns their charges.
func (r *till) opens(t tester) []moderation.Charge {
	t.Helper()
	var charges []moderation.Charge
	for range r.opts.OpenCap {
		c := r.at(r.now, r.opts.Open)
		if u, err := r.Take(t.Context(), c); err != nil || !u.Allowed {
			t.Fatalf("of %d open tickets, number %d was refused: %v", r.opts.OpenCap, len(charges)+1, err)
		}
		charges = append(charges, c)
	}
	return charges
}

// release says that a charge's ticket is over.
func (r *till) release(t tester, c moderation.Charge) {
	t.Helper()
	releaser, ok := r.Limiter.(moderation.Releaser)
	if !ok {
		t.Fatalf("a limiter of open tickets is no Releaser: nothing tells it that one is over")
	}
	if err := releaser.Release(t.Context(), c); err != nil {
		t.Errorf("Release: %v", err)
	}
}

func openCap(t tester, s limiterSubject) {
	r := s.till()
	open := r.opens(t)
	for _, c := range open {
		r.refuses(t, "one open ticket more", s.opts.Open)
		r.release(t, c)
		if got := r.takes(t, 2, s.opts.Open); got != 1 {
			t.Errorf("when one ticket was over, %d were taken, want 1", got)
		}
	}
}

func openReleasedOnce(t tester, s limiterSubject) {
	r := s.till()
	first := r.opens(t)[0]
	r.release(t, first)
	if got := r.takes(t, 1, s.opts.Open); got != 1 {
		t.Fatalf("when one ticket was over, none was taken")
	}
	releaser := r.Limiter.(moderation.Releaser)
	// Whether these are errors is the limiter's to say.
	_ = releaser.Release(t.Context(), first)
	_ = releaser.Release(t.Context(), r.at(r.now, s.opts.Open))
	_ = releaser.Release(t.Context(), moderation.Charge{})
	r.refuses(t, "one open ticket more, when a ticket was released twice and an unknown one once", s.opts.Open)
}

func openTimeless(t tester, s limiterSubject) {
	r := s.till()
	r.opens(t)
	r.pass(1000 * s.opts.Window)
	u := r.refuses(t, "one open ticket more, after a long time", s.opts.Open)
	if u.Never {
		t.Errorf("one open ticket more is said to be never taken; it is when one is over")
	}
}

func openRestored(t tester, s limiterSubject) {
	r := s.till()
	open, ok := r.restore(t, s.opts.OpenCap, r.now, s.opts.Open)
	if !ok {
		return
	}
	r.refuses(t, "one open ticket more than were restored", s.opts.Open)
	r.release(t, open[0])
	if got := r.takes(t, 2, s.opts.Open); got != 1 {
		t.Errorf("when one restored ticket was over, %d were taken, want 1", got)
	}
}
