package limit_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/limit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Two replicas share a limit.
func ExampleNew() {
	ctx := context.Background()
	dsn, err := server.NewDatabase(ctx)
	if err != nil {
		log.Fatal(err)
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, "interlock"); err != nil {
		log.Fatal(err)
	}
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.CSV("policy.csv", `
p,  lead, request, account.suspend, *, *, allow
p2, request, *, *, *, *, none, -, -
p3, person, *, *, *, requests, 2, 1h, refuse
g,  chloe, lead, *, -, -
`),
		Kinds: []string{"account.suspend"},
		Tiers: []string{"normal"},
	})
	if err != nil {
		log.Fatal(err)
	}
	var replicas [2]*limit.Limiter
	for i := range replicas {
		if replicas[i], err = limit.New(ctx, limit.Config{Pool: pool, Authorizer: authorizer}); err != nil {
			log.Fatal(err)
		}
	}
	for i, target := range []string{"25073877", "12", "813286"} {
		usage, err := replicas[i%2].Take(ctx, moderation.Charge{
			At:     moderation.ChargeRequest,
			Step:   moderation.StepRequest,
			Ticket: "ticket-" + target,
			Person: "Chloe Martin",
			Actor:  "chloe",
			Kind:   "account.suspend",
			Target: target,
			Tier:   "normal",
			Domain: "en",
			Count:  1,
			Time:   time.Now(),
		})
		fmt.Println(usage.Allowed, usage.RetryAfter.Round(30*time.Minute), err)
	}
	// Output:
	// true 0s <nil>
	// true 0s <nil>
	// false 30m0s <nil>
}
