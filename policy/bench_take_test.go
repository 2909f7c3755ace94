package policy_test

import (
	"context"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

func BenchmarkTake(b *testing.B) {
	w := newBenchmark(50, 10)
	w.text += "p3, person, *, *, *, requests, 1000000000, 1h, refuse\np3, tier, *, *, *, requests, 1000000000, 1h, refuse\np3, all, *, *, *, requests, 1000000000, 1h, refuse\n"
	l, err := policy.NewLimiter(w.open(b))
	if err != nil {
		b.Fatal(err)
	}
	c := moderation.Charge{
		At: moderation.ChargeRequest, Step: moderation.StepRequest, Person: "alice", Actor: "user1", Kind: "kind1.do",
		Target: "1", Tier: "tier1", Domain: "en", Count: 1, Time: time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC),
	}
	b.ReportAllocs()
	for b.Loop() {
		if u, err := l.Take(context.Background(), c); err != nil || !u.Allowed {
			b.Fatal(u, err)
		}
	}
}
