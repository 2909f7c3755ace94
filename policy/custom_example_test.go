package policy_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// modelOfDesks is a Casbin model as hosts have them: desks hold queues.
const modelOfDesks = `
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act
`

func configOfDesks(rows string) policy.ModelConfig {
	return policy.ModelConfig{
		Model:  modelOfDesks,
		Source: policy.CSV("desks.csv", rows),
		Request: func(q moderation.Question) (policy.ModelRequest, error) {
			return policy.ModelRequest{Values: []any{q.Actor.Login, q.Target.Tier + "/" + q.Kind, string(q.Step)}}, nil
		},
		Requirement: func(_ context.Context, q moderation.Question) (moderation.Requirement, error) {
			if q.Target.Tier == "protected" {
				return moderation.Requirement{
					Quorum:   moderation.Quorum{Slots: []moderation.Slot{{"senior"}, {"senior"}}},
					Deadline: 24 * time.Hour,
				}, nil
			}
			return moderation.Requirement{Quorum: moderation.Quorum{None: true}}, nil
		},
		Steps: []moderation.Step{moderation.StepRequest, moderation.StepApprove},
		Kinds: []string{"account.suspend", "post.remove"},
		Tiers: []string{"normal", "protected"},
	}
}

func ExampleOpenModel() {
	ctx := context.Background()
	authorizer, err := policy.OpenModel(ctx, configOfDesks(`
p, senior, *, request, allow
p, senior, *, approve, allow
p, junior, normal/*, request, allow
g, chloe, senior
g, gita, junior
`))
	if err != nil {
		log.Fatal(err)
	}
	question := moderation.Question{
		Step:     moderation.StepRequest,
		Actor:    moderation.Actor{Login: "chloe"},
		Kind:     "account.suspend",
		Target:   moderation.Target{Tier: "protected", Domain: "en"},
		Duration: 24 * time.Hour,
		Count:    1,
		Time:     time.Date(2017, 11, 2, 18, 49, 0, 0, time.UTC),
	}
	decision, err := authorizer.Decide(ctx, question)
	fmt.Println(decision.Allowed, decision.Rules, decision.Requirement.Quorum.Slots, err)

	question.Actor.Login = "gita"
	decision, err = authorizer.Decide(ctx, question)
	fmt.Println(decision.Allowed, decision.Code, decision.Missing, err)
	// Output:
	// true [{desks.csv:2 p, senior, *, request, allow}] [[senior] [senior]] <nil>
	// false no_rule a row of the model that allows request of account.suspend at tier protected in domain en <nil>
}

// A model under which strangers may do something takes no force.
func ExampleOpenModel_strangers() {
	c := configOfDesks("p, senior, *, request, allow\n")
	c.Model = strings.TrimSpace(modelOfDesks) + ` || r.obj == "normal/post.remove"`
	_, err := policy.OpenModel(context.Background(), c)
	var probe *policy.ProbeError
	fmt.Println(errors.As(err, &probe), probe.Question.Kind, probe.Question.Target.Tier)
	// Output:
	// true post.remove normal
}
