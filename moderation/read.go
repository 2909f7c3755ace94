package moderation

import (
	"context"
	"errors"
	"iter"
)

// Ticket returns a ticket to someone who may read it (step read), or who asked
// for it.
func (g *Guard) Ticket(ctx context.Context, actor, id string) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	about := request{step: StepRead, undoes: id, action: Action{Actor: actor}}
	q := g.inquiry(StepRead, now)
	t, err := inquire(ctx, q, func(ctx context.Context) (Ticket, error) {
		a, err := q.reader(ctx, actor)
		if err != nil {
			return Ticket{}, err
		}
		t, err := q.ticket(ctx, id)
		if err != nil {
			return Ticket{}, err
		}
		return t, q.mayRead(ctx, a, t)
	})
	if err != nil {
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	return t.Clone(), nil
}

// Tickets returns those of the tickets that match which the actor may read, in
// the query's order. The sequence ends with a non-nil error where it could not
// be finished. Query.Limit counts the tickets before those that can't be read
// are left out.
func (g *Guard) Tickets(ctx context.Context, actor string, query Query) iter.Seq2[Ticket, error] {
	return func(yield func(Ticket, error) bool) {
		tickets, err := g.readable(ctx, actor, query)
		for _, t := range tickets {
			if !yield(t.Clone(), nil) {
				return
			}
		}
		if err != nil {
			yield(Ticket{}, err)
		}
	}
}

func (g *Guard) readable(ctx context.Context, actor string, query Query) ([]Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	q := g.inquiry(StepRead, now)
	tickets, err := inquire(ctx, q, func(ctx context.Context) ([]Ticket, error) {
		a, err := q.reader(ctx, actor)
		if err != nil {
			return nil, err
		}
		var tickets []Ticket
		for t, err := range g.store.Tickets(ctx, query) {
			if err != nil {
				return nil, unavailable(CodeStore, err)
			}
			err = q.mayRead(ctx, a, t)
			var refusal *Refusal
			switch {
			case err == nil:
				tickets = append(tickets, t)
			case !errors.As(err, &refusal) || refusal.passing():
				return nil, err
			}
		}
		return tickets, ctx.Err()
	})
	if err != nil {
		return nil, g.refuse(ctx, request{step: StepRead, action: Action{Actor: actor}}, now, err)
	}
	return tickets, nil
}

// reader finds who wants to read.
func (q *inquiry) reader(ctx context.Context, login string) (Actor, error) {
	if err := checkName("actor", login, true); err != nil {
		return Actor{}, err
	}
	a, err := q.actor(ctx, login)
	if err != nil {
		return Actor{}, err
	}
	return a, q.mayAct(a)
}

// mayRead decides from the ticket's own facts: a target that is gone must
// still be readable.
func (q *inquiry) mayRead(ctx context.Context, a Actor, t Ticket) error {
	if a.Login == t.Requester.Login && a.Person == t.Requester.Person {
		return nil
	}
	kind := t.Action.Kind
	if kind == FreezeKind {
		kind = anyIfEmpty(t.Action.Parameters[scopeKind])
	}
	_, err := q.decide(ctx, Question{
		Step: StepRead, Actor: a, Kind: kind, Count: 1,
		Target: Target{ID: t.Subject.ID, Tier: t.Subject.Tier, Domain: t.Subject.Domain, Reach: t.Subject.Reach},
	})
	return err
}
