package postgrestest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

func ExampleStart() {
	ctx := context.Background()
	server, err := postgrestest.Start(ctx, "max_connections=50")
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	conn, err := pgx.Connect(ctx, server.DSN("postgres"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	var setting string
	if err := conn.QueryRow(ctx, "SHOW max_connections").Scan(&setting); err != nil {
		log.Fatal(err)
	}
	fmt.Println("a private server with", setting, "connections")
	// Output: a private server with 50 connections
}
