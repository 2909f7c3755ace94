package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// moderators is how many people act, so that no limit of one person's is in
// everybody's way.
const moderators = 16

func moderator(n int64) string { return "moderator-" + strconv.FormatInt(n%moderators, 10) }

// suspect is a moderator who is frozen again and again, and asks for nothing else.
const suspect = "suspect"

const rules = `
p,  moderator, request,  account.*, *, *, allow
p,  lead,      freeze,   *,         *, *, allow
p,  lead,      unfreeze, *,         *, *, allow
p2, request,   *, ordinary, *, *, none, -, -
p2, unfreeze,  *, *,        *, *, none, -, -
p3, person, account.*, *, *, actions, 1000000000, 1m, refuse
g,  lead-1,  lead,      *, -, -
g,  lead-2,  lead,      *, -, -
g,  suspect, moderator, *, -, -
`

// host answers for a service in which every account exists.
type host struct{ *moderation.MapDirectory }

// Resolve takes every name for an account's.
func (host) Resolve(_ context.Context, id string) (string, error) { return id, nil }

// Target is an account like all others.
func (host) Target(_ context.Context, id string) (moderation.Target, error) {
	return moderation.Target{ID: id, Tier: "ordinary", Domain: "en", Reach: 12}, nil
}

// migrate makes the tables of a partition.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	if err := postgres.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		return err
	}
	return engine.Migrate(ctx, pool, "")
}

// openStore opens a replica's store of one partition.
func openStore(ctx context.Context, pool *pgxpool.Pool, jobs bool) (*postgres.Store, error) {
	c := postgres.Config{Pool: pool}
	if jobs {
		scheduler, err := engine.NewScheduler("", "")
		if err != nil {
			return nil, err
		}
		c.Scheduler = scheduler
	}
	return postgres.Open(ctx, c)
}

// openGuard composes the guard of a replica for one partition. Its limits are
// those of the process: what limits of all replicas cost is measured elsewhere.
func openGuard(ctx context.Context, store moderation.Store) (*moderation.Guard, error) {
	text, people := rules, []moderation.Actor{human("lead-1"), human("lead-2"), human(suspect)}
	for n := range int64(moderators) {
		text += "g, " + moderator(n) + ", moderator, *, -, -\n"
		people = append(people, human(moderator(n)))
	}
	authorizer, err := policy.Open(ctx, policy.Config{Source: policy.CSV("policy.csv", text), Kinds: []string{moderation.Suspend}, Tiers: []string{"ordinary"}})
	if err != nil {
		return nil, err
	}
	limiter, limiterErr := policy.NewLimiter(authorizer)
	directory, err := moderation.NewMapDirectory(people, nil)
	if err = errors.Join(err, limiterErr); err != nil {
		return nil, err
	}
	return moderation.New(ctx, moderation.Config{
		Directory: host{directory}, Authorizer: authorizer, Limiter: limiter, Store: store, Tiers: []string{"ordinary"},
		Kinds: []moderation.Kind{{
			Name: moderation.Suspend, Timed: true,
			Apply: func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil },
			Undo:  func(context.Context, moderation.Permit) error { return nil },
		}},
	})
}

func human(login string) moderation.Actor {
	return moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
}

func account(n int64) string { return fmt.Sprintf("account-%012d", n) }

// suspend is an action that waits for nothing and stands until it is undone: its
// intent has a job, and its outcome has none.
func suspend(n int64) moderation.Action {
	return moderation.Action{
		Kind: moderation.Suspend, Actor: moderator(n), Target: account(n), Reason: "spam in replies to a public figure, reported many times",
		Duration: moderation.Permanent, Key: strconv.FormatInt(n, 10),
	}
}

// openPool opens connections to a partition.
func openPool(ctx context.Context, dsn string, most int32, change ...func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	c.MaxConns = most
	c.MaxConnIdleTime = time.Hour
	for _, f := range change {
		f(c)
	}
	return pgxpool.NewWithConfig(ctx, c)
}
