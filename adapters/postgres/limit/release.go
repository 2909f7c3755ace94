package limit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Release ends the count of a ticket by limits of open tickets, for all
// replicas. A ticket that is not counted is none of its business and no error.
func (l *Limiter) Release(ctx context.Context, c moderation.Charge) error {
	if l == nil || l.pool == nil {
		return errNotNew
	}
	if c.Ticket == "" {
		return errors.New("limit: release: Charge.Ticket is empty; say which ticket is over")
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if _, err := l.release(ctx, stored(c.Ticket)); err != nil {
		return fmt.Errorf("limit: release: %w", err)
	}
	return nil
}

func (l *Limiter) release(ctx context.Context, ticket string) (was bool, err error) {
	err = l.pool.QueryRow(ctx, l.sql("SELECT @schema@.limit_release_1($1)"), ticket).Scan(&was)
	return was, err
}

// minAge is how old the count of a ticket must be before ReleaseFinished asks
// for it: the ticket is charged before it is in the store.
const minAge = 10 * time.Minute

// ReleaseFinished releases the tickets that still count as unfinished though
// the store says that they are finished, or never had them: a replica died
// between the end of the ticket and its Release, or before the ticket was
// committed. It asks for those that were charged at least ten minutes ago, one by
// one, and returns how many it released. Call it at the start and once in a while; one replica is
// enough, and several do no harm. What the store does not answer stays counted,
// and ends it with an error. The context alone bounds it as a whole.
func (l *Limiter) ReleaseFinished(ctx context.Context, store moderation.Store) (released int, err error) {
	switch {
	case l == nil || l.pool == nil:
		return 0, errNotNew
	case isNil(store):
		return 0, errors.New("limit: release finished: the store is nil")
	}
	after := ""
	for {
		tickets, err := l.aged(ctx, after)
		if err != nil {
			return released, fmt.Errorf("limit: release finished: %w", err)
		}
		if len(tickets) == 0 {
			return released, nil
		}
		for _, ticket := range tickets {
			was, err := l.releaseFinished(ctx, store, ticket)
			if err != nil {
				return released, fmt.Errorf("limit: release finished: ticket %s: %w", ticket, err)
			}
			if was {
				released++
			}
		}
		after = tickets[len(tickets)-1]
	}
}

func (l *Limiter) releaseFinished(ctx context.Context, store moderation.Store, ticket string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	over, err := finished(ctx, store, ticket)
	if err != nil || !over {
		return false, err
	}
	return l.release(ctx, ticket)
}

// finished reports whether a store says that a ticket is no longer unfinished. A
// batch is counted for each of its tiers and domains, under its own ID and these.
func finished(ctx context.Context, store moderation.Store, counted string) (bool, error) {
	id, _, _ := strings.Cut(counted, "#")
	if strings.HasPrefix(counted, summed) {
		return false, nil // its name is not known; the guard's are never that long
	}
	t, err := store.Ticket(ctx, id)
	switch {
	case errors.Is(err, moderation.ErrNoTicket):
		return true, nil
	case err != nil:
		return false, err
	case t.ID != id:
		return false, fmt.Errorf("the store answered with ticket %q", t.ID)
	}
	switch t.Status {
	case moderation.StatusExecuted:
		return true, nil
	}
	return t.Status.Final(), nil
}

// aged returns the next tickets that were charged some time ago.
func (l *Limiter) aged(ctx context.Context, after string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var tickets []string
	err := l.pool.QueryRow(ctx, l.sql(`SELECT coalesce(array_agg(ticket), '{}') FROM (
		SELECT ticket FROM @schema@.open_ticket WHERE ticket > $1 AND at <= @schema@.limit_clock_1($2) - $3
		ORDER BY ticket LIMIT 256) x`), after, l.now(), int64(minAge)).Scan(&tickets)
	return tickets, err
}
