package moderation

import (
	"context"
	"fmt"
	"slices"
)

// Bypass breaks the glass: it executes an action at once, without approvals
// and without a hold, where waiting for people would do more harm. It has a
// right of its own (step bypass), limits of its own, and is recorded as a
// bypass, never as an approval. Its errors are those of Do, but it never waits.
//
// Others must answer for it. By the ticket's Deadline (that of the policy's
// requirement for the step bypass, else 24 hours) its quorum (else one other
// person) must have ratified it with [Guard.Ratify]. If they do not, or if one
// of them rejects it, [Guard.Advance] undoes it. Until it is ratified, or is
// undone or over and was acknowledged with [Guard.Acknowledge], the person who
// did it can't bypass again, by any login.
//
// Never by a bypass: what can't be undone, the library's own kinds, and
// anything by a service or by somebody who is leaving. Freezes, what stands on
// the target, the rules of identity and exhausted limits refuse it as they
// refuse any action; more approvals do not make a limit let it pass.
func (g *Guard) Bypass(ctx context.Context, b BypassRequest) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	r := b.request()
	if err := b.check(); err != nil {
		now, _ := g.clock.now()
		return Ticket{}, g.refuse(ctx, r, now, err)
	}
	return g.ask(ctx, r)
}

// ExplainBypass answers what would come of a bypass now, as [Guard.Explain]
// does. The requirement in the answer is who would have to ratify it, and how
// soon.
func (g *Guard) ExplainBypass(ctx context.Context, b BypassRequest) (Explanation, error) {
	if err := b.check(); err != nil {
		return explained(&findings{}, err)
	}
	return g.explain(ctx, b.request())
}

// BypassRequest asks for an action to be done at once, for others to answer for
// afterwards.
type BypassRequest struct {
	// Action is what to do. Its Case is left empty: it is the incident.
	Action Action
	// Incident is the host's reference to the emergency, and becomes the Case
	// of the ticket and of its records. Required.
	Incident string
}

func (b BypassRequest) request() request {
	b.Action.Case = b.Incident
	return request{step: StepBypass, action: b.Action}
}

func (b BypassRequest) check() error {
	if b.Action.Case != "" && b.Action.Case != b.Incident {
		return invalid("BypassRequest.Action.Case", "is set; the incident is the case of a bypass")
	}
	return checkName("BypassRequest.Incident", b.Incident, true)
}

// mayBypass holds a bypass against what no policy can allow.
func (q *inquiry) mayBypass(ctx context.Context, f *findings) error {
	if err := f.mayBreakGlass(); err != nil {
		return err
	}
	return q.owesNothing(ctx, f.actor)
}

func (f *findings) mayBreakGlass() error {
	switch {
	case f.kind.Undo == nil:
		return &Refusal{Code: CodeIrreversible, Text: f.kind.Name + " can't be undone, so it is never done by a bypass."}
	case f.actor.Type != Human:
		return &Refusal{Code: CodeService, Text: fmt.Sprintf("%q is a service; only people bypass, since people must answer for it.", f.actor.Login)}
	case slices.Contains(f.actor.Labels, LabelLeaving):
		return &Refusal{Code: CodeLeaving, Text: fmt.Sprintf("The person behind %q is leaving; a leaver does not bypass.", f.actor.Login)}
	}
	return nil
}

// owesNothing refuses a person who owes for an earlier bypass, by any login then
// or now.
func (q *inquiry) owesNothing(ctx context.Context, a Actor) error {
	if err := q.ask(ctx, &askedStore); err != nil {
		return err
	}
	var owed []Ticket
	for t, err := range q.g.store.Tickets(ctx, Query{Owed: true}) {
		if err != nil {
			return unavailable(CodeStore, err)
		}
		if t.owing() {
			owed = append(owed, t)
		}
	}
	for _, t := range owed {
		theirs, err := q.owedBy(ctx, t, a)
		if err != nil {
			return err
		}
		if theirs {
			return &Refusal{Code: CodeUnratified, Ticket: t.ID, Needed: "that others ratify it, or acknowledge it when it is undone",
				Text: fmt.Sprintf("The person behind %q has bypassed before (ticket %s, which is %s), and others have not answered for it yet.", a.Login, t.ID, t.Status)}
		}
	}
	return nil
}

func (q *inquiry) owedBy(ctx context.Context, t Ticket, a Actor) (bool, error) {
	if t.Requester.Person == a.Person {
		return true, nil
	}
	debtor, err := q.actor(ctx, t.Requester.Login)
	if hasCode(err, CodeUnknownActor) {
		return false, nil
	}
	return debtor.Person == a.Person, err
}

// answerable makes the requirement of a bypass that of its ratification.
func (f *findings) answerable() error {
	need := &f.decision.Requirement
	if need.Hold > 0 {
		return &Refusal{Code: CodeNoRequirement, Rules: slices.Clone(need.Rules), Policy: f.decision.Policy,
			Text: "The policy asks for a hold before a bypass, which has none.", Needed: "a rule without a hold"}
	}
	if need.Quorum.None {
		need.Quorum = Quorum{Slots: []Slot{{Any}}}
	}
	if need.Deadline == 0 {
		need.Deadline = defaultDeadline
	}
	f.bypass = true
	return nil
}
