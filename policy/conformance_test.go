package policy_test

import (
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
	"github.com/elevenminutes/interlock/policy"
)

func TestAuthorizerKeepsItsContract(t *testing.T) {
	t.Parallel()
	nobody := moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	two := moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead", "director"}, {"director"}}}, Hold: 10 * time.Minute, Deadline: 24 * time.Hour}
	cases := []moderationtest.AuthorizerCase{
		{Name: "a moderator on a normal account", Question: ask("ann"), Allowed: true, Roles: []string{"mod"}, Requirement: &nobody},
		{Name: "a lead on a protected account", Question: ask("lea", tier("protected")), Allowed: true, Roles: []string{"lead", "mod"}, Requirement: &two},
		{Name: "approval", Question: ask("dan", step(moderation.StepApprove)), Allowed: true, Roles: []string{"director"}},
		{Name: "undo", Question: ask("ann", step(moderation.StepUndo), tier("protected")), Allowed: true, Requirement: &nobody},
		{Name: "a stranger", Question: ask("eve"), Code: moderation.CodeNoRule},
		{Name: "a moderator on a protected account", Question: ask("ann", tier("protected")), Code: moderation.CodeNoRule, Roles: []string{"mod"}},
		{Name: "a leaver", Question: ask("lea", tier("protected"), labels("leaving")), Code: moderation.CodeDenied},
		{Name: "a role's name", Question: ask("lead"), Code: moderation.CodeNoRule},
	}
	moderationtest.TestAuthorizer(t, func(t *testing.T) moderation.Authorizer {
		return open(t, base+"p, @leaving, request, *, protected, *, deny\n")
	}, cases)
}

func TestLimiterKeepsItsContract(t *testing.T) {
	t.Parallel()
	both := func(c *moderation.Charge) { c.Target = "7" }
	other := func(c *moderation.Charge) { c.Kind, c.Target = "account.limit", "7" }
	elsewhere := func(c *moderation.Charge) { c.Target = "8" }
	undo := func(c *moderation.Charge) { c.Step = moderation.StepUndo }
	for name, tc := range map[string]struct {
		rows string
		opts moderationtest.LimiterOptions
	}{
		"requests and open tickets": {
			`p3, person, account.suspend, *, *, requests, 5, 7h, refuse
p3, target, *, *, *, requests, 11, 13m, refuse
p3, person, post.*, *, *, open, 3, -, refuse
p3, person, *, *, *, undo.requests, 4, 1h, refuse
`,
			moderationtest.LimiterOptions{
				Charge: charge("ann", 1, noon, elsewhere), Burst: 5, Window: 7 * time.Hour,
				Both: charge("ann", 1, noon, both), Other: charge("bob", 1, noon, other),
				Open: charge("ann", 1, noon, func(c *moderation.Charge) { c.Kind = "post.remove" }), OpenCap: 3,
				PerTarget: charge("bob", 1, noon, other), PerTargetBurst: 11,
			},
		},
		"reach": {
			"p3, all, *, *, *, reach, 700, 1s, refuse\n",
			moderationtest.LimiterOptions{Charge: charge("ann", 1, noon, executed(1)), Burst: 700, Window: time.Second},
		},
		"actions, with approvals": {
			"p3, tier, *, normal, *, actions, 3, 24h, lead\n",
			moderationtest.LimiterOptions{Charge: charge("ann", 1, noon, executed(0)), Burst: 3, Window: 24 * time.Hour},
		},
		"undo": {
			"p3, person, *, *, *, undo.requests, 2, 1h, refuse\n",
			moderationtest.LimiterOptions{Charge: charge("ann", 1, noon, undo), Burst: 2, Window: time.Hour},
		},
		"requests per target": {
			"p3, target, *, *, *, requests, 4, 1h, refuse\np3, person, *, *, *, requests, 9, 1h, refuse\n",
			moderationtest.LimiterOptions{Charge: charge("ann", 1, noon), Burst: 4, Window: time.Hour},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			moderationtest.TestLimiter(t, func(t *testing.T) moderation.Limiter {
				l, err := policy.NewLimiter(open(t, few+tc.rows))
				if err != nil {
					t.Fatal(err)
				}
				return l
			}, tc.opts)
		})
	}
}
