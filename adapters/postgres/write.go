package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/jackc/pgx/v5/pgconn"
)

// How long the store goes on trying to write a batch when the connection
// breaks, and how long it pauses between two attempts.
const (
	batchTimeout = 10 * time.Second
	firstPause   = 5 * time.Millisecond
	longestPause = 250 * time.Millisecond
)

// write makes the changes of a batch, and answers everyone who asked.
func (s *Store) write(batch []*request) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	s.writeIn(ctx, batch)
}

func (s *Store) writeIn(ctx context.Context, batch []*request) {
	doubt := false
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		a, err := s.attempt(ctx, batch)
		if err == nil {
			reply(batch, a, doubt)
			if len(a.answers) == len(batch) {
				s.unschedule(batch, a.answers)
			}
			return
		}
		doubt = doubt || a.doubt
		switch {
		case !a.again && len(batch) > 1: // one of them may be at fault
			for _, r := range batch {
				s.writeAlone(ctx, r, doubt)
			}
			return
		case !a.again, !awaited(batch), !sleep(ctx, pause):
			replyError(batch, err, doubt)
			return
		}
	}
}

// writeAlone makes one change of a batch that could not be made as a whole.
func (s *Store) writeAlone(ctx context.Context, r *request, doubt bool) {
	one := []*request{r}
	if doubt {
		replyError(one, errors.New("the batch that it was part of failed twice"), true)
		return
	}
	s.writeIn(ctx, one)
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reply tells everyone what the database answered. In doubt, an earlier attempt
// may still be under way: what it finds written already it leaves alone, but
// what was refused now it may yet write.
func reply(batch []*request, a attempt, doubt bool) {
	if len(a.answers) != len(batch) && a.halted == "" {
		replyError(batch, fmt.Errorf("%d answers to %d changes", len(a.answers), len(batch)), true)
		return
	}
	for i, r := range batch {
		switch {
		case a.halted != "":
			r.answer <- fmt.Errorf("postgres: record %.64q was not written: %w: %s", r.change.id, ErrHalted, a.halted)
		case a.answers[i] == "":
			r.answer <- nil
		case doubt:
			r.answer <- fmt.Errorf("postgres: record %.64q is in doubt: an earlier attempt may be under way; now %s", r.change.id, a.answers[i])
		default:
			r.answer <- fmt.Errorf("postgres: %s: %w", a.answers[i], moderation.ErrConflict)
		}
	}
}

// replyError tells everyone of an error.
func replyError(batch []*request, err error, doubt bool) {
	for _, r := range batch {
		switch {
		case doubt:
			r.answer <- fmt.Errorf("postgres: record %.64q is in doubt: %w", r.change.id, err)
		case family(err) != nil:
			r.answer <- fmt.Errorf("postgres: record %.64q: %w: %w", r.change.id, family(err), err)
		default:
			r.answer <- fmt.Errorf("postgres: record %.64q was not written: %w", r.change.id, err)
		}
	}
}

// diskFull is what PostgreSQL calls disk_full.
const diskFull = "53100"

// family is which of the errors of the contract the server's error is; nil for
// none. Nothing may be in doubt.
func family(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) != 5 {
		return nil
	}
	switch {
	case e.Code == diskFull:
		return audit.ErrNoRoom
	case e.Code[:2] == "22", e.Code[:2] == "54": // what can't be stored, or is too large
		return audit.ErrNotWritten
	}
	return nil
}
