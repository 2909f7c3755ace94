package moderation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// request is what a verb asks for: an action and the right that it needs.
type request struct {
	step   Step
	action Action
	undoes string // the ticket to take back
	kind   Kind
	anyway bool // take it back though its target has changed

	// What an attempt that lost a race leaves to the next.
	id    string // the ticket's ID
	asked Usage  // allowed where the request was charged for being asked

	classes []BatchClass // of a batch, which was charged for each
}

// reservedPrefix begins the names of the library's own kinds.
const reservedPrefix = "interlock."

// defaultDeadline bounds the wait for approvals that no rule gave a deadline:
// those that a limit or a recent rejection asks for.
const defaultDeadline = 24 * time.Hour

// validate checks a request's form, and looks up its kind. The kind of an undo
// is known only when its ticket is.
func (g *Guard) validate(r *request) error {
	if r.step == StepUndo || r.step == StepUnfreeze {
		return r.action.validateUndo(r.undoes)
	}
	if err := r.action.validate(); err != nil {
		return err
	}
	if set := r.action.Target; strings.HasPrefix(set, batchPrefix) && set != batchPrefix { // a claim that RequestBatch makes
		return invalid("Action.Target", "stands for the members of a batch; ask for a batch with RequestBatch")
	}
	kind, ok := g.kinds[r.action.Kind]
	if ok && r.step == StepBypass && strings.HasPrefix(kind.Name, reservedPrefix) {
		return &Refusal{Code: CodeNoBypass, Field: "Action.Kind", Text: kind.Name + " is the library's own and is never done by a bypass."}
	}
	if !ok || (r.step != StepFreeze) == (kind.Name == FreezeKind) {
		return &Refusal{Code: CodeUnknownKind, Field: "Action.Kind", Text: fmt.Sprintf("No kind of action is registered as %q.", r.action.Kind)}
	}
	r.kind = kind
	return r.action.validateDuration(kind)
}

// validateUndo checks what the actor gave; the rest comes from the ticket.
func (a Action) validateUndo(undoes string) error {
	for _, f := range []struct{ field, value string }{
		{"UndoRequest.Ticket", undoes}, {"UndoRequest.Actor", a.Actor}, {"UndoRequest.Key", a.Key},
	} {
		if err := checkName(f.field, f.value, true); err != nil {
			return err
		}
	}
	if err := checkName("UndoRequest.Case", a.Case, false); err != nil {
		return err
	}
	return checkReason("UndoRequest.Reason", a.Reason)
}

// findings are what an inquiry found about a request or a waiting ticket.
type findings struct {
	repeated *Ticket // the key's ticket, where there is one already
	actor    Actor
	reviewer *Actor // who acts on somebody else's ticket
	target   Target
	subject  Subject
	head     Head
	freezes  Head
	decision Decision
	usage    Usage
	asking   Usage // of the request for having been asked
	extra    []Slot
	overrun  []Slot
	after    string
	barred   []string
	undoes   *Ticket
	call     Call
	kind     Kind
	action   Action // with what an undo takes from its ticket
	stale    bool
	id       string    // the ticket's
	at       time.Time // when all this was found

	// Of a waiting ticket: its approvals that count, with the persons and
	// roles of then and of now, and what follows from them.
	then, now           []approver
	slotsThen, slotsNow []Slot
	open                []Slot
	void                map[string]string // login to why it no longer counts
	hold                time.Duration
	due                 time.Time // the deadline under the policy of now
	barrier             error     // what stands in the way though the approvals suffice

	bypass bool // the quorum is of those who must ratify
	// Of a batch, and of its members.
	classes []BatchClass // tiers and domains of all members
	whose   []byte       // who has a part in one, as a mandate tells
	members int          // how many there are; zero for one target alone
	counted []Actor      // whose approvals are in then and now
	mandate string       // of a member: the batch's ticket
	epoch   HeadIs       // of a member: the head of the batch
}

// blank returns findings of nothing.
func (g *Guard) blank() *findings {
	if f, ok := g.blanks.Get().(*findings); ok {
		return f
	}
	return new(findings)
}

// wipe is for findings that nobody looks at any more.
func (g *Guard) wipe(f *findings) {
	*f = findings{}
	g.blanks.Put(f)
}

// deadline is until when the request must have been executed. What waits
// always has one; for what need not, it is zero where no rule gives one.
func (f *findings) deadline(requested time.Time, waits bool) time.Time {
	switch within := f.decision.Requirement.Deadline; {
	case within > 0:
		return requested.Add(within)
	case waits:
		return requested.Add(defaultDeadline)
	}
	return time.Time{}
}

// ticket makes the ticket of a request that was not refused.
func (r request) ticket(f *findings, now time.Time) Ticket {
	t := Ticket{
		ID:          f.id,
		Step:        r.step,
		Action:      f.action,
		Idempotency: r.idempotency(),
		Requester:   Party{Login: f.actor.Login, Person: f.actor.Person, Type: f.actor.Type, Owners: slices.Clone(f.actor.Owners)},
		Subject:     f.subject,
		Policy:      f.decision.Policy,
		Requirement: f.decision.Requirement,
		Extra:       f.extra,
		Overrun:     f.overrun,
		Barred:      f.barred,
		Rules:       f.decision.Rules,
		Tier:        f.subject.Tier,
		Requested:   now,
		Undoes:      r.undoes,
		After:       f.after,
		Call:        f.call,
		Anyway:      r.anyway,
	}
	t.Digest = t.digest()
	return t
}

// slots are all approvals that the ticket needs under the policy of its
// request.
func (t *Ticket) slots() []Slot {
	if len(t.Extra) == 0 {
		return t.Requirement.Quorum.Slots
	}
	return append(slices.Clone(t.Requirement.Quorum.Slots), t.Extra...)
}
