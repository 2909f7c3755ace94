package moderationtest

import (
	"fmt"
	"reflect"

	"github.com/elevenminutes/interlock/moderation"
)

// batchChecks are about what is charged for a batch, once for all of its members,
// and for each of them.
func batchChecks() []check[limiterSubject] {
	return []check[limiterSubject]{
		{"a batch draws on every limit but those per target", batchDraws},
		{"a member of a batch draws on limits per target alone", memberDraws},
		{"what a batch and its members used is restored so", batchRestored},
		{"an unfinished batch is one ticket, and its members are none", batchOpen},
	}
}

// drawn is a limit as a charge draws on it.
type drawn struct {
	name      string // the option's
	charge    moderation.Charge
	burst     int
	perTarget bool
}

// drawn lists the limits of the options, and finds out which of them are counted
// for each target.
func (s limiterSubject) drawn(t tester) []drawn {
	t.Helper()
	limits := []drawn{{"Charge", s.opts.Charge, s.opts.Burst, false}}
	if s.opts.PerTargetBurst > 0 {
		limits = append(limits, drawn{"PerTarget", s.opts.PerTarget, s.opts.PerTargetBurst, false})
	}
	if s.opts.OpenCap > 0 {
		limits = append(limits, drawn{"Open", s.opts.Open, s.opts.OpenCap, false})
	}
	for i := range limits {
		l := &limits[i]
		r := s.till()
		r.exhausts(t, *l, l.charge)
		l.perTarget = r.take(t.Context(), elsewhere(l.charge, 0)).Allowed
		if l.name == "PerTarget" && !l.perTarget {
			t.Fatalf("LimiterOptions.PerTarget is refused for another target too; give a charge of a limit that is counted for each target")
		}
	}
	return limits
}

// elsewhere is a charge about another target.
func elsewhere(c moderation.Charge, n int) moderation.Charge {
	c.Target = fmt.Sprintf("%s-%d", c.Target, n)
	return c
}

// as is a charge for something else.
func as(c moderation.Charge, what moderation.ChargeFor) moderation.Charge {
	c.For = what
	return c
}

// exhausts takes as much as a limit has.
func (r *till) exhausts(t tester, l drawn, c moderation.Charge) {
	t.Helper()
	got := r.takes(t, 2*l.burst+r.spill()+1, c)
	if got < l.burst || got > l.burst+r.spill() {
		t.Errorf("%s, for %q: %d were taken, want %d", l.name, c.For, got, l.burst)
	}
}

// agrees asks whether a charge is taken, and takes it.
func (r *till) agrees(t tester, l drawn, c moderation.Charge, want bool) {
	t.Helper()
	peeked, err := r.Peek(t.Context(), r.at(r.now, c))
	if err != nil {
		t.Errorf("%s, for %q: Peek: %v", l.name, c.For, err)
	}
	if taken := r.take(t.Context(), c); peeked.Allowed != want || taken.Allowed != want {
		t.Errorf("%s, for %q: Peek says %v and Take %v, want %v", l.name, c.For, peeked.Allowed, taken.Allowed, want)
	}
}

func batchDraws(t tester, s limiterSubject) {
	for _, l := range s.drawn(t) {
		batch := as(l.charge, moderation.ChargeForBatch)
		r := s.till()
		if l.perTarget {
			r.exhausts(t, l, l.charge)
			r.agrees(t, l, batch, true)
			continue
		}
		r.exhausts(t, l, batch)
		r.agrees(t, l, batch, false)
		r.agrees(t, l, l.charge, false)
		r.agrees(t, l, elsewhere(batch, 1), false)
	}
}

func memberDraws(t tester, s limiterSubject) {
	for _, l := range s.drawn(t) {
		member := as(l.charge, moderation.ChargeForMember)
		r := s.till()
		if l.perTarget {
			r.exhausts(t, l, member)
			r.agrees(t, l, member, false)
			r.agrees(t, l, l.charge, false)
			continue
		}
		for i := range l.burst + 1 {
			r.agrees(t, l, elsewhere(member, i), true)
		}
		r.exhausts(t, l, l.charge)
		r.agrees(t, l, elsewhere(member, l.burst+1), true)
	}
}

func batchRestored(t tester, s limiterSubject) {
	for _, l := range s.drawn(t) {
		for _, what := range []moderation.ChargeFor{moderation.ChargeForBatch, moderation.ChargeForMember} {
			r, uses := s.till(), 1
			counts := l.perTarget == (what == moderation.ChargeForMember)
			if counts {
				uses = l.burst
			}
			if _, ok := r.restore(t, uses, r.now, as(l.charge, what)); !ok {
				return
			}
			switch {
			case counts:
				r.agrees(t, l, l.charge, false)
			case l.perTarget:
				r.exhausts(t, l, l.charge)
			default: // a limit per target may be drawn on besides
				r.exhausts(t, l, elsewhere(l.charge, 1))
			}
		}
	}
}

func batchOpen(t tester, s limiterSubject) {
	if s.opts.OpenCap == 0 {
		return
	}
	for _, l := range s.drawn(t) {
		if l.name != "Open" || l.perTarget {
			continue
		}
		r := s.till()
		batch := r.at(r.now, as(l.charge, moderation.ChargeForBatch))
		batch.Count, batch.Reach = 2*batch.Count, 2*batch.Reach
		if u, err := r.Take(t.Context(), batch); err != nil || !u.Allowed {
			t.Fatalf("a batch of two is refused as the first that is open: %v", err)
		}
		if got := r.takes(t, l.burst, l.charge); got != l.burst-1 {
			t.Errorf("besides a batch, %d open tickets were taken, want %d", got, l.burst-1)
		}
		r.release(t, r.at(r.now, as(elsewhere(l.charge, 1), moderation.ChargeForMember))) // which has no place
		r.agrees(t, l, l.charge, false)
		r.release(t, batch)
		r.agrees(t, l, l.charge, true)
		r.agrees(t, l, l.charge, false)
	}
}

// hasPerTarget reports whether the options say all or nothing of a limit per target.
func (o LimiterOptions) hasPerTarget() bool {
	return reflect.ValueOf(o.PerTarget).IsZero() == (o.PerTargetBurst <= 0)
}
