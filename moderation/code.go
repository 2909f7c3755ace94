package moderation

import (
	"errors"
)

// Code says why something was refused. The texts are stable: hosts switch on
// them, and records keep them for ever.
type Code string

// The codes of refusals, by family.
const (
	// ErrInvalid
	CodeInvalid      Code = "invalid"      // a field is missing or malformed
	CodeUnknownKind  Code = "unknown_kind" // no such kind is registered
	CodeIrreversible Code = "irreversible" // the kind has no Undo
	CodeKeyReused    Code = "key_reused"   // the key stands for another action
	CodeDigest       Code = "wrong_digest" // not the action that was shown
	CodeNoTicket     Code = "no_such_ticket"
	CodeCount        Code = "wrong_count"   // a batch has another number of members than was expected
	CodeMembers      Code = "wrong_members" // not (a member of) the set that the batch pins

	// ErrDenied
	CodeDenied         Code = "denied"         // a deny row matches
	CodeNoRule         Code = "no_rule"        // no row allows it
	CodeUnknownActor   Code = "unknown_actor"  // the directory knows no such login
	CodeInactive       Code = "inactive_actor" // suspended or departed
	CodePastLastDay    Code = "past_last_day"  // the person's work has ended
	CodeLeaving        Code = "leaving"        // in the notice period, where that bars
	CodeUnknownTarget  Code = "unknown_target" // the directory knows no such target
	CodeUnknownTier    Code = "unknown_tier"   // not one of Config.Tiers
	CodeUnknownLabel   Code = "unknown_label"  // a label that policy does not know
	CodeTierMismatch   Code = "tier_mismatch"  // not the tier that the actor expected
	CodeSelf           Code = "acting_on_self" // the target or its owner is the actor
	CodeConflictOf     Code = "conflict_of_interest"
	CodeOwnRequest     Code = "own_request"      // reviewing what one asked for
	CodeAlreadyCounted Code = "already_counted"  // one person fills one slot
	CodeNotEligible    Code = "not_eligible"     // holds no role of an open slot
	CodeService        Code = "service_reviewer" // a service can't review
	CodeNoRequirement  Code = "no_requirement"   // policy states no quorum
	CodeNeedsOthers    Code = "needs_others"     // soon after a rejection or an undo
	CodeStale          Code = "stale"            // facts or policy are too old
	CodeNoBypass       Code = "no_bypass"        // never done by a bypass
	CodeUnratified     Code = "unratified"       // a bypass that others have not answered for
	CodeProtected      Code = "protected_member" // a member of a batch is of a higher tier than was stated
	CodeApprovalsVoid  Code = "approvals_void"   // what was approved no longer suffices

	// ErrLimited
	CodeLimited      Code = "limited"       // wait for RetryAfter
	CodeNeverFits    Code = "exceeds_limit" // more than the limit ever allows
	CodeTooMuchAsked Code = "too_many_questions"

	// ErrFrozen
	CodeFrozen Code = "frozen"

	// ErrConflicting
	CodeBusy         Code = "target_busy"    // another ticket is being executed on it
	CodeAlreadyAsked Code = "already_asked"  // Explain: the ticket of the key exists
	CodeStands       Code = "already_stands" // the same restriction is in force
	CodeNotUndoable  Code = "not_undoable"   // not executed, or undone already
	CodeTooLate      Code = "too_late"       // the deadline passed
	CodeTooEarly     Code = "too_early"      // can't be resolved yet
	CodeNotOpen      Code = "not_open"       // not waiting for this any more
	CodeCancelled    Code = "context_done"   // the caller gave up
	CodeHalted       Code = "halted"         // the batch is halted

	CodeTargetChanged Code = "target_changed" // not as the ticket left it, so it was not undone

	// ErrUnavailable
	CodeZeroGuard Code = "zero_guard" // made without New
	CodeClosed    Code = "closed"     // the guard was closed
	CodeDirectory Code = "directory"  // the directory failed or lied
	CodePolicy    Code = "authorizer" // the authorizer failed or lied
	CodeLimiter   Code = "limiter"    // the limiter failed or lied
	CodeStore     Code = "store"      // the store failed
	CodeTrail     Code = "trail"      // the trail can't be written
	CodeNoRoom    Code = "no_room"    // the trail is full; ask again when it has room
)

// family returns the sentinel of a code's family.
func (c Code) family() error {
	switch c {
	case CodeInvalid, CodeUnknownKind, CodeIrreversible, CodeKeyReused, CodeDigest, CodeNoTicket, CodeCount, CodeMembers:
		return ErrInvalid
	case CodeLimited, CodeNeverFits, CodeTooMuchAsked:
		return ErrLimited
	case CodeFrozen:
		return ErrFrozen
	case CodeBusy, CodeAlreadyAsked, CodeStands, CodeNotUndoable, CodeTooLate, CodeTooEarly, CodeNotOpen, CodeCancelled, CodeTargetChanged, CodeHalted:
		return ErrConflicting
	case CodeZeroGuard, CodeClosed, CodeDirectory, CodePolicy, CodeLimiter, CodeStore, CodeTrail, CodeNoRoom:
		return ErrUnavailable
	}
	return ErrDenied
}

// hasCode reports whether an error is a refusal with a code.
func hasCode(err error, code Code) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Code == code
}
