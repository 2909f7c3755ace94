package postgrestest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

func TestAServerKeepsWhatWasCommittedThroughACrashAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := postgrestest.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	dsn, err := s.NewDatabase(ctx)
	if err != nil {
		t.Fatal(err)
	}
	do := func(sql string, dest ...any) {
		t.Helper()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if len(dest) == 0 {
			_, err = conn.Exec(ctx, sql)
		} else {
			err = conn.QueryRow(ctx, sql).Scan(dest...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
	if err := s.Crash(); err != nil {
		t.Fatal(err)
	}
	if conn, err := pgx.Connect(ctx, dsn); err == nil {
		conn.Close(ctx)
		t.Fatal("a crashed server answers")
	}
	if err := s.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	var n int
	if do("SELECT n FROM kept", &n); n != 7 {
		t.Errorf("after the crash the table has %d, want 7", n)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir()); !os.IsNotExist(err) {
		t.Errorf("the server's folder is still there: %v", err)
	}
}
