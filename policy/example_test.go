package policy_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func ExampleOpen() {
	ctx := context.Background()
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.File("testdata/policy.csv"),
		Kinds:  []string{"account.suspend", "account.limit", "post.remove"},
		Tiers:  []string{"normal", "protected"},
	})
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
	fmt.Println(decision.Allowed, decision.Rules, err)
	fmt.Println(decision.Requirement.Quorum.Slots, decision.Requirement.Hold)

	question.Actor.Login = "bruno"
	decision, err = authorizer.Decide(ctx, question)
	fmt.Println(decision.Allowed, decision.Code, decision.Rules, err)
	// Output:
	// true [{testdata/policy.csv:4 p, lead, request, *, *, *, allow}] <nil>
	// [[lead director] [director]] 10m0s
	// false denied [{testdata/policy.csv:12 p, contractor, *, *, protected, *, deny}] <nil>
}

// What is wrong with a policy is reported together.
func ExampleOpen_errors() {
	source := policy.CSV("policy.csv", `
p, moderator, request, account.suspend, protcted, *, allow
p, lead, approve, *, *, *, Allow
`)
	_, err := policy.Open(context.Background(), policy.Config{
		Source: source,
		Kinds:  []string{"account.suspend"},
		Tiers:  []string{"normal", "protected"},
	})
	fmt.Println(err)

	var row *policy.RowError
	if errors.As(err, &row) {
		fmt.Println(row.Source, row.Column, row.Value)
	}
	// Output:
	// policy: the policy has 2 errors:
	// 	policy.csv:2: tier "protcted": is no tier; did you mean "protected"?, or * for all
	// 	policy.csv:3: eft "Allow": is neither allow nor deny (eft, the effect, is a p row's last column)
	// policy.csv:2 tier protcted
}

func ExampleFile() {
	rows, err := policy.File("testdata/policy.csv").Load(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows[0].Source)
	fmt.Println(rows[0])
	// Output:
	// testdata/policy.csv:2
	// p, moderator, request, account.*, normal, *, allow
}

func ExampleCSV() {
	source := policy.CSV("policy.csv", `
# Interns look on.
p, intern, read, *, *, *, allow
g, gita, intern, *, 2017-11-01, 2018-02-01
`)
	authorizer, err := policy.Open(context.Background(), policy.Config{
		Source: source,
		Kinds:  []string{"account.suspend"},
		Tiers:  []string{"normal"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range authorizer.Rows() {
		fmt.Println(row.Source, row.Type, row.Fields)
	}
	// Output:
	// policy.csv:3 p [intern read * * * allow]
	// policy.csv:4 g [gita intern * 2017-11-01 2018-02-01]
}

func ExampleAdapter() {
	source := policy.Adapter("policies", fileadapter.NewAdapter("testdata/policy.csv"))
	rows, err := source.Load(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows[0].Source)
	fmt.Println(rows[0])
	// Output:
	// policies:p[1]
	// p, moderator, request, account.*, normal, *, allow
}

func ExampleNewLimiter() {
	ctx := context.Background()
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.File("testdata/policy.csv"),
		Kinds:  []string{"account.suspend", "account.limit", "post.remove"},
		Tiers:  []string{"normal", "protected"},
	})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		log.Fatal(err)
	}
	charge := moderation.Charge{
		At:     moderation.ChargeExecute,
		Step:   moderation.StepRequest,
		Person: "Chloe Martin",
		Actor:  "chloe",
		Kind:   "account.suspend",
		Target: "25073877",
		Tier:   "protected",
		Domain: "en",
		Count:  1,
		Reach:  40_000_000,
		Time:   time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC),
	}
	usage, err := limiter.Take(ctx, charge)
	fmt.Println(usage.Allowed, usage.Over, err)
	fmt.Println(usage.Limits[0].Rule.Source, usage.Limits[0].Key, usage.Limits[0].Left)

	charge.Overrun = usage.Over // a director approved it
	usage, err = limiter.Take(ctx, charge)
	fmt.Println(usage.Allowed, err)
	// Output:
	// false [[director]] <nil>
	// testdata/policy.csv:26 all 5000000
	// true <nil>
}

func ExampleModel() {
	fmt.Println(policy.Model()[:43])
	// Output:
	// # The Casbin model of an interlock policy.
}

// Which buttons to show: many questions, of which none needs a text.
func ExampleAuthorizer_Check() {
	ctx := context.Background()
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.File("testdata/policy.csv"),
		Kinds:  []string{"account.suspend", "account.limit", "post.remove"},
		Tiers:  []string{"normal", "protected"},
	})
	if err != nil {
		log.Fatal(err)
	}
	question := moderation.Question{
		Step:  moderation.StepRequest,
		Actor: moderation.Actor{Login: "amara"},
		Count: 1,
		Time:  time.Date(2017, 11, 2, 18, 49, 0, 0, time.UTC),
	}
	for _, question.Kind = range []string{"account.suspend", "post.remove"} {
		for _, tier := range []string{"normal", "protected"} {
			question.Target = moderation.Target{Tier: tier, Domain: "en"}
			verdict, err := authorizer.Check(ctx, &question)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(question.Kind, tier, verdict.Allowed())
			if !verdict.Allowed() && tier == "protected" {
				fmt.Println("\tneeds", verdict.Missing())
			}
		}
	}
	// Output:
	// account.suspend normal true
	// account.suspend protected false
	// 	needs role lead
	// post.remove normal true
	// post.remove protected false
	// 	needs role lead
}

// What a policy says can be looked at without an authorizer.
func ExampleLoad() {
	p, err := policy.Load(context.Background(), policy.Config{
		Source: policy.File("testdata/policy.csv"),
		Kinds:  []string{"account.suspend", "account.limit", "post.remove"},
		Tiers:  []string{"normal", "protected"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Roles("chloe", "en", time.Date(2017, 11, 2, 18, 49, 0, 0, time.UTC)))
	for rule := range p.Rules() {
		if rule.Deny {
			fmt.Println(rule.Row.Source, rule.Role, rule.Label, rule.Scope)
		}
	}
	// Output:
	// [lead moderator]
	// testdata/policy.csv:12 contractor  {* protected *}
	// testdata/policy.csv:13  leaving {* protected *}
}
