package moderation

import "time"

// ReviewRequest is an approval or a rejection of a waiting ticket.
type ReviewRequest struct {
	Ticket string // the ticket's ID; required
	Actor  string // the reviewer's login; required
	// Digest is what the reviewer was shown, sent back. Required.
	Digest Digest
	// Reason is required to reject, optional to approve.
	Reason string
}

// CancelRequest withdraws a waiting ticket.
type CancelRequest struct {
	Ticket string // the ticket's ID; required
	Actor  string // the login that cancels; required
	Reason string // required
}

// UndoRequest asks to take back what was done under a ticket.
type UndoRequest struct {
	Ticket string // the ticket to take back; required
	Actor  string // the login that asks; required
	Reason string // required
	Case   string // the host's reference, such as an appeal
	Key    string // idempotency key, as for an Action; required
	// Anyway has the handler take back what it can, although the target is no
	// longer as the ticket left it. It needs the step resolve besides undo, at
	// the request and again before the handler is called, and a person: no
	// service says so. Unfreeze refuses it.
	Anyway bool
}

// FreezeRequest stops restrictions for a while. It never stops a rejection, a
// cancellation, an undo or the end of a duration.
type FreezeRequest struct {
	Actor    string        // the login that freezes; required
	Scope    Scope         // what is stopped
	Duration time.Duration // required; at most Config.MaxFreeze
	Reason   string        // required
	Case     string        // the host's reference
	Key      string        // idempotency key; required
}

// Scope is what a freeze covers: what matches every field that is set. The
// zero Scope is refused; everything is frozen by All in so many words.
type Scope struct {
	Actor  string // a login: the human behind it, with all logins and services, who then approves nothing either
	Kind   string // a kind
	Tier   string // a tier
	Domain string // a domain
	All    bool   // everything; no other field may be set
}

// Resolution settles a ticket whose outcome is unknown.
type Resolution struct {
	Ticket string      // the ticket's ID; required
	Actor  string      // the login that found out; not the requester's person
	Found  ProbeResult // what is true of the host's service; required
	Reason string      // how it was found out; required
	// UndoToken is what an Apply that was done has changed, for its undo to
	// restore; optional.
	UndoToken UndoToken
}

// Revocation voids what a person asked for and approved, such as when the
// person's account was stolen.
type Revocation struct {
	Person string // whose requests and approvals; required
	Actor  string // the login that revokes; required
	Reason string // required
}

// Revoked is what a [Revocation] did.
type Revoked struct {
	// Cancelled are the person's waiting requests, which are cancelled.
	Cancelled []Ticket
	// Voided are waiting tickets of others in which an approval was voided.
	Voided []Ticket
	// Executed are the person's requests, undos among them, that were executed within
	// Config.Lately and still stand, or may have been (executing, unknown):
	// look at them, and undo what is wrong.
	Executed []Ticket
}

// Explanation answers what would come of an action, without effect.
type Explanation struct {
	// Refusal is why it would be refused; nil where it would not be.
	Refusal *Refusal
	// Requirement is what it would need; unstated where refused by a rule.
	Requirement Requirement
	// Extra are slots that come on top, because of a limit or of what
	// happened lately.
	Extra []Slot
	// Rules are the rows that allow or deny it.
	Rules []Rule
	// Limits are the limits that apply and what they have left.
	Limits []LimitState
	// Target is the target as it was found; zero where it was not.
	Target Target
	// Policy is the digest of the policy that answered.
	Policy string
	// Irreversible tells that the kind can't be undone.
	Irreversible bool
}
