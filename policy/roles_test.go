package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
)

const request = "p2, request, *, *, *, *, none, -, -\n"

// A grant begins with its first moment and is over at its last.
func TestGrantsHoldWithinTheirBounds(t *testing.T) {
	t.Parallel()
	a := open(t, request+`p, mod, request, *, *, *, allow
g, day, mod, *, 2017-11-02, 2017-11-03
g, zone, mod, *, 2017-11-02T00:00:00+02:00, 2017-11-02T12:00:00+02:00
g, from, mod, *, 2017-11-02T00:00:00.000000001Z, -
g, until, mod, *, -, 2017-11-02
g, ever, mod, *, -, -
`)
	midnight := time.Date(2017, 11, 2, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		login string
		time  time.Time
		want  bool
	}{
		{"day", midnight.Add(-1), false},
		{"day", midnight, true},
		{"day", midnight.In(time.FixedZone("x", 9*3600)), true},
		{"day", midnight.Add(24*time.Hour - 1), true},
		{"day", midnight.Add(24 * time.Hour), false},
		{"zone", midnight.Add(-2*time.Hour - 1), false},
		{"zone", midnight.Add(-2 * time.Hour), true},
		{"zone", midnight.Add(10*time.Hour - 1), true},
		{"zone", midnight.Add(10 * time.Hour), false},
		{"from", midnight, false},
		{"from", midnight.Add(1), true},
		{"from", midnight.AddDate(900, 0, 0), true},
		{"until", midnight.Add(-1), true},
		{"until", midnight, false},
		{"until", midnight.AddDate(-900, 0, 0), true},
		{"ever", midnight.AddDate(900, 0, 0), true},
	} {
		t.Run(fmt.Sprint(tc.login, " at ", tc.time), func(t *testing.T) {
			t.Parallel()
			if got := allowed(t, a, ask(tc.login, when(tc.time))); got != tc.want {
				t.Errorf("allowed is %v, want %v", got, tc.want)
			}
		})
	}
}

// Every hop must be valid at the moment and in the domain of the question.
func TestBoundsHoldAtEveryHop(t *testing.T) {
	t.Parallel()
	a := open(t, request+`p, c, request, *, *, *, allow
g, ann, a, en, -, -
g, a, b, *, -, 2017-11-02
g, b, c, *, 2017-11-01, -
g, bob, a, *, -, -
g, a, b, de, -, -
`)
	day := func(n int) time.Time { return time.Date(2017, 11, n, 12, 0, 0, 0, time.UTC) }
	for _, tc := range []struct {
		login, domain string
		time          time.Time
		want          []string
	}{
		{"ann", "en", day(1), []string{"a", "b", "c"}},
		{"ann", "en", day(2), []string{"a"}},
		{"ann", "en", day(0), []string{"a", "b"}},
		{"ann", "de", day(1), nil},
		{"bob", "de", day(2), []string{"a", "b", "c"}},
		{"bob", "fr", day(2), []string{"a"}},
		{"bob", moderation.Any, day(1), []string{"a", "b", "c"}},
		{"bob", moderation.Any, day(2), []string{"a"}},
		{"ann", moderation.Any, day(1), nil},
	} {
		t.Run(fmt.Sprint(tc.login, tc.domain, tc.time.Day()), func(t *testing.T) {
			t.Parallel()
			d := decide(t, a, ask(tc.login, domain(tc.domain), when(tc.time)))
			if diff := cmp.Diff(tc.want, d.Roles); diff != "" || d.Allowed != (len(tc.want) == 3) {
				t.Errorf("roles (-want +got):\n%s%+v", diff, d)
			}
		})
	}
}

// Who is denied in one domain may not act on all of them at once.
func TestDenyInOneDomainDeniesAllOfThem(t *testing.T) {
	t.Parallel()
	a := open(t, base+`p, mod, freeze, *, *, *, allow
p, trainee, freeze, *, *, *, deny
g, bob, mod, *, -, -
g, bob, junior, de, -, -
g, junior, trainee, *, -, -
`)
	at := noon
	freeze := func(d string) bool {
		return allowed(t, a, ask("bob", step(moderation.StepFreeze), domain(d), when(at)))
	}
	for _, at = range []time.Time{noon.AddDate(-900, 0, 0), noon.AddDate(900, 0, 0)} {
		if !freeze("en") || freeze(moderation.Any) {
			t.Errorf("at %v freeze of en %v, all %v; want true, false", at, freeze("en"), freeze(moderation.Any))
		}
	}
	if !freeze("en") || freeze("de") || freeze(moderation.Any) {
		t.Errorf("freeze of en %v, de %v, all %v; want true, false, false", freeze("en"), freeze("de"), freeze(moderation.Any))
	}
}

// More roles than fit the set that needs no allocation.
func TestManyRoles(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(request + "p, r999, request, *, *, *, allow\ng, ann, r000, *, -, -\n")
	for i := range 999 {
		fmt.Fprintf(&text, "g, r%03d, r%03d, *, -, -\n", i, i+1)
	}
	d := decide(t, open(t, text.String()), ask("ann"))
	if !d.Allowed || len(d.Roles) != 1000 || d.Roles[0] != "r000" || d.Roles[999] != "r999" {
		t.Errorf("allowed %v with %d roles", d.Allowed, len(d.Roles))
	}
}
