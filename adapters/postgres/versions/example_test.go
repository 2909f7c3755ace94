package versions_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/policy"
)

// The first version is written once, by whichever replica comes first; it is the
// one whose digest the configuration pins. Later ones come by approved tickets.
func ExampleOpen() {
	ctx := context.Background()
	dsn, err := server.NewDatabase(ctx)
	if err != nil {
		log.Fatal(err)
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		log.Fatal(err)
	}
	table, err := versions.Open(ctx, versions.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}
	config := policy.Config{
		Source: policy.CSV("first.csv", `
			p, moderator, request, account.suspend, standard, *, allow
			p2, request, account.suspend, standard, *, *, none, -, -
			g, mia, moderator, *, -, -`),
		Kinds: []string{"account.suspend"}, Tiers: []string{"standard"},
	}
	first, err := policy.Load(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	if err := table.Bootstrap(ctx, first, first.Digest()); err != nil {
		log.Fatal(err)
	}
	config.Source = table
	authorizer, err := policy.Open(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the version in the database is in force:", authorizer.Digest() == first.Digest())
	// Output: the version in the database is in force: true
}
