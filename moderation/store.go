package moderation

import (
	"context"
	"iter"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Store keeps tickets and their records together: they never part.
//
// All methods may be called by many goroutines at once, in many processes
// where the store allows that. Tickets are handed over by value; their slices
// and maps are never changed by either side after they were handed over.
type Store interface {
	// Commit makes a change, all of it or nothing, and returns nil if and
	// only if the tickets are replaced and the record is durable. ErrConflict
	// says that nothing was written because something that must hold did not.
	// So do errors that wrap audit.ErrNotWritten, for a record that can never
	// be written, and audit.ErrNoRoom, for a store that is full: the same
	// change may be made once there is room, and until then nothing of it is
	// there or in the way of others.
	// After any other error it is not known whether it was written; the
	// caller reads the ticket again, and never runs anything on the strength
	// of the attempt.
	Commit(ctx context.Context, c Change) error
	// Ticket returns a ticket, or ErrNoTicket.
	Ticket(ctx context.Context, id string) (Ticket, error)
	// Tickets returns the tickets that a query matches, in its order. The
	// sequence ends with a non-nil error where it could not be finished. It
	// may be left early, and the store may be used while it is read.
	Tickets(ctx context.Context, q Query) iter.Seq2[Ticket, error]
	// Head returns how a target stands. A target that was never acted on has
	// a Head with Fence zero.
	Head(ctx context.Context, targetID string) (Head, error)
}

// Change is what one commit does. The record holds the new state of all
// tickets of the change, so that whoever has the records has the store.
type Change struct {
	// Tickets are the new states. Each replaces the revision before its own;
	// revision 1 must not exist yet, and its requester and key must be new.
	// Once the change is made, at most one ticket of a target may be executing
	// or unknown, besides an undo and the unknown ticket that it takes back,
	// and of the tickets with one Requester.Person at most one Owes.
	Tickets []Ticket
	// Record says what happened. Its ID is required and stable: a store that
	// has it already, with the same content, has this change already and
	// answers nil; with other content it refuses. Its State is the JSON object
	// {"tickets":[…]} of Tickets, the ticket that the record is about first.
	Record audit.Record
	// Heads are the targets whose head must be at Fence when the commit
	// begins. A commit that is under way at that moment need not be waited
	// for, since the guard looks again behind its intent.
	Heads []HeadIs
	// Unchanged are other tickets that must be at their revision until the
	// commit is done.
	Unchanged []TicketIs
	// Policy is the digest of the policy that allowed this. A store that
	// keeps the policy itself refuses with ErrConflict where it is another;
	// other stores ignore it. Empty where nothing was decided.
	Policy string
}

// HeadIs says at which fence a target's head must be.
type HeadIs struct {
	Target string // canonical ID
	Fence  uint64 // of its head
}

// TicketIs says at which revision a ticket must be.
type TicketIs struct {
	Ticket   string // the ticket's ID
	Revision uint64 // of the ticket
}

// Head is how a target stands.
type Head struct {
	// Fence is the highest Fence of the target's tickets.
	Fence uint64
	// Busy is the ticket that is executing or unknown; empty for none.
	Busy string
	// Standing are the tickets that are executed, undo nothing and are no batch
	// (Ticket.Batch), by the time
	// of their execution, whatever their Until: the store has no clock. The
	// slice is not to be changed.
	Standing []Ticket
	// Last is the last ticket on this target that was rejected or undone, by
	// Over; nil for none. It is not to be changed.
	Last *Ticket
	// Tier is the tier that the target was last seen to have, by the latest
	// Subject.TierSeen of its tickets, and TierSeen that moment. Of two looks at
	// one moment the later commit counts; a revision that leaves its ticket's
	// Subject as it was is no look.
	Tier     string
	TierSeen time.Time
}

// FreezeTarget is the canonical ID under which freezes stand: its head's Fence
// is the freeze epoch, and its Standing are the freezes in force.
const FreezeTarget = "interlock.freeze"

// Query selects tickets. Empty fields match all; the zero Query matches every
// ticket. They come in the order of their request, or, where DueBy is set, of
// their Due; ties by ID.
type Query struct {
	Requester string   // login; with Key at most one ticket matches
	Key       string   // idempotency key
	Person    string   // the requester's person, or a reviewer's
	Target    string   // canonical ID
	Kind      string   // kind
	Status    []Status // one of these
	// DueBy matches tickets whose Due is set and not after it.
	DueBy time.Time
	// After continues behind the ticket with this ID, which must exist but
	// need not match any more; for paging. A Due may move between two pages,
	// so ask from the start for what is due.
	After string
	// Limit is the most tickets to return; zero for all.
	Limit int
	// Owed matches tickets that Owe ratification; see [Ticket.Owes].
	Owed bool
	// Mandate is the ticket of a batch, of whose members the tickets are.
	Mandate string
}
