package moderation

import (
	"context"
	"errors"
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
// Do. A refusal that is about the member alone leaves the others as they are. Where
// it is that the requester, or an approver without whom the others do not suffice,
// has a part in the member, the member's ticket says so: it is refused, and its
// Reviews are the approvals that are void for it. A member that became protected,
// and a requester or approvals that no longer suffice, halt the batch.
func (g *Guard) DoMember(ctx context.Context, mandate string, m Member) (Ticket, error) {
	about := request{step: StepRequest, undoes: mandate, action: Action{Target: m.ID}}
	return g.member(ctx, about, memberTicket(mandate, m.ID, 0), func(ctx context.Context, q *inquiry) (considered, error) {
		return q.member(ctx, mandate, m)
	})
}

// considered is what came of a look at a member.
type considered struct {
	ticket  Ticket
	f       *findings
	exists  bool     // the member has its ticket already
	mandate Ticket   // as it is now
	before  Ticket   // the last ticket of the member's that came to nothing; zero for none
	halts   *Refusal // why the whole batch has to be halted
	bars    *Refusal // why those behind the batch may not act on this member
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
	if err == nil && c.bars != nil {
		defer g.flights.land(one)
		t, err := g.bar(ctx, c, now)
		return t, actor, err
	}
	if err != nil || c.exists {
		g.flights.land(one)
		return c.ticket, actor, err
	}
	if again := (flight{ticket: c.ticket.ID}); again != one { // what it had before came to nothing
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
	f := &findings{}
	if err := q.attempt(ctx, &c, f, m.ID, m.ID, StatusRefused); err != nil || c.exists {
		return c, err
	}
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
	if err := q.behind(ctx, &c, f); err != nil || c.halts != nil {
		return c, err
	}
	c.f = f
	f.mandate, f.call = id, CallApply
	f.action = c.mandate.Action
	f.action.Target, f.action.Tier = f.subject.ID, ""
	c.ticket = f.memberOf(c.mandate, StepRequest, q.now)
	if c.bars != nil {
		return c, nil
	}
	if err := q.free(f, c.mandate); err != nil {
		return c, err
	}
	return c, q.roomForMember(ctx, StepRequest, f)
}
