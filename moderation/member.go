package moderation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// DoMember executes one member of a batch that has begun, in a ticket of its own:
// the same for whoever asks, so that no two can call a handler for one member. It
// has no actor: the batch's requester asked for it. Before the handler is called it
// is made sure that the mandate pins the member, that its turn has come, that the
// batch is neither halted, undone nor past its deadline, that its requester and
// approvers still suffice and the policy of now allows it, that no freeze covers
// it, and that the member is of no higher tier than was approved. What is known of
// the people may be a second old; all else is asked each time. Nothing is charged
// again but limits per target.
//
// DoMember returns nil if and only if the member's handler ran, its outcome is
// recorded and it stands, by this call or an earlier one. Its errors are those of
// Do. A refusal that is about the member alone leaves the others as they are; a
// member that became protected, and a requester or approvals that no longer
// suffice, halt the batch.
func (g *Guard) DoMember(ctx context.Context, mandate string, m Member) (Ticket, error) {
	about := request{step: StepRequest, undoes: mandate, action: Action{Target: m.ID}}
	return g.member(ctx, about, memberTicket(mandate, m.ID), func(ctx context.Context, q *inquiry) (considered, error) {
		return q.member(ctx, mandate, m)
	})
}

// considered is what came of a look at a member.
type considered struct {
	ticket  Ticket
	f       *findings
	exists  bool     // the member has its ticket already
	mandate Ticket   // as it is now
	halts   *Refusal // why the whole batch has to be halted
	member  string   // that became protected
	refusal *Refusal // why not now
}

// member is the order of events for one member. Errors of the look are refusals
// that left nothing behind.
func (g *Guard) member(caller context.Context, about request, id string, consider func(context.Context, *inquiry) (considered, error)) (Ticket, error) {
	if err := g.enter(caller); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	for _, name := range []string{about.undoes, about.action.Target} {
		if err := checkName("the mandate or the member", name, true); err != nil {
			return Ticket{}, g.refuse(caller, about, now, err)
		}
	}
	const tries = 8
	for try := 1; ; try++ {
		t, actor, err := g.memberOnce(caller, about.step, id, consider)
		about.action.Actor = actor
		switch {
		case err == nil || t.Revision > 0 || errors.Is(err, ErrPending):
			return g.answer(t, err)
		case try == tries || !errors.Is(err, ErrConflict):
			return Ticket{}, g.refuse(caller, about, now, err)
		}
	}
}

// memberOnce looks at a member and executes it where that may be.
func (g *Guard) memberOnce(caller context.Context, step Step, id string, consider func(context.Context, *inquiry) (considered, error)) (Ticket, string, error) {
	one := flight{ticket: id}
	if !g.flights.try(one) {
		return Ticket{}, "", &PendingError{Ticket: id, Status: StatusExecuting}
	}
	ctx := newSpan(caller)
	defer ctx.close()
	now, _ := g.clock.now()
	q := g.inquiry(step, now)
	c, err := inquire(ctx, q, func(ctx context.Context) (considered, error) {
		c, err := consider(ctx, q)
		if errors.As(err, &c.refusal) {
			return c, nil // with who asked for the batch
		}
		return c, err
	})
	actor := c.mandate.Requester.Login
	if err == nil && c.refusal != nil {
		err = c.refusal
	}
	if err == nil && c.halts != nil {
		err = c.halts
		if c.mandate.going() {
			if failed := g.haltNow(ctx, c.mandate, c.halts.Code, c.halts.Text, c.member); failed != nil {
				c.halts.Err = errors.Join(c.halts.Err, failed)
			}
		}
	}
	if err != nil || c.exists {
		g.flights.land(one)
		return c.ticket, actor, err
	}
	if again := (flight{ticket: c.ticket.ID}); again != one { // an undo that failed before
		defer g.flights.land(one)
		if !g.flights.try(again) {
			return Ticket{}, actor, &PendingError{Ticket: again.ticket, Status: StatusExecuting}
		}
	}
	t, err := g.execute(ctx, c.ticket, c.f)
	return t, actor, err
}

// member decides about one member. What is the member's alone is an error.
func (q *inquiry) member(ctx context.Context, id string, m Member) (considered, error) {
	var c considered
	mandate, err := q.ticket(ctx, id)
	if err != nil {
		return c, err
	}
	c.mandate = mandate
	if err := mandate.has(m); err != nil {
		return c, err
	}
	if c.ticket, c.exists, err = q.ofMember(ctx, memberTicket(id, m.ID), mandate, m.ID); err != nil || c.exists {
		return c, err
	}
	f := &findings{}
	epoch, err := q.head(ctx, mandate.Subject.ID)
	if err != nil {
		return c, err
	}
	if c.mandate, err = q.ticket(ctx, id); err != nil { // behind its head: a halt since would move that
		return c, err
	}
	if err := c.mandate.mayTurn(m, q.now); err != nil {
		return c, err
	}
	if f.head, err = q.head(ctx, m.ID); err != nil {
		return c, err
	}
	if f.target, f.subject, err = q.target(ctx, m.ID, f.head); err != nil {
		return c, err
	}
	f.epoch = HeadIs{mandate.Subject.ID, epoch.Fence}
	if err := q.higher(&c, f.subject); err != nil || c.halts != nil {
		return c, err
	}
	if c.halts, err = q.behind(ctx, c.mandate, f); err != nil || c.halts != nil {
		return c, err
	}
	c.f = f
	if err := q.free(f, c.mandate); err != nil {
		return c, err
	}
	f.id, f.mandate, f.call = memberTicket(id, m.ID), id, CallApply
	c.ticket = f.memberOf(c.mandate, StepRequest, q.now)
	return c, q.roomForMember(ctx, StepRequest, f)
}

// has reports whether a mandate pins the member.
func (t Ticket) has(m Member) error {
	if t.Batch == nil || t.Undoes != "" || !m.in(t.Batch.Root, t.Batch.Count) {
		return &Refusal{Code: CodeMembers, Ticket: t.ID, Text: fmt.Sprintf("%s, at place %d, is not shown to be a member of the batch %s.", m.ID, m.Index, t.ID)}
	}
	if t.Digest.IsZero() || t.digest() != t.Digest {
		return &Refusal{Code: CodeDigest, Ticket: t.ID, Text: "The ticket is not what its digest says; somebody changed it."}
	}
	return nil
}

// mayTurn reports why it is not the member's turn.
func (t Ticket) mayTurn(m Member, now time.Time) error {
	if err := t.inForce(now); err != nil {
		return err
	}
	if turn := orderOf(t.Batch.Root, t.Batch.Count).turn(m.Index); turn >= t.Batch.open() {
		return &Refusal{Code: CodeTooEarly, Ticket: t.ID, Text: fmt.Sprintf("The stage of the batch that %s belongs to has not begun.", m.ID)}
	}
	return nil
}

// ofMember finds the ticket that a member has already.
func (q *inquiry) ofMember(ctx context.Context, id string, mandate Ticket, subject string) (t Ticket, exists bool, err error) {
	t, err = q.ticket(ctx, id)
	switch {
	case hasCode(err, CodeNoTicket):
		return Ticket{}, false, nil
	case err != nil:
		return Ticket{}, false, err
	case t.Mandate != mandate.ID || t.Subject.ID != subject:
		return Ticket{}, false, lied(CodeStore, "ticket %s of member %s of %s is about %s of %q", id, subject, mandate.ID, t.Subject.ID, t.Mandate)
	}
	return t, true, nil
}

// higher refuses a member of a higher tier than was approved. One that nobody has
// seen before the batch goes on halts it.
func (q *inquiry) higher(c *considered, s Subject) error {
	tiers := q.g.config.Tiers
	if slices.Index(tiers, s.Tier) <= slices.Index(tiers, c.mandate.Tier) {
		return nil
	}
	refusal := &Refusal{Code: CodeProtected, Ticket: c.mandate.ID, Text: fmt.Sprintf("%s is of tier %s now, higher than %s, for which the batch was approved.", s.ID, s.Tier, c.mandate.Tier)}
	if slices.Contains(c.mandate.Batch.Excepted, s.ID) {
		refusal.Code = CodeTierMismatch // which concerns this member alone
		return refusal
	}
	c.halts, c.member = refusal, s.ID
	return nil
}

// behind asks whether those who asked for a batch and approved it still suffice
// for a member, and puts what they decided into f. A reason that would be the same
// for the others halts the batch.
func (q *inquiry) behind(ctx context.Context, mandate Ticket, f *findings) (halts *Refusal, err error) {
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return nil, err
	}
	class := BatchClass{Tier: f.subject.Tier, Domain: f.subject.Domain}
	all := q.g.batches.recall(mandate, class, f.freezes.Fence, q.now, q.g.config.MaxStaleness)
	if all == nil {
		all, err = q.peopleOf(ctx, mandate, class)
		if passingError(err) || ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			return asRefusal(err), nil
		}
		q.g.batches.remember(mandate, class, f.freezes.Fence, all)
	}
	f.actor, f.kind, f.decision, f.stale, f.at, f.due = all.actor, all.kind, all.decision, all.stale, all.at, all.due
	f.barred = all.barred
	if err := mayTouch(f.actor, f.target); err != nil {
		return nil, err
	}
	return nil, all.suffice(f.target, mandate)
}

// peopleOf decides a batch again, for a class of members too that nobody had when
// it was begun.
func (q *inquiry) peopleOf(ctx context.Context, mandate Ticket, class BatchClass) (*findings, error) {
	if !slices.ContainsFunc(mandate.Batch.Begun, func(c BatchClass) bool { return c.Tier == class.Tier && c.Domain == class.Domain }) && mandate.Undoes == "" {
		mandate.Batch = mandate.Batch.clone()
		mandate.Batch.Begun = append(mandate.Batch.Begun, class)
	}
	f, err := q.assessMandate(ctx, mandate, nil)
	switch {
	case err != nil:
		return f, err
	case len(f.open) > 0:
		return f, &Refusal{Code: CodeApprovalsVoid, Ticket: mandate.ID, Needed: "approval by " + slotsText(f.open), Text: "The approvals of the batch no longer suffice."}
	case mandate.Undoes == "" && !q.now.Before(f.due):
		return f, &Refusal{Code: CodeTooLate, Ticket: mandate.ID, Text: "The deadline that the policy gives now has passed."}
	}
	for _, r := range mandate.Reviews { // an undo of this member is for others to follow
		f.barred = union(f.barred, []string{r.Person})
	}
	return f, nil
}

// suffice reports whether the approvals fill all slots without those whose the
// member is.
func (f *findings) suffice(target Target, mandate Ticket) error {
	var then, now []approver
	for i, a := range f.counted {
		if mayTouch(a, target) == nil {
			then, now = append(then, f.then[i]), append(now, f.now[i])
		}
	}
	if len(then) == len(f.then) || len(openSlots(f.slotsThen, then))+len(openSlots(f.slotsNow, now)) == 0 {
		return nil
	}
	return &Refusal{Code: CodeConflictOf, Ticket: mandate.ID, Text: fmt.Sprintf("Somebody who approved the batch has a part in %s; without that approval the others do not suffice.", target.ID)}
}

// free reports what keeps a member from being executed now.
func (q *inquiry) free(f *findings, mandate Ticket) error {
	f.action = mandate.Action
	f.action.Target, f.action.Tier = f.subject.ID, ""
	if by := frozen(f.freezes, f, q.now); by != nil {
		return frozenRefusal(by, q.now)
	}
	if err := alreadyStands(f.head, f, q.now); err != nil {
		return err
	}
	if last := f.head.Last; last != nil && !last.Over.Before(mandate.Started) && q.now.Sub(last.Over) < q.g.config.Lately {
		return &Refusal{Code: CodeNeedsOthers, Ticket: last.ID, Text: fmt.Sprintf("Ticket %s on %s was rejected or undone since the batch began; ask for it apart.", last.ID, f.subject.ID)}
	}
	if f.head.Busy != "" {
		return busyRefusal(f.head.Busy, f.subject.ID)
	}
	return nil
}

// roomForMember charges what is counted per target.
func (q *inquiry) roomForMember(ctx context.Context, step Step, f *findings) error {
	for _, at := range []ChargeAt{ChargeRequest, ChargeExecute} {
		u, err := q.charge(ctx, f.charge(at, step, f.id), false)
		if err != nil {
			return err
		}
		if f.usage.Limits = slices.Concat(f.usage.Limits, u.Limits); !u.Allowed {
			return limited(u)
		}
	}
	f.usage.Allowed = true
	return nil
}

// memberOf makes the ticket of a member. It needs nothing itself: its mandate was
// approved.
func (f *findings) memberOf(mandate Ticket, step Step, now time.Time) Ticket {
	t := Ticket{
		ID: f.id, Step: step, Action: f.action, Requester: mandate.Requester, Subject: f.subject, Tier: f.subject.Tier,
		Policy: f.decision.Policy, Requirement: Requirement{Quorum: Quorum{None: true}},
		Barred: f.barred, Requested: now, Deadline: mandate.Deadline, Call: f.call, Mandate: mandate.ID,
	}
	if f.undoes != nil {
		t.Undoes = f.undoes.ID
	}
	t.Action.Key = f.id
	t.Action.Parameters = maps.Clone(f.action.Parameters)
	t.Idempotency = t.Action.idempotency(step, t.Undoes)
	t.Digest = t.digest()
	return t
}

// intentHeads is how many heads an intent depends on: for a member that of its
// batch too.
func (f *findings) intentHeads() int {
	if f.mandate != "" {
		return 3
	}
	return 2
}

// stillMandated looks at the batch of a member once more, behind its intent.
func (g *Guard) stillMandated(ctx context.Context, t Ticket) error {
	if t.Mandate == "" || t.ends() {
		return nil
	}
	mandate, err := g.store.Ticket(ctx, t.Mandate)
	if err != nil {
		return err
	}
	now, _ := g.clock.now()
	return mandate.inForce(now)
}

// afterIntent is the refusal where an intent stands but its handler must not be
// called.
func afterIntent(err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return unrecorded(err)
}
