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

// Moment is when a ticket is due: [moderation.Ticket.Due] of a revision.
type Moment struct {
	Ticket   string    // the ticket's ID
	Revision uint64    // that is due then, unless a later one takes its place
	At       time.Time // in UTC
}
