package postgres_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/adapters/postgres/limit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// BenchmarkExecuted executes whole actions, each on another account, from the
// request to the outcome: a guard with a policy, limits and River jobs over the
// store. The floor writes the rows that such an action leaves, in bare pgx with a
// connection for each worker: two transactions, the first of which inserts the
// job. It decides nothing, checks nothing and chains nothing. The limits are those
// of one process, or those that all replicas share, for which the floor counts in a
// row of an unlogged table before its transactions. Sixteen moderators act.
func BenchmarkExecuted(b *testing.B) {
	for _, inFlight := range []int{1, 16, 64} {
		for _, limits := range []string{"process", "shared"} {
			b.Run(fmt.Sprintf("limits=%s/floor/in-flight=%d", limits, inFlight), func(b *testing.B) {
				f := executedFloor(b, benchPool(b, inFlight))
				f.counts = limits == "shared"
				executed(b, inFlight, f.execute)
			})
			b.Run(fmt.Sprintf("limits=%s/guard/in-flight=%d", limits, inFlight), func(b *testing.B) {
				guard := executingGuard(b, benchPool(b, 16), limits == "shared", nil)
				executed(b, inFlight, func(ctx context.Context, n int64) error {
					ticket, err := guard.Do(ctx, executedAction(n))
					if err == nil && ticket.Status != moderation.StatusExecuted {
						err = fmt.Errorf("the ticket is %s", ticket.Status)
					}
					return err
				})
			})
		}
	}
}

func executedAction(n int64) moderation.Action {
	a := suspend("account-"+strconv.FormatInt(n, 10), strconv.FormatInt(n, 10))
	a.Actor = moderator(n)
	return a
}

const moderators = 16

func moderator(n int64) string { return "moderator-" + strconv.FormatInt(n%moderators, 10) }

// executed runs b.N actions, so many at a time.
func executed(b *testing.B, inFlight int, execute func(ctx context.Context, n int64) error) {
	inParallel(b, inFlight, func() error { return execute(b.Context(), made.Add(1)) })
}

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

// actionFloor writes what a guard has written for one action, for another account
// each time.
type actionFloor struct {
	*floor
	jobs    *river.Client[pgx.Tx]
	changes []moderation.Change
	counts  bool // what each moderator does
}

// executedFloor takes what to write from a guard.
func executedFloor(b *testing.B, pool *pgxpool.Pool) *actionFloor {
	b.Helper()
	seen := &seenChanges{}
	guard := executingGuard(b, pool, false, func(s moderation.Store) moderation.Store { seen.Store = s; return seen })
	if _, err := guard.Do(b.Context(), executedAction(made.Add(1))); err != nil {
		b.Fatal(err)
	}
	if len(seen.changes) != 2 {
		b.Fatalf("an action makes %d commits; the floor is made for two", len(seen.changes))
	}
	jobs, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: postgres.DefaultSchema})
	if err != nil {
		b.Fatal(err)
	}
	_, err = pool.Exec(b.Context(), `CREATE UNLOGGED TABLE counted (person text PRIMARY KEY, n bigint NOT NULL)`)
	if err != nil {
		b.Fatal(err)
	}
	f := &actionFloor{floor: &floor{pool: pool}, jobs: jobs, changes: seen.changes}
	f.seq.Store(1 << 40) // after those of the store
	return f
}

func (f *actionFloor) execute(ctx context.Context, n int64) error {
	if f.counts {
		_, err := f.pool.Exec(ctx, `INSERT INTO counted AS c VALUES ($1, 1) ON CONFLICT (person) DO UPDATE SET n = c.n + 1`, moderator(n))
		if err != nil {
			return err
		}
	}
	id := fmt.Sprintf("floor-%020d", n)
	for i, c := range f.changes {
		t := c.Tickets[0]
		t.ID, t.Action.Key, t.Subject.ID = id, id, "account-"+strconv.FormatInt(n, 10)
		c.Tickets = []moderation.Ticket{t}
		c.Record.ID = id + "." + strconv.Itoa(i)
		err := f.write(ctx, c, func(tx pgx.Tx) error {
			if t.Due.IsZero() {
				return nil
			}
			_, err := f.jobs.InsertTx(ctx, tx, engine.AdvanceArgs{Ticket: id, Revision: t.Revision}, &river.InsertOpts{
				Queue: engine.DefaultQueue, ScheduledAt: time.Now().Add(time.Hour),
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// seenChanges keeps what is committed.
type seenChanges struct {
	moderation.Store
	mu      sync.Mutex
	changes []moderation.Change
}

func (s *seenChanges) Commit(ctx context.Context, c moderation.Change) error {
	s.mu.Lock()
	s.changes = append(s.changes, c)
	s.mu.Unlock()
	return s.Store.Commit(ctx, c)
}
