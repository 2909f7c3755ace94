package postgres_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// schedule is a scheduler from a function.
type schedule func(context.Context, pgx.Tx, []postgres.Moment) error

func (f schedule) Schedule(ctx context.Context, tx pgx.Tx, moments []postgres.Moment) error {
	return f(ctx, tx, moments)
}

// scheduling returns a store with a scheduler.
func scheduling(t *testing.T, f schedule) opened {
	t.Helper()
	o := open(t)
	s, err := postgres.Open(t.Context(), postgres.Config{Pool: o.pool, Scheduler: f})
	if err != nil {
		t.Fatal(err)
	}
	return opened{s, o.pool, o.schema}
}

func TestTheSchedulerIsToldInTheTransactionOfTheCommit(t *testing.T) {
	t.Parallel()
	var told []postgres.Moment
	s := scheduling(t, func(ctx context.Context, tx pgx.Tx, moments []postgres.Moment) error {
		told = append(told, moments...)
		for _, m := range moments {
			if _, err := tx.Exec(ctx, `INSERT INTO job VALUES ($1)`, m.Ticket); err != nil {
				return err
			}
		}
		return nil
	})
	s.exec(t, `CREATE TABLE job (ticket text)`)
	due, never := executing("a", 1), sample("b")
	for _, c := range []moderation.Change{change(due), change(never), change()} {
		if err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	want := []postgres.Moment{{Ticket: due.ID, Revision: 1, At: due.Due}}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("what the scheduler was told (-want +got):\n%s", d)
	}
	var jobs int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM job WHERE ticket = $1`, due.ID).Scan(&jobs); err != nil || jobs != 1 {
		t.Errorf("%d jobs, %v; want one", jobs, err)
	}
	s.verify(t)
}

func TestASchedulerThatFailsKeepsItsChangeFromBeingMade(t *testing.T) {
	t.Parallel()
	failed := errors.New("no more jobs")
	gate := make(chan struct{})
	t.Cleanup(func() { close(gate) })
	for name, tt := range map[string]struct {
		fails schedule
		says  string
	}{
		"an error":                 {func(context.Context, pgx.Tx, []postgres.Moment) error { return failed }, "no more jobs"},
		"a panic":                  {func(context.Context, pgx.Tx, []postgres.Moment) error { panic("boom") }, "boom"},
		"the end of its goroutine": {func(context.Context, pgx.Tx, []postgres.Moment) error { runtime.Goexit(); return nil }, "ended"},
		"an SQL error that it hides": {func(ctx context.Context, tx pgx.Tx, _ []postgres.Moment) error {
			_, _ = tx.Exec(ctx, `SELECT 1/0`)
			return nil
		}, "left the transaction"},
		"a commit of its own":           {func(ctx context.Context, tx pgx.Tx, _ []postgres.Moment) error { return tx.Commit(ctx) }, "left the transaction"},
		"a rollback":                    {func(ctx context.Context, tx pgx.Tx, _ []postgres.Moment) error { return tx.Rollback(ctx) }, "left the transaction"},
		"a hang":                        {func(context.Context, pgx.Tx, []postgres.Moment) error { <-gate; return nil }, "did not come back"},
		"a hang until its time is over": {func(ctx context.Context, _ pgx.Tx, _ []postgres.Moment) error { <-ctx.Done(); return nil }, "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mended atomic.Bool
			s := scheduling(t, func(ctx context.Context, tx pgx.Tx, moments []postgres.Moment) error {
				if !mended.Load() {
					return tt.fails(ctx, tx, moments)
				}
				return nil
			})
			s.SetPatience(300 * time.Millisecond)
			c := change(executing("a", 1))
			err := s.Commit(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.says) || errors.Is(err, moderation.ErrConflict) || errors.Is(err, audit.ErrNotWritten) {
				t.Errorf("Commit = %v, want %q", err, tt.says)
			}
			if _, err := s.Ticket(t.Context(), c.Tickets[0].ID); !errors.Is(err, moderation.ErrNoTicket) {
				t.Errorf("Ticket = %v, want ErrNoTicket", err)
			}
			mended.Store(true)
			if err := s.Commit(t.Context(), c); err != nil {
				t.Errorf("once it works: %v", err)
			}
			s.verify(t)
		})
	}
}

// The lock of the chain is not taken before the scheduler is done.
func TestASlowSchedulerHoldsUpNoOtherReplica(t *testing.T) {
	t.Parallel()
	begun, gate := make(chan struct{}), make(chan struct{})
	slow := scheduling(t, func(context.Context, pgx.Tx, []postgres.Moment) error {
		close(begun)
		<-gate
		return nil
	})
	answer := make(chan error)
	go func() { answer <- slow.Commit(context.Background(), change(executing("a", 1))) }()
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := over(t, slow.pool).Commit(ctx, change(executing("b", 1))); err != nil {
		t.Errorf("another replica: %v", err)
	}
	close(gate)
	if err := <-answer; err != nil {
		t.Error(err)
	}
}

// One change's moment that can't be scheduled is no reason to fail the others.
func TestASchedulerFailsChangesOneByOne(t *testing.T) {
	t.Parallel()
	bad := change(executing("bad", 1))
	s := scheduling(t, func(_ context.Context, _ pgx.Tx, moments []postgres.Moment) error {
		for _, m := range moments {
			if m.Ticket == bad.Tickets[0].ID {
				return errors.New("not this one")
			}
		}
		return nil
	})
	errs, err := s.CommitTogether(change(executing("a", 1)), bad, change(executing("b", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("answers %v, want an error for the second alone", errs)
	}
	s.verify(t)
}
