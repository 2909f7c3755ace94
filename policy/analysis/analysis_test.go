package analysis_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

func TestWhatIsMissingOrContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*analysis.Config)
		want   string
	}{
		"no policy":               {func(c *analysis.Config) { c.Policy = nil }, "Config.Policy"},
		"a policy not loaded":     {func(c *analysis.Config) { c.Policy = new(policy.Policy) }, "Config.Policy"},
		"no moment":               {func(c *analysis.Config) { c.At = time.Time{} }, "Config.At"},
		"an unknown tier":         {func(c *analysis.Config) { c.Protected = []string{"vip"} }, `"vip"`},
		"nobody":                  {func(c *analysis.Config) { c.Directory = analysis.Directory{} }, "People is empty"},
		"a negative notice":       {func(c *analysis.Config) { c.Directory.Notice = -1 }, "Notice"},
		"a person without a name": {func(c *analysis.Config) { c.Directory.People[0].ID = "" }, "People[0].ID"},
		"a person twice":          {func(c *analysis.Config) { c.Directory.People[1].ID = "ann" }, "listed twice"},
		"an unknown last day":     {func(c *analysis.Config) { c.Directory.People[0].LastDay = moderation.LastDay{} }, "LastDay is unknown"},
		"a login of two people":   {func(c *analysis.Config) { c.Directory.People[1].Logins[0].Name = "ann" }, "belongs to one person"},
		"a login without a name":  {func(c *analysis.Config) { c.Directory.People[0].Logins[0].Name = "" }, "is empty"},
		"owners of a human":       {func(c *analysis.Config) { c.Directory.People[0].Logins[0].Owners = []string{"dan"} }, "no Service"},
		"a label with its @":      {func(c *analysis.Config) { c.Directory.People[0].Logins[0].Labels = []string{"@x"} }, "leave out the @"},
		"a tier counted twice":    {func(c *analysis.Config) { c.Directory.Targets = []analysis.Targets{{Tier: "normal"}, {Tier: "normal"}} }, "Targets[1]"},
		"a negative reach":        {func(c *analysis.Config) { c.Directory.Targets = []analysis.Targets{{"normal", 1, -1}} }, "Targets[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := load(t, base)
			c := analysis.Config{Policy: p, Directory: analysis.EachLogin(p), At: noon}
			tc.change(&c)
			if a, err := analysis.New(c); err == nil || a != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestAnAnalysisThatWasNotMadeFindsNothing(t *testing.T) {
	t.Parallel()
	for _, a := range []*analysis.Analysis{nil, {}} {
		if e, err := a.Exposure(t.Context()); err == nil || e.Groups != nil {
			t.Error("an exposure")
		}
		if c, err := a.Collusion(t.Context()); err == nil || c.Sets != nil {
			t.Error("a collusion")
		}
		if f, err := a.Lint(t.Context()); err == nil || f != nil {
			t.Error("findings")
		}
	}
	if _, err := analysis.Diff(t.Context(), nil, load(t, base), analysis.Directory{}, noon); err == nil {
		t.Error("a difference to nothing")
	}
}

func TestAnAnalysisStopsWhenItIsToldTo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := load(t, base)
	a := analyse(t, p, analysis.EachLogin(p))
	_, err1 := a.Exposure(ctx)
	_, err2 := a.Collusion(ctx)
	_, err3 := a.Lint(ctx)
	_, err4 := analysis.Diff(ctx, p, p, analysis.EachLogin(p), noon)
	for i, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("analysis %d: %v", i, err)
		}
	}
}

func TestAnAnalysisMayBeAskedByManyAtOnce(t *testing.T) {
	t.Parallel()
	p := load(t, base)
	a := analyse(t, p, analysis.EachLogin(p))
	want := exposure(t, analyse(t, p, analysis.EachLogin(p)))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if e, err := a.Exposure(t.Context()); err != nil || cmp.Diff(want, e) != "" {
				t.Error("another answer", err)
			}
			if _, err := a.Lint(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestPeopleOfActors(t *testing.T) {
	t.Parallel()
	actor := func(login, person string, change ...func(*moderation.Actor)) moderation.Actor {
		a := moderation.Actor{Login: login, Person: person, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
		for _, f := range change {
			f(&a)
		}
		return a
	}
	suspended := func(a *moderation.Actor) { a.Status = moderation.Suspended }
	service := func(a *moderation.Actor) { a.Type, a.Owners = moderation.Service, []string{"lea"} }
	got, err := analysis.FromActors([]moderation.Actor{actor("ann", "ann"), actor("ann-phone", "ann"), actor("bot", "ann", service), actor("eve", "eve", suspended)},
		[]moderation.Target{{Tier: "normal", Reach: 3}, {Tier: "protected", Reach: 9}, {Tier: "normal", Reach: 5}})
	if err != nil {
		t.Fatal(err)
	}
	want := analysis.Directory{
		People: []analysis.Person{
			{ID: "ann", LastDay: moderation.NoLastDay(), Logins: []analysis.Login{{Name: "ann"}, {Name: "ann-phone"}, {Name: "bot", Service: true, Owners: []string{"lea"}}}},
			{ID: "eve", LastDay: moderation.NoLastDay()},
		},
		Targets: []analysis.Targets{{"normal", 2, 5}, {"protected", 1, 9}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	ends := func(a *moderation.Actor) { a.LastDay = lastDay(noon) }
	if _, err := analysis.FromActors([]moderation.Actor{actor("ann", "ann"), actor("ann-phone", "ann", ends)}, nil); err == nil {
		t.Error("two last days of one person")
	}
}

// liar answers about someone else.
type liar struct{ *moderation.MapDirectory }

func (l liar) Actor(ctx context.Context, _ string) (moderation.Actor, error) {
	return l.MapDirectory.Actor(ctx, "ann")
}

func TestADirectoryThatFailsOrLiesIsAnError(t *testing.T) {
	t.Parallel()
	p := load(t, base)
	d, err := moderation.NewMapDirectory([]moderation.Actor{{Login: "ann", Person: "a", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := analysis.FromDirectory(t.Context(), p, d)
	if err != nil || len(got.People) != 1 {
		t.Errorf("one of four is known: %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := analysis.FromDirectory(ctx, p, d); !errors.Is(err, context.Canceled) {
		t.Errorf("a directory that fails: %v", err)
	}
	if _, err := analysis.FromDirectory(t.Context(), p, liar{d}); err == nil {
		t.Error("a directory that lies is believed")
	}
	var none *moderation.MapDirectory
	if _, err := analysis.FromDirectory(t.Context(), p, none); err == nil {
		t.Error("a nil directory is asked")
	}
}
