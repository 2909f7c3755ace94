package moderation

import (
	"context"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Observer is told what happens in a guard: what became of tickets, what was
// refused, what somebody should look at now. It is for dashboards and pagers.
// The truth is the trail; what an observer is told may be lost, and nothing
// depends on it.
//
// Observe is called in a goroutine of its own, with one observation after the
// other, in the order in which they happened as far as one process can tell. It
// may take as long as it likes: while it is behind, 1,024 observations wait for
// it, and further ones are dropped and counted. A panic, and an end of its
// goroutine, lose the observation and nothing else. It may call the guard.
type Observer interface {
	Observe(o Observation)
}

// Observation is one thing that an [Observer] is told. It is a value that shares
// nothing with the guard. Fields that do not apply are zero.
type Observation struct {
	What Observed  // what it is about
	Time time.Time // when it happened, by the guard's clock

	// Alarm is what somebody should look at; for ObservedAlarm.
	Alarm Alarm
	// Event is what was recorded.
	Event audit.Event
	// Ticket is the ticket's ID, and Revision its revision; empty for what was
	// refused without one.
	Ticket   string
	Revision uint64
	Status   Status // the ticket's, or refused
	Step     Step   // the right under which it was asked for
	Kind     string
	Target   string // canonical ID; as the actor named it where it was refused
	Tier     string
	Actor    string // the login that asked
	Code     Code   // why it ended, or was refused
	Text     string // the same for people

	// Took is how long the handler ran, and Waited how long after the request
	// this happened.
	Took   time.Duration
	Waited time.Duration
	// Backlog is what waits; for ObservedFigures, which Run tells once a
	// minute, and ReportBacklog when it is called.
	Backlog Backlog
	// Dropped is how many observations this guard has lost so far.
	Dropped uint64
}

// Observed tells what an [Observation] is about.
type Observed string

// What can be observed.
const (
	ObservedStatus  Observed = "status"  // a ticket's revision was recorded
	ObservedRefusal Observed = "refusal" // something was refused without a ticket
	ObservedAlarm   Observed = "alarm"   // somebody should look at it
	ObservedFigures Observed = "figures" // how much waits
)

// Alarm is what somebody should look at. The texts are stable.
type Alarm string

// The alarms.
const (
	AlarmUnknown       Alarm = "unknown_outcome" // nobody knows whether it was done; resolve it
	AlarmUnpaid        Alarm = "unpaid_record"   // an outcome or refusal could not be recorded yet; all else waits
	AlarmEscalated     Alarm = "escalated"       // a wait comes near its deadline, or a handler is not called again
	AlarmBypass        Alarm = "bypass"          // somebody broke the glass; ratify or reject it
	AlarmUnratified    Alarm = "unratified"      // a bypass was rejected, or was undone since nobody ratified it
	AlarmFence         Alarm = "fence_refused"   // a service has seen a higher fence than the guard's
	AlarmTargetChanged Alarm = "target_changed"  // it is not undone, since the target is not as it was left

	// Those of other parts of the service, which [Guard.Observe] hands on.
	AlarmPolicyQuarantined Alarm = "policy_quarantined" // the policy was changed past the tickets, and the change kept out
	AlarmPolicyFailed      Alarm = "policy_failed"      // the policy can't be loaded; the version in force goes on
)

// Observe hands to Config.Observer what another part of the service has to tell,
// such as an edit of the policy that nobody approved (policy.Alarms). It is told
// in its turn among the guard's own observations, and may be lost like these:
// Observe returns at once, whatever the observer does. A Time that is zero becomes
// that of the guard's clock, and Dropped is always the guard's. Nothing is
// recorded. A guard without an observer, one that is closed, the zero and the nil
// Guard tell nobody.
//
// With it a Guard is an [Observer].
func (g *Guard) Observe(o Observation) {
	if g.enter(context.Background()) != nil {
		return
	}
	defer g.exit()
	if g.watch.observer == nil {
		return
	}
	if o.Time.IsZero() {
		o.Time, _ = g.clock.now()
	}
	g.watch.tell(o)
}
