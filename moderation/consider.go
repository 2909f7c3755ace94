package moderation

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// consider decides a request that has no ticket yet, in this order: who asks,
// whether it was asked before, of whom, what nobody may do whatever the policy
// says, what the policy says, freezes, what stands already, and the limits on
// requests. With peek nothing is charged.
func (q *inquiry) consider(ctx context.Context, r *request, peek bool) (*findings, error) {
	f := q.g.blank()
	f.action, f.kind, f.call, f.id, f.at = r.action, r.kind, CallApply, r.id, q.now
	var err error
	if f.actor, err = q.actor(ctx, r.action.Actor); err != nil {
		return f, err
	}
	if err := q.mayAct(f.actor); err != nil {
		return f, err
	}
	if f.repeated, err = q.repeated(ctx, r); f.repeated != nil || err != nil {
		return f, err
	}
	if r.step == StepBypass {
		if err := q.mayBypass(ctx, f); err != nil {
			return f, err
		}
	}
	if r.undoes != "" {
		if err := q.takeBack(ctx, r, f); err != nil {
			return f, err
		}
	}
	if err := q.locate(ctx, r, f); err != nil {
		return f, err
	}
	if err := q.permit(ctx, r, f); err != nil {
		return f, err
	}
	return f, q.allow(ctx, r, f, peek)
}

// repeated finds the ticket of a key that was used before.
func (q *inquiry) repeated(ctx context.Context, r *request) (*Ticket, error) {
	if err := q.ask(ctx, &askedStore); err != nil {
		return nil, err
	}
	t, err := first(q.g.store.Tickets(ctx, Query{Requester: r.action.Actor, Key: r.action.Key, Limit: 1}))
	switch {
	case err != nil:
		return nil, unavailable(CodeStore, err)
	case t == nil:
		return nil, nil
	case t.Action.Actor != r.action.Actor || t.Action.Key != r.action.Key:
		return nil, lied(CodeStore, "asked about a key of %q, it answered with ticket %s", r.action.Actor, t.ID)
	case t.Idempotency != r.idempotency():
		return nil, &Refusal{Code: CodeKeyReused, Field: "Key", Ticket: t.ID,
			Text: fmt.Sprintf("The key %q stands for another action already (ticket %s). Use a new key for a new action.", r.action.Key, t.ID)}
	}
	return t, nil
}

// first returns the first ticket of a sequence, or nil.
func first(tickets iter.Seq2[Ticket, error]) (*Ticket, error) {
	found := &answer[*Ticket]{}
	tickets(func(t Ticket, err error) bool {
		found.value, found.err = &t, err
		return false
	})
	return found.value, found.err
}

// locate finds the target, as it is now, under the ID that counts.
func (q *inquiry) locate(ctx context.Context, r *request, f *findings) (err error) {
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return err
	}
	if f.kind.Name == FreezeKind {
		f.head = f.freezes
		if r.step == StepFreeze {
			err = q.pin(ctx, f)
		}
		f.target, f.subject = scopeTarget(f.action.Parameters)
		if err != nil || r.step == StepFreeze { // one may freeze oneself
			return err
		}
		return mayTouch(f.actor, f.target)
	}
	if f.kind.Name == PolicyChangeKind {
		return q.locatePolicy(ctx, f)
	}
	var id string
	if f.undoes != nil {
		id = f.undoes.Subject.ID
	} else if id, err = q.resolve(ctx, f.action.Target); err != nil {
		return err
	}
	if ownTarget(id) {
		return lied(CodeDirectory, "it resolved %q to %s, which is the library's own", f.action.Target, id)
	}
	if f.head, err = q.head(ctx, id); err != nil {
		return err
	}
	if f.target, f.subject, err = q.target(ctx, id, f.head); err != nil {
		return err
	}
	if f.action.Tier != "" && f.action.Tier != f.subject.Tier {
		return &Refusal{Code: CodeTierMismatch, Field: "Action.Tier",
			Text: fmt.Sprintf("%s is of tier %s, not %s as was expected. Look again before you act.", id, f.subject.Tier, f.action.Tier)}
	}
	return mayTouch(f.actor, f.target)
}

// permit asks the policy, and adds what no policy can leave out.
func (q *inquiry) permit(ctx context.Context, r *request, f *findings) (err error) {
	if f.decision, err = q.decide(ctx, q.question(r.step, f)); err != nil {
		return err
	}
	f.stale = q.stale.Load()
	if r.step == StepBypass {
		if err := f.answerable(); err != nil {
			return err
		}
	}
	if err := q.mayInsist(ctx, r, f); err != nil {
		return err
	}
	f.lately(q.now, time.Time{}, q.g.config.Lately)
	return q.safeguards(f)
}

// safeguards are what no policy can leave out.
func (q *inquiry) safeguards(f *findings) error {
	if err := f.changesPolicy(); err != nil {
		return err
	}
	if f.stale && slices.Contains(f.actor.Labels, LabelLeaving) {
		return &Refusal{Code: CodeStale, Text: "The facts are too old for someone who is leaving to act on them."}
	}
	if f.kind.Undo == nil && len(f.decision.Requirement.Quorum.Slots)+len(f.extra) == 0 {
		return &Refusal{Code: CodeIrreversible, Rules: slices.Clone(f.decision.Requirement.Rules), Policy: f.decision.Policy,
			Text:   f.kind.Name + " can't be undone, so nobody does it alone; but the policy asks for no approval.",
			Needed: "a rule that asks for at least one approval"}
	}
	return nil
}

// question is what the authorizer is asked about a request.
func (q *inquiry) question(step Step, f *findings) Question {
	question := Question{Step: step, Actor: f.actor, Kind: f.kind.Name, Target: f.target, Duration: f.action.Duration, Count: max(1, f.members)}
	if f.kind.Name == FreezeKind {
		question.Kind = anyIfEmpty(f.action.Parameters[scopeKind])
	}
	if f.undoes != nil {
		question.Duration = f.undoes.Action.Duration
		question.Since = max(0, q.now.Sub(f.undoes.Executed))
	}
	return question
}

// lately asks for one approver more, and for others than before, where the
// target's last ticket was rejected or undone within the window: before this
// was asked for, or since, so that asking twice in advance is no way round it.
func (f *findings) lately(now, since time.Time, window time.Duration) {
	last := f.head.Last
	if f.call != CallApply || f.kind.Name == FreezeKind || last == nil || now.Sub(last.Over) >= window || !last.Over.After(since) {
		return
	}
	f.after = last.ID
	f.extra = append(slices.Clip(f.extra), Slot{Any})
	f.barred = append(slices.Clone(f.barred), last.Barred...)
	for _, r := range last.Reviews {
		if last.Status == StatusUndone || r.Verdict == Rejected {
			f.barred = append(f.barred, r.Person)
		}
	}
	if last.Status == StatusUndone {
		f.barred = append(f.barred, last.Requester.Person)
	}
	slices.Sort(f.barred)
	f.barred = slices.Compact(f.barred)
}

// allow holds a request against freezes, what stands, and limits. What an
// exhausted limit lets pass with more approvals gets more slots.
func (q *inquiry) allow(ctx context.Context, r *request, f *findings, peek bool) error {
	if r.step.imposes() {
		if by := frozen(f.freezes, f, q.now); by != nil {
			return frozenRefusal(by, q.now)
		}
		if err := alreadyStands(f.head, f, q.now); err != nil {
			return err
		}
	}
	if err := q.asking(ctx, r, f, peek); err != nil {
		return err
	}
	if f.waits() {
		return nil
	}
	if busy := f.head.Busy; busy != "" && busy != r.undoes {
		return q.faster(ctx, busy, f.subject.ID)
	}
	err := q.room(ctx, r.step, f, peek)
	if err != nil && len(f.usage.Over) > 0 && !f.bypass {
		f.extra, f.overrun = append(f.extra, f.usage.Over...), f.usage.Over
		return nil
	}
	return err
}

// waits reports whether the request needs approvals or a hold. What a bypass
// needs comes after it.
func (f *findings) waits() bool {
	if f.bypass {
		return false
	}
	return len(f.decision.Requirement.Quorum.Slots)+len(f.extra) > 0 || f.decision.Requirement.Hold > 0
}

// asking charges a request for having been asked.
func (q *inquiry) asking(ctx context.Context, r *request, f *findings, peek bool) (err error) {
	defer func() { f.asking = f.usage }()
	if r.asked.Allowed {
		f.usage = r.asked
		return nil
	}
	c := f.charge(ChargeRequest, r.step, f.id)
	if f.usage, err = q.charge(ctx, c, peek); err != nil || f.usage.Allowed {
		return err
	}
	if len(f.usage.Over) == 0 || f.bypass {
		return limited(f.usage)
	}
	f.extra = append(f.extra, f.usage.Over...)
	c.Overrun = f.usage.Over
	if f.usage, err = q.charge(ctx, c, peek); err != nil {
		return err
	}
	if !f.usage.Allowed {
		return limited(f.usage)
	}
	return nil
}

// charge is what a step costs, and whom.
func (f *findings) charge(at ChargeAt, step Step, ticket string) Charge {
	return Charge{
		At: at, Step: step, Ticket: ticket,
		Person: f.actor.Person, Actor: f.actor.Login, Kind: f.kind.Name,
		Target: f.subject.ID, Tier: f.subject.Tier, Domain: f.subject.Domain,
		Count: 1, Reach: f.subject.Reach, For: f.chargedFor(),
	}
}
