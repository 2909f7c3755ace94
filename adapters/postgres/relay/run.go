package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/elevenminutes/interlock/audit"
)

// bite is how many records are read, checked and moved before the place is
// saved.
const bite = 256

// Run moves records until ctx is done, and returns why it ended. Failures do not
// end it: it reports them to Config.Failed and tries again. While another relay
// of the same name leads it waits.
func (r *Relay) Run(ctx context.Context) error {
	if r == nil || r.config.Pool == nil {
		return errors.New("relay: the zero Relay moves nothing; make one with New")
	}
	for {
		err := r.lead(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.report(err)
		if err := pause(ctx, r.config.Retry); err != nil {
			return err
		}
	}
}

// lead moves records for as long as nothing fails.
func (r *Relay) lead(ctx context.Context) error {
	l, err := r.takeLead(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	for {
		moved, err := l.move(ctx)
		var broken *ChainError
		if errors.As(err, &broken) {
			return errors.Join(err, halt(ctx, l.conn, l.config.Schema, broken.Error()))
		}
		if err != nil {
			return err
		}
		if moved == bite {
			continue
		}
		if err := pause(ctx, r.config.Poll); err != nil {
			return err
		}
	}
}

// move moves what is there, at most a bite, and returns how much that was.
func (l *leader) move(ctx context.Context) (moved int, err error) {
	end, entries, err := l.read(ctx)
	if err != nil {
		return 0, err
	}
	at, failure := l.moveAll(ctx, entries)
	if at.seq > l.at.seq {
		if err := l.save(ctx, at); err != nil {
			return 0, errors.Join(failure, err)
		}
	}
	if failure != nil {
		return 0, failure
	}
	if len(entries) < bite {
		return len(entries), at.atEnd(end)
	}
	return len(entries), nil
}

// read reads what comes next. The end is read first, so that all records up to
// it must be there.
func (l *leader) read(ctx context.Context) (end place, entries []entry, err error) {
	b := &pgx.Batch{}
	b.Queue(l.config.in(`SELECT seq, hash FROM @schema@.chain`)).QueryRow(func(row pgx.Row) error {
		return row.Scan(&end.seq, &end.hash)
	})
	b.Queue(l.config.in(`SELECT `+entryColumns+` FROM @schema@.outbox WHERE seq > $1 ORDER BY seq LIMIT $2`), l.at.seq, bite).Query(func(rows pgx.Rows) error {
		entries, err = pgx.CollectRows(rows, scanEntry)
		return err
	})
	err = l.conn.SendBatch(ctx, b).Close()
	for len(entries) > 0 && entries[len(entries)-1].seq > end.seq && len(entries) < bite {
		entries = entries[:len(entries)-1] // committed since
	}
	return end, entries, err
}

// moveAll appends entries to the sink, one after the other, and returns the
// place behind the last that the sink has.
func (l *leader) moveAll(ctx context.Context, entries []entry) (place, error) {
	at := l.at
	for _, e := range entries {
		next, err := at.next(e)
		if err != nil {
			return at, err
		}
		record, err := e.record()
		if err != nil {
			return at, err
		}
		err = l.sink.Append(ctx, record)
		if errors.Is(err, audit.ErrNotWritten) {
			return at, &ChainError{Seq: e.seq, Problem: fmt.Sprintf("can never be stored in the sink %s: %v", l.config.Name, err), Err: err}
		}
		if err != nil {
			return at, fmt.Errorf("relay: record %d of the outbox did not reach the sink %s, and is tried again: %w", e.seq, l.config.Name, err)
		}
		at = next
	}
	return at, nil
}

// report tells the host of a failure.
func (r *Relay) report(err error) {
	if err == nil || errors.Is(err, errLed) || r.config.Failed == nil {
		return
	}
	defer func() { _ = recover() }() // the host's hook can't stop the relay
	r.config.Failed(err)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
