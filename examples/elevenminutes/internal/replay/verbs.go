package replay

import (
	"context"
	"fmt"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// happen does what a line says. An error means that the replay can't go on;
// what the guard refuses is an answer.
func (r *run) happen(ctx context.Context, e *Entry) error {
	ev := e.Line.Event
	switch ev.Verb {
	case scenario.ExpectAccount, scenario.ExpectTicket:
		e.Account, e.Failure = r.look(ctx, e.Line)
		return ctx.Err()
	case scenario.Handler, scenario.Person, scenario.Accounts, scenario.Policy,
		scenario.Trail, scenario.Directory, scenario.Restart:
		return r.host(ctx, e)
	}
	e.Answer = r.verb(ctx, ev)
	if e.Answer.Ticket.Status == moderation.StatusUnknown {
		// The replay's minutes pass at once. Until a handler that was given up on has
		// come back, the guard does not ask about its ticket.
		r.service.Wait()
	}
	e.Ticket = ev.Name
	if e.Ticket == "" {
		e.Ticket = ev.Ticket
	}
	if t := e.Answer.Ticket; t.Subject.ID != "" {
		e.Account = r.accountOf(t)
	} else if ev.Target != "" {
		e.Account = r.accountNamed(ctx, ev.Target)
	}
	return ctx.Err()
}

// verb asks the guard.
func (r *run) verb(ctx context.Context, ev *scenario.Event) *Answer {
	id := r.ticketID(ev.Ticket, ev.IsID)
	var t moderation.Ticket
	var err error
	switch ev.Verb {
	case scenario.Do:
		t, err = r.guard.Do(ctx, action(ev))
	case scenario.Explain:
		return r.explained(r.guard.Explain(ctx, action(ev)))
	case scenario.Approve:
		t, err = r.guard.Approve(ctx, r.review(id, ev))
	case scenario.Reject:
		t, err = r.guard.Reject(ctx, r.review(id, ev))
	case scenario.Cancel:
		t, err = r.guard.Cancel(ctx, moderation.CancelRequest{Ticket: id, Actor: ev.Actor, Reason: ev.Reason})
	case scenario.Undo:
		t, err = r.guard.Undo(ctx, undo(id, ev))
	case scenario.Freeze:
		t, err = r.guard.Freeze(ctx, moderation.FreezeRequest{
			Actor: ev.Actor, Scope: ev.Scope, Duration: ev.Duration, Reason: ev.Reason, Case: ev.Case, Key: ev.Key,
		})
	case scenario.Unfreeze:
		t, err = r.guard.Unfreeze(ctx, undo(id, ev))
	case scenario.Resolve:
		t, err = r.guard.Resolve(ctx, moderation.Resolution{Ticket: id, Actor: ev.Actor, Found: ev.Found, Reason: ev.Reason})
	case scenario.Revoke:
		return r.revoked(r.guard.Revoke(ctx, moderation.Revocation{Person: ev.Person, Actor: ev.Actor, Reason: ev.Reason}))
	case scenario.Ticket:
		t, err = r.guard.Ticket(ctx, ev.Actor, id)
	case scenario.Tickets:
		return r.listed(ctx, ev)
	case scenario.Advance:
		t, err = r.guard.Advance(ctx, id)
	default:
		err = fmt.Errorf("replay: the verb %q is not wired", ev.Verb)
	}
	r.name(ev.Name, t.ID)
	return r.answer(t, err)
}

func action(ev *scenario.Event) moderation.Action {
	a := moderation.Action{
		Kind: ev.Kind, Actor: ev.Actor, Target: ev.Target, Tier: ev.Tier, Reason: ev.Reason, Case: ev.Case,
		Parameters: ev.Parameters, Duration: ev.Duration, Key: ev.Key,
	}
	if ev.Verb == scenario.Explain {
		a.Key = "explain?" // no name of a ticket, so that no key is taken
	}
	return a
}

// review sends back the digest of the ticket that the reviewer was shown.
func (r *run) review(id string, ev *scenario.Event) moderation.ReviewRequest {
	shown := id
	if ev.Shown != "" {
		shown = r.ticketID(ev.Shown, false)
	}
	digest := moderation.Digest{1} // of nothing, where there is no such ticket
	if t, ok := r.trail.ticket(shown); ok {
		digest = t.Digest
	}
	return moderation.ReviewRequest{Ticket: id, Actor: ev.Actor, Digest: digest, Reason: ev.Reason}
}

func undo(id string, ev *scenario.Event) moderation.UndoRequest {
	return moderation.UndoRequest{Ticket: id, Actor: ev.Actor, Reason: ev.Reason, Case: ev.Case, Key: ev.Key}
}

// listed reads tickets.
func (r *run) listed(ctx context.Context, ev *scenario.Event) *Answer {
	query := ev.Query
	if ev.Target != "" {
		query.Target = ev.Target
		if id, err := r.directory.MapDirectory.Resolve(ctx, ev.Target); err == nil {
			query.Target = id
		}
	}
	var tickets []moderation.Ticket
	for t, err := range r.guard.Tickets(ctx, ev.Actor, query) {
		if err != nil {
			return r.answer(moderation.Ticket{}, err)
		}
		tickets = append(tickets, t)
	}
	a := r.answer(moderation.Ticket{}, nil)
	a.Count = new(int)
	*a.Count = len(tickets)
	for _, t := range tickets {
		a.Listed = append(a.Listed, fmt.Sprintf("%s: %s of %s is %s", r.names[t.ID], t.Action.Kind, r.nameOf(t.Subject.ID), t.Status))
	}
	return a
}

// nameOf is how people call an account.
func (w *world) nameOf(id string) string {
	if a, known := w.known[id]; known {
		return a.Name()
	}
	return id
}

// host does what happens without an actor.
func (r *run) host(ctx context.Context, e *Entry) error {
	ev := e.Line.Event
	switch ev.Verb {
	case scenario.Handler:
		r.service.Behave(ev.Kind, ev.Call, ev.Behaviour, ev.Times)
	case scenario.Person:
		if ev.Removed {
			r.directory.RemoveActor(ev.Login)
			return nil
		}
		return r.directory.SetActor(*ev.NewActor)
	case scenario.Accounts:
		return r.setAccount(*ev.Account)
	case scenario.Trail:
		r.trail.broken.Store(ev.Broken)
	case scenario.Directory:
		r.directory.broken.Store(ev.Broken)
	case scenario.Policy:
		r.source.use(ev.File, r.scenario.Policies[ev.File])
		e.Answer = r.answer(moderation.Ticket{}, r.policy.Reload(ctx))
	case scenario.Restart:
		e.Answer = r.answer(moderation.Ticket{}, r.restart(ctx))
	}
	return nil
}
