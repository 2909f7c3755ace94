package moderation

import (
	"context"
	"errors"
	"time"
)

// due returns the tickets that are to be looked at by a moment.
func (g *Guard) due(ctx context.Context, now time.Time) ([]Ticket, error) {
	return bounded(ctx, g.config.DecideTimeout, func(ctx context.Context) ([]Ticket, error) {
		var due []Ticket
		for t, err := range g.store.Tickets(ctx, Query{DueBy: now}) {
			if err != nil {
				return nil, err
			}
			due = append(due, t)
		}
		return due, nil
	})
}

// dueBy reports whether a ticket is to be looked at by a moment.
func (t *Ticket) dueBy(now time.Time) bool { return !t.Due.IsZero() && !now.Before(t.Due) }

// advanceDue advances a ticket, of which no more than its ID need be known, for
// a scheduler, and records what kept it from moving.
func (g *Guard) advanceDue(ctx context.Context, known Ticket) (Ticket, error) {
	before, err := g.settled(ctx, known.ID)
	if err != nil {
		g.noteFailure(ctx, known, err)
		return Ticket{}, err
	}
	after, err := g.move(ctx, before)
	if now, _ := g.clock.now(); after.Revision == before.Revision && before.dueBy(now) {
		g.noteFailure(ctx, before, err)
	}
	return after, err
}

// noteFailure records what kept a due ticket from advancing, where it is not
// on the ticket itself. The bound on refusals keeps it from filling the trail.
func (g *Guard) noteFailure(ctx context.Context, t Ticket, err error) {
	var refusal *Refusal
	if !errors.As(err, &refusal) || !refusal.passing() {
		return
	}
	now, _ := g.clock.now()
	g.refuse(ctx, request{step: t.Step, undoes: t.ID, action: Action{Actor: t.Action.Actor, Kind: t.Action.Kind, Target: t.Subject.ID}}, now, refusal)
}
