package moderation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Resolve settles a ticket whose outcome is unknown, by someone who found out
// what is true: not the requester, and not before the handler's deadline and
// Config.ResolveGrace are over. It runs nothing. It returns nil if and only if
// the ticket is settled.
func (g *Guard) Resolve(ctx context.Context, r Resolution) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	about := request{step: StepResolve, undoes: r.Ticket, action: Action{Actor: r.Actor, Reason: r.Reason}}
	if err := r.validate(); err != nil {
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	t, err := g.load(ctx, r.Ticket)
	if err != nil {
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	q := g.inquiry(StepResolve, now)
	f, err := inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		return q.resolvable(ctx, t, r)
	})
	if err != nil {
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	status := StatusExecuted
	if r.Found == ProbeNotApplied {
		status = StatusFailed
	}
	t, err = g.resolve(ctx, t, f, f.reviewer, event{kind: audit.EventResolved, at: now, status: status, token: r.UndoToken, note: r.Reason})
	if err != nil {
		return Ticket{}, g.refuse(ctx, about, now, err)
	}
	return t.Clone(), nil
}

func (r Resolution) validate() error {
	if err := checkName("Resolution.Ticket", r.Ticket, true); err != nil {
		return err
	}
	if err := checkName("Resolution.Actor", r.Actor, true); err != nil {
		return err
	}
	if r.Found != ProbeApplied && r.Found != ProbeNotApplied {
		return invalid("Resolution.Found", fmt.Sprintf("is %q; %q or %q is needed", r.Found, ProbeApplied, ProbeNotApplied))
	}
	if !r.UndoToken.valid() {
		return invalid("Resolution.UndoToken", fmt.Sprintf("has %d bytes; at most %d bytes of valid UTF-8 are allowed", len(r.UndoToken), MaxUndoToken))
	}
	return checkReason("Resolution.Reason", r.Reason)
}

// resolvable decides whether someone may settle a ticket now.
func (q *inquiry) resolvable(ctx context.Context, t Ticket, r Resolution) (*findings, error) {
	if t.Status != StatusUnknown {
		return &findings{}, notOpen(t)
	}
	opens := t.GiveUp.Add(q.g.config.ResolveGrace)
	if wait := opens.Sub(q.now); wait > 0 || q.g.atWork(t.ID) {
		return &findings{}, &Refusal{Code: CodeTooEarly, Ticket: t.ID, RetryAfter: max(wait, time.Second), Text: "The handler may still be running; look again later."}
	}
	f, actor, err := q.bystander(ctx, t, r.Actor)
	if err != nil {
		return f, err
	}
	if busy := f.head.Busy; busy != "" && busy != t.ID { // its undo is at work
		return f, busyRefusal(busy, t.Subject.ID)
	}
	if err := q.another(ctx, t, actor); err != nil {
		return f, err
	}
	question := q.question(StepResolve, f)
	question.Actor = actor
	if f.decision, err = q.decide(ctx, question); err != nil || t.Undoes == "" {
		return f, err
	}
	undoes, err := q.ticket(ctx, t.Undoes)
	if err != nil {
		return f, err
	}
	f.undoes = &undoes
	return f, nil
}

// another wants a person who is not behind the ticket's requester, by any login
// then or now.
func (q *inquiry) another(ctx context.Context, t Ticket, actor Actor) error {
	requester, err := q.actor(ctx, t.Requester.Login)
	own := []string{t.Requester.Person, requester.Person}
	own = append(own, requester.Owners...)
	if err != nil && !hasCode(err, CodeUnknownActor) { // who is not known any more has no further persons
		return err
	}
	if actor.Type != Human || slices.Contains(append(own, t.Requester.Owners...), actor.Person) {
		return &Refusal{Code: CodeOwnRequest, Ticket: t.ID, Text: "Someone other than who asked for it must find out what is true, and a person."}
	}
	return nil
}

// resolve makes a settlement durable.
func (g *Guard) resolve(ctx context.Context, t Ticket, f *findings, by *Actor, e event) (Ticket, error) {
	c, err := g.settle(t, f, e)
	if err != nil {
		return t, notOpen(t)
	}
	c.Heads = []HeadIs{{t.Subject.ID, f.head.Fence}} // no undo has begun meanwhile
	if by != nil {
		c.Record.Actor = auditActor(*by)
		c.Record.Reason = e.note
	}
	if err := g.commit(ctx, c); err != nil {
		return t, unrecorded(err)
	}
	g.recountBatch(ctx, c.Tickets)
	g.nudge()
	return c.Tickets[0], nil
}
