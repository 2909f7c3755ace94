package policy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// changing is a question about a change from one version to another.
func changing(login string, s moderation.Step, replaces, proposed string) moderation.Question {
	return ask(login, step(s), kind(moderation.PolicyChangeKind), func(q *moderation.Question) {
		q.Target = moderation.Target{ID: moderation.PolicyTarget + ":" + replaces + ":" + proposed, Tier: moderation.Any, Domain: moderation.Any}
		q.Duration = 0
	})
}

// What one version says about changing it; two versions are in other tests.
func TestRightToChangeThePolicyIsGivenByName(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	everything := `p, god, approve, *, *, *, allow
p, god, undo, *, *, *, allow
p, god, resolve, *, *, *, allow
p, god, request, *, *, *, allow
p, god, request, interlock.*, *, *, allow
p, god, approve, interlock.*, *, *, allow
p, god, request, interlock.policy.*, *, *, allow
p, god, reject, *, *, *, allow
p, god, cancel, *, *, *, allow
p, god, read, *, *, *, allow
p2, undo, *, *, *, *, director, -, 24h
g, gus, god, *, -, -
`
	load := func(text string) *policy.Policy {
		t.Helper()
		p, err := policy.Load(t.Context(), config(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, tc := range map[string]struct {
		rows    string
		q       moderation.Question
		allowed bool
		code    moderation.Code
	}{
		"a row that names it":                {"", changing("ada", moderation.StepRequest, a, b), true, ""},
		"undo by a row that names it":        {"", changing("ada", moderation.StepUndo, a, b), true, ""},
		"approval by a row that names it":    {"", changing("dan", moderation.StepApprove, a, b), true, ""},
		"request by wildcard":                {everything, changing("gus", moderation.StepRequest, a, b), false, moderation.CodeNoRule},
		"approval by wildcard":               {everything, changing("gus", moderation.StepApprove, a, b), false, moderation.CodeNoRule},
		"undo by wildcard":                   {everything, changing("gus", moderation.StepUndo, a, b), false, moderation.CodeNoRule},
		"resolving by wildcard":              {everything, changing("gus", moderation.StepResolve, a, b), false, moderation.CodeNoRule},
		"rejection by wildcard":              {everything, changing("gus", moderation.StepReject, a, b), true, ""},
		"cancelling by wildcard":             {everything, changing("gus", moderation.StepCancel, a, b), true, ""},
		"reading by wildcard":                {everything, changing("gus", moderation.StepRead, a, b), true, ""},
		"a stranger":                         {"", changing("zoe", moderation.StepRequest, a, b), false, moderation.CodeNoRule},
		"a denial by wildcard":               {"p, admin, request, *, *, *, deny\n", changing("ada", moderation.StepRequest, a, b), false, moderation.CodeDenied},
		"a denial of every step":             {"p, admin, *, *, *, *, deny\n", changing("ada", moderation.StepRequest, a, b), false, moderation.CodeDenied},
		"a denial in one tier":               {"p, admin, request, *, protected, *, deny\n", changing("ada", moderation.StepRequest, a, b), false, moderation.CodeDenied},
		"a denial in one domain":             {"p, barred, request, *, *, en, deny\ng, ada, barred, en, -, -\n", changing("ada", moderation.StepRequest, a, b), false, moderation.CodeDenied},
		"a denial by label":                  {"p, @contractor, request, *, *, *, deny\n", changing("ada", moderation.StepRequest, a, b), false, ""},
		"a role in one domain":               {"g, zoe, admin, en, -, -\n", changing("zoe", moderation.StepRequest, a, b), false, moderation.CodeNoRule},
		"a role that has ended":              {"g, zoe, admin, *, -, 2017-11-01\n", changing("zoe", moderation.StepRequest, a, b), false, moderation.CodeNoRule},
		"a login that is named like a role":  {"", changing("admin", moderation.StepRequest, a, b), false, moderation.CodeNoRule},
		"bypass":                             {"", changing("ada", moderation.StepBypass, a, b), false, moderation.CodeDenied},
		"a leaver":                           {"", with(changing("ada", moderation.StepRequest, a, b), labels("leaving")), false, moderation.CodeLeaving},
		"a leaver's approval":                {"", with(changing("dan", moderation.StepApprove, a, b), labels("leaving")), false, moderation.CodeLeaving},
		"a leaver's undo":                    {"", with(changing("ada", moderation.StepUndo, a, b), labels("leaving")), false, moderation.CodeLeaving},
		"a leaver's rejection":               {"", with(changing("dan", moderation.StepReject, a, b), labels("leaving")), true, ""},
		"a question without a time":          {"", with(changing("ada", moderation.StepRequest, a, b), when(time.Time{})), false, moderation.CodeInvalid},
		"a label that the policy knows not":  {"", with(changing("ada", moderation.StepRequest, a, b), labels("odd")), false, moderation.CodeUnknownLabel},
		"a quorum that a condition lets die": {"p2, request, interlock.policy.change, *, *, @contractor, lead, -, 1h\np, lead, approve, interlock.policy.change, *, *, allow\n", changing("ada", moderation.StepRequest, a, b), true, ""},
	} {
		q := tc.q
		if name == "a denial by label" {
			q.Actor.Labels, tc.code = []string{"contractor"}, moderation.CodeDenied
		}
		d := load(constitution + tc.rows).Decide(q)
		if d.Allowed != tc.allowed || d.Code != tc.code || d.Policy == "" || !d.Allowed && d.Missing == "" {
			t.Errorf("%s: decision is %+v", name, d)
		}
		if d.Allowed && q.Step.Required() && (len(d.Requirement.Quorum.Slots) == 0 || d.Requirement.Check() != nil) {
			t.Errorf("%s: it needs %+v", name, d.Requirement)
		}
	}
}

func with(q moderation.Question, change func(*moderation.Question)) moderation.Question {
	change(&q)
	return q
}

// Rows of p2 with * count, so that what every action needs a change needs too.
func TestRequirementsByWildcardCountForChanges(t *testing.T) {
	t.Parallel()
	p, err := policy.Load(t.Context(), config(constitution+
		"p2, request, *, *, *, *, lead, 2h, 8h\np, lead, approve, interlock.policy.change, *, *, allow\np2, request, *, protected, *, *, director director, -, 24h\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	d := p.Decide(changing("ada", moderation.StepRequest, a, b))
	if r := d.Requirement; len(r.Quorum.Slots) != 2 || r.Hold != 2*time.Hour || r.Deadline != 8*time.Hour {
		t.Errorf("the change needs %+v; want the director of its own row and the lead of all", r)
	}
}

func TestRowsAboutChangesAreCheckedAtLoad(t *testing.T) {
	t.Parallel()
	const allow = "p, lead, request, interlock.policy.change, *, *, allow\n"
	for name, tc := range map[string]struct{ rows, want string }{
		"without a requirement":             {allow, "nobody changes the policy alone"},
		"with nobody's approval":            {allow + "p2, request, interlock.policy.change, *, *, *, none, -, -\n", "nobody changes the policy alone"},
		"with an approval under conditions": {allow + "p2, request, interlock.policy.change, *, *, @contractor, lead, -, 1h\n", "nobody changes the policy alone"},
		"undo with nobody's approval":       {"p, lead, undo, interlock.policy.change, *, *, allow\n", "nobody changes the policy alone"},
		"approved by nobody by name":        {allow + "p2, request, interlock.policy.change, *, *, *, lead, -, 1h\n", "can't be filled"},
		"approved by too few": {allow + "p, director, approve, interlock.policy.change, *, *, allow\np2, request, interlock.policy.change, *, *, *, director director, -, 1h\n",
			"can't be filled"},
		"by bypass":           {"p, lead, bypass, interlock.policy.change, normal, *, allow\np2, bypass, *, *, *, *, none, -, -\n", "not changed by bypass"},
		"by bypass of all":    {"p, lead, bypass, interlock.*, normal, *, allow\np2, bypass, *, *, *, *, none, -, -\n", "not changed by bypass"},
		"in a tier":           {"p, lead, request, interlock.policy.change, normal, *, allow\n", "no tier and no domain"},
		"in a domain":         {"p, lead, approve, interlock.policy.change, *, en, allow\n", "no tier and no domain"},
		"a quorum in a tier":  {"p2, request, interlock.policy.change, normal, *, *, lead, -, 1h\n", "no tier and no domain"},
		"a misspelt own kind": {"", ""},
	} {
		_, err := policy.Load(t.Context(), config(base+tc.rows))
		if tc.want == "" {
			if err != nil {
				t.Errorf("a policy that nobody may change: %v", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
			continue
		}
		for _, row := range rowErrors(t, err) {
			if !strings.HasPrefix(row.Source, "policy.csv:") {
				t.Errorf("%s: the error names %s", name, row.Source)
			}
		}
	}
}

// A policy that nobody may change by tickets is no proposal: it could not be
// changed any more.
func TestProposalThatEndsAllChangesIsDenied(t *testing.T) {
	t.Parallel()
	h := newHouse(t, constitution)
	if _, err := h.request("ada", h.propose(base)); !errors.Is(err, moderation.ErrDenied) {
		t.Errorf("asking for it: %v, want a denial", err)
	}
}

func TestChangesNeedAnAuthorizerThatPinsItsPolicy(t *testing.T) {
	t.Parallel()
	pinned := func() *policy.Authorizer {
		a, _, err := openWith(t, constitution, func(c *policy.Config) { c.Pinned = digestOf(t, constitution) })
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	var noTable *table
	var noShelf *shelf
	taken := pinned()
	if _, err := policy.NewChanges(taken, policy.ChangesConfig{Installer: new(table)}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		a    *policy.Authorizer
		c    policy.ChangesConfig
		want string
	}{
		"no authorizer":         {nil, policy.ChangesConfig{Installer: new(table)}, "not made with Open"},
		"nothing pinned":        {open(t, constitution), policy.ChangesConfig{Installer: new(table)}, "Pinned"},
		"no installer":          {pinned(), policy.ChangesConfig{}, "Installer is missing"},
		"a typed nil installer": {pinned(), policy.ChangesConfig{Installer: noTable}, "Installer is missing"},
		"typed nil proposals":   {pinned(), policy.ChangesConfig{Installer: new(table), Proposals: noShelf}, "nil pointer"},
		"negative rows":         {pinned(), policy.ChangesConfig{Installer: new(table), MaxRows: -1}, "negative"},
		"a second one":          {taken, policy.ChangesConfig{Installer: new(table)}, "already"},
	} {
		if _, err := policy.NewChanges(tc.a, tc.c); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "policy: ") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	var zero policy.Changes
	if _, err := zero.Propose(t.Context(), rowsOf(t, base)); err == nil {
		t.Error("the zero Changes takes a proposal")
	}
	if _, err := zero.Kind().Apply(t.Context(), moderation.Permit{}); !errors.Is(err, moderation.ErrNotApplied) {
		t.Errorf("the zero Changes applies: %v", err)
	}
	if _, _, err := zero.Kind().Probe(t.Context(), moderation.Permit{}); err == nil {
		t.Error("the zero Changes answers a probe")
	}
}

// An authorizer without Changes denies every change.
func TestAuthorizerWithoutChangesDeniesThem(t *testing.T) {
	t.Parallel()
	a := open(t, constitution)
	for _, s := range []moderation.Step{moderation.StepRequest, moderation.StepApprove, moderation.StepUndo} {
		for _, login := range []string{"ada", "dan"} {
			if d := decide(t, a, changing(login, s, a.Digest(), strings.Repeat("b", 64))); d.Allowed {
				t.Errorf("%s by %s: %+v", s, login, d)
			}
		}
	}
}

func TestProposalsThatWouldNotLoadAreRefused(t *testing.T) {
	t.Parallel()
	a, _, err := openWith(t, constitution, func(c *policy.Config) { c.Pinned = digestOf(t, constitution) })
	if err != nil {
		t.Fatal(err)
	}
	c, err := policy.NewChanges(a, policy.ChangesConfig{Installer: new(table), MaxRows: 30})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"a bad row":            {constitution + "p, x\n", "policy.csv:"},
		"the version in force": {constitution, "is the version in force"},
		"too many rows":        {amended + "g, z, mod, *, -, -\ng, a, mod, *, -, -\ng, b, mod, *, -, -\ng, c, mod, *, -, -\n", "at most 30"},
	} {
		if _, err := c.Propose(t.Context(), rowsOf(t, tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if _, err := c.Propose(t.Context(), nil); err == nil {
		t.Error("no rows at all are a proposal")
	}
	rows := rowsOf(t, amended)
	p, err := c.Propose(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	rows[0].Fields[0], p.Rows[1].Fields[0] = "eve", "eve"
	again, err := c.Proposal(t.Context(), p.Action())
	if err != nil || slices.ContainsFunc(again.Rows, func(r policy.Row) bool { return r.Type == "p" && r.Fields[0] == "eve" }) {
		t.Errorf("what a caller changes changes the proposal: %v", err)
	}
	if _, err := c.Proposal(t.Context(), moderation.Action{Kind: "account.suspend", Parameters: p.Action().Parameters}); err == nil {
		t.Error("an action of another kind is shown as a proposal")
	}
}

// A stale policy is not changed, nor is a change of it taken back.
func TestStalePolicyIsNotChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _, err := openWith(t, constitution, func(c *policy.Config) {
			c.Pinned, c.MaxStaleness = digestOf(t, constitution), time.Hour
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := policy.NewChanges(a, policy.ChangesConfig{Installer: new(table)})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Propose(context.Background(), rowsOf(t, amended))
		if err != nil {
			t.Fatal(err)
		}
		q := changing("ada", moderation.StepRequest, p.Replaces, p.Digest)
		if d := decide(t, a, q); !d.Allowed || d.AsOf.IsZero() {
			t.Errorf("while it is fresh: %+v", d)
		}
		time.Sleep(time.Hour + 1)
		if d := decide(t, a, q); d.Allowed || d.Code != moderation.CodeStale {
			t.Errorf("when it is stale: %+v", d)
		}
	})
}
