package engine_test

import (
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
	os.Exit(postgrestest.Main(m, &server))
}
