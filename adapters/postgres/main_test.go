package postgres_test

import (
	"os"
	"testing"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

var server *postgrestest.Server

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &server)) }
