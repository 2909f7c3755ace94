package moderation

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// undoableStatus are the statuses of a member that there is something to take
// back of; an unknown one where its kind is idempotent.
var undoableStatus = []Status{StatusExecuting, StatusExecuted, StatusUnknown}

// UndoMember takes back one member under the undo of its batch, which has begun.
// What it returns is the ticket of this undo, the same for whoever asks; member is
// the ticket of the member. Before the handler is called the same is made sure as
// by DoMember, as far as it bears on an undo; nobody lifts what stands on
// themselves. Errors are those of Undo.
func (g *Guard) UndoMember(ctx context.Context, undo, member string) (Ticket, error) {
	about := request{step: StepUndo, undoes: undo, action: Action{Target: member}}
	return g.member(ctx, about, memberTicket(undo, member, 0), func(ctx context.Context, q *inquiry) (considered, error) {
		return q.undoOf(ctx, undo, member)
	})
}

// undoOf decides about taking back one member.
func (q *inquiry) undoOf(ctx context.Context, id, member string) (considered, error) {
	var c considered
	var err error
	if c.mandate, err = q.ticket(ctx, id); err != nil {
		return c, err
	}
	t, err := q.ticket(ctx, member)
	if err != nil {
		return c, err
	}
	if c.mandate.Batch == nil || c.mandate.Undoes == "" || t.Mandate != c.mandate.Undoes {
		return c, &Refusal{Code: CodeMembers, Ticket: id, Text: fmt.Sprintf("Ticket %s is not of a member of the batch that %s takes back.", member, id)}
	}
	f := &findings{}
	if err := q.attempt(ctx, &c, f, member, t.Subject.ID, StatusRefused, StatusFailed); err != nil || c.exists {
		return c, err
	}
	epoch, err := q.head(ctx, c.mandate.Subject.ID)
	if err != nil {
		return c, err
	}
	if c.mandate, err = q.ticket(ctx, id); err != nil {
		return c, err
	}
	if err := c.mandate.inForce(q.now); err != nil {
		return c, err
	}
	f.epoch = HeadIs{c.mandate.Subject.ID, epoch.Fence}
	if err := q.locateMember(ctx, f, t); err != nil {
		return c, err
	}
	if err := q.behind(ctx, &c, f); err != nil || c.halts != nil {
		return c, err
	}
	c.f = f
	f.action = c.mandate.Action
	if err := q.takeBack(ctx, &request{step: StepUndo, undoes: member}, f); err != nil {
		return c, err
	}
	f.mandate, f.action.Tier = id, ""
	c.ticket = f.memberOf(c.mandate, StepUndo, q.now)
	c.ticket.Deadline = time.Time{}
	c.ticket.Digest = c.ticket.digest()
	f.due = time.Time{}
	if c.bars != nil {
		return c, nil
	}
	if busy := f.head.Busy; busy != "" && busy != member {
		return c, busyRefusal(busy, f.subject.ID)
	}
	return c, q.roomForMember(ctx, StepUndo, f)
}

// locateMember looks at the target of a member's ticket.
func (q *inquiry) locateMember(ctx context.Context, f *findings, t Ticket) (err error) {
	if f.head, err = q.head(ctx, t.Subject.ID); err != nil {
		return err
	}
	f.target, f.subject, err = q.target(ctx, t.Subject.ID, f.head)
	return err
}

// StandingMembers returns the IDs of the tickets of members that the undo of a
// batch has not taken back yet, sorted.
func (g *Guard) StandingMembers(ctx context.Context, undo string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		ids, err := g.standingMembers(ctx, undo)
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}

func (g *Guard) standingMembers(ctx context.Context, undo string) ([]string, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.exit()
	if err := checkName("the undo", undo, true); err != nil {
		return nil, err
	}
	now, _ := g.clock.now()
	q := g.inquiry(StepUndo, now)
	return inquire(ctx, q, func(ctx context.Context) ([]string, error) {
		t, err := q.ticket(ctx, undo)
		if err != nil {
			return nil, err
		}
		if t.Batch == nil || t.Undoes == "" {
			return nil, &Refusal{Code: CodeMembers, Ticket: undo, Text: fmt.Sprintf("Ticket %s is not the undo of a batch.", undo)}
		}
		var ids []string
		for t, err := range q.g.store.Tickets(ctx, Query{Mandate: t.Undoes, Status: undoableStatus}) {
			if err != nil {
				return nil, unavailable(CodeStore, err)
			}
			ids = append(ids, t.ID)
		}
		slices.SortFunc(ids, cmp.Compare[string])
		return ids, nil
	})
}
