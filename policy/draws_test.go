package policy_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// fresh returns a full bucket for each draw.
func fresh(d policy.Draws, at time.Time) []policy.Bucket {
	var list []policy.Bucket
	for _, w := range d.List() {
		b := policy.Bucket{At: at, Rates: w.Meter.Rates}
		for _, r := range w.Meter.Rates {
			b.Held = append(b.Held, float64(r.Amount))
		}
		list = append(list, b)
	}
	return list
}

func draws(t testing.TB, p *policy.Policy, c moderation.Charge) policy.Draws {
	t.Helper()
	d, err := p.Draws(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMetersAreNamedByWhatTheirRowsHaveInCommon(t *testing.T) {
	t.Parallel()
	p := open(t, few+`p3, person, *, *, *, requests, 3, 1h, refuse
p3, all, account.*, protected, en, undo.actions, 9, 2h, refuse
p3, person, *, *, *, requests, 50, 24h, lead
`).Policy()
	var got []string
	for _, m := range p.Meters() {
		got = append(got, m.Name)
	}
	if diff := cmp.Diff([]string{"person, *, *, *, requests", `all, account.*, protected, en, undo.actions`}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]policy.Rate{{Amount: 3, Window: time.Hour}, {Amount: 50, Window: 24 * time.Hour}}, p.Meters()[0].Rates); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.Meters()[0].Rates[0].Amount = 99
	if p.Meters()[0].Rates[0].Amount != 3 {
		t.Error("a caller changed the policy")
	}
}

// What Settle answers and writes back, draw by draw, is what the limiter does.
func TestSettledDrawsAnswerAsTheLimiterDoes(t *testing.T) {
	t.Parallel()
	const rows = "p3, person, *, *, *, requests, 5, 1h, lead\np3, all, *, *, *, requests, 12, 1h, refuse\np3, person, *, *, *, requests, 8, 24h, refuse\np3, actor, *, *, *, open, 4, -, lead\n"
	l := limiter(t, rows)
	p := open(t, few+rows).Policy()
	var kept []policy.Bucket
	now := noon
	for i := range 40 {
		now = now.Add(time.Duration(i%5) * 7 * time.Minute)
		c := charge("ann", 1+i%3, now, ticket(string(rune('a'+i))))
		if i%4 == 0 {
			overrun(&c)
			c.Overrun = append(c.Overrun, moderation.Slot{"lead"})
		}
		d := draws(t, p, c)
		if kept == nil {
			kept = fresh(d, now)
		}
		got, err := d.Settle(now, kept)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(take(t, l, c), got); diff != "" {
			t.Fatalf("charge %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestDrawsFailClosed(t *testing.T) {
	t.Parallel()
	p := open(t, few+"p3, person, *, *, *, requests, 5, 1h, refuse\n").Policy()
	open := open(t, few+"p3, person, *, *, *, open, 5, -, refuse\n").Policy()
	good := charge("ann", 1, noon, ticket("t"))
	for name, bad := range map[string]func() (policy.Draws, error){
		"nil policy":   func() (policy.Draws, error) { return (*policy.Policy)(nil).Draws(good) },
		"zero policy":  func() (policy.Draws, error) { return new(policy.Policy).Draws(good) },
		"zero charge":  func() (policy.Draws, error) { return p.Draws(moderation.Charge{}) },
		"nobody":       func() (policy.Draws, error) { return p.Draws(charge("", 1, noon)) },
		"no open slot": func() (policy.Draws, error) { return open.Draws(charge("ann", 1, noon)) },
	} {
		d, err := bad()
		if err == nil || !strings.HasPrefix(err.Error(), "policy: ") {
			t.Errorf("%s: %v", name, err)
		}
		if u, err := d.Settle(noon, nil); err == nil || u.Allowed {
			t.Errorf("%s: its draws are settled: %+v, %v", name, u, err)
		}
	}
	rate := []policy.Rate{{Amount: 5, Window: time.Hour}}
	for name, tc := range map[string]struct {
		p       *policy.Policy
		now     time.Time
		buckets []policy.Bucket
	}{
		"no buckets":       {p, noon, nil},
		"too many buckets": {p, noon, make([]policy.Bucket, 2)},
		"the zero bucket":  {p, noon, make([]policy.Bucket, 1)},
		"no time":          {p, time.Time{}, []policy.Bucket{{At: noon, Rates: rate, Held: []float64{5}}}},
		"no time of it":    {p, noon, []policy.Bucket{{Rates: rate, Held: []float64{5}}}},
		"too much in it":   {p, noon, []policy.Bucket{{At: noon, Rates: rate, Held: []float64{6}}}},
		"no number in it":  {p, noon, []policy.Bucket{{At: noon, Rates: rate, Held: []float64{math.NaN()}}}},
		"no rate":          {p, noon, []policy.Bucket{{At: noon, Rates: []policy.Rate{{Amount: 5}}, Held: []float64{5}}}},
		"fewer than none":  {open, noon, []policy.Bucket{{Open: -1}}},
	} {
		if u, err := draws(t, tc.p, good).Settle(tc.now, tc.buckets); err == nil || u.Allowed {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

// A limit per target that comes by an edit counts no batch, whose members it
// counts.
func TestEditedOpenLimitGoesByWhatTheChargeWasFor(t *testing.T) {
	t.Parallel()
	l := newEdited(t, "")
	take(t, l, charge("ann", 1, noon, ticket("batch"), chargedFor(moderation.ChargeForBatch, "7")))
	for _, id := range []string{"m1", "m2"} {
		take(t, l, charge("ann", 1, noon, ticket(id), chargedFor(moderation.ChargeForMember, "7")))
	}
	for row, want := range map[string]int64{"target": 3, "person": 4} {
		l.edit("p3, " + row + ", *, *, *, open, 5, -, refuse\n")
		if got := l.left("ann", noon); got != want {
			t.Errorf("per %s: room for %d, want %d", row, got, want)
		}
	}
}
