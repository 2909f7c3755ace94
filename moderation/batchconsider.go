package moderation

import (
	"context"
	"fmt"
	"time"
)

// batchFindings are what was found out about a batch.
type batchFindings struct {
	*findings
	names  resolved
	survey *survey
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
