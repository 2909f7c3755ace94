package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
)

// scene is what a fault can strike.
type scene struct {
	server   *postgrestest.Server
	way      *way // of the second replica to the database
	pool     *pgxpool.Pool
	replicas []*process
}

// fault is harm that is done to replicas or database under load. It is over when
// strike returns.
type fault struct {
	text   string
	strike func(ctx context.Context, s *scene) error
}

// kill is what main shows; the others are shown by tests.
var kill = fault{"the second is killed", func(_ context.Context, s *scene) error { return s.replicas[1].kill() }}

// freeze stops a process longer than any lease, and lets it go on.
func freeze(d time.Duration) fault {
	return fault{"the second is stopped for " + d.String() + " and goes on", func(ctx context.Context, s *scene) error {
		p := s.replicas[1].command.Process
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		pause(ctx, d)
		return p.Signal(syscall.SIGCONT)
	}}
}

// crash ends the database as a power failure would, and starts it again.
var crash = fault{"the database crashes and is started again", func(ctx context.Context, s *scene) error {
	return errors.Join(s.server.Crash(), s.server.Resume(ctx))
}}

// cut keeps the second replica from the database.
func cut(d time.Duration) fault {
	return fault{"the second can't reach the database for " + d.String(), func(ctx context.Context, s *scene) error {
		s.way.block(true)
		pause(ctx, d)
		s.way.block(false)
		return nil
	}}
}
