package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/adapters/postgres/limit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// BenchmarkExecuted executes whole actions, each on another account, from the
// request to the outcome: a guard with a policy, limits and River jobs over the
// store. The limits are those of one process, or those that all replicas share.
// Beside it, in turn, goes the same by hand (see byHand), over as many connections:
// as rows of transactions that have nothing to do with each other, and with the
// records chained. Where limits are shared, it counts in one row of an unlogged
// table before. Sixteen moderators act.
func BenchmarkExecuted(b *testing.B) {
	for _, limits := range []string{"process", "shared"} {
		for _, inFlight := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("limits=%s/in-flight=%d", limits, inFlight), func(b *testing.B) {
				shared := limits == "shared"
				rows, chained := newByHand(b, shared, false), newByHand(b, shared, true)
				guard := executingGuard(b, benchPool(b, executedConnections), shared, nil)
				inTurn(b, inFlight, []contender{{"rows", rows.execute}, {"chained", chained.execute}, {"guard", func(ctx context.Context, n int64) error {
					ticket, err := guard.Do(ctx, executedAction(n))
					if err == nil && ticket.Status != moderation.StatusExecuted {
						err = fmt.Errorf("the ticket is %s", ticket.Status)
					}
					return err
				}}})
			})
		}
	}
}

// executedConnections is how many each has; more are slower on a small machine.
const executedConnections = 16

// contender executes the n-th action.
type contender struct {
	name    string
	execute func(ctx context.Context, n int64) error
}

// inTurn has each contender execute b.N actions, three times over, so that what
// else the machine does is in everybody's way. It reports the median rate of each,
// and that of the last in parts of the others'.
func inTurn(b *testing.B, inFlight int, all []contender) {
	b.Helper()
	rates := make([][]float64, len(all))
	for _, c := range all {
		executed(b, executedConnections, 20*executedConnections, c) // connections and plans
	}
	for range 3 {
		for i, c := range all {
			rates[i] = append(rates[i], executed(b, inFlight, b.N, c))
		}
	}
	for i := range rates {
		slices.Sort(rates[i])
		b.ReportMetric(rates[i][1], all[i].name+"/s")
	}
	last := len(all) - 1
	for i := range last {
		b.ReportMetric(rates[last][1]/rates[i][1], all[last].name+"/"+all[i].name)
	}
	b.ReportMetric(1e9/rates[last][1], "ns/op")
}

// executed executes so many actions, so many at a time, and returns how many a
// second.
func executed(b *testing.B, inFlight, count int, c contender) float64 {
	b.Helper()
	var taken atomic.Int64
	var workers sync.WaitGroup
	begun := time.Now()
	for range inFlight {
		workers.Go(func() {
			for taken.Add(1) <= int64(count) {
				if err := c.execute(b.Context(), made.Add(1)); err != nil {
					b.Errorf("%s: %v", c.name, err)
					return
				}
			}
		})
	}
	workers.Wait()
	return float64(count) / time.Since(begun).Seconds()
}

func executedAction(n int64) moderation.Action {
	a := suspend("account-"+strconv.FormatInt(n, 10), strconv.FormatInt(n, 10))
	a.Actor = moderator(n)
	return a
}

const moderators = 16

func moderator(n int64) string { return "moderator-" + strconv.FormatInt(n%moderators, 10) }

// executedPolicy has a limit for each person, as every policy should.
const executedPolicy = `
p,  moderator, request, account.*, *, *, allow
p2, request, *, ordinary, *, *, none, -, -
p3, person, account.*, *, *, actions, 1000000000, 1m, refuse
`

// anyAccount is a directory in which every account exists.
type anyAccount struct{ *moderation.MapDirectory }

func (anyAccount) Resolve(_ context.Context, id string) (string, error) { return id, nil }

func (anyAccount) Target(_ context.Context, id string) (moderation.Target, error) {
	return moderation.Target{ID: id, Tier: "ordinary", Domain: "en", Reach: 12}, nil
}

// executingGuard is composed as a host would. over, if it is given, is put between
// guard and store.
func executingGuard(tb testing.TB, pool *pgxpool.Pool, shared bool, over func(moderation.Store) moderation.Store) *moderation.Guard {
	tb.Helper()
	ctx := tb.Context()
	must := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	must(engine.Migrate(ctx, pool, postgres.DefaultSchema))
	scheduler, err := engine.NewScheduler("", "")
	must(err)
	var store moderation.Store
	store, err = postgres.Open(ctx, postgres.Config{Pool: pool, Scheduler: scheduler})
	must(err)
	if over != nil {
		store = over(store)
	}
	text := executedPolicy
	var people []moderation.Actor
	for n := range int64(moderators) {
		login := moderator(n)
		text += "g, " + login + ", moderator, *, -, -\n"
		people = append(people, moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()})
	}
	rules, err := policy.Open(ctx, policy.Config{Source: policy.CSV("policy.csv", text), Kinds: []string{moderation.Suspend}, Tiers: []string{"ordinary"}})
	must(err)
	var limits moderation.Limiter
	if limits, err = policy.NewLimiter(rules); shared {
		limits, err = limit.New(ctx, limit.Config{Pool: pool, Authorizer: rules})
	}
	must(err)
	directory, err := moderation.NewMapDirectory(people, nil)
	must(err)
	guard, err := moderation.New(ctx, moderation.Config{
		Directory: anyAccount{directory}, Authorizer: rules, Limiter: limits, Store: store, Tiers: []string{"ordinary"},
		Kinds: []moderation.Kind{{
			Name: moderation.Suspend, Timed: true,
			Apply: func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil },
			Undo:  func(context.Context, moderation.Permit) error { return nil },
		}},
	})
	must(err)
	tb.Cleanup(func() { _ = guard.Close(context.WithoutCancel(ctx)) })
	return guard
}
