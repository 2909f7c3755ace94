package policy_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// A limiter with too little room refuses. It never forgets what was drawn.
func ExampleNewLimiterSize() {
	ctx := context.Background()
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.CSV("policy.csv", `
p,  lead, request, account.suspend, *, *, allow
p2, request, *, *, *, *, none, -, -
p3, target, *, *, *, requests, 3, 1h, refuse
g,  chloe, lead, *, -, -
`),
		Kinds: []string{"account.suspend"},
		Tiers: []string{"normal"},
	})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := policy.NewLimiterSize(authorizer, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, target := range []string{"25073877", "12", "12", "813286"} {
		usage, err := limiter.Take(ctx, moderation.Charge{
			At:     moderation.ChargeRequest,
			Step:   moderation.StepRequest,
			Person: "Chloe Martin",
			Actor:  "chloe",
			Kind:   "account.suspend",
			Target: target,
			Tier:   "normal",
			Domain: "en",
			Count:  1,
			Time:   time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC),
		})
		fmt.Println(usage.Allowed, limiter.Len(), err)
	}
	// Output:
	// true 1 <nil>
	// true 2 <nil>
	// true 2 <nil>
	// false 2 policy: charge: the limiter holds 2 buckets that are not full, as many as it has room for; give NewLimiterSize more, or wait until some are full
}
