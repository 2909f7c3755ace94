package analysis_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// examplePolicy lets support act alone on normal accounts, and nobody on
// protected ones.
func examplePolicy(more string) *policy.Policy {
	p, err := policy.Load(context.Background(), policy.Config{
		Source: policy.CSV("policy.csv", `
p, support, request, account.suspend, normal, *, allow
p, support, undo, *, *, *, allow
p, lead, request, *, *, *, allow
p, lead, approve, *, *, *, allow
p2, request, *, *, *, *, none, -, -
p2, request, *, protected, *, *, lead, 15m, 4h
p3, person, *, *, *, actions, 30, 1h, refuse
g, amara, support, *, -, -
g, bruno, support, *, -, -
g, chloe, lead, *, -, -
g, deniz, lead, *, -, -
`+more),
		Kinds: []string{"account.suspend"},
		Tiers: []string{"normal", "protected"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return p
}

var evening = time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC)

func exampleAnalysis(p *policy.Policy) *analysis.Analysis {
	a, err := analysis.New(analysis.Config{Policy: p, Directory: analysis.EachLogin(p), At: evening})
	if err != nil {
		log.Fatal(err)
	}
	return a
}

func ExampleNew() {
	p := examplePolicy("")
	a, err := analysis.New(analysis.Config{Policy: p, Directory: analysis.EachLogin(p), At: evening})
	if err != nil {
		log.Fatal(err)
	}
	exposure, err := a.Exposure(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	worst := exposure.Worst[0]
	fmt.Println(worst.People, "people can", worst.Step, "on", worst.Tier, "accounts alone:", worst.Hour.Actions, "an hour")
	// Output:
	// 4 people can request on normal accounts alone: 60 an hour
}

func ExampleAnalysis_Exposure() {
	exposure, err := exampleAnalysis(examplePolicy("")).Exposure(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, group := range exposure.Groups {
		for _, deed := range group.Deeds {
			fmt.Println(group.People, deed.Step, deed.Kinds, deed.Tier, deed.Hour.Actions, "an hour", deed.Rules)
		}
	}
	// Output:
	// [amara bruno] request [*] normal 60 an hour [policy.csv:2 policy.csv:6]
	// [amara bruno] undo [*] normal unbounded an hour [policy.csv:3]
	// [amara bruno] undo [*] protected unbounded an hour [policy.csv:3]
	// [chloe deniz] request [*] normal 60 an hour [policy.csv:4 policy.csv:6]
}

func ExampleAnalysis_Collusion() {
	collusion, err := exampleAnalysis(examplePolicy("")).Collusion(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	set, ok := collusion.Smallest(moderation.StepRequest, "protected")
	fmt.Println(ok, set.Size, set.Requester.Person, set.Approvers[0].Person, set.Hold)
	// Output:
	// true 2 chloe deniz 15m0s
}

func ExampleAnalysis_Lint() {
	found, err := exampleAnalysis(examplePolicy("p, support, undo, account.suspend, normal, *, allow\n")).Lint(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range found {
		fmt.Println(f.Code, f.Text)
	}
	// Output:
	// wildcard_reaches_protected policy.csv:4 lets lead request * on every tier, without naming those that are protected (protected).
	// shadowed policy.csv:13 says nothing that policy.csv:3 does not say as well.
}

func ExampleDiff() {
	before, after := examplePolicy(""), examplePolicy("p, support, request, account.suspend, protected, *, allow\n")
	difference, err := analysis.Diff(context.Background(), before, after, analysis.EachLogin(before), evening)
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range difference.Changes {
		fmt.Println(change.People, change.What, change.Step, change.Where[0].Tiers)
	}
	// Output:
	// [amara bruno] gains request [protected]
}

func ExampleEachLogin() {
	for _, person := range analysis.EachLogin(examplePolicy("")).People {
		fmt.Println(person.ID)
	}
	// Output:
	// amara
	// bruno
	// chloe
	// deniz
}

func ExampleFromActors() {
	human := moderation.Actor{Login: "chloe", Person: "chloe", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	phone := human
	phone.Login = "chloe-phone"
	directory, err := analysis.FromActors([]moderation.Actor{human, phone}, []moderation.Target{{ID: "1", Tier: "normal", Domain: "en", Reach: 120}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(directory.People), len(directory.People[0].Logins), directory.Targets)
	// Output:
	// 1 2 [{normal 1 120}]
}

func ExampleFromDirectory() {
	host, err := moderation.NewMapDirectory([]moderation.Actor{
		{Login: "chloe", Person: "chloe", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	directory, err := analysis.FromDirectory(context.Background(), examplePolicy(""), host)
	fmt.Println(len(directory.People), err)
	// Output:
	// 1 <nil>
}
