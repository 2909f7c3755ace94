package moderation

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// BatchRequest asks to do one thing to many targets. Nothing of it is believed,
// as of an [Action].
type BatchRequest struct {
	// Action is what is to be done to each. Target must be empty. Tier is
	// required: it is the highest tier that the actor believes a member to have.
	Action Action
	// Members are the targets; required.
	Members MemberSource
	// Expect is how many different targets the actor believes them to be. It is
	// required, and the batch is refused where it is another number.
	Expect int
	// Stages are how they have their turn; empty means all at once. They are
	// part of what is approved.
	Stages []Stage
	// Tolerance is how much may go wrong before the guard halts the batch; the
	// zero Tolerance tolerates nothing. It is part of what is approved.
	Tolerance Tolerance
}

// RequestBatch asks for a batch. It looks at every member, and returns the
// mandate: the one ticket that is approved, held, cancelled and undone for all. It
// executes nothing: once the mandate waits for nothing else, StartBatch begins it
// and DoMember executes each member. RequestBatch returns nil if and only if the
// mandate is recorded and waits for no approval and no hold; else a
// [*PendingError] says for what, or a [*Refusal] why it was not admitted: a number
// of members other than expected, one that is not known, of a higher tier than
// was stated, or the requester's own, and all that Do refuses. A repeated call
// with the same key, names, stages and tolerance returns the same mandate.
//
// The whole batch is charged at once, for as many targets and as much reach as it
// has, or not at all.
func (g *Guard) RequestBatch(ctx context.Context, r BatchRequest) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	asked := request{step: StepRequest, action: r.Action}
	asked.action.Parameters = maps.Clone(r.Action.Parameters)
	if err := g.validateBatch(&asked, r); err != nil {
		return Ticket{}, g.refuse(ctx, asked, now, err)
	}
	one := flight{requester: r.Action.Actor, key: r.Action.Key}
	if err := g.flights.wait(ctx, one); err != nil {
		return Ticket{}, g.refuse(ctx, asked, now, gaveUp(err))
	}
	defer g.flights.land(one)
	asked.id = rand.Text()
	t, err := g.requestBatch(ctx, &asked, r)
	if err == nil {
		return g.answerBatch(t)
	}
	now, _ = g.clock.now()
	for _, class := range asked.classes {
		c := Charge{At: ChargeRequest, Step: StepRequest, Ticket: asked.id, Actor: r.Action.Actor, Kind: r.Action.Kind, Count: 1, Time: now}
		g.giveFree(ctx, classCharges(c, []BatchClass{class})[0])
	}
	return Ticket{}, g.refuse(ctx, asked, now, err)
}

// validateBatch checks a request's form.
func (g *Guard) validateBatch(asked *request, r BatchRequest) error {
	switch {
	case strings.HasPrefix(r.Action.Kind, reservedPrefix):
		return &Refusal{Code: CodeUnknownKind, Field: "BatchRequest.Action.Kind", Text: fmt.Sprintf("%.60s is the library's own kind; only kinds of the host are for batches.", r.Action.Kind)}
	case r.Action.Target != "":
		return invalid("BatchRequest.Action.Target", "is set; a batch's targets are its members")
	case r.Action.Tier == "":
		return invalid("BatchRequest.Action.Tier", "is empty; state the highest tier that a member has")
	case r.Expect <= 0:
		return &Refusal{Code: CodeCount, Field: "BatchRequest.Expect", Text: fmt.Sprintf("BatchRequest.Expect is %d; say how many targets there are.", r.Expect)}
	}
	if !slices.Contains(g.config.Tiers, r.Action.Tier) {
		return &Refusal{Code: CodeUnknownTier, Field: "BatchRequest.Action.Tier", Text: fmt.Sprintf("The tier %.60q is not one of the service's tiers.", r.Action.Tier)}
	}
	if err := noSource(r.Members); err != nil {
		return err
	}
	if err := checkStages(r.Stages, r.Expect); err != nil {
		return err
	}
	if err := r.Tolerance.check(); err != nil {
		return err
	}
	asked.action.Target = batchPrefix // for its form only; the names' claim follows
	return g.validate(asked)
}

// requestBatch considers a batch and makes its ticket.
func (g *Guard) requestBatch(ctx context.Context, asked *request, r BatchRequest) (Ticket, error) {
	found, err := g.considerBatch(ctx, asked, r, false)
	if err != nil {
		return Ticket{}, err
	}
	if found.repeated != nil {
		if found.repeated.Status.Waiting() {
			return g.advance(ctx, found.repeated.ID)
		}
		return *found.repeated, nil
	}
	now, raw := g.clock.now()
	f := found.findings
	t := asked.ticket(f, now)
	t.Batch = &Batch{Root: found.names.set.Root(), Count: found.names.set.Len(), Reach: found.survey.reach,
		Stages: stagesOf(r), Tolerance: r.Tolerance, Asked: f.classes, Whose: found.survey.whose.sorted()}
	t.Digest = t.digest()
	g.batches.owned(t.ID, found.survey.owners)
	return g.admitBatch(ctx, t, f, now, raw)
}

func stagesOf(r BatchRequest) []Stage {
	if len(r.Stages) == 0 {
		return []Stage{{Members: r.Expect}}
	}
	return slices.Clone(r.Stages)
}

// admitBatch records a mandate, which is never executed with its request.
func (g *Guard) admitBatch(ctx context.Context, t Ticket, f *findings, now, raw time.Time) (Ticket, error) {
	next, err := transition(t, event{
		kind: audit.EventRequested, at: now, open: openSlots(t.slots(), nil),
		hold: f.decision.Requirement.Hold, deadline: f.deadline(now, true),
	})
	if err != nil {
		return Ticket{}, err
	}
	if err := g.payOwed(ctx); err != nil {
		return Ticket{}, unrecorded(err)
	}
	a := &attempt{change: g.change(f, now, audit.EventRequested, nil, next)}
	if err := g.try(ctx, a); err != nil {
		if inDoubt(err) {
			g.oweRefusal(next, f, now, unrecorded(err), a)
		}
		return Ticket{}, unrecorded(err)
	}
	g.waits.follow(Ticket{}, next, raw)
	g.nudge()
	return next, nil
}

// answerBatch turns a mandate's status into what the caller is told.
func (g *Guard) answerBatch(t Ticket) (Ticket, error) {
	now, raw := g.clock.now()
	if t.Status == StatusHeld && g.waits.over(t, t.Requirement.Hold, now, raw) {
		return t.Clone(), nil // it can be started
	}
	return g.answer(t, nil)
}
