package policy_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func TestDecideAllows(t *testing.T) {
	t.Parallel()
	a := open(t, base)
	got := decide(t, a, ask("lea", tier("protected")))
	want := moderation.Decision{
		Allowed: true,
		Rules:   []moderation.Rule{{Source: "policy.csv:4", Text: "p, lead, request, *, *, *, allow"}},
		Roles:   []string{"lead", "mod"},
		Requirement: moderation.Requirement{
			Quorum:   moderation.Quorum{Slots: []moderation.Slot{{"lead", "director"}, {"director"}}},
			Hold:     10 * time.Minute,
			Deadline: 24 * time.Hour,
			Rules: []moderation.Rule{
				{Source: "policy.csv:7", Text: "p2, request, *, *, *, *, none, -, -"},
				{Source: "policy.csv:8", Text: "p2, request, *, protected, *, *, lead|director director, 10m, 24h"},
			},
		},
		Policy: a.Digest(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
}

func TestDecideNamesAllRowsThatAllow(t *testing.T) {
	t.Parallel()
	d := decide(t, open(t, base), ask("lea"))
	if diff := cmp.Diff([]string{"policy.csv:1", "policy.csv:4"}, sources(d.Rules)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if !d.Requirement.Quorum.None {
		t.Errorf("the requirement is %+v, want none in so many words", d.Requirement)
	}
}

func TestDecideDenies(t *testing.T) {
	t.Parallel()
	text := base + `p, @contractor, request, *, protected, *, deny
p, @leaving, *, account.*, *, *, deny
p, lead, request, post.remove, normal, fr, deny
p, lead, bypass, account.suspend, normal, *, allow
p2, bypass, *, *, *, *, none, -, -
`
	a := open(t, text)
	count := func(n int) func(*moderation.Question) { return func(q *moderation.Question) { q.Count = n } }
	for _, tc := range []struct {
		name    string
		q       moderation.Question
		code    moderation.Code
		missing string
		rules   []string
	}{
		{"a stranger", ask("eve"), moderation.CodeNoRule, "role mod or lead", nil},
		{"a role without the right", ask("dan"), moderation.CodeNoRule, "role mod or lead", nil},
		{"another tier", ask("ann", tier("protected")), moderation.CodeNoRule, "role lead", nil},
		{"another kind", ask("ann", kind("post.remove")), moderation.CodeNoRule, "role lead", nil},
		{"another step", ask("ann", step(moderation.StepResolve)), moderation.CodeNoRule, "a policy that allows resolve of account.suspend at tier normal in domain en to anybody", nil},
		{"a label that is denied", ask("lea", tier("protected"), labels("contractor")), moderation.CodeDenied, "an actor without label @contractor", []string{"policy.csv:15"}},
		{"two labels that are denied", ask("lea", tier("protected"), labels("service", "contractor", "leaving")), moderation.CodeDenied, "an actor without label @contractor or label @leaving", []string{"policy.csv:15", "policy.csv:16"}},
		{"a label that is denied every step", ask("lea", step(moderation.StepApprove), labels("leaving")), moderation.CodeDenied, "an actor without label @leaving", []string{"policy.csv:16"}},
		{"a role that is denied though another allows", ask("lea", kind("post.remove"), domain("fr")), moderation.CodeDenied, "an actor without role lead", []string{"policy.csv:17"}},
		{"everything, where a part is denied", ask("lea", everything, labels("contractor")), moderation.CodeDenied, "an actor without label @contractor or role lead", []string{"policy.csv:15", "policy.csv:17"}},
		{"every tier, where one is allowed", ask("ann", tier(moderation.Any)), moderation.CodeNoRule, "role lead", nil},
		{"every kind, where a prefix is allowed", ask("ann", kind(moderation.Any)), moderation.CodeNoRule, "role lead", nil},
		{"bypass of a tier that its row does not name", ask("lea", step(moderation.StepBypass), tier("protected")), moderation.CodeNoRule, "a policy that allows bypass", nil},

		{"an unknown kind", ask("lea", kind("account.erase")), moderation.CodeUnknownKind, `a kind that the policy knows ("account.erase" is none)`, nil},
		{"no kind", ask("lea", kind("")), moderation.CodeUnknownKind, "a kind", nil},
		{"a kind that is a prefix", ask("lea", kind("account.*")), moderation.CodeUnknownKind, "a kind", nil},
		{"a kind that is only the library's prefix", ask("lea", kind("interlock.")), moderation.CodeUnknownKind, "a kind", nil},
		{"an unknown tier", ask("lea", tier("vip")), moderation.CodeUnknownTier, `a tier that the policy knows ("vip" is none)`, nil},
		{"no tier", ask("lea", tier("")), moderation.CodeUnknownTier, "a tier", nil},
		{"no domain", ask("lea", domain("")), moderation.CodeInvalid, "a domain", nil},
		{"an unknown label", ask("lea", labels("trusted")), moderation.CodeUnknownLabel, `labels that the policy knows ("trusted" is none)`, nil},
		{"a label with its @", ask("lea", labels("@leaving")), moderation.CodeUnknownLabel, "labels", nil},
		{"no login", ask(""), moderation.CodeUnknownActor, "a login", nil},
		{"a login that is a role", ask("lead"), moderation.CodeNoRule, `a login that is not the name of a role ("lead" is)`, nil},
		{"a login that is a label", ask("@leaving"), moderation.CodeNoRule, "role", nil},
		{"a login that is a pattern", ask("*"), moderation.CodeNoRule, "role", nil},
		{"an unknown step", ask("lea", step("suspend")), moderation.CodeInvalid, `a known step ("suspend" is none)`, nil},
		{"no step", ask("lea", step("")), moderation.CodeInvalid, "a known step", nil},
		{"every step", ask("lea", step("*")), moderation.CodeInvalid, "a known step", nil},
		{"no time", ask("lea", when(time.Time{})), moderation.CodeInvalid, "the time", nil},
		{"no target", ask("lea", count(0)), moderation.CodeInvalid, "at least one target", nil},
		{"fewer targets than none", ask("lea", count(-1)), moderation.CodeInvalid, "at least one target", nil},
		{"a negative duration", ask("lea", func(q *moderation.Question) { q.Duration = -1 }), moderation.CodeInvalid, "not negative", nil},
		{"a negative age", ask("lea", func(q *moderation.Question) { q.Since = -1 }), moderation.CodeInvalid, "not negative", nil},
		{"a negative reach", ask("lea", func(q *moderation.Question) { q.Target.Reach = -1 }), moderation.CodeInvalid, "not negative", nil},
		{"the zero question", moderation.Question{}, moderation.CodeInvalid, "a known step", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := decide(t, a, tc.q)
			if d.Allowed || d.Code != tc.code || !strings.Contains(d.Missing, tc.missing) {
				t.Errorf("decision is %+v; want code %s, missing %q", d, tc.code, tc.missing)
			}
			if diff := cmp.Diff(tc.rules, sources(d.Rules)); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(moderation.Requirement{}, d.Requirement); diff != "" {
				t.Errorf("a denial has a requirement (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDenialTellsTheRolesHeld(t *testing.T) {
	t.Parallel()
	a := open(t, base+"p, mod, request, account.limit, *, *, deny\n")
	for _, q := range []moderation.Question{ask("lea", step(moderation.StepRead)), ask("lea", kind("account.limit"))} {
		if diff := cmp.Diff([]string{"lead", "mod"}, decide(t, a, q).Roles); diff != "" {
			t.Errorf("roles (-want +got):\n%s", diff)
		}
	}
}

// Bugs that would let the zero value or a broken call through.
func TestAuthorizerFailsClosed(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		a    *policy.Authorizer
		ctx  context.Context
		want string
	}{
		{"nil", nil, t.Context(), "policy: the authorizer was not made with Open"},
		{"zero", new(policy.Authorizer), t.Context(), "policy: the authorizer was not made with Open"},
		{"with a context that is done", open(t, base), done, "policy: decide: context canceled"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d, err := tc.a.Decide(tc.ctx, ask("ann"))
			if d.Allowed || err == nil || err.Error() != tc.want {
				t.Errorf("Decide = %+v, %v; want a denial and %q", d, err, tc.want)
			}
			if tc.ctx == done {
				return
			}
			if err := tc.a.Reload(tc.ctx); err == nil || tc.a.Digest() != "" || tc.a.Rows() != nil {
				t.Errorf("Reload: %v, digest %q, rows %v", err, tc.a.Digest(), tc.a.Rows())
			}
			if l, err := policy.NewLimiter(tc.a); l != nil || err == nil {
				t.Errorf("NewLimiter = %v, %v; want an error", l, err)
			}
		})
	}
}

func TestStepsWithoutRequirement(t *testing.T) {
	t.Parallel()
	d := decide(t, open(t, base), ask("dan", step(moderation.StepApprove)))
	if !d.Allowed || d.Requirement.Quorum.None {
		t.Errorf("decision is %+v; want allowed, nothing stated", d)
	}
}

// Undo and freeze without a row need nothing, and say so.
func TestUndoAndFreezeWithoutRequirementNeedNobody(t *testing.T) {
	t.Parallel()
	a := open(t, base+"p, lead, freeze, *, *, *, allow\n")
	for _, q := range []moderation.Question{
		ask("ann", step(moderation.StepUndo)), ask("lea", step(moderation.StepFreeze)), ask("lea", step(moderation.StepFreeze), everything),
	} {
		d := decide(t, a, q)
		if diff := cmp.Diff(moderation.Requirement{Quorum: moderation.Quorum{None: true}}, d.Requirement); !d.Allowed || diff != "" {
			t.Errorf("%s of %s: %+v", q.Step, q.Kind, d)
		}
	}
}

func TestRequirementsAddUp(t *testing.T) {
	t.Parallel()
	text := base + `p2, request, *, *, *, permanent, lead, -, 48h
p2, request, account.*, *, *, duration>168h, none, 1h, 3d
p2, request, *, *, *, reach>1000000 & batch > 25, lead, 2h, 12h
p2, request, *, *, de, *, lead, -, 30h
p2, request, *, *, *, @contractor, lead, -, 36h
p2, undo, *, *, *, age>24h, lead, -, 6h
g, liz, lead, *, -, -
g, lee, lead, *, -, -
g, len, lead, *, -, -
`
	a := open(t, text)
	duration := func(d time.Duration) func(*moderation.Question) {
		return func(q *moderation.Question) { q.Duration = d }
	}
	size := func(reach int64, batch int) func(*moderation.Question) {
		return func(q *moderation.Question) { q.Target.Reach, q.Count = reach, batch }
	}
	since := func(d time.Duration) func(*moderation.Question) {
		return func(q *moderation.Question) { q.Step, q.Since = moderation.StepUndo, d }
	}
	for _, tc := range []struct {
		name           string
		q              moderation.Question
		rows           []string
		slots          int
		hold, deadline time.Duration
	}{
		{"nothing", ask("lea"), []string{"policy.csv:7"}, 0, 0, 0},
		{"a duration at its bound", ask("lea", duration(7*24*time.Hour)), []string{"policy.csv:7"}, 0, 0, 0},
		{"a duration above its bound", ask("lea", duration(7*24*time.Hour+1)), []string{"policy.csv:7", "policy.csv:16"}, 0, time.Hour, 72 * time.Hour},
		{"permanent is longer than any duration", ask("lea", duration(moderation.Permanent)), []string{"policy.csv:7", "policy.csv:15", "policy.csv:16"}, 1, time.Hour, 48 * time.Hour},
		{"permanent of another kind", ask("lea", kind("post.remove"), duration(moderation.Permanent)), []string{"policy.csv:7", "policy.csv:15"}, 1, 0, 48 * time.Hour},
		{"reach alone", ask("lea", size(math.MaxInt64, 25)), []string{"policy.csv:7"}, 0, 0, 0},
		{"batch alone", ask("lea", size(1_000_000, 26)), []string{"policy.csv:7"}, 0, 0, 0},
		{"reach and batch", ask("lea", size(1_000_001, 26)), []string{"policy.csv:7", "policy.csv:17"}, 1, 2 * time.Hour, 12 * time.Hour},
		{"a domain", ask("lea", domain("de")), []string{"policy.csv:7", "policy.csv:18"}, 1, 0, 30 * time.Hour},
		{"a label", ask("lea", labels("contractor")), []string{"policy.csv:7", "policy.csv:19"}, 1, 0, 36 * time.Hour},
		{"another label", ask("lea", labels("service")), []string{"policy.csv:7"}, 0, 0, 0},
		{"three rows", ask("lea", domain("de"), tier("protected"), labels("contractor")), []string{"policy.csv:7", "policy.csv:8", "policy.csv:18", "policy.csv:19"}, 4, 10 * time.Minute, 24 * time.Hour},
		{"an undo at its bound", ask("ann", since(24*time.Hour)), nil, 0, 0, 0},
		{"an undo above its bound", ask("ann", since(24*time.Hour+1)), []string{"policy.csv:20"}, 1, 0, 6 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := decide(t, a, tc.q)
			r := d.Requirement
			if diff := cmp.Diff(tc.rows, sources(r.Rules)); !d.Allowed || diff != "" {
				t.Errorf("rows that ask (-want +got):\n%s%+v", diff, d)
			}
			if len(r.Quorum.Slots) != tc.slots || r.Quorum.None != (tc.slots == 0) || r.Hold != tc.hold || r.Deadline != tc.deadline {
				t.Errorf("requirement is %+v; want %d slots, hold %v, deadline %v", r, tc.slots, tc.hold, tc.deadline)
			}
		})
	}
}

// A question about everything is asked what rows about a part of it ask.
func TestEverythingNeedsWhatAPartNeeds(t *testing.T) {
	t.Parallel()
	a := open(t, base+`p, lead, freeze, *, *, *, allow
p, lead, unfreeze, *, *, *, allow
p2, freeze, *, protected, *, *, director, -, 1h
p2, unfreeze, *, *, *, *, none, -, -
p2, unfreeze, account.*, *, *, *, director, -, 1h
p2, unfreeze, post.remove, *, *, *, none, 2h, 3h
`)
	d := decide(t, a, ask("lea", step(moderation.StepFreeze), everything))
	if diff := cmp.Diff([]moderation.Slot{{"director"}}, d.Requirement.Quorum.Slots); !d.Allowed || diff != "" {
		t.Errorf("freeze of everything: slots (-want +got):\n%s%+v", diff, d)
	}
	if d := decide(t, a, ask("lea", step(moderation.StepUnfreeze))); !d.Allowed {
		t.Errorf("unfreeze of one kind: %+v", d)
	}
	// The rows for parts contradict each other where both are meant.
	d = decide(t, a, ask("lea", step(moderation.StepUnfreeze), everything))
	if d.Allowed || d.Code != moderation.CodeNoRequirement || !strings.Contains(d.Missing, "earliest deadline (1h0m0s) is longer than the longest hold (2h0m0s)") {
		t.Errorf("unfreeze of everything: %+v", d)
	}
	if diff := cmp.Diff([]string{"policy.csv:18", "policy.csv:19", "policy.csv:20"}, sources(d.Rules)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// What the load check can't foresee is denied when it is asked.
func TestRequestOfEverythingWithoutRequirementIsDenied(t *testing.T) {
	t.Parallel()
	a := open(t, "p, mod, request, *, *, *, allow\np2, request, account.*, *, *, *, none, -, -\np2, request, post.*, *, *, *, none, -, -\ng, ann, mod, *, -, -\n")
	d := decide(t, a, ask("ann", kind(moderation.Any)))
	if d.Allowed || d.Code != moderation.CodeNoRequirement || d.Missing != "a p2 row for request that covers every kind at tier normal in domain en" {
		t.Errorf("decision is %+v", d)
	}
}

func TestLibrarysOwnKinds(t *testing.T) {
	t.Parallel()
	a := open(t, base+"p, mod, request, interlock.review.*, *, *, allow\n")
	if !allowed(t, a, ask("ann", kind("interlock.review.late"))) || allowed(t, a, ask("ann", kind("interlock.review"))) {
		t.Error("the prefix of the library's own kinds does not match as it should")
	}
	if !allowed(t, a, ask("lea", kind("interlock.anything"))) {
		t.Error("* does not match the library's own kinds")
	}
}

func TestConfiguredDomainsAreTheOnlyOnes(t *testing.T) {
	t.Parallel()
	c := config(base)
	c.Domains = []string{"en"}
	a, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !allowed(t, a, ask("ann")) {
		t.Error("a configured domain is denied")
	}
	if d := decide(t, a, ask("ann", domain("de"))); d.Allowed || d.Code != moderation.CodeInvalid {
		t.Errorf("another domain: %+v", d)
	}
}

// The roles named in a denial are not an endless list.
func TestMissingIsCut(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 20 {
		text.WriteString("p, " + string(rune('a'+i)) + ", request, *, *, *, allow\n")
		text.WriteString("p, " + string(rune('a'+i)) + ", read, *, *, *, deny\n")
		text.WriteString("g, ann, " + string(rune('a'+i)) + ", *, -, -\n")
	}
	a := open(t, text.String()+"p2, request, *, *, *, *, none, -, -\n")
	if got, want := decide(t, a, ask("eve")).Missing, "role a or b or c or d or e or f or g or h or others"; got != want {
		t.Errorf("missing is %q, want %q", got, want)
	}
	if got := decide(t, a, ask("ann", step(moderation.StepRead))).Missing; !strings.HasSuffix(got, "or others") {
		t.Errorf("missing is %q", got)
	}
}
