package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// errLed says that another relay leads, which is no failure.
var errLed = errors.New("relay: another one leads")

// errFenced says that another relay has taken the lead meanwhile.
var errFenced = errors.New("relay: another one has taken the lead")

// leader is a relay that leads, for as long as its session holds the lock.
type leader struct {
	*Relay
	conn  *pgx.Conn
	epoch int64
	at    place
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
	return l, err
}

// close ends the session and so the lead.
func (l *leader) close() {
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
