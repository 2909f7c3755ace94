package engine_test

import (
	"flag"
	"os"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

var server *postgrestest.Server

func TestMain(m *testing.M) {
	if dsn := os.Getenv(replicaDSN); dsn != "" {
		runReplica(dsn)
		return
	}
	// These tests wait rather than compute.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(postgrestest.Main(m, &server))
}
