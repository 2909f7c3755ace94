package scenario

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Event is what a line of the timeline does. Which fields are set follows from
// the verb.
type Event struct {
	Verb  Verb
	Actor string // the login; Host where nobody acts
	// Name is how the timeline calls the ticket that this makes.
	Name string
	// Again says that the line asks once more for what an earlier one did.
	Again bool
	// Ticket is how the timeline calls the ticket that this is about; where
	// IsID is set it is no name but an ID, to be used as it is.
	Ticket string
	IsID   bool

	Kind       string
	Target     string // a handle or ID
	Tier       string
	Case       string
	Key        string
	Reason     string
	Duration   time.Duration
	Parameters map[string]string
	Shown      string // approve, reject: the ticket that the reviewer was shown
	Scope      moderation.Scope
	Found      moderation.ProbeResult
	Person     string // revoke
	Query      moderation.Query

	// What the host's lines change.
	Login     string            // person
	Removed   bool              // person: the login is removed
	NewActor  *moderation.Actor // person: what is known from now on
	Account   *Account          // account: what is known from now on
	Changes   []string          // person, account: as they were written
	File      string            // policy
	Broken    bool              // trail, directory
	Behaviour Behaviour         // handler
	Call      moderation.Call   // handler
	Times     int               // handler: for how many calls; zero for all

	// What lines that only look want to see.
	Down     bool
	Downtime *time.Duration
	Status   moderation.Status
}

// Expectation is what a timeline expects as an answer.
type Expectation struct {
	Outcome string
	// Code is which refusal; empty for any.
	Code moderation.Code
	// Status is that of the ticket after a verb that was done; empty for any.
	Status moderation.Status
	// Sources are rows of the policy that must be named.
	Sources []string
	// Retry is how long the asker is told to wait; nil for any.
	Retry *time.Duration
	// Count is how many tickets were listed; nil for any.
	Count *int
	// Text is the expectation as it was written.
	Text string
}

// The outcomes of verbs, besides the statuses of a ticket that did not come to
// the end that was asked for.
const (
	Done    = "done"    // the verb did what it says
	Allowed = "allowed" // explain: it would not be refused
	Refused = "refused"
	Failure = "error" // any other error
)
