package moderation

import (
	"context"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Limiter bounds how many and how much. It takes all that a charge asks for,
// from every limit that applies, or nothing.
//
// The zero Usage refuses. An answer together with an error is a refusal.
// Methods may be called by many goroutines at once.
type Limiter interface {
	// Take charges, or says why not.
	Take(ctx context.Context, c Charge) (Usage, error)
	// Peek answers as Take would, and charges nothing.
	Peek(ctx context.Context, c Charge) (Usage, error)
}

// Restorer is a [Limiter] that forgets at exit and is rebuilt from the trail:
// New calls Restore for each charge that the trail shows, in order. A limiter
// that is not a Restorer keeps its own account.
type Restorer interface {
	// Restore charges what was charged at c.Time, past the burst if need be.
	Restore(ctx context.Context, c Charge) error
}

// Releaser is a [Limiter] that counts unfinished tickets ("open" limits): it
// is told when a ticket for which Take was called at ChargeRequest is over.
type Releaser interface {
	// Release gives free what the ticket of a charge counted for; a second
	// time, and for a ticket that it does not know, it does nothing.
	Release(ctx context.Context, c Charge) error
}

// ChargeAt tells at which moment a charge is made, hence which units it counts.
type ChargeAt string

// The moments of a charge.
const (
	ChargeRequest ChargeAt = "request" // units requests and open
	ChargeExecute ChargeAt = "execute" // units actions and reach
)

// Charge is what a step costs, and whom.
type Charge struct {
	At   ChargeAt // when, hence what is counted
	Step Step     // StepRequest or StepUndo, which have separate budgets; others as they are
	// Ticket is the ticket's ID. It is charged once at each moment: the guard
	// sees to that in one process, and a limiter that many processes share
	// must not charge a ticket again.
	Ticket string
	Person string // who pays: the human, also for a service
	Actor  string // the login
	Kind   string
	Target string // canonical ID
	Tier   string
	Domain string
	Count  int   // how many targets; at least 1
	Reach  int64 // how many people in all; not negative
	Time   time.Time
	// Overrun are slots of Usage.Over that were approved. A limit all of whose
	// own slots are among them (each counts for one limit) is drawn as far as
	// it goes and does not refuse; every other limit does, also one that was
	// exhausted since it was asked.
	Overrun []Slot
	// For tells whether the charge is for one target alone, for all members of a
	// batch together, or for one of them.
	For ChargeFor
}

// ChargeFor tells what a charge of a batch is for. A batch is charged once for
// all of its members, a charge for each tier and domain that they have; for each
// member only what is counted per target is charged then. So a batch draws what
// its members would have drawn one by one.
type ChargeFor string

// What a charge can be for.
const (
	ChargeForTarget ChargeFor = ""       // one target alone: every limit counts
	ChargeForBatch  ChargeFor = "batch"  // all members: every limit but those per target
	ChargeForMember ChargeFor = "member" // one of them: limits per target alone
)

// Usage is what a limiter answers. The zero Usage refuses.
type Usage struct {
	// Allowed tells whether the charge was (or would be) taken.
	Allowed bool
	// Limits are the limits that apply and what they have left; where not
	// allowed, those that were exceeded come first.
	Limits []LimitState
	// RetryAfter is, where not allowed, when the same charge would be taken
	// if nothing else happened.
	RetryAfter time.Duration
	// Never says, where not allowed, that no wait helps: the charge exceeds
	// the burst.
	Never bool
	// Over is, where not allowed, the slots that would let it pass; empty
	// where nothing does. With these approved the guard charges again with
	// Charge.Overrun.
	Over []Slot
}

// LimitState is one limit as a charge finds or leaves it, as records show it.
type LimitState = audit.Limit
