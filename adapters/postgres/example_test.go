package postgres_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/moderation"
)

// Each replica of a host opens the store, and gives it to its guard as
// moderation.Config.Store.
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
	store, err := postgres.Open(ctx, postgres.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}
	head, err := store.Head(ctx, "u-1")
	fmt.Println("standing on u-1:", len(head.Standing), err)
	_, err = store.Ticket(ctx, "t-1")
	fmt.Println(err)
	var _ moderation.Store = store
	// Output:
	// standing on u-1: 0 <nil>
	// moderation: no such ticket: "t-1"
}
