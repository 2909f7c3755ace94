package moderation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

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

// memberTries is how often a member may have a ticket that came to nothing.
const memberTries = 16

// attempt finds the ticket that a member has, or gives it the ID of its next one
// where those before it came to nothing: their handler was not called, or, for an
// undo, changed nothing. What a member has when it may not try again is its last.
func (q *inquiry) attempt(ctx context.Context, c *considered, f *findings, name, subject string, nothing ...Status) (err error) {
	for try := range memberTries {
		f.id = memberTicket(c.mandate.ID, name, try)
		c.ticket, c.exists, err = q.ofMember(ctx, f.id, c.mandate, subject)
		if err != nil || !c.exists || !slices.Contains(nothing, c.ticket.Status) {
			return err
		}
		c.before = c.ticket
	}
	return nil
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
// for the others halts the batch; any other bars this member.
func (q *inquiry) behind(ctx context.Context, c *considered, f *findings) (err error) {
	mandate := c.mandate
	if f.freezes, err = q.head(ctx, FreezeTarget); err != nil {
		return err
	}
	class := BatchClass{Tier: f.subject.Tier, Domain: f.subject.Domain}
	all := q.g.batches.recall(mandate, class, f.freezes.Fence, q.now, q.g.config.MaxStaleness)
	if all == nil {
		all, err = q.peopleOf(ctx, mandate, class)
		if passingError(err) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			c.halts = asRefusal(err)
			return nil
		}
		q.g.batches.remember(mandate, class, f.freezes.Fence, all)
	}
	f.actor, f.kind, f.decision, f.stale, f.at, f.due = all.actor, all.kind, all.decision, all.stale, all.at, all.due
	f.barred = all.barred
	if err := mayTouch(f.actor, f.target); err != nil {
		c.bars = asRefusal(err)
		return nil
	}
	c.bars = all.suffice(f, mandate)
	return nil
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
		return f, &Refusal{Code: CodeApprovalsVoid, Ticket: mandate.ID, Needed: "approval by " + slotsText(f.open), Text: "The approvals of the batch no longer suffice." + voidText(f.void)}
	case mandate.Undoes == "" && !q.now.Before(f.due):
		return f, &Refusal{Code: CodeTooLate, Ticket: mandate.ID, Text: "The deadline that the policy gives now has passed."}
	}
	for _, r := range mandate.Reviews { // an undo of this member is for others to follow
		f.barred = union(f.barred, []string{r.Person})
	}
	return f, nil
}

// suffice reports why the approvals do not fill all slots without those that are
// void for a member, which it puts into what was found about that.
func (f *findings) suffice(member *findings, mandate Ticket) *Refusal {
	var then, now []approver
	for i, a := range f.counted {
		if err := mayTouch(a, member.target); err != nil {
			member.voids(a.Login, asRefusal(err).Text)
			continue
		}
		then, now = append(then, f.then[i]), append(now, f.now[i])
	}
	if len(member.void) == 0 || len(openSlots(f.slotsThen, then))+len(openSlots(f.slotsNow, now)) == 0 {
		return nil
	}
	return &Refusal{Code: CodeConflictOf, Ticket: mandate.ID,
		Text: fmt.Sprintf("Somebody who approved the batch has a part in %s; without that approval the others do not suffice.%s", member.subject.ID, voidText(member.void))}
}

func (f *findings) voids(login, why string) {
	if f.void == nil {
		f.void = make(map[string]string)
	}
	f.void[login] = why
}

// voidText says whose approvals are void, and why.
func voidText(void map[string]string) (text string) {
	for _, login := range slices.Sorted(maps.Keys(void)) {
		text += fmt.Sprintf(" The approval by %q is void: %s", login, void[login])
	}
	return safeText(text, MaxReason/2)
}

// free reports what keeps a member from being executed now.
func (q *inquiry) free(f *findings, mandate Ticket) error {
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
