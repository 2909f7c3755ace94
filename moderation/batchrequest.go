package moderation

import (
	"context"
	"crypto/rand"

	"fmt"
	"maps"
	"slices"
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

// BatchExplanation answers what would come of a batch, without effect.
type BatchExplanation struct {
	// Explanation is as for one action; Requirement is what all members' tiers
	// and domains need together.
	Explanation
	Members    *MemberSet   // as resolved; nil where none is known
	Duplicates int          // names that stood for a target named before
	Classes    []BatchClass // the members by tier and domain
	Reach      int64        // how many people in all
	Protected  Some         // members of a higher tier than was stated
	Unknown    Some         // names that are not known
	Own        Some         // the requester's own, or in conflict of interest
	Standing   int          // members on which the same stands already
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

// PreviewBatch answers what would come of a batch now, and who its members are.
// Nothing is charged, recorded or executed. Like Explain it returns an error only
// where no answer could be found, and an actor may ask as often as
// Config.Questions says.
func (g *Guard) PreviewBatch(ctx context.Context, r BatchRequest) (BatchExplanation, error) {
	if err := g.enter(ctx); err != nil {
		return BatchExplanation{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	asked := request{step: StepRequest, action: r.Action}
	if err := g.validateBatch(&asked, r); err != nil {
		return explainedBatch(batchFindings{findings: &findings{}}, err)
	}
	if n := g.asked.add(r.Action.Actor, now, g.config.Questions); n > g.config.Questions {
		return BatchExplanation{}, &Refusal{Code: CodeTooMuchAsked, RetryAfter: tallyWindow, Text: "Too many questions in a short time."}
	}
	asked.id = rand.Text()
	found, err := g.considerBatch(ctx, &asked, r, true)
	return explainedBatch(found, err)
}

// validateBatch checks a request's form.
func (g *Guard) validateBatch(asked *request, r BatchRequest) error {
	switch {
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

// batchFindings are what was found out about a batch.
type batchFindings struct {
	*findings
	names  resolved
	survey *survey
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
		Stages: stagesOf(r), Tolerance: r.Tolerance, Asked: f.classes}
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

// considerBatch decides a request, in the order of consider: who asks, whether it
// was asked before, of whom, and then what it all comes to.
func (g *Guard) considerBatch(ctx context.Context, asked *request, r BatchRequest, peek bool) (batchFindings, error) {
	found := batchFindings{findings: &findings{action: asked.action, kind: asked.kind}}
	claim, err := g.claim(ctx, r.Members)
	if err != nil {
		return found, err
	}
	asked.action.Target = batchPrefix + claimOf(claim, r).String()
	first, err := g.whoAsks(ctx, asked)
	if err != nil || first.repeated != nil {
		found.findings = first
		return found, err
	}
	if found.names, err = g.resolveAll(ctx, r.Members, false); err != nil {
		return found, err
	}
	if found.names.claim != claim {
		return found, &Refusal{Code: CodeMembers, Text: "The members were others when they were read again; give a source that does not change."}
	}
	if found.names.set != nil {
		surveyor := &surveyor{guard: g, action: asked.action, requester: first.actor}
		if found.survey, err = surveyor.look(ctx, found.names.set); err != nil {
			return found, err
		}
	}
	if err := found.refusal(r.Expect); err != nil {
		return found, err
	}
	if !peek {
		asked.classes = found.survey.classes // for what is given free where it is refused
	}
	f, err := g.decideBatch(ctx, asked, found, peek)
	if f != nil {
		found.findings = f
	}
	return found, err
}

// claimOf covers the names and what else is not among an action's terms.
func claimOf(names Digest, r BatchRequest) Digest {
	b := &Batch{Root: names, Count: r.Expect, Stages: stagesOf(r), Tolerance: r.Tolerance}
	c := newClaim()
	c.add(string(b.appendTerms(nil)))
	return c.digest()
}

// whoAsks finds the actor, and the ticket of a key that was used before.
func (g *Guard) whoAsks(ctx context.Context, asked *request) (*findings, error) {
	now, _ := g.clock.now()
	q := g.inquiry(StepRequest, now)
	return inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		f := &findings{action: asked.action, kind: asked.kind}
		var err error
		if f.actor, err = q.actor(ctx, asked.action.Actor); err != nil {
			return f, err
		}
		if err := q.mayAct(f.actor); err != nil {
			return f, err
		}
		f.repeated, err = q.repeated(ctx, asked)
		return f, err
	})
}

// refusal says which members stop the whole, before any policy is asked.
func (b batchFindings) refusal(expect int) error {
	switch {
	case b.names.unknown.Count > 0:
		return b.names.unknown.refuse(CodeUnknownTarget, "are not known")
	case b.survey.gone.Count > 0:
		return b.survey.gone.refuse(CodeUnknownTarget, "are not known")
	case b.names.set.Len() != expect:
		return &Refusal{Code: CodeCount, Field: "BatchRequest.Expect",
			Text: fmt.Sprintf("The members are %d targets, not %d as was expected. Look again before you act.", b.names.set.Len(), expect)}
	}
	return b.survey.refusal()
}

// decideBatch asks what no policy can allow, the policy, freezes and limits, with
// the actor as known now: the look at the members may have taken long.
func (g *Guard) decideBatch(ctx context.Context, asked *request, found batchFindings, peek bool) (*findings, error) {
	now, _ := g.clock.now()
	q := g.inquiry(StepRequest, now)
	return inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		f := &findings{action: asked.action, kind: asked.kind, call: CallApply, id: asked.id, at: q.now}
		var err error
		if f.actor, err = q.actor(ctx, f.action.Actor); err != nil {
			return f, err
		}
		if err := q.mayAct(f.actor); err != nil {
			return f, err
		}
		if err := q.locateBatch(ctx, f, found); err != nil {
			return f, err
		}
		if f.decision, err = q.decideFor(ctx, f, q.question(StepRequest, f)); err != nil {
			return f, err
		}
		f.stale = q.stale.Load()
		if err := q.afterRefusals(ctx, f, found.survey); err != nil {
			return f, err
		}
		if err := q.safeguards(f); err != nil {
			return f, err
		}
		if by := frozenBatch(f.freezes, f, q.now); by != nil {
			return f, frozenRefusal(by, q.now)
		}
		if err := q.askingBatch(ctx, StepRequest, f, peek); err != nil || !peek {
			return f, err
		}
		err = q.roomForBatch(ctx, StepRequest, f, true)
		if len(f.usage.Over) > 0 {
			f.extra, err = append(f.extra, f.usage.Over...), nil
		}
		return f, err
	})
}

// locateBatch fills in what was found about the members.
func (q *inquiry) locateBatch(ctx context.Context, f *findings, found batchFindings) (err error) {
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return err
	}
	id := batchTarget(found.names.set.Root())
	if f.head, err = q.head(ctx, id); err != nil {
		return err
	}
	f.classes, f.members = found.survey.classes, found.names.set.Len()
	f.subject = found.survey.subject(id, f.action.Tier, q.now)
	f.target = f.setTarget(f.subject.Reach)
	return nil
}

// afterRefusals asks for others than before where a member was in a ticket that
// was rejected or undone lately, or the person's last batches of this kind were:
// which members these had is not known any more.
func (q *inquiry) afterRefusals(ctx context.Context, f *findings, s *survey) error {
	if err := s.lately(f, q, time.Time{}); err != nil {
		return err
	}
	if err := q.ask(ctx, &askedStore); err != nil {
		return err
	}
	before := Query{Person: f.actor.Person, Kind: f.kind.Name, Status: []Status{StatusRejected, StatusUndone}}
	slots, last := len(f.extra), f.head.Last
	defer func() { f.head.Last = last }()
	for t, err := range q.g.store.Tickets(ctx, before) {
		if err != nil {
			return unavailable(CodeStore, err)
		}
		if t.Batch == nil || t.Requester.Person != f.actor.Person {
			continue
		}
		f.head.Last = &t
		f.lately(q.now, time.Time{}, q.g.config.Lately)
	}
	if len(f.extra) > slots {
		f.extra = f.extra[:max(slots, 1)]
	}
	return nil
}

func explainedBatch(found batchFindings, err error) (BatchExplanation, error) {
	e, err := explained(found.findings, err)
	if err != nil {
		return BatchExplanation{}, err
	}
	all := BatchExplanation{Explanation: e, Members: found.names.set, Unknown: found.names.unknown}
	if found.names.set != nil {
		all.Duplicates = found.names.names - found.names.unknown.Count - found.names.set.Len()
	}
	if s := found.survey; s != nil {
		all.Classes, all.Reach, all.Protected, all.Own, all.Standing = slices.Clone(s.classes), s.reach, s.protected, s.theirs, s.standing
	}
	return all, nil
}
