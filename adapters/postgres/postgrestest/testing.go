package postgrestest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Main starts a server for the tests of a package, puts it into server, runs
// the tests, stops the server and returns the exit code. Settings are as those
// of [Start].
func Main(m *testing.M, server **Server, settings ...string) int {
	s, err := Start(context.Background(), settings...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*server = s
	code := m.Run()
	if err := s.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// Pool returns a pool over a new, empty database. It is closed at the end of
// the test. It fails the test where that can't be had.
func (s *Server) Pool(tb testing.TB) *pgxpool.Pool {
	tb.Helper()
	dsn, err := s.NewDatabase(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return s.Connect(tb, dsn)
}

// Connect returns a further pool over a database, for a test of several
// replicas. It is closed at the end of the test.
func (s *Server) Connect(tb testing.TB, dsn string) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.New(tb.Context(), dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}
