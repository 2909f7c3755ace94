package moderation

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Ticket is an action on its way, or what became of it. A Ticket that a verb
// returns is the caller's own copy.
type Ticket struct {
	// ID names the ticket for ever.
	ID string `json:"id"`
	// Revision counts the ticket's changes, from 1.
	Revision uint64 `json:"revision"`
	// Status is where it stands.
	Status Status `json:"status"`
	// Step is the right under which it was asked for: request, undo, freeze,
	// unfreeze or bypass.
	Step Step `json:"step"`
	// Action is the claim as it was made.
	Action Action `json:"action"`
	// Digest is what reviewers approve; Idempotency is the same without the
	// ticket's ID, to tell a repeated call from a reused key.
	Digest      Digest `json:"digest"`
	Idempotency Digest `json:"idempotency"`

	// Tier is the tier for which it was asked; part of what is approved.
	Tier string `json:"tier"`
	// Requester and Subject are who asked for it and whom it is about.
	Requester Party   `json:"requester"`
	Subject   Subject `json:"subject"`

	// Policy and Requirement are those of the moment of the request.
	Policy      string      `json:"policy"`
	Requirement Requirement `json:"requirement"`
	// Extra are further slots that a limit or a recent rejection asks for.
	Extra []Slot `json:"extra,omitempty"`
	// Overrun are the slots of Extra that a limit on executions asked for.
	Overrun []Slot `json:"overrun,omitempty"`
	// Open are the slots that nobody has filled yet.
	Open []Slot `json:"open,omitempty"`
	// Barred are the persons who can't review it, because of what they did
	// on the ticket After.
	Barred []string `json:"barred,omitempty"`
	// Rules are the rows that allowed the request.
	Rules []Rule `json:"rules,omitempty"`
	// Reviews are the approvals and rejections, and what was said of a bypass,
	// those that no longer count included.
	Reviews []Review `json:"reviews,omitempty"`

	// Requested is when it was asked for.
	Requested time.Time `json:"requested"`
	// Approved is when the quorum was filled; the hold runs from here.
	Approved time.Time `json:"approved,omitzero"`
	// Due is when Advance has something to do next; zero for never.
	Due time.Time `json:"due,omitzero"`
	// Deadline is when it times out; zero for what waits for nothing. A bypass
	// must have been ratified by then.
	Deadline time.Time `json:"deadline,omitzero"`
	// Escalated is when its wait was reported as long.
	Escalated time.Time `json:"escalated,omitzero"`

	// Call is the handler that is being called or was called last.
	Call Call `json:"call,omitempty"`
	// Fence is that of the permit.
	Fence uint64 `json:"fence,omitempty"`
	// Attempt tells this call from any other that could be meant, so that no
	// two executors can take one intent for their own.
	Attempt string `json:"attempt,omitempty"`
	// Started is when the intent was made, GiveUp the permit's deadline, and
	// Executed when it came out as done.
	Started  time.Time `json:"started,omitzero"`
	GiveUp   time.Time `json:"giveUp,omitzero"`
	Executed time.Time `json:"executed,omitzero"`
	// Until is when it ends by itself; zero for never.
	Until time.Time `json:"until,omitzero"`
	// UndoToken is what Apply said it changed.
	UndoToken UndoToken `json:"undoToken,omitempty"`

	// Undoes is the ticket that this one takes back; UndoneBy the reverse.
	Undoes   string `json:"undoes,omitempty"`
	UndoneBy string `json:"undoneBy,omitempty"`
	// After is a ticket for the same thing that was rejected or undone lately.
	After string `json:"after,omitempty"`
	// Over is when it came to its end; Code and Note say why, for programs
	// and for people.
	Over time.Time `json:"over,omitzero"`
	Code Code      `json:"code,omitempty"`
	Note string    `json:"note,omitempty"`

	// Settled is when the debt of a bypass was settled: ratified, or, once
	// nothing of it stood any more, acknowledged. Zero while it is owed.
	Settled time.Time `json:"settled,omitzero"`
	// Anyway is, of an undo, UndoRequest.Anyway; part of what is approved.
	Anyway bool `json:"anyway,omitempty"`
	// Tries is how often the last call of a handler was made again after it
	// returned an error, and Retry when it will be next; zero for not.
	Tries int       `json:"tries,omitempty"`
	Retry time.Time `json:"retry,omitzero"`
	// Mandate is, for a member of a batch, the batch's ticket; else empty.
	Mandate string `json:"mandate,omitempty"`
	// Batch is what a mandate pins of its members, and how far they have come;
	// nil for every other ticket. It is never changed, only replaced.
	Batch *Batch `json:"batch,omitempty"`
}

// Status is where a ticket stands. The zero Status is no status.
type Status string

// The statuses of a ticket.
const (
	StatusPending   Status = "pending"   // waits for approvals
	StatusHeld      Status = "held"      // approved; waits for its hold or for room
	StatusExecuting Status = "executing" // the handler may be running
	StatusExecuted  Status = "executed"  // done; its restriction stands
	StatusUnknown   Status = "unknown"   // the handler may have run; resolve it

	// Final.
	StatusRejected  Status = "rejected"
	StatusCancelled Status = "cancelled"
	StatusTimedOut  Status = "timed_out"
	StatusRefused   Status = "refused" // the handler was not called
	StatusFailed    Status = "failed"  // the handler changed nothing
	StatusUndone    Status = "undone"
	StatusEnded     Status = "ended" // its duration is over
)

// text says for people what a call of a handler came to.
func (s Status) text() string {
	if s == StatusUnknown {
		return "Whether it was done is not known; somebody must find out."
	}
	return "Nothing was changed."
}

// Waiting reports whether the handler was not called yet and may still be.
func (s Status) Waiting() bool { return s == StatusPending || s == StatusHeld }

// Final reports whether nothing can change any more.
func (s Status) Final() bool {
	switch s {
	case StatusRejected, StatusCancelled, StatusTimedOut, StatusRefused, StatusFailed, StatusUndone, StatusEnded:
		return true
	}
	return false
}

// Party is an actor as a ticket remembers it.
type Party struct {
	Login  string    `json:"login"`            // as it asked
	Person string    `json:"person"`           // the human behind it then
	Type   ActorType `json:"type"`             // human or service
	Owners []string  `json:"owners,omitempty"` // further owners of a service
}

// Subject is a target as the guard last saw it.
type Subject struct {
	ID     string `json:"id"`              // canonical
	Tier   string `json:"tier"`            // the highest that counted then
	Domain string `json:"domain"`          // as the directory named it
	Reach  int64  `json:"reach,omitempty"` // how many people
	// TierSeen is when the directory last named this tier.
	TierSeen time.Time `json:"tierSeen,omitzero"`
}

// Review is an approval or a rejection, or what was said of a bypass.
type Review struct {
	Login   string    `json:"login"`            // the reviewer's
	Person  string    `json:"person"`           // the human behind it then
	Verdict Verdict   `json:"verdict"`          // what the reviewer says
	Roles   []string  `json:"roles,omitempty"`  // held then
	Policy  string    `json:"policy"`           // that answered then
	Reason  string    `json:"reason,omitempty"` // the reviewer's words
	Time    time.Time `json:"time"`             // when
	// Void says why it no longer counts; empty while it does.
	Void string `json:"void,omitempty"`
}

// Verdict is what a review says.
type Verdict string

// The verdicts.
const (
	Approved Verdict = "approve"
	Rejected Verdict = "reject"
	// Of a bypass, which nobody approves.
	Ratified     Verdict = "ratify"
	Acknowledged Verdict = "acknowledge"
)

// Digest is a SHA-256 of what is to be done. The zero Digest matches nothing.
type Digest [32]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string {
	var b [2 * len(d)]byte
	hex.Encode(b[:], d[:])
	return string(b[:])
}

// MarshalText returns the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText takes 64 hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(d) || len(text)%2 != 0 {
		return fmt.Errorf("moderation: digest has %d characters; 64 hexadecimal digits are needed", len(text))
	}
	var read Digest
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("moderation: digest: %w", err)
	}
	*d = read
	return nil
}

// ParseDigest takes a digest as String writes it.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	err := d.UnmarshalText([]byte(text))
	return d, err
}

// IsZero reports whether the digest is missing.
func (d Digest) IsZero() bool { return d == Digest{} }

// Clone returns a ticket that shares nothing with t.
func (t Ticket) Clone() Ticket {
	t.Action.Parameters = maps.Clone(t.Action.Parameters)
	t.Requester.Owners = slices.Clone(t.Requester.Owners)
	t.Requirement = t.Requirement.clone()
	t.Extra = cloneSlots(t.Extra)
	t.Overrun = cloneSlots(t.Overrun)
	t.Open = cloneSlots(t.Open)
	t.Barred = slices.Clone(t.Barred)
	t.Rules = slices.Clone(t.Rules)
	t.Reviews = slices.Clone(t.Reviews)
	for i := range t.Reviews {
		t.Reviews[i].Roles = slices.Clone(t.Reviews[i].Roles)
	}
	t.Batch = t.Batch.clone()
	return t
}

func (r Requirement) clone() Requirement {
	r.Rules = slices.Clone(r.Rules)
	r.Quorum.Slots = cloneSlots(r.Quorum.Slots)
	return r
}

func (t Target) clone() Target {
	t.Owners, t.Conflicts = slices.Clone(t.Owners), slices.Clone(t.Conflicts)
	return t
}

func cloneSlots(slots []Slot) []Slot {
	slots = slices.Clone(slots)
	for i := range slots {
		slots[i] = slices.Clone(slots[i])
	}
	return slots
}
