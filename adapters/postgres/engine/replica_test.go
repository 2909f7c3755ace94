package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/moderation"
)

// The test's program runs as a replica where replicaDSN is set: it says "begun"
// when it has read a ticket, goes on to write when it reads a line, and says
// "ended" when it has. It advances a ledger's tickets, or a guard's.
const (
	replicaDSN    = "INTERLOCK_ENGINE_TEST_DSN"
	replicaRescue = "INTERLOCK_ENGINE_TEST_RESCUE"
	replicaGuard  = "INTERLOCK_ENGINE_TEST_GUARD"
)

// hasty are times of an engine that soon takes others for dead.
func hasty(rescue time.Duration) func(*engine.Config) {
	return func(c *engine.Config) {
		c.HandlerTimeout, c.JobTimeout, c.RescueAfter = rescue/4, rescue/2, rescue
	}
}

func runReplica(dsn string) {
	if err := replicate(context.Background(), dsn); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	select {} // until it is killed
}

func replicate(ctx context.Context, dsn string) error {
	rescue, rescueErr := time.ParseDuration(os.Getenv(replicaRescue))
	pool, err := pgxpool.New(ctx, dsn)
	if err = errors.Join(rescueErr, err); err != nil {
		return err
	}
	lines := bufio.NewReader(os.Stdin)
	halt := func(ticket string) error {
		fmt.Println("begun", ticket)
		_, err := lines.ReadString('\n')
		return err
	}
	l := &ledger{pool: pool, before: func(_ context.Context, t moderation.Ticket) error { return halt(t.ID) }}
	if l.scheduler, err = engine.NewScheduler("", ""); err != nil {
		return err
	}
	c := l.config()
	hasty(rescue)(&c)
	c.JobTimeout = rescue - time.Millisecond
	c.Guard = reporting{l}
	if os.Getenv(replicaGuard) != "" {
		g, err := newGuarded(ctx, pool, func(s moderation.Store) moderation.Store {
			return &halting{Store: s, before: func(c moderation.Change) { _ = halt(c.Tickets[0].ID) }}
		})
		if err != nil {
			return err
		}
		g.advancedBy(&c)
		c.Guard = reporting{g.Guard}
	}
	_, err = engine.New(ctx, c)
	return err
}

// reporting says what became of Advance.
type reporting struct{ engine.Advancer }

func (r reporting) Advance(ctx context.Context, id string) (moderation.Ticket, error) {
	// Its own context, so that nothing but the revision keeps it from writing.
	t, err := r.Advancer.Advance(context.WithoutCancel(ctx), id)
	fmt.Println("ended", t.ID, t.Status, err)
	return t, err
}

// replica is the test's program as a process of its own.
type replica struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startReplica(tb testing.TB, dsn string, rescue time.Duration, env ...string) *replica {
	tb.Helper()
	c := exec.CommandContext(tb.Context(), os.Args[0])
	c.Env = append(os.Environ(), append(env, replicaDSN+"="+dsn, replicaRescue+"="+rescue.String())...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return &replica{c, in, bufio.NewReader(out)}
}

// says waits for a line that begins with want, and returns it.
func (r *replica) says(tb testing.TB, want string) string {
	tb.Helper()
	for {
		line, err := r.out.ReadString('\n')
		if err != nil {
			tb.Fatalf("the replica says %q, %v; want %s", line, err, want)
		}
		if strings.HasPrefix(line, want) {
			return strings.TrimSpace(line)
		}
	}
}
