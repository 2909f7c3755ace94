package engine_test

import (
	"bufio"
	"context"
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
// when it has read a ticket, and goes on to write when it reads a line.
const (
	replicaDSN    = "INTERLOCK_ENGINE_TEST_DSN"
	replicaRescue = "INTERLOCK_ENGINE_TEST_RESCUE"
)

// hasty are times of an engine that soon takes others for dead.
func hasty(rescue time.Duration) func(*engine.Config) {
	return func(c *engine.Config) {
		c.HandlerTimeout, c.JobTimeout, c.RescueAfter = rescue/4, rescue/2, rescue
	}
}

func runReplica(dsn string) {
	ctx := context.Background()
	fatal := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	pool, err := pgxpool.New(ctx, dsn)
	fatal(err)
	scheduler, err := engine.NewScheduler("", "")
	fatal(err)
	lines := bufio.NewReader(os.Stdin)
	l := &ledger{pool: pool, scheduler: scheduler, before: func(_ context.Context, t moderation.Ticket) error {
		fmt.Println("begun", t.ID)
		_, err := lines.ReadString('\n')
		return err
	}}
	c := l.config()
	rescue, err := time.ParseDuration(os.Getenv(replicaRescue))
	fatal(err)
	hasty(rescue)(&c)
	c.JobTimeout = rescue - time.Millisecond
	c.Guard = reporting{l}
	_, err = engine.New(ctx, c)
	fatal(err)
	_, _ = io.Copy(io.Discard, waitFor{}) // until it is killed
}

// reporting says what became of Advance.
type reporting struct{ *ledger }

func (r reporting) Advance(ctx context.Context, id string) (moderation.Ticket, error) {
	// Its own context, so that nothing but the revision keeps it from writing.
	t, err := r.ledger.Advance(context.WithoutCancel(ctx), id)
	fmt.Println("ended", t.ID, err)
	return t, err
}

// waitFor is a reader that never has anything.
type waitFor struct{}

func (waitFor) Read([]byte) (int, error) { select {} }

// replica is the test's program as a process of its own.
type replica struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startReplica(tb testing.TB, dsn string, rescue time.Duration) *replica {
	tb.Helper()
	c := exec.CommandContext(tb.Context(), os.Args[0])
	c.Env = append(os.Environ(), replicaDSN+"="+dsn, replicaRescue+"="+rescue.String())
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
	line, err := r.out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, want) {
		tb.Fatalf("the replica says %q, %v; want %s", line, err, want)
	}
	return strings.TrimSpace(line)
}
