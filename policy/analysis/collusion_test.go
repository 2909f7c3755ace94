package analysis_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

func TestTheSmallestSetAndWhoTheyAre(t *testing.T) {
	t.Parallel()
	p := load(t, base+"p3, all, *, protected, *, actions, 1, 1d, director director\ng, dora, director, *, -, -\ng, dave, director, *, -, -\n")
	c := collusion(t, analyse(t, p, analysis.EachLogin(p)))
	got, ok := c.Smallest(moderation.StepRequest, "protected")
	if !ok || got.PastLimits != nil {
		t.Fatalf("%+v; a limit of one's own requests lets nobody past", got)
	}
	want := analysis.Coalition{
		Step: moderation.StepRequest, Kinds: []string{"account.suspend", "account.limit"}, Tier: "protected", Domain: "(any other)", At: noon, Size: 3,
		Requester: analysis.Member{Person: "lea", Login: "lea"},
		Approvers: []analysis.Member{{Person: "lou", Login: "lou", Slot: "lead"}, {Person: "dan", Login: "dan", Slot: "director"}},
		Hold:      10 * time.Minute, Rules: []string{"policy.csv:3", "policy.csv:6", "policy.csv:7"},
	}
	got.Kinds = got.Kinds[:1:1]
	want.Kinds = want.Kinds[:1:1]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPastAllLimitsItTakesMore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rows string
		want int
	}{
		"no limit":                    {"", 0},
		"one more":                    {"p3, all, *, *, *, actions, 1, 1d, lead\n", 3},
		"each limit has its own":      {"p3, all, *, *, *, actions, 1, 1d, lead\np3, all, *, *, *, reach, 1, 1d, lead\ng, lara, lead, *, -, -\n", 4},
		"too few are left":            {"p3, all, *, *, *, actions, 1, 1d, lead\np3, all, *, *, *, reach, 1, 1d, lead\n", 0},
		"one of them refuses":         {"p3, all, *, *, *, actions, 1, 1d, lead\np3, all, *, *, *, reach, 1, 1d, refuse\n", 0},
		"another step's are no limit": {"p3, all, *, *, *, undo.actions, 1, 1d, lead\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := load(t, sound+tc.rows)
			s, ok := collusion(t, analyse(t, p, analysis.EachLogin(p))).Smallest(moderation.StepRequest, "protected")
			got := 0
			if s.PastLimits != nil {
				got = s.PastLimits.Size
			}
			if !ok || s.Size != 2 || got != tc.want {
				t.Errorf("%d people, past limits %d; want 2 and %d", s.Size, got, tc.want)
			}
		})
	}
}

// A set that is smaller in another domain is not past the limits of the first.
func TestPastLimitsIsSaidOfTheSameDomain(t *testing.T) {
	t.Parallel()
	p := load(t, sound+"p2, request, *, protected, de, *, lead, -, 24h\np3, all, *, *, de, actions, 1, 1d, lead\np3, all, *, *, en, actions, 1, 1d, refuse\ng, lara, lead, *, -, -\n", func(c *policy.Config) { c.Domains = []string{"de", "en"} })
	if s, _ := collusion(t, analyse(t, p, analysis.EachLogin(p))).Smallest(moderation.StepRequest, "protected"); s.Size != 2 || s.Domain != "en" || s.PastLimits != nil {
		t.Errorf("%+v; in en it takes two, and a limit lets nobody past", s)
	}
}

// Whoever owns a service that asks is no other person.
func TestAnOwnerOfAServiceCountsWithIt(t *testing.T) {
	t.Parallel()
	p := load(t, "p, bot, request, *, *, *, allow\np, lead, approve, *, *, *, allow\np2, request, *, *, *, *, lead, -, 1h\ng, bot1, bot, *, -, -\ng, lea, lead, *, -, -\ng, lou, lead, *, -, -\n")
	d := analysis.Directory{People: []analysis.Person{person("lea", "lea"), person("lou", "lou"), person("ops", "bot1")}}
	d.People[2].Logins[0].Service = true
	for name, tc := range map[string]struct {
		owners []string
		want   string
	}{"no owner": {nil, "lea"}, "one": {[]string{"lea"}, "lou"}, "both": {[]string{"lea", "lou"}, ""}} {
		d.People[2].Logins[0].Owners = tc.owners
		s, _ := collusion(t, analyse(t, p, d)).Smallest(moderation.StepRequest, "normal")
		got := ""
		if s.Size > 0 {
			got = s.Approvers[0].Person
		}
		if got != tc.want {
			t.Errorf("%s: approved by %q, want %q", name, got, tc.want)
		}
	}
}

// A larger target can take more people.
func TestBandsOfReach(t *testing.T) {
	t.Parallel()
	p := load(t, sound+"p2, request, *, protected, *, reach>1000000, lead, -, 3h\np2, request, *, protected, *, reach>5000000, none, 1h, 3h\n")
	var got []int
	for _, s := range collusion(t, analyse(t, p, analysis.EachLogin(p))).Sets {
		if s.Step == moderation.StepRequest && s.Tier == "protected" {
			got = append(got, int(s.ReachOver), s.Size)
		}
	}
	if diff := cmp.Diff([]int{0, 2, 1000000, 3}, got[:4]); diff != "" {
		t.Errorf("reach over, people (-want +got):\n%s", diff)
	}
}

// Within a range, the moment that takes the fewest counts.
func TestTheWeakestMomentOfARange(t *testing.T) {
	t.Parallel()
	p := load(t, sound+"p2, request, *, protected, *, @contractor, none, -, -\np, temp, request, *, protected, *, allow\np2, undo, *, *, *, *, lead, -, 1h\np, lead, undo, *, *, *, allow\n"+
		"g, eve, lead, *, 2017-11-03, -\n")
	d := analysis.Directory{People: []analysis.Person{person("lea", "lea"), person("eve", "eve")}}
	a := analyse(t, p, d)
	if _, ok := collusion(t, a).Smallest(moderation.StepRequest, "protected"); ok {
		t.Error("now there is one lead, and nobody else")
	}
	a = analyse(t, p, d, func(c *analysis.Config) { c.Until = noon.AddDate(0, 0, 2) })
	s, ok := collusion(t, a).Smallest(moderation.StepRequest, "protected")
	if want := time.Date(2017, 11, 3, 0, 0, 0, 0, time.UTC); !ok || s.Size != 2 || !s.At.Equal(want) {
		t.Errorf("%+v, want two people from %v on", s, want)
	}
}

func TestCollusionSurvivesJSON(t *testing.T) {
	t.Parallel()
	p := load(t, sound+"p3, all, *, *, *, actions, 1, 1d, lead\n")
	want := collusion(t, analyse(t, p, analysis.EachLogin(p)))
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got analysis.Collusion
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}
