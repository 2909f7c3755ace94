package relay_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/relay"
	"github.com/elevenminutes/interlock/audit"
)

// A host runs a relay beside each of its guards. One of them moves the records
// to the sink, which is a trail in earnest.
func ExampleNew() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
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

	moved := make(chan string)
	r, err := relay.New(relay.Config{
		Pool:   pool,
		Sink:   sinkFunc(func(r audit.Record) { moved <- r.ID }),
		Failed: func(err error) { log.Println("wake somebody:", err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()

	commitOne(ctx, pool) // a guard's store does this
	fmt.Println("the sink has", <-moved)
	records, err := relay.Verify(ctx, pool, postgres.DefaultSchema)
	fmt.Println(records, "record in the chain, and its links are whole:", err == nil)
	stop()
	<-ended
	// Output:
	// the sink has r1
	// 1 record in the chain, and its links are whole: true
}
