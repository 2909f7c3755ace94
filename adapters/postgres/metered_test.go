package postgres_test

import (
	"context"
	"errors"
	"fmt"
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

// composition is which parts a guard is composed of besides the store.
type composition struct {
	jobs   bool // River jobs instead of a guard that polls
	limits bool // shared by all replicas instead of those of the process
}

// metered is a guard whose statements are counted.
type metered struct {
	*moderation.Guard
	tb      testing.TB
	counts  *tally
	costs   []verbCost
	later   atomic.Int64 // how far the clock was set forward
	unclear atomic.Bool  // the handler does not know what it did
	keys    int
}

const verbsPolicy = `
p, moderator, request, account.*, *, *, allow
p, moderator, undo,    account.*, *, *, allow
p, moderator, bypass,  account.*, ordinary, *, allow
p, moderator, read,    *, *, *, allow
p, lead, approve,  *, *, *, allow
p, lead, reject,   *, *, *, allow
p, lead, cancel,   *, *, *, allow
p, lead, freeze,   *, *, *, allow
p, lead, unfreeze, *, *, *, allow
p, lead, resolve,  *, *, *, allow
p, lead, revoke,   *, *, *, allow
p, lead, read,     *, *, *, allow

p2, request,  *, ordinary,  *, *, none,      -, -
p2, request,  *, protected, *, *, lead lead, -, 24h
p2, bypass,   *, ordinary,  *, *, lead,      -, 24h
p2, unfreeze, *, *,         *, *, none,      -, -

p3, person, *, *, *, requests,     1000, 1h, refuse
p3, person, *, *, *, actions,      1000, 1h, refuse
p3, person, *, *, *, undo.actions, 1000, 1h, refuse

g, ada,  moderator, *, -, -
g, mia,  moderator, *, -, -
g, lena, lead,      *, -, -
g, lou,  lead,      *, -, -
`

// newMetered composes a guard over one connection's tracer.
func newMetered(tb testing.TB, c composition) *metered {
	tb.Helper()
	ctx := tb.Context()
	must := func(err error) {
		if err != nil {
			tb.Helper()
			tb.Fatal(err)
		}
	}
	m := &metered{tb: tb, counts: new(tally)}
	own := open(tb)
	must(engine.Migrate(ctx, own.pool, postgres.DefaultSchema))
	config := own.pool.Config()
	config.ConnConfig.Tracer = m.counts
	pool, err := pgxpool.NewWithConfig(ctx, config)
	must(err)
	tb.Cleanup(pool.Close)
	stored := postgres.Config{Pool: pool}
	if c.jobs {
		scheduler, err := engine.NewScheduler("", "")
		must(err)
		// What unschedules runs behind the commits, in no verb's way.
		stored.Scheduler = schedule(scheduler.Schedule)
	}
	store, err := postgres.Open(ctx, stored)
	must(err)
	tiers := []string{"ordinary", "protected"}
	rules, err := policy.Open(ctx, policy.Config{Source: policy.CSV("policy.csv", verbsPolicy), Kinds: []string{moderation.Suspend}, Tiers: tiers})
	must(err)
	var limits moderation.Limiter
	if limits, err = policy.NewLimiter(rules); c.limits {
		limits, err = limit.New(ctx, limit.Config{Pool: pool, Authorizer: rules})
	}
	must(err)
	directory, err := moderation.NewMapDirectory(meteredHost())
	must(err)
	start := time.Now()
	m.Guard, err = moderation.New(ctx, moderation.Config{
		Directory: directory, Authorizer: rules, Limiter: limits, Store: store, Tiers: tiers,
		Kinds: []moderation.Kind{{Name: moderation.Suspend, Timed: true, Apply: m.apply, Undo: func(context.Context, moderation.Permit) error { return nil }}},
		// The clock stands still but where a verb waits for it.
		Now:          func() time.Time { return start.Add(time.Duration(m.later.Load())) },
		MaxStaleness: 24 * time.Hour,
	})
	must(err)
	return m
}

// meteredHost are the people and accounts; account-00 to account-49 are ordinary,
// and those from account-50 on protected.
func meteredHost() (people []moderation.Actor, accounts []moderation.Target) {
	for _, login := range []string{"ada", "mia", "lena", "lou"} {
		people = append(people, moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()})
	}
	for i := range 100 {
		tier := "ordinary"
		if i >= 50 {
			tier = "protected"
		}
		accounts = append(accounts, moderation.Target{ID: fmt.Sprintf("account-%02d", i), Tier: tier, Domain: "en", Reach: 1})
	}
	return people, accounts
}

func (m *metered) apply(context.Context, moderation.Permit) (moderation.UndoToken, error) {
	if m.unclear.Load() {
		return "", errors.New("the connection to the service broke")
	}
	return "", nil
}

// waits sets the clock forward.
func (m *metered) waits(d time.Duration) { m.later.Add(int64(d)) }

// key is one that was not used before.
func (m *metered) key() string {
	m.keys++
	return fmt.Sprint("key-", m.keys)
}

// asks is an action of ada's on an account.
func (m *metered) asks(account int, d time.Duration) moderation.Action {
	a := suspend(fmt.Sprintf("account-%02d", account), m.key())
	a.Duration = d
	return a
}

// free does something that is not reported.
func (m *metered) free(t moderation.Ticket, err error) moderation.Ticket {
	m.tb.Helper()
	if err != nil && !errors.Is(err, moderation.ErrPending) && !errors.Is(err, moderation.ErrUnknown) {
		m.tb.Fatal(err)
	}
	m.counts.reset()
	return t
}
