package policy_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func TestModelConfigIsChecked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(*policy.ModelConfig)
		want  string
	}{
		"no model":                   {func(c *policy.ModelConfig) { c.Model = "" }, "ModelConfig.Model is empty"},
		"no request":                 {func(c *policy.ModelConfig) { c.Request = nil }, "ModelConfig.Request is missing"},
		"no requirement":             {func(c *policy.ModelConfig) { c.Requirement = nil }, "ModelConfig.Requirement is missing"},
		"no steps":                   {func(c *policy.ModelConfig) { c.Steps = nil }, "ModelConfig.Steps is empty"},
		"a step that is none":        {func(c *policy.ModelConfig) { c.Steps[0] = "requset" }, `did you mean "request"`},
		"a step twice":               {func(c *policy.ModelConfig) { c.Steps[1] = c.Steps[0] }, "named twice"},
		"no kinds":                   {func(c *policy.ModelConfig) { c.Kinds = nil }, "ModelConfig.Kinds is empty"},
		"a tier with a star":         {func(c *policy.ModelConfig) { c.Tiers[0] = "*" }, "ModelConfig.Tiers"},
		"negative staleness":         {func(c *policy.ModelConfig) { c.MaxStaleness = -1 }, "ModelConfig.MaxStaleness"},
		"no source":                  {func(c *policy.ModelConfig) { c.Source = nil }, "the policy is empty"},
		"an empty source":            {func(c *policy.ModelConfig) { c.Source = policy.CSV("rows.csv", "") }, "the policy is empty"},
		"a probe that shows nothing": {func(c *policy.ModelConfig) { c.Probes = []moderation.Question{ask("ann", tier("prtected"))} }, "ModelConfig.Probes[0] is denied whatever the model says"},
		"a function of Casbin's name": {func(c *policy.ModelConfig) {
			c.Functions = map[string]func(...any) (any, error){"keyMatch": func(...any) (any, error) { return true, nil }}
		}, "Casbin would not call"},
		"a nil function":             {func(c *policy.ModelConfig) { c.Functions = map[string]func(...any) (any, error){"f": nil} }, "is nil"},
		"roles that the model lacks": {func(c *policy.ModelConfig) { c.RoleDefinitions = map[string]policy.ModelRoles{"g2": {}} }, "does not define"},
		"conditions that the model lacks": {func(c *policy.ModelConfig) {
			c.RoleDefinitions = map[string]policy.ModelRoles{"g": {Holds: between}}
		}, "has no conditions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := modelConfig(ownModel, ownRows)
			tc.spoil(&c)
			a, err := policy.OpenModel(t.Context(), c)
			if a != nil || err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "policy: ") {
				t.Errorf("OpenModel: %v, want %q", err, tc.want)
			}
		})
	}
}

func TestModelIsReadStrictly(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ model, rows, want string }{
		"a section that is none":           {strings.Replace(ownModel, "[role_definition]", "[roles]", 1), ownRows, "[roles] is no section"},
		"a definition in another section":  {strings.Replace(ownModel, "g = _", "h = _", 1), ownRows, "is no definition"},
		"a definition twice":               {ownModel + "m = true\n", ownRows, "m is defined already on line 14"},
		"a gap in the numbers":             {ownModel + "m3 = true\n", ownRows, "does not read m3"},
		"no effect that Casbin knows":      {basicModel(basicPolicy, "", "e = some(where (p.eft == Allow))", basicMatcher), basicRow, "none that Casbin knows"},
		"an effect that allows strangers":  {basicModel(effectPolicy, "", "e = !some(where (p.eft == deny))", basicMatcher), basicRow, "allows everybody"},
		"an effect without its column":     {basicModel("p = sub, obj, act, effect", "", allowAndDeny, basicMatcher), basicRow, "no column eft"},
		"an expression with an open quote": {basicModel(basicPolicy, "", someAllow, `m = r.sub == p.sub && r.act == "x`), basicRow, "can't read matcher m"},
		"an unknown column":                {basicModel(basicPolicy, "", someAllow, "m = r.sub == p.subject"), basicRow, "which the model does not define"},
		"an unknown function":              {basicModel(basicPolicy, "", someAllow, "m = r.sub == p.sub && nearby(r.obj, p.obj)"), basicRow, "can't read matcher m"},
		"four columns of roles":            {basicModel(basicPolicy, "g = _, _, _, _", someAllow, roleMatcher), basicRow, "would drop further columns"},
		"a column twice":                   {basicModel("p = sub, obj, obj", "", someAllow, "m = r.sub == p.sub"), basicRow, "named twice"},
		"subjects without roles":           {basicModel(effectPolicy, "", "e = subjectPriority(p.eft) || deny", basicMatcher), basicRow, "which the model does not define"},
		"no matcher":                       {"[request_definition]\nr = sub\n", "", "missing required sections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := policy.OpenModel(t.Context(), threeColumns(tc.model, tc.rows)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("OpenModel: %v, want %q", err, tc.want)
			}
		})
	}
}

func TestRowsOfAModelAreChecked(t *testing.T) {
	t.Parallel()
	basic := basicModel(basicPolicy, "", someAllow, basicMatcher)
	effects := basicModel(effectPolicy, "g = _, _", allowAndDeny, roleMatcher)
	for name, tc := range map[string]struct{ model, rows, want string }{
		"an unknown row type":           {basic, basicRow + "p2, a, b, c", "is no row type of the model"},
		"a short row":                   {basic, basicRow + "p, ann, post.remove", "has 2 columns behind p; the model defines 3"},
		"a long row":                    {basic, basicRow + "p, a, b, c, deny", "has 4 columns"},
		"an empty column":               {basic, basicRow + "p, , post.remove, normal", "is empty"},
		"an invisible letter":           {basic, basicRow + "p, a\u200bnn, post.remove, normal", "invisible"},
		"a comma in a column":           {basic, basicRow + `p, "ann,x", post.remove, normal`, "holds a comma"},
		"the same row twice":            {basic, basicRow + basicRow, "is the same row as rows.csv:1"},
		"an effect in capitals":         {effects, "p, ann, account.suspend, normal, allow\np, ann, post.remove, normal, Deny", "is neither allow nor deny"},
		"a denial in another column":    {basic, basicRow + "p, ann, post.remove, Deny", "is no denial here"},
		"a role that nobody asks about": {basicModel(basicPolicy, "g = _, _\ng2 = _, _", someAllow, roleMatcher), basicRow + "g2, ann, mod", "is read by no matcher"},
		"a circle of roles":             {effects, "p, mod, account.suspend, normal, allow\ng, ann, mod\ng, mod, lead\ng, lead, mod", "roles go in a circle"},
		"a role that grants itself":     {effects, "p, mod, account.suspend, normal, allow\ng, mod, mod", "mod has mod"},
		"nothing that allows":           {effects, "p, mod, account.suspend, normal, deny", "the policy is empty"},
		"a role without columns":        {effects, "p, mod, account.suspend, normal, allow\ng, ann", "has 1 columns behind g; the model defines 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.OpenModel(t.Context(), threeColumns(tc.model, tc.rows))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("OpenModel: %v, want %q", err, tc.want)
			}
		})
	}
}

func TestErrorsInRowsOfAModelAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := policy.OpenModel(t.Context(), modelConfig(ownModel, ownRows+"g, ann\np, a, b, c, d, e, maybe\nx\n"))
	var got []string
	for _, row := range rowErrors(t, err) {
		got = append(got, row.Source+" "+row.Column)
	}
	if diff := cmp.Diff([]string{"rows.csv:11 ", "rows.csv:12 eft", "rows.csv:13 type"}, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// A model is asked about strangers when it is opened and at each reload.
func TestModelThatAllowsEverythingIsRefused(t *testing.T) {
	t.Parallel()
	refusing := func(c *policy.ModelConfig) {
		c.Request = func(moderation.Question) (policy.ModelRequest, error) {
			return policy.ModelRequest{}, errors.New("nobody")
		}
	}
	for name, tc := range map[string]struct {
		matcher string
		change  func(*policy.ModelConfig)
		own     bool
	}{
		"whatever is asked":              {"m = r.sub == p.sub || true", nil, false},
		"though the host refuses":        {"m = true", refusing, false},
		"what has no name":               {`m = r.sub == p.sub || r.sub == ""`, refusing, false},
		"who is not named":               {"m = r.obj == p.obj && r.act == p.act", nil, false},
		"one tier":                       {`m = r.sub == p.sub || r.act == "protected"`, nil, false},
		"one kind":                       {`m = r.sub == p.sub || r.obj == "post.remove"`, nil, false},
		"other logins by pattern":        {"m = keyMatch(r.sub, '*') && r.act == p.act", nil, false},
		"other than the empty one":       {`m = r.sub != "" && r.act == p.act`, nil, false},
		"what the host said is not done": {basicMatcher, func(c *policy.ModelConfig) { c.Probes = []moderation.Question{ask("eve"), ask("ann")} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := threeColumns(basicModel(basicPolicy, "", someAllow, tc.matcher), basicRow)
			if !strings.Contains(tc.matcher, "p.") {
				c.Source = nil
			}
			if tc.change != nil {
				tc.change(&c)
			}
			_, err := policy.OpenModel(t.Context(), c)
			var probe *policy.ProbeError
			if !errors.As(err, &probe) || probe.Own != tc.own || len(probe.Rules) == 0 {
				t.Fatalf("OpenModel: %v, want a *ProbeError that names a rule", err)
			}
			if probe.Own && probe.Question.Actor.Login != "ann" {
				t.Errorf("the probe is %+v", probe.Question)
			}
		})
	}
}

func TestReloadThatOpensAModelIsRefused(t *testing.T) {
	t.Parallel()
	const matcher = "m = keyMatch(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"
	s := new(source)
	s.setText(basicRow)
	c := threeColumns(basicModel(basicPolicy, "", someAllow, matcher), "")
	c.Source = s
	a := openModel(t, c)
	before := a.Digest()
	var probe *policy.ProbeError
	s.setText(basicRow + "p, *, post.remove, normal\n")
	if err := a.Reload(t.Context()); !errors.As(err, &probe) || !strings.Contains(err.Error(), "stays in force") || !strings.Contains(err.Error(), "*, post.remove, normal") {
		t.Errorf("Reload: %v", err)
	}
	if modelAllows(t, a, ask("eve", kind("post.remove"))) || !modelAllows(t, a, ask("ann")) || a.Digest() != before {
		t.Error("the version before is not in force, whole")
	}
	s.setText(strings.Replace(basicRow, "ann", "bob", 1))
	if err := a.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if modelAllows(t, a, ask("ann")) || !modelAllows(t, a, ask("bob")) || a.Digest() == before {
		t.Error("the new version is not in force")
	}
}

// Each function of the host fails, panics, ends its goroutine and hangs.
func TestHostsFunctionsThatFailDeny(t *testing.T) {
	t.Parallel()
	ways := map[string]func(ctx context.Context) error{
		"fails":              func(context.Context) error { return errors.New("boom") },
		"panics":             func(context.Context) error { panic("boom") },
		"ends its goroutine": func(context.Context) error { runtime.Goexit(); return nil },
		"hangs":              func(ctx context.Context) error { <-ctx.Done(); return nil },
	}
	seams := map[string]func(c *policy.ModelConfig, fail func() error){
		"Request": func(c *policy.ModelConfig, fail func() error) {
			request := c.Request
			c.Request = func(q moderation.Question) (policy.ModelRequest, error) {
				if err := fail(); err != nil {
					return policy.ModelRequest{}, err
				}
				return request(q)
			}
		},
		"Requirement": func(c *policy.ModelConfig, fail func() error) {
			c.Requirement = func(context.Context, moderation.Question) (moderation.Requirement, error) {
				return moderation.Requirement{Quorum: moderation.Quorum{None: true}}, fail()
			}
		},
		"Roles": func(c *policy.ModelConfig, fail func() error) {
			c.Roles = func(context.Context, moderation.Question) ([]string, error) { return []string{"mod"}, fail() }
		},
		"Functions": func(c *policy.ModelConfig, fail func() error) {
			c.Model = strings.Replace(c.Model, "m = ", "m = works(r.sub) && ", 1)
			c.Functions = map[string]func(...any) (any, error){"works": func(...any) (any, error) { return true, fail() }}
		},
		"Holds": func(c *policy.ModelConfig, fail func() error) {
			c.Model = strings.Replace(c.Model, "g = _, _, _", "g = _, _, _, (_)", 1)
			c.Source = policy.CSV("rows.csv", strings.ReplaceAll(strings.ReplaceAll(ownRows, ", en\n", ", en, x\n"), "any, allow, x", "any, allow"))
			c.RoleDefinitions = map[string]policy.ModelRoles{"g": {Holds: func(time.Time, []string) (bool, error) { return true, fail() }}}
		},
		"Match": func(c *policy.ModelConfig, fail func() error) {
			c.RoleDefinitions = map[string]policy.ModelRoles{"g": {Match: func(name, pattern string) bool {
				if fail() != nil {
					panic("boom")
				}
				return name == pattern
			}}}
		},
	}
	for seam, put := range seams {
		for way, fail := range ways {
			t.Run(seam+" "+way, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					broken := false
					c := modelConfig(ownModel, ownRows)
					put(&c, func() error {
						if broken {
							return fail(ctx)
						}
						return nil
					})
					a := openModel(t, c)
					if !modelAllows(t, a, ask("ann")) {
						t.Fatal("it is denied while the function works")
					}
					broken = true
					asking, giveUp := context.WithTimeout(t.Context(), time.Minute)
					defer giveUp()
					d, err := a.Decide(asking, ask("ann"))
					if err == nil || d.Allowed || d.Policy == "" {
						t.Errorf("decision is %+v, %v; want denied with an error", d, err)
					}
					cancel()
					synctest.Wait()
					broken = false
					if !modelAllows(t, a, ask("ann")) {
						t.Error("it is denied though the function works again")
					}
				})
			})
		}
	}
}

func TestRequirementThatIsNotStatedIsRefused(t *testing.T) {
	t.Parallel()
	for name, need := range map[string]moderation.Requirement{
		"zero":                 {},
		"none and slots":       {Quorum: moderation.Quorum{None: true, Slots: []moderation.Slot{{"lead"}}}, Deadline: 1},
		"a slot without roles": {Quorum: moderation.Quorum{Slots: []moderation.Slot{{}}}, Deadline: 1},
		"no deadline":          {Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}},
		"deadline within hold": {Quorum: moderation.Quorum{None: true}, Hold: 2, Deadline: 2},
		"negative hold":        {Quorum: moderation.Quorum{None: true}, Hold: -1},
	} {
		c := modelConfig(ownModel, ownRows)
		c.Requirement = func(context.Context, moderation.Question) (moderation.Requirement, error) { return need, nil }
		d, err := openModel(t, c).Decide(t.Context(), ask("ann"))
		if err != nil || d.Allowed || d.Code != moderation.CodeNoRequirement {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

// A question about everything is allowed where each part of it is.
func TestModelIsAskedAboutEachPartOfEverything(t *testing.T) {
	t.Parallel()
	allow := "p, lead, freeze, *, any, any, allow\np, lead, unfreeze, *, any, any, allow\ng, lou, lead, en\ng, lou, lead, de\n"
	a := openModel(t, modelConfig(ownModel, ownRows+allow))
	freeze := func(login string) moderation.Question { return ask(login, step(moderation.StepFreeze), everything) }
	if d, err := a.Decide(t.Context(), freeze("lou")); err != nil || !d.Allowed {
		t.Errorf("a lead everywhere: %+v, %v", d, err)
	}
	if modelAllows(t, a, freeze("lea")) {
		t.Error("who leads in one domain froze all")
	}
	barred := openModel(t, modelConfig(ownModel, ownRows+allow+"p, lou, freeze, post.remove, protected, de, deny\n"))
	if d, _ := barred.Decide(t.Context(), freeze("lou")); d.Allowed || d.Code != moderation.CodeDenied {
		t.Errorf("barred from a part: %+v", d)
	}
	open := modelConfig(ownModel, ownRows+allow)
	open.Domains = nil
	if d, _ := openModel(t, open).Decide(t.Context(), freeze("lou")); d.Allowed || d.Code != moderation.CodeInvalid {
		t.Errorf("with domains that nobody names: %+v", d)
	}
}

func TestModelThatIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := modelConfig(ownModel, ownRows)
		c.MaxStaleness = time.Hour
		a := openModel(t, c)
		loaded := time.Now()
		time.Sleep(time.Hour)
		if d, err := a.Decide(t.Context(), ask("ann")); err != nil || !d.Allowed || !d.AsOf.Equal(loaded) {
			t.Errorf("at the bound: %+v, %v", d, err)
		}
		time.Sleep(time.Nanosecond)
		if d, _ := a.Decide(t.Context(), ask("ann")); d.Allowed || d.Code != moderation.CodeStale {
			t.Errorf("past the bound: %+v", d)
		}
		if !modelAllows(t, a, ask("ann", step(moderation.StepUndo))) {
			t.Error("undo is denied past the bound")
		}
		if err := a.Reload(t.Context()); err != nil || !modelAllows(t, a, ask("ann")) {
			t.Errorf("after a reload it is denied: %v", err)
		}
	})
}

// The digest is that of what was loaded: any edit changes it, the order of
// rows only where it counts.
func TestDigestOfAModel(t *testing.T) {
	t.Parallel()
	priority := basicModel(effectPolicy, "g = _, _", "e = priority(p.eft) || deny", roleMatcher)
	unordered := basicModel(effectPolicy, "g = _, _", allowAndDeny, roleMatcher)
	one, two := "p, ann, account.suspend, normal, allow\n", "p, ann, account.limit, normal, allow\n"
	digest := func(model, rows string) string { return openModel(t, threeColumns(model, rows)).Digest() }
	if digest(unordered, one+two) != digest(unordered, two+one) {
		t.Error("the order of rows counts where it decides nothing")
	}
	if digest(priority, one+two) == digest(priority, two+one) {
		t.Error("the order of rows does not count where it decides")
	}
	seen := map[string]bool{}
	for _, d := range []string{digest(unordered, one), digest(unordered, one+two), digest(unordered+"# edited\n", one), digest(priority, one)} {
		if seen[d] || d == "" {
			t.Errorf("digest %q twice", d)
		}
		seen[d] = true
	}
}

// Decisions, reloads and failed reloads at once: each answer is of one version.
func TestModelDecidesWhileItIsReloaded(t *testing.T) {
	t.Parallel()
	versions := []string{ownRows, strings.Replace(ownRows, "g, bob, barred, en\n", "p, bob, any, *, any, any, deny\n", 1), strings.Replace(ownRows, "g, bob, mod, en\n", "", 1), "p, broken\n"}
	s := new(source)
	s.setText(ownRows)
	c := modelConfig(ownModel, "")
	c.Source = s
	a := openModel(t, c)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if d, err := a.Decide(context.Background(), ask("bob")); err != nil || d.Allowed {
					t.Errorf("bob: %+v, %v", d, err)
					return
				}
				if d, err := a.Decide(context.Background(), ask("lea", tier("protected"))); err != nil || !d.Allowed {
					t.Errorf("lea: %+v, %v", d, err)
					return
				}
			}
		})
	}
	for i := range 16 {
		text := versions[i%len(versions)]
		s.setText(text)
		if err := a.Reload(t.Context()); (err != nil) != strings.Contains(text, "broken") {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
}

func TestModelRowsAreCopies(t *testing.T) {
	t.Parallel()
	a := openModel(t, modelConfig(ownModel, ownRows))
	want := a.Rows()
	a.Rows()[0].Fields[5] = "deny"
	if diff := cmp.Diff(want, a.Rows()); diff != "" || !modelAllows(t, a, ask("ann")) {
		t.Errorf("writing to rows edits the policy:\n%s", diff)
	}
}
