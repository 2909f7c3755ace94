package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// mostRules is how many rows of the policy a decision about a batch names.
const mostRules = 64

// decideFor asks about a target, or, for a batch, about each tier and domain that
// its members have: all must allow, and what all of them ask for is needed.
func (q *inquiry) decideFor(ctx context.Context, f *findings, question Question) (Decision, error) {
	if len(f.classes) == 0 {
		return q.decide(ctx, question)
	}
	var all Decision
	for i, class := range f.classes {
		question.Target.Tier, question.Target.Domain = class.Tier, class.Domain
		d, err := q.decide(ctx, question)
		switch {
		case err != nil:
			return Decision{}, err
		case i == 0:
			all = d
			continue
		case d.Policy != all.Policy:
			return Decision{}, lied(CodePolicy, "the policy changed while it was asked about a batch")
		}
		all = all.with(d)
	}
	if !question.Step.Required() {
		return all, nil
	}
	if err := all.Requirement.Check(); err != nil {
		return Decision{}, &Refusal{Code: CodeNoRequirement, Policy: all.Policy, Err: err,
			Text: "What the policy asks for in the tiers and domains of this batch can't be had at once; ask for them apart."}
	}
	return all, nil
}

// with returns what two decisions that allow say together.
func (d Decision) with(o Decision) Decision {
	d.Roles = slices.DeleteFunc(slices.Clone(d.Roles), func(role string) bool { return !slices.Contains(o.Roles, role) })
	d.Rules = moreRules(d.Rules, o.Rules)
	d.Requirement = d.Requirement.with(o.Requirement)
	if !o.AsOf.IsZero() && (d.AsOf.IsZero() || o.AsOf.Before(d.AsOf)) {
		d.AsOf = o.AsOf
	}
	return d
}

// with returns what holds both: each slot as often as either has it, the longest
// hold, the earliest deadline.
func (r Requirement) with(o Requirement) Requirement {
	r.Quorum.Slots = slices.Concat(r.Quorum.Slots, missingSlots(o.Quorum.Slots, r.Quorum.Slots))
	r.Quorum.None = len(r.Quorum.Slots) == 0
	r.Hold = max(r.Hold, o.Hold)
	if r.Deadline == 0 || o.Deadline > 0 && o.Deadline < r.Deadline {
		r.Deadline = o.Deadline
	}
	r.Rules = moreRules(r.Rules, o.Rules)
	return r
}

func moreRules(rules, more []Rule) []Rule {
	rules = slices.Clone(rules)
	for _, rule := range more {
		if len(rules) < mostRules && !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// aboutBatch fills in what a mandate says of its members.
func (f *findings) aboutBatch(t Ticket) {
	f.classes, f.members = t.Batch.classes(), t.Batch.Count
	f.subject = t.Subject
	f.target = f.setTarget(max(t.Subject.Reach, t.Batch.Reach))
}

// setTarget is what the authorizer is asked about a set; tier and domain are
// those of each class in turn. The reach is that of all.
func (f *findings) setTarget(reach int64) Target {
	return Target{ID: f.subject.ID, Tier: f.subject.Tier, Domain: f.subject.Domain, Reach: reach}
}

// assessMandate decides a batch again, as assess does any other ticket. With a
// look at all members it goes by that, else by what the ticket says of them.
func (q *inquiry) assessMandate(ctx context.Context, t Ticket, seen *survey) (*findings, error) {
	f := &findings{action: t.Action, call: t.Call, id: t.ID, extra: t.Extra, overrun: t.Overrun, barred: t.Barred, after: t.After, at: q.now}
	if t.Batch == nil || t.Digest.IsZero() || t.digest() != t.Digest {
		return f, &Refusal{Code: CodeDigest, Ticket: t.ID, Text: "The ticket is not what its digest says; somebody changed it."}
	}
	var known bool
	if f.kind, known = q.g.kinds[t.Action.Kind]; !known {
		return f, &Refusal{Code: CodeUnknownKind, Ticket: t.ID, Text: fmt.Sprintf("No kind of action is registered as %q any more.", t.Action.Kind)}
	}
	if err := q.sameRequester(ctx, t, f); err != nil {
		return f, err
	}
	if t.Undoes != "" {
		undoes, err := q.ticket(ctx, t.Undoes)
		if err != nil {
			return f, err
		}
		if f.undoes = &undoes; undoes.Status != StatusExecuted && undoes.UndoneBy != t.ID {
			return f, &Refusal{Code: CodeNotUndoable, Ticket: t.Undoes, Text: fmt.Sprintf("The batch %s is %s; there is nothing to take back.", t.Undoes, undoes.Status)}
		}
	}
	return f, q.assessSet(ctx, t, f, seen)
}

// assessSet is what of it depends on the members.
func (q *inquiry) assessSet(ctx context.Context, t Ticket, f *findings, seen *survey) (err error) {
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return err
	}
	if f.head, err = q.head(ctx, t.Subject.ID); err != nil {
		return err
	}
	f.aboutBatch(t)
	f.whose = t.Batch.Whose
	if seen != nil {
		f.whose = seen.whose.sorted()
		f.classes, f.subject = seen.classes, seen.subject(t.Subject.ID, t.Tier, q.now)
		f.target = f.setTarget(max(f.subject.Reach, t.Batch.Reach))
		if err := seen.refusal(); err != nil {
			return err
		}
		if err := seen.lately(f, q, t.Requested); err != nil {
			return err
		}
	}
	if f.decision, err = q.decideFor(ctx, f, q.question(t.Step, f)); err != nil {
		return err
	}
	f.stale = q.stale.Load()
	if err := q.safeguards(f); err != nil {
		return err
	}
	if err := q.recount(ctx, t, f); err != nil || seen == nil {
		return err
	}
	for login, why := range seen.void {
		f.void[login] = why
	}
	return f.withoutVoid(t)
}

// withoutVoid counts again where a look at the members voided approvals.
func (f *findings) withoutVoid(t Ticket) error {
	then, now, counted := f.then, f.now, f.counted
	f.then, f.now, f.counted = nil, nil, nil
	for i, a := range counted {
		if _, void := f.void[a.Login]; !void {
			f.then, f.now, f.counted = append(f.then, then[i]), append(f.now, now[i]), append(f.counted, a)
		}
	}
	f.open = f.stillOpen()
	return nil
}

// frozenBatch returns the freeze that covers one of a batch's classes.
func frozenBatch(freezes Head, f *findings, now time.Time) *Ticket {
	one := *f
	for _, class := range f.classes {
		one.subject.Tier, one.subject.Domain = class.Tier, class.Domain
		if by := frozen(freezes, &one, now); by != nil {
			return by
		}
	}
	return nil
}

// startable is what is said of a batch that waits for nothing but its members.
const startable = "It waits to be started with its members."

// decideMandate decides a waiting batch with fresh facts. Without a look at all
// members a batch is never begun; the undo of one needs none.
func (g *Guard) decideMandate(ctx context.Context, t Ticket, seen *survey, now, raw time.Time) (Ticket, *findings, error) {
	q := g.inquiry(t.Step, now)
	starts := seen != nil || t.Undoes != ""
	f, err := inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		f, err := q.assessMandate(ctx, t, seen)
		if err == nil && starts && g.ripe(t, f, now, raw) {
			f.barrier = q.clearBatch(ctx, t, f)
		}
		return f, err
	})
	none := &findings{}
	switch {
	case err != nil:
		t, err = g.notNow(ctx, t, none, now, raw, err)
	case !now.Before(f.due):
		t, err = g.record(ctx, t, f, event{kind: audit.EventTimedOut, at: now, code: CodeTooLate, note: "The deadline that the policy gives now has passed."})
	case len(f.void) > 0 || len(f.open) > 0 && slotsText(f.open) != slotsText(t.Open):
		t, err = g.record(ctx, t, f, event{kind: audit.EventVoided, at: now, raw: raw, void: f.void, open: f.open, hold: f.hold, deadline: f.due})
	case len(f.open) > 0:
	case t.Status == StatusPending:
		t, err = g.record(ctx, t, f, event{kind: audit.EventHeld, at: now, raw: raw, due: now.Add(f.hold), deadline: f.due, note: "Its approvals suffice under the policy of now."})
	case !g.waits.over(t, f.hold, now, raw):
		t, err = g.record(ctx, t, f, event{kind: audit.EventHeld, at: now, raw: raw, due: t.holdOver(f.hold), deadline: f.due, note: "The policy asks for a longer hold now."})
	case !starts && t.Note != startable:
		t, err = g.record(ctx, t, f, event{kind: audit.EventHeld, at: now, raw: raw, deadline: f.due, note: startable})
	case !starts:
	case f.barrier != nil:
		t, err = g.notNow(ctx, t, f, now, raw, f.barrier)
	default:
		return t, f, nil
	}
	return t, none, err
}

// clearBatch reports what stands in the way of a batch whose approvals suffice:
// a freeze, or a limit.
func (q *inquiry) clearBatch(ctx context.Context, t Ticket, f *findings) error {
	if by := frozenBatch(f.freezes, f, q.now); by != nil && t.Step == StepRequest {
		return frozenRefusal(by, q.now)
	}
	return q.roomForBatch(ctx, t.Step, f, false)
}

// passingError reports whether an error says no more than that something can't be
// found out right now.
func passingError(err error) bool {
	var refusal *Refusal
	return err != nil && (!errors.As(err, &refusal) || refusal.passing())
}
