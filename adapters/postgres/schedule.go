package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Scheduler is told, in the transaction of the commit that says so, when
// tickets are due, so that neither can be there without the other. Package
// engine has one that inserts River jobs.
type Scheduler interface {
	// Schedule arranges in tx that each ticket is advanced at its moment, or
	// soon after. It is called before it is certain that the change is made:
	// a moment of a change that was not made is to do no harm. An error ends
	// the transaction. It is never called with no moment.
	Schedule(ctx context.Context, tx pgx.Tx, moments []Moment) error
}

// Unscheduler is a [Scheduler] that can drop what it has scheduled. A moment of
// a revision that was replaced does no harm when it comes; until then it takes
// room, and then somebody looks at its ticket for nothing.
type Unscheduler interface {
	Scheduler
	// Unschedule drops what was scheduled for these revisions of tickets, of
	// which later ones were committed; their At is zero. It is called soon after
	// the commits, in no transaction, by one goroutine of a store at a time and
	// with 1,000 at most. It need not succeed: an error, which nobody is told,
	// and a panic leave the moments to come. It should return soon after ctx is
	// done, which is after some seconds.
	Unschedule(ctx context.Context, conn *pgx.Conn, replaced []Moment) error
}

// Moment is when a ticket is due: [moderation.Ticket.Due] of a revision.
type Moment struct {
	Ticket   string    // the ticket's ID
	Revision uint64    // that is due then, unless a later one takes its place
	At       time.Time // in UTC
}
