package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/examples/replicas/internal/service"
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

// amend changes the policy again and again while the load goes on: now every
// suspension needs a lead, and then moderators may suspend alone.
func amend(times int) fault {
	return fault{fmt.Sprintf("the policy is changed %d times", times), func(ctx context.Context, s *scene) error {
		l := newLoad(s.replicas)
		var was service.Policy
		if err := l.get(ctx, s.replicas[0], "/policy", &was); err != nil {
			return err
		}
		for n := range times {
			next := was.Text + fmt.Sprintf("g, newcomer-%d, moderator, *, -, -\n", n) // no two are the same
			if n%2 == 0 {
				next = strings.Replace(next, "standard, *, *, none, -, -", "standard, *, *, lead, -, 1h", 1)
			}
			change := map[string]any{"policy": next, "reason": "as decided", "key": fmt.Sprint("policy-", n)}
			asked, err := heard(ctx, http.StatusAccepted, func() (service.Answer, int) { return l.post(ctx, n, "/policy", "pia", change) })
			if err != nil {
				return err
			}
			approval := map[string]any{"digest": asked.Digest}
			if _, err := heard(ctx, http.StatusOK, func() (service.Answer, int) {
				return l.post(ctx, n+1, "/tickets/"+asked.Ticket+"/approve", "paul", approval)
			}); err != nil {
				return err
			}
			if err := inForce(ctx, s.pool, n+2); err != nil {
				return err
			}
		}
		return nil
	}}
}

// heard asks again for as long as a replica refuses, which has not heard of the
// version that is in force.
func heard(ctx context.Context, want int, ask func() (service.Answer, int)) (service.Answer, error) {
	for {
		answer, status := ask()
		if status == want {
			return answer, nil
		}
		if status != http.StatusForbidden || ctx.Err() != nil {
			return answer, fmt.Errorf("a change of the policy is answered with %d: %s", status, answer.Error)
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// inForce waits until so many versions of the policy were in force.
func inForce(ctx context.Context, pool *pgxpool.Pool, versions int) error {
	for {
		var n int
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM interlock.policy_version`).Scan(&n); err != nil || n >= versions {
			return err
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// cut keeps the second replica from the database.
func cut(d time.Duration) fault {
	return fault{"the second can't reach the database for " + d.String(), func(ctx context.Context, s *scene) error {
		s.way.block(true)
		pause(ctx, d)
		s.way.block(false)
		return nil
	}}
}
