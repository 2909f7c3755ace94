package main

import (
	"context"
	"errors"
	"fmt"
	"github.com/elevenminutes/interlock/audit/trail"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func main() {
	ctx, kinds, tiers := context.Background(), []string{moderation.Suspend}, []string{"standard", "newsworthy"}
	mia := moderation.Actor{Login: "mia", Person: "mia", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	people, err1 := moderation.NewMapDirectory([]moderation.Actor{mia}, []moderation.Target{{ID: "@spammer", Tier: "standard", Domain: "en"}})
	rules, err2 := policy.Open(ctx, policy.Config{Source: policy.File("examples/quickstart/policy.csv"), Kinds: kinds, Tiers: tiers})
	limits, err3 := policy.NewLimiter(rules)
	records, err4 := trail.Open(ctx, trail.Beside("trail", "example.com/moderation"))
	suspend := func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil } // your code
	guard, err5 := moderation.New(ctx, moderation.Config{Directory: people, Authorizer: rules, Limiter: limits, Audit: records,
		Tiers: tiers, Kinds: []moderation.Kind{{Name: moderation.Suspend, Apply: suspend, Undo: func(context.Context, moderation.Permit) error { return nil }}}})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		panic(err)
	}
	ticket, err := guard.Do(ctx, moderation.Action{Kind: moderation.Suspend, Actor: "mia", Target: "@spammer", Reason: "spam", Key: "report-7"})
	fmt.Println(ticket.Status, err)
}
