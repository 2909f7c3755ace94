package batch_test

import (
	"context"
	"fmt"
	"log"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
	"github.com/elevenminutes/interlock/policy"
)

const examplePolicy = `
p, moderator, request, account.*, *, *, allow
p, moderator, undo,    account.*, *, *, allow
p, lead,      approve, account.*, *, *, allow
p2, request, *, *, *, *, none, -, -
p3, person, *, *, *, actions, 1000, 1h, refuse
g, mia,  moderator, *, -, -
g, lena, lead,      *, -, -
`

// exampleGuard guards a network of three accounts.
func exampleGuard(ctx context.Context) *moderation.Guard {
	var targets []moderation.Target
	for _, id := range []string{"account-1", "account-2", "account-3"} {
		targets = append(targets, moderation.Target{ID: id, Tier: "standard", Domain: "en"})
	}
	mia := moderation.Actor{Login: "mia", Person: "mia", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	directory, err := moderation.NewMapDirectory([]moderation.Actor{mia}, targets)
	if err != nil {
		log.Fatal(err)
	}
	kinds, tiers := []string{moderation.Limit}, []string{"standard"}
	authorizer, err := policy.Open(ctx, policy.Config{Source: policy.CSV("policy.csv", examplePolicy), Kinds: kinds, Tiers: tiers})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		log.Fatal(err)
	}
	apply := func(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
		fmt.Println("limit", p.Target)
		return "", nil
	}
	undo := func(_ context.Context, p moderation.Permit) error { return nil }
	guard, err := moderation.New(ctx, moderation.Config{
		Directory: directory, Authorizer: authorizer, Limiter: limiter, Tiers: tiers,
		Kinds: []moderation.Kind{{Name: moderation.Limit, Apply: apply, Undo: undo}},
		Audit: new(audit.Memory), ForgetOnExit: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	return guard
}

func ExampleNew() {
	ctx := context.Background()
	runner, err := batch.New(exampleGuard(ctx), batch.Config{
		Stages:   []batch.Stage{{Share: 0.3}, {Share: 1}},
		Progress: func(p batch.Progress) { fmt.Printf("stage %d of %d: %d of %d\n", p.Stage, p.Stages, p.Done, p.Total) },
	})
	if err != nil {
		log.Fatal(err)
	}
	members := batch.Slice{"account-1", "account-2", "account-3"}
	raid := moderation.Action{Kind: moderation.Limit, Actor: "mia", Tier: "standard", Reason: "raid", Key: "raid-1"}
	mandate, err := runner.Start(ctx, raid, members, 3)
	if err != nil {
		log.Fatal(err)
	}
	for result, err := range runner.Run(ctx, mandate.ID, members) {
		if err != nil {
			log.Fatal(err)
		}
		if result.Err != nil {
			fmt.Println(result.Member, result.Err)
		}
	}
	// Unordered output:
	// limit account-1
	// limit account-2
	// limit account-3
	// stage 1 of 2: 1 of 3
	// stage 2 of 2: 2 of 3
	// stage 2 of 2: 3 of 3
}

// All of it is undone in one call.
func ExampleRunner_UndoAll() {
	ctx := context.Background()
	runner, err := batch.New(exampleGuard(ctx), batch.Config{})
	if err != nil {
		log.Fatal(err)
	}
	members := batch.Slice{"account-3"}
	mandate, err := runner.Start(ctx, moderation.Action{Kind: moderation.Limit, Actor: "mia", Tier: "standard", Reason: "raid", Key: "raid-1"}, members, 1)
	if err != nil {
		log.Fatal(err)
	}
	for result, err := range runner.Run(ctx, mandate.ID, members) {
		fmt.Println(result.Member, result.Status, result.Err, err)
	}
	for result, err := range runner.UndoAll(ctx, moderation.UndoRequest{Ticket: mandate.ID, Actor: "mia", Reason: "the wrong list", Key: "undo-1"}) {
		fmt.Println(result.Status, result.Err, err)
	}
	// Output:
	// limit account-3
	// account-3 executed <nil> <nil>
	// executed <nil> <nil>
}
