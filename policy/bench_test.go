package policy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// fiftyRows is a policy of fifty rows, a few of which match any question.
func fiftyRows(b *testing.B) *policy.Authorizer {
	b.Helper()
	var text strings.Builder
	for i := range 10 {
		fmt.Fprintf(&text, "p, role%d, request, account.suspend, tier%d, *, allow\n", i, i%5)
		fmt.Fprintf(&text, "p, role%d, approve, *, *, *, allow\n", i)
		fmt.Fprintf(&text, "p, @leaving, request, *, tier%d, lang%d, deny\n", i%5, i)
		fmt.Fprintf(&text, "g, login%d, role%d, *, -, -\ng, other%d, role%d, *, -, -\n", i, i, i, i)
	}
	text.WriteString("p2, request, *, *, *, *, role1|role2, -, 24h\np2, request, *, *, *, permanent, role3, 1h, 48h\n")
	text.WriteString("p3, person, *, *, *, requests, 1000000000, 1h, refuse\np3, tier, *, *, *, requests, 1000000000, 1h, refuse\np3, all, *, *, *, requests, 1000000000, 1h, refuse\n")
	a, err := policy.Open(context.Background(), policy.Config{
		Source: policy.CSV("bench.csv", text.String()),
		Kinds:  []string{"account.suspend", "post.remove"},
		Tiers:  []string{"tier0", "tier1", "tier2", "tier3", "tier4"},
	})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func BenchmarkDecide(b *testing.B) {
	a := fiftyRows(b)
	for _, bench := range []struct {
		outcome string
		tier    string
	}{{"allow", "tier1"}, {"deny", "tier2"}} {
		b.Run("rules=50/outcome="+bench.outcome, func(b *testing.B) {
			q := moderation.Question{
				Step: moderation.StepRequest, Actor: moderation.Actor{Login: "login1"}, Kind: "account.suspend",
				Target: moderation.Target{Tier: bench.tier, Domain: "en"}, Duration: moderation.Permanent, Count: 1,
				Time: time.Date(2017, 11, 2, 18, 57, 0, 0, time.UTC),
			}
			b.ReportAllocs()
			for b.Loop() {
				d, err := a.Decide(context.Background(), q)
				if err != nil || d.Allowed != (bench.outcome == "allow") {
					b.Fatal(d, err)
				}
			}
		})
	}
}
