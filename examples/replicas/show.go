package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/examples/replicas/internal/service"
)

type options struct {
	load    time.Duration
	workers int
	stay    bool
	dir     string
	fault   fault // what happens under load
}

// accounts is how many accounts the service has: more than a run can use.
const accounts = 200_000

// show starts a database and three replicas, and ends with nothing left running.
func show(ctx context.Context, o options, w io.Writer) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "replicas"); err != nil {
			return err
		}
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	fmt.Fprintln(w, "Starting a private PostgreSQL and three replicas of a service.")
	server, err := postgrestest.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	pool, err := pgxpool.New(ctx, server.DSN("postgres"))
	if err != nil {
		return err
	}
	defer pool.Close()
	way, err := newWay(server.Addr())
	if err != nil {
		return err
	}
	defer way.close()
	replicas, err := startAll(ctx, o, server.DSN("postgres"), way)
	defer func() {
		for _, p := range replicas {
			err = errors.Join(err, p.stop(context.WithoutCancel(ctx)))
		}
	}()
	if err != nil {
		return err
	}
	if err := service.Seed(ctx, pool, accounts); err != nil {
		return err
	}
	for _, p := range replicas {
		fmt.Fprintf(w, "  %s  %s  log %s\n", p.name, p.address, filepath.Join(o.dir, p.name+".log"))
	}
	if o.stay {
		fmt.Fprintln(w, "They run until you press Ctrl-C; README.md has requests to try.")
		<-ctx.Done()
		return nil
	}
	return prove(ctx, o, &scene{server: server, way: way, pool: pool, replicas: replicas}, w)
}

// startAll starts three replicas. The second reaches the database by a way that
// can be cut.
func startAll(ctx context.Context, o options, database string, way *way) (replicas []*process, err error) {
	for n := 1; n <= 3; n++ {
		listen := "127.0.0.1:0"
		if o.stay {
			listen = fmt.Sprintf("127.0.0.1:%d", 8080+n)
		}
		reached := database
		if n == 2 {
			reached = way.to(database)
		}
		p, err := start(ctx, fmt.Sprintf("replica-%d", n), reached, listen, o.dir)
		if err != nil {
			return replicas, err
		}
		replicas = append(replicas, p)
	}
	return replicas, nil
}

// prove puts load on the replicas, does them harm, and checks what came of it.
func prove(ctx context.Context, o options, s *scene, w io.Writer) error {
	fmt.Fprintf(w, "\nPutting load on all three for %v. After a third of it %s.\n", o.load, o.fault.text)
	l := newLoad(s.replicas)
	loading, stop := context.WithTimeout(ctx, o.load)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(loading, o.workers)
	}()
	pause(loading, o.load/3)
	if err := o.fault.strike(ctx, s); err != nil {
		return err
	}
	recovery, left, err := recovered(ctx, s.pool)
	if err != nil {
		return err
	}
	<-done
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return conclude(ctx, o, s, l, recovery, left, w)
}

// recovered waits until what was being executed at this moment is settled, and
// returns how long that took and what the killed replica left.
func recovered(ctx context.Context, pool *pgxpool.Pool) (took time.Duration, left int, err error) {
	begun := time.Now()
	pause(ctx, 100*time.Millisecond) // what the others are at comes to its end in this time
	rows, err := pool.Query(ctx, `SELECT id FROM interlock.ticket WHERE busy`)
	if err != nil {
		return 0, 0, err
	}
	ids, err := collect(rows)
	if err != nil {
		return 0, 0, err
	}
	for ctx.Err() == nil {
		var n int
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM interlock.ticket WHERE busy AND id = ANY ($1)`, ids).Scan(&n); err != nil {
			return 0, 0, err
		}
		if n == 0 {
			return time.Since(begun), len(ids), nil
		}
		pause(ctx, 20*time.Millisecond)
	}
	return 0, 0, context.Cause(ctx)
}
