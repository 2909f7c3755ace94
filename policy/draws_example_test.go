package policy_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// A limiter that keeps its buckets elsewhere, here in a variable.
func ExamplePolicy_Draws() {
	authorizer, err := policy.Open(context.Background(), policy.Config{
		Source: policy.CSV("policy.csv", `
p,  lead, request, account.suspend, *, *, allow
p2, request, *, *, *, *, none, -, -
p3, person, *, *, *, requests, 3, 1h, refuse
g,  chloe, lead, *, -, -
`),
		Kinds: []string{"account.suspend"},
		Tiers: []string{"normal"},
	})
	if err != nil {
		log.Fatal(err)
	}
	now := time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC)
	draws, err := authorizer.Policy().Draws(moderation.Charge{
		At:     moderation.ChargeRequest,
		Step:   moderation.StepRequest,
		Person: "Chloe Martin",
		Actor:  "chloe",
		Kind:   "account.suspend",
		Target: "25073877",
		Tier:   "normal",
		Domain: "en",
		Count:  2,
		Time:   now,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range draws.List() {
		fmt.Printf("%s for %s: %d of %d\n", d.Meter.Name, d.Value, d.Want, d.Meter.Rates[0].Amount)
	}
	bucket := []policy.Bucket{{At: now, Rates: draws.List()[0].Meter.Rates, Held: []float64{3}}}
	for range 2 {
		usage, err := draws.Settle(now, bucket)
		fmt.Println(usage.Allowed, usage.RetryAfter, bucket[0].Held, err)
	}
	// Output:
	// person, *, *, *, requests for Chloe Martin: 2 of 3
	// true 0s [1] <nil>
	// false 20m0s [1] <nil>
}
