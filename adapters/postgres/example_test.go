package postgres_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// exampleDatabase is a new database; a real host has one of its own.
func exampleDatabase(ctx context.Context) *pgxpool.Pool {
	dsn, err := server.NewDatabase(ctx)
	if err != nil {
		log.Fatal(err)
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		log.Fatal(err)
	}
	return pool
}

// Every replica of a host opens the store at its start, and gives it to its
// guard.
func ExampleOpen() {
	ctx := context.Background()
	pool := exampleDatabase(ctx)
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		log.Fatal(err)
	}
	store, err := postgres.Open(ctx, postgres.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}

	directory, err := moderation.NewMapDirectory(
		[]moderation.Actor{{Login: "ada", Person: "ada", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}},
		[]moderation.Target{{ID: "account-7", Tier: "ordinary", Domain: "en"}},
	)
	if err != nil {
		log.Fatal(err)
	}
	authorizer, err := policy.Open(ctx, policy.Config{
		Source: policy.CSV("policy.csv", `
			p,  moderator, request, account.*, ordinary, *, allow
			p2, request, *, ordinary, *, *, none, -, -
			g,  ada, moderator, *, -, -`),
		Kinds: []string{moderation.Suspend},
		Tiers: []string{"ordinary"},
	})
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer) // of one process; package limit counts for all
	if err != nil {
		log.Fatal(err)
	}
	guard, err := moderation.New(ctx, moderation.Config{
		Directory: directory, Authorizer: authorizer, Limiter: limiter,
		Store: store,
		Tiers: []string{"ordinary"},
		Kinds: []moderation.Kind{{
			Name:  moderation.Suspend,
			Apply: func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil },
			Undo:  func(context.Context, moderation.Permit) error { return nil },
			Timed: true,
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	ticket, err := guard.Do(ctx, moderation.Action{
		Kind: moderation.Suspend, Actor: "ada", Target: "account-7",
		Reason: "spam", Duration: 24 * time.Hour, Key: "form-1",
	})
	fmt.Println(ticket.Status, err)

	// Another replica knows of it.
	other, err := postgres.Open(ctx, postgres.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}
	head, err := other.Head(ctx, "account-7")
	fmt.Println(len(head.Standing), "restriction stands", err)
	// Output:
	// executed <nil>
	// 1 restriction stands <nil>
}

// A store that is halted says why.
func ExampleStore_Halted() {
	ctx := context.Background()
	pool := exampleDatabase(ctx)
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, "moderation"); err != nil {
		log.Fatal(err)
	}
	store, err := postgres.Open(ctx, postgres.Config{Pool: pool, Schema: "moderation"})
	if err != nil {
		log.Fatal(err)
	}
	reason, err := store.Halted(ctx)
	fmt.Printf("%q %v\n", reason, err)
	// Output:
	// "" <nil>
}

// After a restore from a backup, the trail brings the store up to date.
func ExampleStore_Restore() {
	ctx := context.Background()
	pool := exampleDatabase(ctx)
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool, postgres.DefaultSchema); err != nil {
		log.Fatal(err)
	}
	store, err := postgres.Open(ctx, postgres.Config{Pool: pool})
	if err != nil {
		log.Fatal(err)
	}
	trail := new(audit.Memory) // a real service has its audit/trail here
	if err := trail.Append(ctx, audit.Record{ID: "r1", Event: audit.EventRefused, Time: time.Unix(0, 0)}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Restore(ctx, trail.Replay(ctx)))
	fmt.Println(store.Restore(ctx, trail.Replay(ctx))) // once more does no harm
	// Output:
	// 1 <nil>
	// 1 <nil>
}
