package audit

import (
	"encoding/json"
	"time"
)

// Record is one entry of the audit trail: what one person, service or clock
// tick did, or was refused, and what followed from it.
//
// The JSON form (one object, fields in the order below, empty ones left out,
// times in UTC) is a promise: it is held by golden files and is what sinks
// store and hash. [Record.AppendJSON] writes it.
//
// A Record is a value; a sink must neither change the slices and pointers that
// it is given nor keep them after Append has returned, and the caller must not
// change them while Append runs. [Record.Clone] copies all of them.
//
// The zero Record is refused by every sink: ID, Event and Time are required,
// see [Record.Validate].
type Record struct {
	// ID names the record for ever. The same ID always has the same body, so
	// a record whose append was in doubt can be appended again.
	ID string `json:"id"`
	// Ticket is the ticket that the record is about. It is empty for a refusal
	// that created no ticket.
	Ticket string `json:"ticket,omitempty"`
	// Revision is the ticket's revision after this record, counted from 1.
	Revision uint64 `json:"revision,omitempty"`
	// Event is what happened; see the Event constants.
	Event Event `json:"event"`
	// Step is the right that was exercised (request, approve, undo, …).
	Step string `json:"step,omitempty"`
	// Time is the wall time, in UTC, as the guard knew it.
	Time time.Time `json:"time"`
	// Actor is who did it. It is the zero Actor where only time passed.
	Actor Actor `json:"actor,omitzero"`
	// Target is whom or what it was done to.
	Target Target `json:"target,omitzero"`
	// Kind is the kind of action, such as account.suspend.
	Kind string `json:"kind,omitempty"`
	// Reason is why, in the actor's words.
	Reason string `json:"reason,omitempty"`
	// Case is the host's reference to a report, case or incident.
	Case string `json:"case,omitempty"`
	// Digest is the digest of the action that reviewers approve.
	Digest string `json:"digest,omitempty"`
	// Decision is what policy answered, and by which rules.
	Decision *Decision `json:"decision,omitempty"`
	// Reviews are the approvals and rejections that counted at this moment.
	Reviews []Review `json:"reviews,omitempty"`
	// Limits are the limits that were charged or consulted.
	Limits []Limit `json:"limits,omitempty"`
	// Outcome is how a call of the handler, or the whole request, ended.
	Outcome *Outcome `json:"outcome,omitempty"`
	// Cause is what set this off, where it was not the actor.
	Cause *Cause `json:"cause,omitempty"`
	// State is the new state of the tickets that the record changed, as JSON,
	// from which a store is rebuilt. Sinks store it as it is.
	State json.RawMessage `json:"state,omitempty"`
}

// Event says what a record reports. The texts are stored for ever.
type Event string

// The events of a ticket's life, and those that concern no ticket.
const (
	EventRequested Event = "requested" // admitted; waits for approvals or a hold
	EventApproved  Event = "approved"  // an approval was counted
	EventRejected  Event = "rejected"  // a reviewer ended it
	EventVoided    Event = "voided"    // approvals given before no longer count
	EventHeld      Event = "held"      // approved; waits for its hold or for room
	EventEscalated Event = "escalated" // waits long; its deadline comes near
	EventCancelled Event = "cancelled" // withdrawn before it was executed
	EventTimedOut  Event = "timed_out" // its deadline passed
	EventIntent    Event = "intent"    // the handler is about to be called
	EventOutcome   Event = "outcome"   // what came of the call
	EventResolved  Event = "resolved"  // a person settled an unknown outcome
	EventRefused   Event = "refused"   // the guard said no
	EventRefusals  Event = "refusals"  // a counted summary of further refusals
	EventRevoked   Event = "revoked"   // what a person asked and approved was voided
	EventPolicy    Event = "policy"    // a version of the policy is about to take force

	EventRatified     Event = "ratified"     // somebody ratified a bypass after the fact
	EventAcknowledged Event = "acknowledged" // somebody answered for a bypass that was undone

	EventBegun   Event = "begun"   // a batch may execute its members now
	EventStage   Event = "stage"   // the next stage of a batch began
	EventHalted  Event = "halted"  // a batch executes no further member
	EventResumed Event = "resumed" // a batch that was halted goes on
)

// Actor is a login and the person behind it, as the directory knew them.
type Actor struct {
	// Login is the account that was used.
	Login string `json:"login"`
	// Person is the human behind it.
	Person string `json:"person,omitempty"`
	// Type is human or service.
	Type string `json:"type,omitempty"`
}

// Target is whom or what an action is done to.
type Target struct {
	// ID is canonical, never a handle that can change hands.
	ID string `json:"id"`
	// Tier is how well the target is protected.
	Tier string `json:"tier,omitempty"`
	// Domain is the part of the host's world to which the target belongs.
	Domain string `json:"domain,omitempty"`
	// Reach is how many people are affected with it.
	Reach int64 `json:"reach,omitempty"`
}

// Decision is what policy answered.
type Decision struct {
	// Allowed is true only where policy said yes.
	Allowed bool `json:"allowed"`
	// Code is why not, for programs; the codes are stable.
	Code string `json:"code,omitempty"`
	// Text is why not, for people.
	Text string `json:"text,omitempty"`
	// Rules are the rows that decided.
	Rules []Rule `json:"rules,omitempty"`
	// Policy is the digest of the policy now.
	Policy string `json:"policy,omitempty"`
	// PolicyThen is the digest of the policy under which the action was asked
	// for, where it is another than Policy.
	PolicyThen string `json:"policyThen,omitempty"`
	// Stale is true where the answer was taken from the last good policy or
	// facts because they could not be refreshed.
	Stale bool `json:"stale,omitempty"`
}

// Rule is one row of the policy that took part in a decision.
type Rule struct {
	// Source is file and line, or what else identifies the row.
	Source string `json:"source"`
	// Text is the row itself.
	Text string `json:"text,omitempty"`
}

// Review is an approval or a rejection.
type Review struct {
	// Login is the account of the reviewer.
	Login string `json:"login"`
	// Person is the human behind it.
	Person string `json:"person"`
	// Verdict is approve or reject.
	Verdict string `json:"verdict"`
	// Roles are those that the reviewer held in this.
	Roles []string `json:"roles,omitempty"`
	// Time is when the review was given, in UTC.
	Time time.Time `json:"time"`
	// Void is why it no longer counts, or empty.
	Void string `json:"void,omitempty"`
}

// Limit is one limit as a charge left it.
type Limit struct {
	// Rule is the row that sets the limit.
	Rule Rule `json:"rule"`
	// Key is whose or what's use was counted.
	Key string `json:"key"`
	// Unit is requests, open, actions or reach.
	Unit string `json:"unit"`
	// Charged is how many units this took.
	Charged int64 `json:"charged"`
	// Left is how many units were left after it.
	Left int64 `json:"left"`
}

// Outcome is how a call of the handler, or a request, ended.
type Outcome struct {
	// Status is the ticket's status after it.
	Status string `json:"status"`
	// Code is why, for programs; the codes are stable.
	Code string `json:"code,omitempty"`
	// Error is what the handler returned.
	Error string `json:"error,omitempty"`
	// Duration is how long the handler ran, in nanoseconds.
	Duration time.Duration `json:"duration,omitempty"`
	// Count is how many refusals a summary stands for.
	Count int64 `json:"count,omitempty"`
}

// Cause is what set off a record that no actor asked for, or the ticket that
// an actor's record answers.
type Cause struct {
	// Ticket is the ticket that is answered.
	Ticket string `json:"ticket,omitempty"`
	// Schedule is what was due: hold, deadline, end, recovery or ratification.
	Schedule string `json:"schedule,omitempty"`
}
