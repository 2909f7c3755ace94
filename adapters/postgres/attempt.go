package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// attempt is what became of one attempt to write a batch.
type attempt struct {
	answers []string // by change: empty, or why it was not made
	halted  string   // why nothing is written

	// With an error: whether the changes may have been made, and whether
	// another attempt may come out otherwise.
	doubt, again bool
}

// beginning begins a transaction in which a scheduler works. Nobody waits for
// it: the chain is not locked before the scheduler is done.
const beginning = `begin isolation level read committed read write; set local idle_in_transaction_session_timeout = '15s'; set local lock_timeout = '4s'`

// attempt writes a batch in one transaction.
func (s *Store) attempt(ctx context.Context, batch []*request) (attempt, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return attempt{again: true}, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Release()
	arguments := columnsOf(batch).arguments()
	moments := momentsOf(batch)
	if s.scheduler == nil || len(moments) == 0 {
		var a attempt
		// A statement alone is a transaction: one round trip.
		err := conn.QueryRow(ctx, s.sql.commit, arguments...).Scan(&a.halted, &a.answers)
		return sent(a, conn, err)
	}
	if again, err := s.schedule(ctx, conn, moments); err != nil {
		return attempt{again: again}, err
	}
	return finish(ctx, conn, s.sql.commit, arguments)
}

// finish calls the function and commits, in one round trip.
func finish(ctx context.Context, conn *pgxpool.Conn, sql string, arguments []any) (attempt, error) {
	var a attempt
	b := new(pgx.Batch)
	b.Queue(sql, arguments...)
	b.Queue("commit")
	results := conn.SendBatch(ctx, b)
	err := results.QueryRow().Scan(&a.halted, &a.answers)
	var done pgconn.CommandTag
	if err == nil {
		done, err = results.Exec()
	}
	if closing := results.Close(); err == nil {
		err = closing
	}
	if err == nil && done.String() != "COMMIT" {
		return attempt{}, fmt.Errorf("the server answered %q to commit", done)
	}
	return sent(a, conn, err)
}

// sent judges the answer to what may have been committed.
func sent(a attempt, conn *pgxpool.Conn, err error) (attempt, error) {
	if err == nil {
		return a, nil
	}
	var e *pgconn.PgError
	if errors.As(err, &e) && len(e.Code) == 5 && !conn.Conn().IsClosed() {
		switch e.Code[:2] {
		case "40", "55": // rolled back, or a lock that others kept too long
			return attempt{again: e.Code != "55000"}, err
		case "08", "57", "XX": // the server gives up on the connection, or on itself
		default:
			return attempt{}, err
		}
	}
	return attempt{doubt: !pgconn.SafeToRetry(err), again: true}, err
}

// momentsOf are when the tickets of a batch are due.
func momentsOf(batch []*request) (moments []Moment) {
	for _, r := range batch {
		for i := range r.change.tickets {
			if t := r.change.tickets[i].Ticket; !t.Due.IsZero() {
				moments = append(moments, Moment{Ticket: t.ID, Revision: t.Revision, At: t.Due.UTC()})
			}
		}
	}
	return moments
}

// schedulerTimeout is how long a scheduler may take.
const schedulerTimeout = 5 * time.Second

// schedule begins a transaction on conn and lets the scheduler work in it. Of
// an error again tells that another connection may do better. A scheduler that
// does not come back is left alone with the connection.
func (s *Store) schedule(ctx context.Context, conn *pgxpool.Conn, moments []Moment) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: beginning})
	if err != nil {
		return true, fmt.Errorf("beginning: %w", err)
	}
	back := make(chan error, 1)
	go func() {
		err := errors.New("the scheduler ended its goroutine")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the scheduler panicked: %v", p)
			}
			back <- err
		}()
		err = s.scheduler.Schedule(ctx, tx, moments)
	}()
	select {
	case err = <-back:
	case <-ctx.Done():
		if err, late := lateAnswer(back); !late {
			return false, err
		}
		_ = conn.Hijack().PgConn().Conn().Close() // the scheduler may still be at it
		return false, fmt.Errorf("the scheduler did not come back: %w", context.Cause(ctx))
	}
	status := conn.Conn().PgConn().TxStatus()
	switch {
	case err != nil:
		again = conn.Conn().IsClosed()
		_ = tx.Rollback(ctx)
		return again, fmt.Errorf("scheduling: %w", err)
	case status != 'T':
		return false, fmt.Errorf("the scheduler left the transaction in state %q; it is to leave it open", status)
	}
	return false, nil
}

// lateAnswer waits a moment longer for a scheduler that ends when its context
// does.
func lateAnswer(back <-chan error) (err error, late bool) {
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case err := <-back:
		if err == nil {
			err = context.DeadlineExceeded
		}
		return fmt.Errorf("scheduling: %w", err), false
	case <-t.C:
		return nil, true
	}
}
