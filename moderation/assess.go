package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// assess decides a waiting ticket again with fresh facts. Then and now must
// both be satisfied, each with its own matching over the approvals that still
// count. What it returns as a refusal ends the ticket, unless a dependency
// just did not answer.
func (q *inquiry) assess(ctx context.Context, t Ticket) (*findings, error) {
	f := &findings{action: t.Action, call: CallApply, id: t.ID, extra: t.Extra, overrun: t.Overrun, barred: t.Barred, at: q.now}
	if t.Digest.IsZero() || t.digest() != t.Digest {
		return f, &Refusal{Code: CodeDigest, Ticket: t.ID, Text: "The ticket is not what its digest says; somebody changed it."}
	}
	if t.Batch != nil {
		return q.assessMandate(ctx, t, nil)
	}
	r := &request{step: t.Step, action: t.Action, undoes: t.Undoes, anyway: t.Anyway}
	var known bool
	if r.kind, known = q.g.kinds[t.Action.Kind]; !known {
		return f, &Refusal{Code: CodeUnknownKind, Ticket: t.ID, Text: fmt.Sprintf("No kind of action is registered as %q any more.", t.Action.Kind)}
	}
	f.kind = r.kind
	if err := q.sameRequester(ctx, t, f); err != nil {
		return f, err
	}
	if t.Undoes != "" {
		if err := q.takeBack(ctx, r, f); err != nil {
			return f, err
		}
	}
	if err := q.locateAgain(ctx, t, f); err != nil {
		return f, err
	}
	f.after = t.After
	f.lately(q.now, t.Requested, q.g.config.Lately)
	if err := q.permitAgain(ctx, r, f); err != nil {
		return f, err
	}
	return f, q.recount(ctx, t, f)
}

// sameRequester asks who the requester is now.
func (q *inquiry) sameRequester(ctx context.Context, t Ticket, f *findings) (err error) {
	if f.actor, err = q.actor(ctx, t.Requester.Login); err != nil {
		return err
	}
	if f.actor.Person != t.Requester.Person {
		return &Refusal{Code: CodeInactive, Ticket: t.ID, Text: fmt.Sprintf("The login %q belongs to someone else now than when this was asked for.", t.Requester.Login)}
	}
	return q.mayAct(f.actor)
}

// locateAgain asks about the pinned ID; the handle is not looked at again.
func (q *inquiry) locateAgain(ctx context.Context, t Ticket, f *findings) (err error) {
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return err
	}
	if f.kind.Name == FreezeKind {
		f.target, f.subject = scopeTarget(f.action.Parameters)
		f.head = f.freezes
		if t.Step == StepFreeze {
			return nil
		}
		return mayTouch(f.actor, f.target)
	}
	if f.kind.Name == PolicyChangeKind {
		return q.locatePolicy(ctx, f)
	}
	if f.head, err = q.head(ctx, t.Subject.ID); err != nil {
		return err
	}
	if f.target, f.subject, err = q.target(ctx, t.Subject.ID, f.head); err != nil {
		return err
	}
	if t.Action.Tier != "" && t.Action.Tier != f.subject.Tier {
		return &Refusal{Code: CodeTierMismatch, Ticket: t.ID, Text: fmt.Sprintf("%s is of tier %s now, not %s as was expected.", t.Subject.ID, f.subject.Tier, t.Action.Tier)}
	}
	return mayTouch(f.actor, f.target)
}

// permitAgain asks the policy of this moment.
func (q *inquiry) permitAgain(ctx context.Context, r *request, f *findings) (err error) {
	if f.decision, err = q.decideFor(ctx, f, q.question(r.step, f)); err != nil {
		return err
	}
	f.stale = q.stale.Load()
	if err := q.mayInsist(ctx, r, f); err != nil {
		return err
	}
	return q.safeguards(f)
}

// recount counts the approvals that still count, then and now.
func (q *inquiry) recount(ctx context.Context, t Ticket, f *findings) error {
	f.void = make(map[string]string)
	for _, review := range t.Reviews {
		if review.Void != "" || !review.Verdict.agrees() {
			continue
		}
		actor, d, why, err := q.reviewer(ctx, t, f, review.Login)
		if err != nil {
			return err
		}
		if why == nil {
			why = notFrozen(f.freezes, actor, q.now)
		}
		if why == nil && actor.Person != review.Person {
			why = &Refusal{Text: fmt.Sprintf("The login %q belongs to someone else now than when the approval was given.", review.Login)}
		}
		if why != nil {
			f.void[review.Login] = why.Text
			continue
		}
		f.then = append(f.then, approver{review.Person, review.Roles})
		f.now = append(f.now, approver{actor.Person, d.Roles})
		f.counted = append(f.counted, actor)
	}
	f.slotsThen = slices.Concat(t.Requirement.Quorum.Slots, f.extra)
	f.slotsNow = slices.Concat(f.decision.Requirement.Quorum.Slots, f.extra)
	f.open = f.stillOpen()
	f.hold = max(t.Requirement.Hold, f.decision.Requirement.Hold)
	f.due = f.deadline(t.Requested, true)
	return nil
}

// stillOpen returns the slots that are open, then or now, whichever are more.
func (f *findings) stillOpen() []Slot {
	then, now := openSlots(f.slotsThen, f.then), openSlots(f.slotsNow, f.now)
	if len(now) > len(then) {
		return now
	}
	return then
}

// reviewer holds whoever approves, or approved, against all that can bar a
// reviewer now. A refusal says why the person's approval does not count; an
// error says that it could not be found out.
func (q *inquiry) reviewer(ctx context.Context, t Ticket, f *findings, login string) (Actor, Decision, *Refusal, error) {
	actor, err := q.actor(ctx, login)
	if err == nil {
		err = q.mayAct(actor)
	}
	if err == nil {
		err = independent(actor, t, f)
	}
	if err == nil {
		err = mayTouch(actor, f.target)
	}
	if err == nil && t.Batch != nil {
		_, err = q.g.stranger(t, actor) // StartBatch looks at the members before their approval counts
	}
	var d Decision
	if err == nil {
		question := q.question(StepApprove, f)
		question.Actor = actor
		d, err = q.decideFor(ctx, f, question)
	}
	var refusal *Refusal
	switch {
	case err == nil:
		return actor, d, nil, nil
	case errors.As(err, &refusal) && !refusal.passing():
		return actor, d, refusal, nil
	}
	return actor, d, nil, err
}

// independent bars the requester, by any login then or now, owners of a
// service that asks, leavers, services, and those whom the ticket bars.
func independent(a Actor, t Ticket, f *findings) error {
	own := append([]string{t.Requester.Person, f.actor.Person}, t.Requester.Owners...)
	own = append(own, f.actor.Owners...)
	switch {
	case a.Type != Human:
		return &Refusal{Code: CodeService, Text: fmt.Sprintf("%q is a service; only people review.", a.Login)}
	case a.Login == t.Requester.Login || slices.Contains(own, a.Person):
		return &Refusal{Code: CodeOwnRequest, Text: fmt.Sprintf("The person behind %q asked for this, or owns the service that did; someone else must review it.", a.Login)}
	case slices.Contains(a.Labels, LabelLeaving):
		return &Refusal{Code: CodeLeaving, Text: fmt.Sprintf("The person behind %q is leaving; a leaver's approval does not count.", a.Login)}
	case slices.Contains(f.barred, a.Person):
		return &Refusal{Code: CodeNeedsOthers, Text: fmt.Sprintf("The person behind %q took part in ticket %s; it needs others this time.", a.Login, f.after)}
	}
	return nil
}

// passing reports whether a refusal says no more than that something can't be
// found out right now: a waiting ticket then goes on waiting.
func (r *Refusal) passing() bool {
	return r.Code.family() == ErrUnavailable || r.Code == CodeStale || r.Code == CodeCancelled
}

// clear reports what stands in the way of a ticket whose approvals suffice:
// a freeze, the same restriction in force, another ticket at work, a limit.
func (q *inquiry) clear(ctx context.Context, t Ticket, f *findings) error {
	if t.Step.imposes() {
		if by := frozen(f.freezes, f, q.now); by != nil {
			return frozenRefusal(by, q.now)
		}
		if err := alreadyStands(f.head, f, q.now); err != nil {
			return err
		}
	}
	if busy := f.head.Busy; busy != "" && busy != t.Undoes {
		return q.faster(ctx, busy, t.Subject.ID)
	}
	return q.room(ctx, t.Step, f, false)
}

func busyRefusal(busy, target string) *Refusal {
	return &Refusal{Code: CodeBusy, Ticket: busy, RetryAfter: time.Second,
		Text: fmt.Sprintf("Ticket %s is at work on %s, or its outcome is not known yet.", busy, target)}
}

// faster tells who is at work on a target.
func (q *inquiry) faster(ctx context.Context, busy, target string) error {
	refusal := busyRefusal(busy, target)
	t, err := q.ticket(ctx, busy)
	if err != nil {
		return refusal // somebody is, whoever it is
	}
	refusal.Text = fmt.Sprintf("%s asked for %s on %s before: ticket %s is at work on it, or its outcome is not known yet.", t.Action.Actor, t.Action.Kind, target, busy)
	return refusal
}

// room charges a ticket for its execution, once.
func (q *inquiry) room(ctx context.Context, step Step, f *findings, peek bool) (err error) {
	if q.g.waits.paid(f.id) {
		return nil
	}
	c := f.charge(ChargeExecute, step, f.id)
	u, err := q.charge(ctx, c, peek)
	if err == nil && !u.Allowed && len(u.Over) > 0 {
		// What its approvals were asked for lets it pass, and nothing else.
		given := u.Over
		if u.Over = missingSlots(u.Over, f.overrun); len(u.Over) == 0 {
			c.Overrun = given
			u, err = q.charge(ctx, c, peek)
		}
	}
	if err != nil {
		return err
	}
	f.usage.Limits = slices.Concat(f.usage.Limits, u.Limits)
	f.usage.Allowed, f.usage.Over = u.Allowed, u.Over
	if u.Allowed {
		if !peek {
			q.g.waits.charge(f.id)
		}
		return nil
	}
	return limited(u)
}

// missingSlots returns the slots that are asked for and not among those given.
func missingSlots(asked, given []Slot) []Slot {
	given = slices.Clone(given)
	var missing []Slot
	for _, slot := range asked {
		i := slices.IndexFunc(given, func(g Slot) bool { return slices.Equal(g, slot) })
		if i < 0 {
			missing = append(missing, slot)
			continue
		}
		given = slices.Delete(given, i, i+1)
	}
	return missing
}
