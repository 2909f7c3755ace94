package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/audit"
)

// errLed says that another relay leads, which is no failure.
var errLed = errors.New("relay: another one leads")

// errFenced says that another relay has taken the lead meanwhile.
var errFenced = errors.New("relay: another one has taken the lead")

// leader is a relay that leads, for as long as its session holds the lock.
type leader struct {
	*Relay
	conn      *pgx.Conn
	epoch     int64
	at        place
	sink      audit.Sink // which answers in time
	closeSink func() error
}

// takeLead makes the relay the leader, or returns errLed. The session is the
// leader's alone, so that the lock ends with it.
func (r *Relay) takeLead(ctx context.Context) (_ *leader, err error) {
	pooled, err := r.config.Pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	l := &leader{Relay: r, conn: pooled.Hijack()}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	// A process that was stopped says nothing; the database ends its session then.
	if _, err := l.conn.Exec(ctx, fmt.Sprintf("SET idle_session_timeout = %d; SET statement_timeout = %[1]d; SET idle_in_transaction_session_timeout = %[1]d", r.config.Lease.Milliseconds())); err != nil {
		return nil, err
	}
	var leads bool
	if err := l.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended('interlock relay ' || $1 || ' ' || $2, 0))`, r.config.Schema, r.config.Name).Scan(&leads); err != nil {
		return nil, err
	}
	if !leads {
		return nil, errLed
	}
	err = l.conn.QueryRow(ctx, r.config.in(`
		INSERT INTO @schema@.relay AS r (name, epoch) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET epoch = r.epoch + 1
		RETURNING epoch, seq, hash`), r.config.Name).Scan(&l.epoch, &l.at.seq, &l.at.hash)
	if err != nil {
		return nil, err
	}
	return l, l.open(ctx)
}

// open opens the sink. A hook of the host's that panics has not opened it.
func (l *leader) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.config.Lease)
	defer cancel()
	var sink audit.Sink
	err := attempt("Config.Open", func() (err error) {
		sink, l.closeSink, err = l.config.Open(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("relay: opening the sink %s: %w", l.config.Name, err)
	}
	if l.sink, err = audit.Deadline(sink, l.config.AppendTimeout); err != nil {
		return fmt.Errorf("relay: the sink %s: %w", l.config.Name, err)
	}
	return nil
}

// attempt calls a function of the host's, whose panic is an error.
func attempt(name string, call func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("relay: %s panicked: %v", name, v)
		}
	}()
	return call()
}

// close closes the sink and ends the session, and so the lead.
func (l *leader) close() {
	if l.closeSink != nil {
		l.report(attempt("Close of the sink", l.closeSink))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx) // the lock is gone whatever comes of it
}

// save makes it known that the sink has all records up to a place. The epoch
// keeps out a leader that is none any more.
func (l *leader) save(ctx context.Context, to place) error {
	done, err := l.conn.Exec(ctx, l.config.in(`UPDATE @schema@.relay SET seq = $3, hash = $4 WHERE name = $1 AND epoch = $2`), l.config.Name, l.epoch, to.seq, to.hash)
	if err != nil {
		return err
	}
	if done.RowsAffected() != 1 {
		return errFenced
	}
	l.at = to
	return nil
}
