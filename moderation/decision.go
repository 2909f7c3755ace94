package moderation

import (
	"context"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Authorizer says who may take which step, and what the step needs. The guard
// asks it again just before a handler runs.
//
// Decide must not grant together with an error. The zero Decision denies.
// Steps, kinds, tiers and people that it does not know are denied, and so are a
// Count below 1, a zero Time, negative values and an empty domain. An
// answer that allows a step which needs a [Requirement] without stating one is
// refused. Decide may be called by many goroutines at once and must not keep
// or change the slices in the question; nobody changes those in an answer any
// more.
type Authorizer interface {
	Decide(ctx context.Context, q Question) (Decision, error)
}

// Step is what a verb needs the right to. The texts are stored for ever.
type Step string

// The steps. Request, Undo, Freeze, Unfreeze and Bypass come with a
// [Requirement]; the others are allowed or not.
const (
	StepRequest  Step = "request"
	StepApprove  Step = "approve"
	StepReject   Step = "reject"
	StepCancel   Step = "cancel"
	StepUndo     Step = "undo"
	StepBypass   Step = "bypass"
	StepFreeze   Step = "freeze"
	StepUnfreeze Step = "unfreeze"
	StepResolve  Step = "resolve"
	StepRevoke   Step = "revoke"
	StepRead     Step = "read"
)

// Steps returns all steps, in the order of their constants.
func Steps() []Step {
	return []Step{StepRequest, StepApprove, StepReject, StepCancel, StepUndo, StepBypass,
		StepFreeze, StepUnfreeze, StepResolve, StepRevoke, StepRead}
}

// Required reports whether a step comes with a [Requirement].
func (s Step) Required() bool {
	switch s {
	case StepRequest, StepUndo, StepBypass, StepFreeze, StepUnfreeze:
		return true
	}
	return false
}

// imposes reports whether what is asked for under a step restricts its target,
// which a freeze stops.
func (s Step) imposes() bool { return s == StepRequest || s == StepBypass }

// Any stands for every kind, tier or domain in the question of a step that is
// not about one target (a freeze of everything): only a rule that covers all
// of them allows it.
const Any = "*"

// Question is what an [Authorizer] is asked.
type Question struct {
	Step  Step   // the right that is asked about
	Actor Actor  // fresh, with derived labels
	Kind  string // the kind of action, or Any
	// Target is fresh. Its Tier is the highest that counts, which may be
	// higher than the directory's.
	Target   Target
	Duration time.Duration // of the action; zero where it does not last
	Count    int           // how many targets; at least 1
	// Since is, for StepUndo, how long ago what is undone was executed.
	Since time.Duration
	// Time is the moment at which roles must hold.
	Time time.Time
}

// Decision is what an [Authorizer] answers. The zero Decision denies.
type Decision struct {
	// Allowed tells whether the actor may take the step.
	Allowed bool
	// Code says why not; empty where Allowed, and [CodeDenied] is meant where
	// it is empty though denied.
	Code Code
	// Missing is, where denied, what would be needed, in a few words.
	Missing string
	// Rules are the rows that allowed or denied.
	Rules []Rule
	// Roles are the roles that the actor holds at Question.Time in the
	// target's domain. The guard fills the slots of a quorum with them.
	Roles []string
	// Requirement is what the step needs where it is allowed and the step
	// comes with one.
	Requirement Requirement
	// Policy is the digest of the policy that answered; never empty.
	Policy string
	// AsOf is when the policy was last known to be in force. Zero means now.
	AsOf time.Time
}

// Rule is a row of the policy, as records name it.
type Rule = audit.Rule

// Requirement is what a step needs besides the right to it. The zero
// Requirement is unstated and refuses.
type Requirement struct {
	// Quorum is who must approve.
	Quorum Quorum `json:"quorum"`
	// Hold is how long an approved action waits, so that it can be cancelled.
	Hold time.Duration `json:"hold,omitempty"`
	// Deadline is, from the request, when it must have been executed. It is
	// required where there is a quorum or a hold, and longer than the hold.
	Deadline time.Duration `json:"deadline,omitempty"`
	// Rules are the rows that ask for this.
	Rules []Rule `json:"rules,omitempty"`
}

// Quorum is who must approve: every slot, each by another person. The zero
// Quorum is unstated and refuses; that nobody need approve is said in so many
// words by None.
type Quorum struct {
	// None says that nobody need approve; there are no Slots then.
	None bool `json:"none,omitempty"`
	// Slots are the approvals that are needed, all of them.
	Slots []Slot `json:"slots,omitempty"`
}

// Slot is one approval: by a person who holds one of the roles, or, for the
// role Any, by anyone who may approve.
type Slot []string
