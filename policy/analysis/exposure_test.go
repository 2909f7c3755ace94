package analysis_test

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// kindsWith are all kinds as a guard has them, some of them changed.
func kindsWith(change func(*moderation.Kind)) []moderation.Kind {
	var list []moderation.Kind
	for _, name := range allKinds {
		k := moderation.Kind{Name: name, Undo: func(_ context.Context, _ moderation.Permit) error { return nil }}
		change(&k)
		list = append(list, k)
	}
	return list
}

func TestWhatOnePersonCanDoAlone(t *testing.T) {
	t.Parallel()
	const undo = "undo * normal *"
	for name, tc := range map[string]struct {
		rows   string
		change func(*analysis.Directory)
		want   []string
	}{
		"what needs nobody":                {"", nil, []string{"request account.suspend+account.limit normal *", undo, "undo * protected *"}},
		"nothing after the last day":       {"", func(d *analysis.Directory) { d.People[0].LastDay = lastDay(noon) }, nil},
		"all before its end":               {"", func(d *analysis.Directory) { d.People[0].LastDay = lastDay(noon.Add(1)) }, []string{"request account.suspend+account.limit normal *", undo, "undo * protected *"}},
		"nothing that leavers may not":     {"p, @leaving, request, *, *, *, deny\n", func(d *analysis.Directory) { d.People[0].LastDay = lastDay(noon.Add(1)) }, []string{undo, "undo * protected *"}},
		"not what can't be undone":         {"", func(d *analysis.Directory) { d.Kinds = kindsWith(func(k *moderation.Kind) { k.Undo = nil }) }, nil},
		"freezes":                          {"p, mod, freeze, account.limit, normal, *, allow\n", nil, []string{"request account.suspend+account.limit normal *", "freeze account.limit normal *", undo, "undo * protected *"}},
		"no freeze that needs others":      {"p, mod, freeze, account.limit, normal, *, allow\np2, freeze, *, *, *, *, lead, -, 1h\n", nil, []string{"request account.suspend+account.limit normal *", undo, "undo * protected *"}},
		"a freeze of everything":           {"p, mod, freeze, *, *, *, allow\np2, freeze, account.*, *, *, *, none, -, -\n", nil, []string{"request account.suspend+account.limit normal *", "freeze * normal *", "freeze * protected *", "freeze * * *", undo, "undo * protected *"}},
		"bypass":                           {"p, mod, bypass, account.limit, protected, *, allow\np2, bypass, *, *, *, *, lead, -, 1h\n", nil, []string{"request account.suspend+account.limit normal *", "bypass account.limit protected *", undo, "undo * protected *"}},
		"no bypass for leavers":            {"p, mod, bypass, account.limit, protected, *, allow\np2, bypass, *, *, *, *, lead, -, 1h\n", func(d *analysis.Directory) { d.People[0].LastDay = lastDay(noon.Add(1)) }, []string{"request account.suspend+account.limit normal *", undo, "undo * protected *"}},
		"as long as a request can":         {"p2, request, *, *, *, duration>1h, lead, -, 1h\n", nil, []string{"request account.suspend+account.limit normal *", undo, "undo * protected *"}},
		"not even for a second":            {"p2, request, *, *, *, duration>999ms, lead, -, 1h\n", func(d *analysis.Directory) { d.Kinds = kindsWith(func(k *moderation.Kind) { k.Timed = true }) }, []string{undo, "undo * protected *"}},
		"by a deny row in one domain less": {"p, mod, request, *, *, de, deny\n", nil, []string{"request account.suspend+account.limit normal (any other)", undo, "undo * protected *"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := load(t, base+tc.rows)
			d := analysis.EachLogin(p)
			if tc.change != nil {
				tc.change(&d)
			}
			got := briefs(deeds(exposure(t, analyse(t, p, d)), "ann"))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ann alone (-want +got):\n%s", diff)
			}
		})
	}
}

// A bucket is full at the beginning and fills evenly.
func TestHowMuchFitsIntoAnHourAndADay(t *testing.T) {
	t.Parallel()
	const more = analysis.Unbounded
	type amounts struct{ hour, day analysis.Bound }
	for name, tc := range map[string]struct {
		rows           string
		actions, reach amounts
		targets        []analysis.Targets
		logins         int
		hold           bool
	}{
		"no limit":                        {actions: amounts{more, more}, reach: amounts{more, more}},
		"a bucket and what fills it":      {rows: "p3, person, *, *, *, requests, 10, 1h, refuse\n", actions: amounts{20, 250}, reach: amounts{more, more}},
		"rounded down":                    {rows: "p3, person, *, *, *, actions, 5, 7h, refuse\n", actions: amounts{5, 22}, reach: amounts{more, more}},
		"the least of several":            {rows: "p3, person, *, *, *, requests, 10, 1h, refuse\np3, all, *, *, *, actions, 50, 1d, refuse\n", actions: amounts{20, 100}, reach: amounts{more, more}},
		"over needs others":               {rows: "p3, person, *, *, *, requests, 10, 1h, lead\n", actions: amounts{20, 250}, reach: amounts{more, more}},
		"another kind's":                  {rows: "p3, person, post.remove, *, *, requests, 10, 1h, refuse\n", actions: amounts{more, more}, reach: amounts{more, more}},
		"undo's is another budget":        {rows: "p3, person, *, *, *, undo.requests, 10, 1h, refuse\n", actions: amounts{more, more}, reach: amounts{more, more}},
		"each login has its own":          {rows: "p3, actor, *, *, *, requests, 10, 1h, refuse\n", logins: 2, actions: amounts{40, 500}, reach: amounts{more, more}},
		"a person's logins share":         {rows: "p3, person, *, *, *, requests, 10, 1h, refuse\n", logins: 2, actions: amounts{20, 250}, reach: amounts{more, more}},
		"reach":                           {rows: "p3, all, *, *, *, reach, 1000, 1h, refuse\n", actions: amounts{more, more}, reach: amounts{2000, 25000}},
		"reach of the largest target":     {rows: "p3, person, *, *, *, actions, 3, 1d, refuse\n", targets: []analysis.Targets{{"normal", 100, 70}}, actions: amounts{3, 6}, reach: amounts{210, 420}},
		"reach of all there are":          {targets: []analysis.Targets{{"normal", 3, 70}}, actions: amounts{more, more}, reach: amounts{210, 210}},
		"a target's own limit":            {rows: "p3, target, *, *, *, actions, 1, 1d, refuse\n", actions: amounts{more, more}, reach: amounts{more, more}},
		"open tickets that do not wait":   {rows: "p3, person, *, *, *, open, 2, -, refuse\n", actions: amounts{more, more}, reach: amounts{more, more}},
		"open tickets that wait":          {rows: "p3, person, *, *, *, open, 2, -, refuse\n", hold: true, actions: amounts{6, 98}, reach: amounts{more, more}},
		"more than can be counted":        {rows: "p3, person, *, *, *, reach, 9007199254740992, 1s, refuse\n", actions: amounts{more, more}, reach: amounts{more, more}},
		"an amount that is never reached": {rows: "p3, person, *, *, *, actions, 1, 36500d, refuse\n", actions: amounts{1, 1}, reach: amounts{more, more}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need := "p2, request, *, *, *, *, none, -, -\n"
			if tc.hold {
				need = "p2, request, *, *, *, *, none, 30m, 2h\n"
			}
			p := load(t, "p, mod, request, account.suspend, normal, *, allow\np, lead, approve, *, *, *, allow\n"+need+tc.rows+"g, ann, mod, *, -, -\ng, ann2, mod, *, -, -\ng, lea, lead, *, -, -\n")
			d := analysis.Directory{People: []analysis.Person{person("ann", "ann")}, Targets: tc.targets}
			if tc.logins == 2 {
				d.People[0] = person("ann", "ann", "ann2")
			}
			found := deeds(exposure(t, analyse(t, p, d)), "ann")
			if len(found) != 1 {
				t.Fatalf("ann can do %v, want one deed", briefs(found))
			}
			want := [2]analysis.Allowance{{Actions: tc.actions.hour, Reach: tc.reach.hour}, {Actions: tc.actions.day, Reach: tc.reach.day}}
			if diff := cmp.Diff(want, [2]analysis.Allowance{found[0].Hour, found[0].Day}); diff != "" {
				t.Errorf("an hour and a day (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTotalsCountWhatSharesABucketOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows string
		want analysis.Bound
	}{
		"one bucket for all kinds":         {"p3, person, *, *, *, requests, 10, 1h, refuse\n", 20},
		"a bucket for each of three kinds": {"p3, kind, *, *, *, requests, 10, 1h, refuse\n", 60},
		"a row for each of three kinds":    {"p3, person, account.suspend, *, *, requests, 10, 1h, refuse\np3, person, account.limit, *, *, requests, 1, 1h, refuse\np3, person, post.remove, *, *, requests, 2, 1h, refuse\n", 26},
		"a bucket for each of two domains": {"p3, domain, *, *, *, requests, 10, 1h, refuse\n", 40},
		"both":                             {"p3, domain, *, *, *, requests, 10, 1h, refuse\np3, kind, *, *, *, requests, 6, 1h, refuse\n", 36},
		"a kind without a limit":           {"p3, person, account.*, *, *, requests, 10, 1h, refuse\n", analysis.Unbounded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config("p, mod, request, *, normal, *, allow\np2, request, *, *, *, *, none, -, -\ng, ann, mod, *, -, -\n" + tc.rows)
			c.Domains = []string{"en", "de"}
			p := load(t, "", func(into *policy.Config) { *into = c })
			e := exposure(t, analyse(t, p, analysis.EachLogin(p)))
			if got := e.Worst[0].Hour.Actions; got != tc.want || e.Worst[0].Person != "ann" {
				t.Errorf("ann's worst hour: %v, want %v", e.Worst[0], tc.want)
			}
		})
	}
}

// What depends on the target's reach is said with it.
func TestAloneUpToAReach(t *testing.T) {
	t.Parallel()
	p := load(t, base+"p2, request, *, normal, *, reach>1000, lead, -, 1h\np2, request, *, normal, *, reach>50 & permanent, lead, -, 1h\n")
	found := deeds(exposure(t, analyse(t, p, analysis.EachLogin(p))), "ann")
	if found[0].ReachAtMost != 1000 || found[0].Hour.Reach != 20000 {
		t.Errorf("up to a reach of %v and %v an hour, want 1000 and 20 times that", found[0].ReachAtMost, found[0].Hour.Reach)
	}
}

// Within a range, what begins later is found, and when.
func TestWhatBeginsWithinTheRangeIsFound(t *testing.T) {
	t.Parallel()
	p := load(t, base+"g, eve, deputy, *, 2017-12-01, 2017-12-24\ng, deputy, mod, *, -, -\n")
	d := analysis.EachLogin(p)
	if got := deeds(exposure(t, analyse(t, p, d)), "eve"); got != nil {
		t.Errorf("now eve can do %v, want nothing", briefs(got))
	}
	december := time.Date(2017, 12, 1, 0, 0, 0, 0, time.UTC)
	until := func(t time.Time) func(*analysis.Config) { return func(c *analysis.Config) { c.Until = t } }
	got := deeds(exposure(t, analyse(t, p, d, until(december))), "eve")
	if len(got) != 3 || !got[0].At.Equal(december) {
		t.Errorf("until December eve can do %v, want three deeds from then on", got)
	}
	if got := deeds(exposure(t, analyse(t, p, d, until(december.Add(-1)))), "eve"); got != nil {
		t.Errorf("until just before, eve can do %v", briefs(got))
	}
}

func TestExposureSurvivesJSON(t *testing.T) {
	t.Parallel()
	p := load(t, base)
	want := exposure(t, analyse(t, p, analysis.EachLogin(p)))
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got analysis.Exposure
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, bad := range []string{`-1`, `"much"`, `1.5`, `9223372036854775807`, `null`, `99999999999999999999`} {
		var b analysis.Bound
		if err := json.Unmarshal([]byte(bad), &b); err == nil && b != 0 {
			t.Errorf("%s was read as %v", bad, b)
		}
	}
	if analysis.Unbounded != math.MaxInt64 {
		t.Error("what is unbounded must be larger than every bound")
	}
}
