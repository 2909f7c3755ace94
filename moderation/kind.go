package moderation

import (
	"context"
	"time"
)

// Names for the kinds that most hosts have. A host may use any dotted name.
const (
	Suspend = "account.suspend"
	Limit   = "account.limit"
	Remove  = "post.remove"
)

// Kind is a kind of action that a host registers with the code that does it.
type Kind struct {
	// Name is stable: it is stored in records and policies for ever. Lower
	// case letters, digits, - and _, in parts joined by dots. Names that
	// begin with "interlock." are the library's own; of these only
	// [PolicyChangeKind] is registered.
	Name string
	// Apply does it. Required.
	Apply Apply
	// Undo takes it back. Without it the kind is irreversible, which needs a
	// quorum of two people at least, whatever the policy says.
	Undo Undo
	// Probe tells what is true after a crash. Optional.
	Probe Probe
	// Idempotent says that calling Apply or Undo again for the same ticket
	// changes nothing. Where Config.MaxRetries allows it, a handler that came
	// back with an error is called again, with the same Permit.Key and a
	// higher Permit.Fence. A service that does not refuse lower fences must
	// not be behind an Idempotent kind then.
	Idempotent bool
	// Timed says that the action lasts for a Duration, which is then
	// required, and is taken back by Undo, which is required too.
	Timed bool
}

// Apply is the host's code that changes the world. It is called only by the
// guard, once a ticket, with its intent already recorded.
//
// Apply returns nil if and only if the change was made. An error that wraps
// [ErrNotApplied] says that nothing was changed; after any other error, a
// panic or an overrun of the permit's deadline the outcome is unknown. What
// it changed may be told as an [UndoToken], which Undo is given back.
type Apply func(ctx context.Context, p Permit) (UndoToken, error)

// Undo is the host's code that takes back what Apply did under one ticket. It
// must leave in force whatever Permit.Standing still imposes. Its errors mean
// what those of Apply mean.
type Undo func(ctx context.Context, p Permit) error

// Probe asks the host's service what is true of the permit's ticket after a
// crash: whether what the permit names (Apply or Undo) was done, and, for an
// Apply that was, the undo token that it returned or would have returned.
// Whatever is not a clear answer, an error among them, leaves it unknown.
type Probe func(ctx context.Context, p Permit) (ProbeResult, UndoToken, error)

// UndoToken is what Apply says it changed, opaque to the guard: recorded, and
// handed to Undo. At most MaxUndoToken bytes of valid UTF-8.
type UndoToken string

// ProbeResult is what a [Probe] found. The zero ProbeResult is unknown.
type ProbeResult string

// The results of a probe.
const (
	ProbeApplied    ProbeResult = "applied"
	ProbeNotApplied ProbeResult = "not_applied"
)

// Call tells which of a kind's handlers a permit is for.
type Call string

// The calls that a guard makes.
const (
	CallApply Call = "apply"
	CallUndo  Call = "undo"
)

// Permit is what a handler is called with. The values are the handler's to
// keep; Parameters and Standing are copies.
type Permit struct {
	Ticket     string            // the ticket under which this is done
	Call       Call              // what is to be done
	Kind       string            // the kind's name
	Target     string            // the canonical ID; act on this, not a handle
	Tier       string            // the target's tier at this moment
	Parameters map[string]string // as approved
	Duration   time.Duration     // as approved; zero where the kind is not Timed
	Until      time.Time         // when it ends by itself; zero for Permanent
	Reason     string            // as approved
	Case       string            // as approved
	Actor      string            // the login that asked
	Digest     Digest            // what reviewers approved
	// Key is the same for each call about the same change: hand it on to
	// services that take an idempotency key. It is not Action.Key; the end of a
	// duration has one of its own.
	Key string
	// Fence grows with each call on this target. A service that has seen a
	// higher one must refuse the call: it comes from a process that was
	// stopped and woke up.
	Fence uint64
	// Deadline is when the guard stops waiting; the outcome is unknown then.
	Deadline time.Time
	// Undoes is the ticket that is taken back (at the end of its duration, the
	// ticket itself), and UndoToken what its Apply returned; both are empty for
	// CallApply.
	Undoes    string
	UndoToken UndoToken
	// Standing are the other restrictions on this target that stay in force.
	Standing []Standing
	// Anyway tells an Undo to take back what it can, although the target is no
	// longer as the ticket left it: a person with the right to say so did. An
	// Undo without it returns [ErrTargetChanged] then.
	Anyway bool
	// Mandate is, for a member of a batch, the batch's ticket, whose digest is
	// what reviewers approved; else empty.
	Mandate string
}

// handler returns the host's code for a call.
func (k Kind) handler(call Call) Apply {
	if call != CallUndo {
		return k.Apply
	}
	return func(ctx context.Context, p Permit) (UndoToken, error) { return "", k.Undo(ctx, p) }
}

// Standing is a restriction in force: the ticket under which it stands.
type Standing struct {
	Ticket     string            // the ticket's ID
	Kind       string            // what was done
	Actor      string            // the login that asked for it
	Parameters map[string]string // as approved
	Since      time.Time         // when it was executed
	Until      time.Time         // zero for what is permanent
}
