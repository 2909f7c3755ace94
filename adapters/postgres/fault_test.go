package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/postgrestest"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestACommitWhoseConnectionBreaksIsMadeOnce(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]cut{"before it arrives": beforeRequest, "after it was made": beforeAnswer} {
		for kind, scheduler := range map[string]postgres.Scheduler{"alone": nil, "with a scheduler": schedule(func(ctx context.Context, tx pgx.Tx, _ []postgres.Moment) error {
			_, err := tx.Exec(ctx, `SELECT 1`)
			return err
		})} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				dsn, err := server.NewDatabase(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				direct := migrated(t, dsn)
				pool, way := behindProxy(t, dsn)
				s, err := postgres.Open(t.Context(), postgres.Config{Pool: pool, Scheduler: scheduler})
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Commit(t.Context(), change(executing("first", 1))); err != nil { // prepares the statements
					t.Fatal(err)
				}
				for i := range 5 {
					way.arm(where)
					c := change(executing(fmt.Sprint("account-", i), 1))
					if err := s.Commit(t.Context(), c); err != nil {
						t.Errorf("Commit: %v", err)
					}
					if got, err := direct.Ticket(t.Context(), c.Tickets[0].ID); err != nil || got.Revision != 1 {
						t.Errorf("revision %d, %v; want 1", got.Revision, err)
					}
				}
				if way.cuts != 5 {
					t.Errorf("the connection broke %d times, want 5", way.cuts)
				}
				direct.verify(t)
			})
		}
	}
}

// While an earlier attempt may be under way, that a change is refused now is no
// proof that it is not made.
func TestARefusalAfterABrokenConnectionIsDoubt(t *testing.T) {
	t.Parallel()
	dsn, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	direct := migrated(t, dsn)
	pool, way := behindProxy(t, dsn)
	s := over(t, pool)
	old := sample("a")
	if err := s.Commit(t.Context(), change(old)); err != nil {
		t.Fatal(err)
	}
	way.arm(beforeRequest)
	err = s.Commit(t.Context(), change(old))
	if err == nil || errors.Is(err, moderation.ErrConflict) || errors.Is(err, audit.ErrNotWritten) || errors.Is(err, audit.ErrNoRoom) {
		t.Errorf("got %v, want doubt", err)
	}
	direct.verify(t)
}

func TestCommitsSurviveConnectionsThatAreKilled(t *testing.T) {
	t.Parallel()
	s := open(t)
	var workers sync.WaitGroup
	done := make(chan struct{})
	for i := range 8 {
		workers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if err := s.Commit(t.Context(), change(executing(fmt.Sprint(i, "-", n), 1))); err != nil {
					t.Errorf("Commit: %v", err)
					return
				}
			}
		})
	}
	killer := server.Connect(t, s.pool.Config().ConnString())
	killed := 0
	for killed < 20 {
		var n int
		if err := killer.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%commit_1%'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		killed += n
	}
	close(done)
	workers.Wait()
	s.verify(t)
}

// What was acknowledged is there after a crash of the server, and what was not
// is there as a whole or not at all.
func TestNothingAcknowledgedIsLostWhenTheServerCrashes(t *testing.T) {
	t.Parallel()
	own, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Stop() })
	pool := own.Pool(t)
	if err := postgres.Migrate(t.Context(), pool, postgres.DefaultSchema); err != nil {
		t.Fatal(err)
	}
	s := over(t, pool)
	var mu sync.Mutex
	acknowledged := make(map[string]uint64)
	enough := make(chan struct{}, 1)
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for i := range 8 {
		workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				ticket := executing(fmt.Sprint(i, "-", n), 1)
				for _, c := range []moderation.Change{change(ticket), change(next(ticket, moderation.StatusExecuted))} {
					if s.Commit(ctx, c) != nil {
						break
					}
					mu.Lock()
					acknowledged[ticket.ID] = c.Tickets[0].Revision
					if len(acknowledged)%100 == 0 {
						select {
						case enough <- struct{}{}:
						default:
						}
					}
					mu.Unlock()
				}
			}
		})
	}
	for range 2 {
		<-enough
		if err := own.Crash(); err != nil {
			t.Fatal(err)
		}
		if err := own.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		select { // what was noted before
		case <-enough:
		default:
		}
	}
	<-enough // it goes on
	stop()
	workers.Wait()
	if err := s.Commit(t.Context(), change()); err != nil { // behind those that nobody waits for any more
		t.Fatal(err)
	}
	s.verify(t)
	for id, revision := range acknowledged {
		if got, err := s.Ticket(t.Context(), id); err != nil || got.Revision < revision {
			t.Errorf("ticket %s was acknowledged at revision %d; the store has %d, %v", id, revision, got.Revision, err)
		}
	}
}

func TestACallerThatGoesIsInDoubtAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := open(t)
	holder, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), `SELECT FROM interlock.chain FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun, waiting := change(sample("a")), change(sample("a"))
	answers := make(chan error, 2)
	go func() { answers <- s.Commit(ctx, begun) }()
	waitFor(t, s.pool, `SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND database IS NOT DISTINCT FROM (SELECT oid FROM pg_database WHERE datname = current_database()) OR NOT granted AND locktype = 'transactionid'`)
	go func() { answers <- s.Commit(ctx, waiting) }()
	for range 2 {
		if err := <-answers; !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, moderation.ErrConflict) {
			t.Errorf("got %v, want the context's error", err)
		}
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), change(sample("a"))); err != nil { // behind both
		t.Error(err)
	}
	if _, err := s.Ticket(t.Context(), begun.Tickets[0].ID); err != nil {
		t.Errorf("the commit that had begun: %v", err)
	}
	if _, err := s.Ticket(t.Context(), waiting.Tickets[0].ID); !errors.Is(err, moderation.ErrNoTicket) {
		t.Errorf("the commit that had not begun: %v, want ErrNoTicket", err)
	}
	s.verify(t)
}

// waitFor asks until the answer is yes.
func waitFor(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	for {
		var yes bool
		if err := pool.QueryRow(t.Context(), sql).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		if yes {
			return
		}
	}
}

func TestAHaltedStoreWritesNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.exec(t, `UPDATE interlock.chain SET halted = 'record 7 is missing'`)
	c := change(sample("a"))
	err := s.Commit(t.Context(), c)
	if !errors.Is(err, postgres.ErrHalted) || !strings.Contains(err.Error(), "record 7 is missing") || errors.Is(err, moderation.ErrConflict) {
		t.Errorf("Commit = %v, want ErrHalted with its reason", err)
	}
	if reason, err := s.Halted(t.Context()); reason != "record 7 is missing" || err != nil {
		t.Errorf("Halted = %q, %v", reason, err)
	}
	if _, err := s.Ticket(t.Context(), c.Tickets[0].ID); !errors.Is(err, moderation.ErrNoTicket) {
		t.Errorf("Ticket = %v, want ErrNoTicket", err)
	}
	s.exec(t, `UPDATE interlock.chain SET halted = ''`)
	if err := s.Commit(t.Context(), c); err != nil {
		t.Errorf("after the halt was lifted: %v", err)
	}
	if reason, err := s.Halted(t.Context()); reason != "" || err != nil {
		t.Errorf("Halted = %q, %v", reason, err)
	}
}

func TestAnotherPolicyInForceIsAConflict(t *testing.T) {
	t.Parallel()
	s := open(t)
	under := func(policy string) error {
		c := change(sample("a"))
		c.Policy = policy
		return s.Commit(t.Context(), c)
	}
	if err := under("old"); err != nil {
		t.Errorf("where the policy is kept elsewhere: %v", err)
	}
	s.exec(t, `UPDATE interlock.chain SET policy = 'new'`)
	if err := under("old"); !errors.Is(err, moderation.ErrConflict) {
		t.Errorf("under another policy: %v, want ErrConflict", err)
	}
	if err := errors.Join(under("new"), under("")); err != nil {
		t.Errorf("under the policy in force, and without a decision: %v", err)
	}
}
