package moderation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors by family; test with errors.Is. A [*Refusal] matches ErrRefused and
// one of the narrower ones.
var (
	// ErrRefused is matched by every refusal: the handler was not called.
	ErrRefused = errors.New("moderation: refused")
	// ErrInvalid: the input is missing or malformed.
	ErrInvalid = errors.New("moderation: invalid")
	// ErrDenied: policy, or a rule of identity, does not allow it.
	ErrDenied = errors.New("moderation: denied")
	// ErrLimited: a limit is exhausted.
	ErrLimited = errors.New("moderation: limited")
	// ErrFrozen: a freeze stops it.
	ErrFrozen = errors.New("moderation: frozen")
	// ErrConflicting: another action, or the ticket's own state, is in the way.
	ErrConflicting = errors.New("moderation: conflicting")
	// ErrUnavailable: something that must answer did not: a dependency
	// failed, panicked, hung or contradicted itself.
	ErrUnavailable = errors.New("moderation: unavailable")

	// ErrPending is matched by a [*PendingError]: nothing was refused, and
	// nothing was executed yet.
	ErrPending = errors.New("moderation: pending")
	// ErrUnknown is matched where a handler may or may not have changed the
	// world, and somebody must find out.
	ErrUnknown = errors.New("moderation: outcome unknown")
	// ErrOver is matched where a ticket came to another end than the caller
	// asked for: rejected, cancelled, timed out, failed, undone or ended.
	ErrOver = errors.New("moderation: ticket is over")
	// ErrUnrecorded is matched, besides what else there is to say, where the
	// trail could not be written.
	ErrUnrecorded = errors.New("moderation: not recorded")

	// ErrNotApplied is wrapped by a handler to say that it changed nothing.
	ErrNotApplied = errors.New("moderation: not applied")
	// ErrTargetChanged is wrapped by an [Undo] to say that it changed nothing,
	// because the target is no longer as the ticket left it. It is an
	// ErrNotApplied. See UndoRequest.Anyway.
	ErrTargetChanged = fmt.Errorf("moderation: the target is not as the ticket left it: %w", ErrNotApplied)
	// ErrFenceRefused is wrapped by a handler whose service has seen a higher
	// Permit.Fence on the target, and so changed nothing. It is an
	// ErrNotApplied, and an alarm: two processes, or two histories, are at it.
	ErrFenceRefused = fmt.Errorf("moderation: the service has seen a higher fence: %w", ErrNotApplied)
	// ErrUnknownActor and ErrUnknownTarget are wrapped by a Directory.
	ErrUnknownActor  = errors.New("moderation: unknown actor")
	ErrUnknownTarget = errors.New("moderation: unknown target")
	// ErrNoTicket is returned for a ticket that does not exist.
	ErrNoTicket = errors.New("moderation: no such ticket")
	// ErrConflict is returned by a Store whose commit lost a race: nothing
	// was written.
	ErrConflict = errors.New("moderation: commit lost a race")
)

// Refusal says that the handler was not called, and why. It matches
// [ErrRefused], the family of its code, and what caused it.
type Refusal struct {
	// Code is stable, for programs.
	Code Code `json:"code"`
	// Text is a sentence for the person who was refused.
	Text string `json:"text"`
	// Field names the input that is at fault, such as Action.Reason.
	Field string `json:"field,omitempty"`
	// Rules are the rows of the policy that refused.
	Rules []Rule `json:"rules,omitempty"`
	// Policy is the digest of the policy that refused; empty where it was not
	// the policy.
	Policy string `json:"policy,omitempty"`
	// Needed is what would be needed instead; empty where nothing would do.
	Needed string `json:"needed,omitempty"`
	// RetryAfter is when asking again can succeed; zero where waiting is no
	// help, or how long is not known.
	RetryAfter time.Duration `json:"retryAfter,omitempty"`
	// Ticket is the ticket that is refused, or that is in the way.
	Ticket string `json:"ticket,omitempty"`
	// Err is what caused it, such as a dependency's error. It is for the
	// operator rather than for the actor.
	Err error `json:"-"`
}

// Error returns the sentence, the rule, what is needed and the cause.
func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "moderation: %s: %s", r.Code, strings.TrimSuffix(r.Text, "."))
	for i, rule := range r.Rules {
		sep := ", "
		if i == 0 {
			sep = " (by "
		}
		b.WriteString(sep + rule.Source)
	}
	if len(r.Rules) > 0 {
		b.WriteString(")")
	}
	if r.Needed != "" {
		b.WriteString("; needed: " + r.Needed)
	}
	if r.RetryAfter > 0 {
		b.WriteString("; again in " + r.RetryAfter.String())
	}
	if r.Err != nil {
		b.WriteString(": " + r.Err.Error())
	}
	return b.String()
}

// Unwrap returns ErrRefused, the family of the code, and the cause.
func (r *Refusal) Unwrap() []error {
	errs := []error{ErrRefused, r.Code.family()}
	if r.Err != nil {
		errs = append(errs, r.Err)
	}
	return errs
}

// PendingError says that an action waits, and for what. It matches
// [ErrPending].
type PendingError struct {
	Ticket   string    // the ticket's ID
	Status   Status    // pending, held or executing
	Missing  []Slot    // approvals that are still to be given
	After    string    // a ticket on the same target, rejected or undone lately, because of which more is asked for; or empty
	Due      time.Time // when it can be looked at again; zero: not before a review
	Deadline time.Time // when it times out; zero while it is being executed
}

// Error says what the ticket waits for.
func (e *PendingError) Error() string {
	switch {
	case len(e.Missing) > 0:
		text := fmt.Sprintf("moderation: pending: ticket %s waits for approval by %s until %s",
			e.Ticket, slotsText(e.Missing), e.Deadline.UTC().Format(time.RFC3339))
		if e.After != "" {
			text += fmt.Sprintf("; ticket %s on the same target was rejected or undone lately", e.After)
		}
		return text
	case e.Status == StatusExecuting:
		return fmt.Sprintf("moderation: pending: ticket %s is being executed", e.Ticket)
	}
	return fmt.Sprintf("moderation: pending: ticket %s is held until %s",
		e.Ticket, e.Due.UTC().Format(time.RFC3339))
}

// Unwrap returns ErrPending.
func (e *PendingError) Unwrap() error { return ErrPending }

// StateError says that a ticket came to another end than the caller asked
// for. It matches [ErrUnknown] for an unknown outcome, else [ErrOver], and
// what the handler returned where this call ran it.
type StateError struct {
	Ticket string // the ticket's ID
	Status Status // how it stands
	Text   string // what happened, for people
	Err    error  // what the handler returned; nil where another call ran it
	Code   Code   // why, for programs, where there is more to say than the status
}

// Error says how the ticket stands.
func (e *StateError) Error() string {
	text := fmt.Sprintf("moderation: ticket %s is %s", e.Ticket, e.Status)
	if e.Text != "" {
		text += ": " + strings.TrimSuffix(e.Text, ".")
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns ErrUnknown or ErrOver, and the handler's error.
func (e *StateError) Unwrap() []error {
	family := ErrOver
	if e.Status == StatusUnknown {
		family = ErrUnknown
	}
	if e.Err == nil {
		return []error{family}
	}
	return []error{family, e.Err}
}

// handlerError is what a handler returned. A handler may have a guard of its
// own: what that one says of its ticket must not be taken for what this one
// says of this ticket.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

// Is finds the host's errors, and ErrNotApplied, but none of the families.
func (e *handlerError) Is(target error) bool {
	switch target {
	case ErrRefused, ErrInvalid, ErrDenied, ErrLimited, ErrFrozen, ErrConflicting, ErrUnavailable,
		ErrPending, ErrUnknown, ErrOver, ErrUnrecorded, ErrNoTicket, ErrConflict:
		return false
	}
	return errors.Is(e.err, target)
}

// As finds the host's error types.
func (e *handlerError) As(target any) bool {
	switch target.(type) {
	case **Refusal, **PendingError, **StateError:
		return false
	}
	return errors.As(e.err, target)
}

// invalid is a refusal of malformed input.
func invalid(field, text string) *Refusal {
	return &Refusal{Code: CodeInvalid, Field: field, Text: field + " " + text + "."}
}

// slotsText renders slots for people: "lead or director, director".
func slotsText(slots []Slot) string {
	texts := make([]string, len(slots))
	for i, s := range slots {
		texts[i] = strings.Join(s, " or ")
		if slices.Contains(s, Any) {
			texts[i] = "anyone who may approve"
		}
	}
	return strings.Join(texts, ", ")
}
