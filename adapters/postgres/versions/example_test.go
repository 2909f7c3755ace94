package versions_test

import (
	"context"
	"fmt"
	"log"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/policy"

	"github.com/jackc/pgx/v5/pgxpool"
)

// database returns a pool over a new database that has interlock's tables.
func database(ctx context.Context) *pgxpool.Pool {
	dsn, err := server.NewDatabase(ctx)
	if err != nil {
		log.Fatal(err)
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		log.Fatal(err)
	}
	if err := postgres.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		log.Fatal(err)
	}
	return pool
}

// A replica opens the policy from the database. The first to start writes the
// first version, which the configuration names.
func ExampleOpen() {
	ctx := context.Background()
	pool := database(ctx)
	defer pool.Close()
	table, err := versions.Open(ctx, versions.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}
	config := policy.Config{
		Source: policy.CSV("first.csv", constitution), Kinds: []string{"account.suspend"}, Tiers: []string{"normal"},
		Pinned: "1fd133a68c83a2b0e78c70c0a2c1378877b4faab5c1d5fd15c02b0f5d319a35b",
	}
	first, err := policy.Load(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	if err := table.Bootstrap(ctx, first, config.Pinned); err != nil {
		log.Fatal(err)
	}
	config.Source = table // from here on; with Config.Approvals over the guard's store
	authorizer, err := policy.Open(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(authorizer.Digest() == config.Pinned)
	// Output: true
}

// Enforcers of the host's own read the same policy, and can't write it.
func ExampleTable_CasbinAdapter() {
	ctx := context.Background()
	pool := database(ctx)
	defer pool.Close()
	table, err := versions.Open(ctx, versions.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}
	first, err := policy.Load(ctx, config(constitution))
	if err != nil {
		log.Fatal(err)
	}
	if err := table.Bootstrap(ctx, first, first.Digest()); err != nil {
		log.Fatal(err)
	}
	m, err := model.NewModelFromString(policy.Model())
	if err != nil {
		log.Fatal(err)
	}
	enforcer, err := casbin.NewEnforcer(m, table.CasbinAdapter())
	if err != nil {
		log.Fatal(err)
	}
	roles, err := enforcer.GetFilteredGroupingPolicy(0, "ann")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(roles)
	_, err = enforcer.AddGroupingPolicy("mallory", "director", "*", "-", "-")
	fmt.Println(err)
	// Output:
	// [[ann mod * - -]]
	// versions: the policy is not written through Casbin; propose a version (policy.Changes.Propose) and have its ticket of the kind interlock.policy.change approved
}

// A replica hears of new versions within milliseconds, or at its next poll.
func ExampleTable_Listen() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool := database(ctx)
	defer pool.Close()
	table, err := versions.Open(ctx, versions.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}
	listener := table.Listen(ctx, nil) // for policy.WatchConfig.Watcher, beside Every
	defer listener.Close()
	hints := make(chan string, 1)
	if err := listener.SetUpdateCallback(func(string) {
		select {
		case hints <- "look again":
		default:
		}
	}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-hints) // the connection itself is one
	// Output: look again
}
