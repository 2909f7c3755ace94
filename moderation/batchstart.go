package moderation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// StartBatch begins a batch whose approvals are given and whose hold is over. Like
// Advance it has no actor, does only what time and recorded reviews allow, and is
// idempotent. The members must be the set that the mandate pins; all of them are
// looked at again, and everything is decided again. One that is of a higher tier
// than was approved, or the requester's own, ends the batch before the first
// handler is called; an approval by somebody whose a member is counts no more. A
// member that is gone by now does not stop the others.
//
// StartBatch returns nil if and only if the batch is begun, now or before; else
// as Do. It executes no member: DoMember does.
func (g *Guard) StartBatch(ctx context.Context, mandate string, members *MemberSet) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	about := request{step: StepRequest, undoes: mandate}
	t, err := g.startBatch(ctx, mandate, members)
	if err != nil {
		return t.Clone(), g.refuseUnrecorded(ctx, about, now, t, err)
	}
	return g.answer(t, nil)
}

// refuseUnrecorded records a refusal that is not on the ticket already.
func (g *Guard) refuseUnrecorded(ctx context.Context, about request, now time.Time, t Ticket, err error) error {
	if t.Status == StatusRefused {
		return err
	}
	return g.refuse(ctx, about, now, err)
}

func (g *Guard) startBatch(ctx context.Context, mandate string, members *MemberSet) (Ticket, error) {
	if err := checkName("the mandate", mandate, true); err != nil {
		return Ticket{}, err
	}
	t, err := g.load(ctx, mandate)
	if err != nil {
		return Ticket{}, err
	}
	if err := t.pins(members); err != nil {
		return t, err
	}
	if t.Status.Waiting() {
		if t, err = g.advance(ctx, mandate); err != nil {
			return t, err
		}
	}
	now, raw := g.clock.now()
	if t.Status != StatusHeld || !g.waits.over(t, t.Requirement.Hold, now, raw) {
		g.acquaint(ctx, t, members)
		return t, nil // it waits, is begun, or is over: the answer says so
	}
	one := flight{key: "start", ticket: mandate} // all members are looked at by one at a time
	if err := g.flights.wait(ctx, one); err != nil {
		return t, gaveUp(err)
	}
	defer g.flights.land(one)
	if t, err = g.load(ctx, mandate); err != nil || t.Status != StatusHeld {
		return t, err
	}
	seen, err := g.lookAgain(ctx, t, members)
	if err != nil {
		return t, err
	}
	g.batches.owned(t.ID, seen.owners)
	const tries = 8
	for try := 1; ; try++ {
		t, err := g.beginInTurn(ctx, mandate, seen)
		if !errors.Is(err, ErrConflict) || try == tries {
			return t, err
		}
	}
}

// beginInTurn decides about a batch, and begins it, when no other call in this
// process is at it. What another one has made of it is the answer.
func (g *Guard) beginInTurn(ctx context.Context, mandate string, seen *survey) (Ticket, error) {
	one := flight{ticket: mandate}
	if err := g.flights.wait(ctx, one); err != nil {
		return Ticket{}, gaveUp(err)
	}
	t, err := g.load(ctx, mandate)
	now, raw := g.clock.now()
	if err != nil || t.Status != StatusHeld {
		g.flights.land(one)
		return t, err
	}
	t, f, err := g.decideMandate(ctx, t, seen, now, raw)
	if err != nil || f.call == "" {
		g.flights.land(one)
		return t, err
	}
	return g.beginMandate(ctx, t, f)
}

// pins reports whether a set is the one that was approved.
func (t Ticket) pins(members *MemberSet) error {
	switch {
	case t.Batch == nil || t.Undoes != "":
		return &Refusal{Code: CodeMembers, Ticket: t.ID, Text: fmt.Sprintf("Ticket %s is no batch.", t.ID)}
	case members.Len() != t.Batch.Count || members.Root() != t.Batch.Root:
		return &Refusal{Code: CodeMembers, Ticket: t.ID,
			Text: fmt.Sprintf("These %d members are not the %d that were approved; give the same set, by the IDs that it had then.", members.Len(), t.Batch.Count)}
	}
	return nil
}

// lookAgain looks at all members, with those who asked and approved.
func (g *Guard) lookAgain(ctx context.Context, t Ticket, members *MemberSet) (*survey, error) {
	now, _ := g.clock.now()
	q := g.inquiry(t.Step, now)
	s, err := inquire(ctx, q, func(ctx context.Context) (*surveyor, error) {
		s := &surveyor{guard: g, action: t.Action, since: t.Requested}
		var err error
		if s.requester, err = q.actor(ctx, t.Requester.Login); err != nil {
			return nil, err
		}
		for _, r := range t.Reviews {
			if r.Void != "" || r.Verdict != Approved {
				continue
			}
			a, err := q.actor(ctx, r.Login)
			if hasCode(err, CodeUnknownActor) {
				continue // whose approval will not count
			}
			if err != nil {
				return nil, err
			}
			s.reviewers = append(s.reviewers, a)
		}
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return s.look(ctx, members)
}

// beginMandate makes it durable that a batch has begun. The caller has decided
// everything, and holds the ticket's flight, which lands here.
func (g *Guard) beginMandate(ctx context.Context, t Ticket, f *findings) (Ticket, error) {
	defer g.flights.land(flight{ticket: t.ID})
	now, _ := g.clock.now()
	next, err := transition(t, event{
		kind: audit.EventBegun, at: now, subject: f.subject, classes: f.classes, fence: f.head.Fence + 1, deadline: f.due, whose: f.whose,
	})
	if err != nil {
		return t, err
	}
	tickets := []Ticket{next}
	if f.undoes != nil {
		undone, err := transition(*f.undoes, event{kind: eventUndone, at: now, by: t.ID, note: t.Action.Reason})
		if err != nil {
			return t, err
		}
		tickets = append(tickets, undone)
	}
	c := g.change(f, now, audit.EventBegun, nil, tickets...)
	c.Heads = []HeadIs{{f.subject.ID, f.head.Fence}, {FreezeTarget, f.freezes.Fence}}
	if err := g.commit(ctx, c); err != nil {
		return t, unrecorded(err)
	}
	g.waits.end(t.ID)
	for _, charge := range next.charges(ChargeExecute, now) {
		g.waits.end(charge.Ticket)
	}
	g.nudge()
	return next, nil
}

// BeginStage begins the next stage of a batch, when the soak time of the one
// before is over; members of later stages are refused until then. Like Advance it
// has no actor. It returns nil if and only if the given stage, counted from 1, is
// begun, now or before.
func (g *Guard) BeginStage(ctx context.Context, mandate string, stage int) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	t, err := g.beginStage(ctx, mandate, stage)
	if err != nil {
		return t.Clone(), g.refuse(ctx, request{step: StepRequest, undoes: mandate}, now, err)
	}
	return t.Clone(), nil
}

func (g *Guard) beginStage(ctx context.Context, mandate string, stage int) (Ticket, error) {
	if err := checkName("the mandate", mandate, true); err != nil {
		return Ticket{}, err
	}
	const tries = 8
	for try := 1; ; try++ {
		t, err := g.load(ctx, mandate)
		if err != nil {
			return t, err
		}
		if t.Batch != nil && t.Status == StatusExecuted && stage >= 1 && stage <= t.Batch.Stage {
			return t, nil
		}
		now, _ := g.clock.now()
		if err := t.mayBegin(stage, now); err != nil {
			return t, err
		}
		next, err := g.record(ctx, t, &findings{}, event{kind: audit.EventStage, at: now})
		if err == nil || try == tries || !hasCode(err, CodeBusy) {
			return next, err
		}
	}
}

// mayBegin reports why a stage can't begin now.
func (t Ticket) mayBegin(stage int, now time.Time) error {
	if err := t.inForce(now); err != nil {
		return err
	}
	if stage != t.Batch.Stage+1 || stage > len(t.Batch.Stages) {
		return invalid("stage", fmt.Sprintf("is %d; the batch has begun %d of %d", stage, t.Batch.Stage, len(t.Batch.Stages)))
	}
	if wait := t.Batch.StageBegun.Add(t.Batch.Stages[stage-2].Soak).Sub(now); wait > 0 {
		return &Refusal{Code: CodeTooEarly, Ticket: t.ID, RetryAfter: wait, Text: "The soak time of the stage before is not over."}
	}
	return nil
}

// inForce reports why no member of a batch may be executed now.
func (t Ticket) inForce(now time.Time) error {
	switch {
	case t.Batch == nil:
		return &Refusal{Code: CodeMembers, Ticket: t.ID, Text: fmt.Sprintf("Ticket %s is no batch.", t.ID)}
	case t.Status != StatusExecuted:
		return notOpen(t)
	case !t.Batch.Halted.IsZero():
		who := "The guard"
		if t.Batch.HaltedBy != "" {
			who = t.Batch.HaltedBy
		}
		return &Refusal{Code: CodeHalted, Ticket: t.ID, Needed: "Resume by a person other than the requester",
			Text: fmt.Sprintf("%s halted the batch at %s: %s", who, t.Batch.Halted.Format(time.RFC3339), t.Batch.HaltNote)}
	case t.Undoes == "" && !t.Deadline.IsZero() && !now.Before(t.Deadline):
		return &Refusal{Code: CodeTooLate, Ticket: t.ID, Text: "The batch's deadline has passed."}
	}
	return nil
}
