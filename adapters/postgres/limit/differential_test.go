package limit_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// anyLimits makes up limits, so that edits keep some, change some, and add and
// remove others.
func anyLimits(random *rand.Rand) string {
	var rows strings.Builder
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	seen := map[string]bool{}
	for range 2 + random.IntN(7) {
		unit := pick("requests", "requests", "open", "actions", "reach", "undo.requests", "undo.open")
		window := pick("1ns", "37m", "1h", "1h", "24h", "24h", "36500d")
		if strings.HasSuffix(unit, "open") {
			window = "-"
		}
		row := strings.Join([]string{pick("person", "all", "target", "actor", "tier", "kind", "domain"), pick("*", "*", "*", "account.*", "account.suspend"), pick("*", "*", "*", "protected"), pick("*", "*", "*", "en"),
			unit, pick("3", "5", "7", "1000"), window}, ", ")
		if !seen[row] {
			seen[row] = true
			fmt.Fprintf(&rows, "p3, %s, %s\n", row, pick("refuse", "refuse", "lead", "lead lead"))
		}
	}
	return rows.String()
}

func anyCharge(random *rand.Rand, tickets int) moderation.Charge {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	c := charge(pick("ann", "bob"), 1+random.IntN(3))
	c.Ticket = fmt.Sprint("t", random.IntN(tickets))
	// What a ticket is about is decided once.
	about := rand.New(rand.NewPCG(uint64(len(c.Ticket)), uint64(c.Ticket[len(c.Ticket)-1])))
	c.Person = []string{"ann", "bob"}[about.IntN(2)]
	c.Actor = c.Person + "1"
	c.Target = []string{"7", "8"}[about.IntN(2)]
	c.Kind = []string{"account.suspend", "account.limit", "post.remove"}[about.IntN(3)]
	c.Tier, c.Domain = pick("normal", "protected", moderation.Any), pick("en", "de", moderation.Any)
	if random.IntN(3) == 0 {
		c.At, c.Reach = moderation.ChargeExecute, int64(random.IntN(5))
	}
	c.Step = moderation.Step(pick("request", "request", "request", "request", "undo", "reject"))
	c.For = moderation.ChargeFor(pick("", "", "", "batch", "member"))
	for range random.IntN(3) {
		c.Overrun = append(c.Overrun, moderation.Slot{"lead"})
	}
	return c
}

// Whatever is charged, looked at, released and edited, and wherever the clock
// goes, the answers are those of policy.Limiter.
func TestAnswersAreThoseOfThePolicysLimiter(t *testing.T) {
	t.Parallel()
	pool := migrated(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	var taken, refused int
	for run := range 25 {
		rows := anyLimits(random)
		ours := open(t, pool, rows)
		ours.StopSweeping()
		theirs, err := policy.NewLimiter(ours.authorizer)
		if err != nil {
			t.Fatal(err)
		}
		now := noon
		ours.SetMoment(func() time.Time { return now })
		for i := range 120 {
			switch random.IntN(8) {
			case 0:
				now = now.Add(time.Duration(random.Int64N(int64(20 * time.Minute))))
			case 1:
				now = now.Add(time.Duration(random.Int64N(int64(2 * time.Minute))))
			case 2:
				now = now.Add(-time.Duration(random.Int64N(int64(3 * time.Minute))))
			}
			if random.IntN(12) == 0 {
				rows = anyLimits(random)
				ours.edit(rows)
			}
			c := anyCharge(random, 400)
			c.Time = now
			c.Ticket = fmt.Sprintf("%d-%s", run, c.Ticket)
			what := fmt.Sprintf("seed %d, run %d, step %d, limits\n%scharge %+v", seed, run, i, rows, c)
			if random.IntN(6) == 0 {
				if x, y := theirs.Release(t.Context(), c), ours.Release(t.Context(), c); x != nil || y != nil {
					t.Fatal(what, x, y)
				}
				continue
			}
			want, wantErr := theirs.Peek(t.Context(), c)
			got, gotErr := ours.Peek(t.Context(), c)
			if diff := cmp.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
				t.Fatalf("Peek, %s: %v, %v (-want +got):\n%s", what, wantErr, gotErr, diff)
			}
			if random.IntN(4) == 0 {
				continue
			}
			want, wantErr = theirs.Take(t.Context(), c)
			got, gotErr = ours.Take(t.Context(), c)
			if diff := cmp.Diff(want, got); diff != "" || (wantErr == nil) != (gotErr == nil) {
				t.Fatalf("Take, %s: %v, %v (-want +got):\n%s", what, wantErr, gotErr, diff)
			}
			if got.Allowed {
				taken++
			} else {
				refused++
			}
		}
		ours.exec("DELETE FROM interlock.bucket WHERE meter <> ''; DELETE FROM interlock.open_meter; DELETE FROM interlock.open_ticket")
	}
	if taken < 300 || refused < 50 {
		t.Errorf("%d were taken and %d refused: the test shows little", taken, refused)
	}
}
