package moderation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Guard executes actions safely. Make one with [New]; the zero and the nil
// Guard refuse everything. All methods may be called by many goroutines at
// once.
type Guard struct {
	config  Config
	kinds   map[string]Kind
	store   Store
	gate    audit.Sink // must accept each intent besides a Store; or nil
	clock   clock
	flights flights
	refused tally // refusals, by actor
	asked   tally // calls of Explain, by actor
	owed    owed  // outcomes that the store has not taken yet
	waits   waits // holds as the steady clock sees them
	wake    chan struct{}
	memory  *MemoryStore  // the store, where New has made it
	verbs   verbs         // under way, for Close
	closing chan struct{} // held by who puts everything away
	watch   watch         // tells Config.Observer
	batches batches       // that this process has looked at
	blanks  sync.Pool     // of *findings, to be used again
}

// Do executes an action, or says why not. It returns nil if and only if the
// handler ran, its outcome is recorded, and the action stands as it was asked
// for: also for a repeated call with the same key, which runs nothing again.
//
// A [*PendingError] says what the action waits for: call Advance or Do again
// when that has come, or leave it to Run. A [*Refusal] says why the handler
// was not called. A [*StateError] says that the ticket is unknown, or came to
// another end. From the moment of the recorded intent on, the end of ctx is
// ignored.
func (g *Guard) Do(ctx context.Context, a Action) (Ticket, error) {
	return g.ask(ctx, request{step: StepRequest, action: a})
}

// ask is the order of events for every verb that asks for something to be
// done; execute, in execute.go, is the order of what then happens.
func (g *Guard) ask(ctx context.Context, r request) (Ticket, error) {
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	r.action.Parameters = maps.Clone(r.action.Parameters)
	if err := g.validate(&r); err != nil {
		return Ticket{}, g.refuse(ctx, r, now, err)
	}
	// Calls with one key go one after the other.
	one := flight{requester: r.action.Actor, key: r.action.Key}
	if err := g.flights.wait(ctx, one); err != nil {
		return Ticket{}, g.refuse(ctx, r, now, gaveUp(err))
	}
	defer g.flights.land(one)
	r.id = rand.Text()
	const tries = 3
	for try := 1; ; try++ {
		t, err := g.askOnce(ctx, &r)
		switch {
		case err == nil || t.Revision > 0:
			return g.answer(t, err)
		case try == tries || !errors.Is(err, ErrConflict):
			// The place that it may have under an "open" limit is free again.
			g.giveFree(ctx, Charge{At: ChargeRequest, Step: r.step, Ticket: r.id, Actor: r.action.Actor, Kind: r.action.Kind, Count: 1, Time: now})
			return Ticket{}, g.refuse(ctx, r, now, err)
		}
		// Somebody was faster; look again, to say who.
	}
}

// askOnce decides a request and takes it as far as it may go at once. A ticket
// of revision zero was not recorded.
func (g *Guard) askOnce(caller context.Context, r *request) (Ticket, error) {
	ctx := newSpan(caller)
	defer ctx.close()
	now, raw := g.clock.now()
	q := g.inquiry(r.step, now)
	f, err := inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		return q.consider(ctx, r, false)
	})
	if err != nil {
		return Ticket{}, err // r is not touched again: somebody late may be reading it
	}
	r.asked = f.asking
	switch {
	case f.repeated != nil && f.repeated.Status.Waiting():
		return g.advance(ctx, f.repeated.ID)
	case f.repeated != nil:
		return *f.repeated, nil
	}
	t, err := g.admit(ctx, *r, f, now, raw)
	if err != nil || t.Status != "" {
		return t, err
	}
	g.flights.try(flight{ticket: t.ID}) // nobody else knows the new ticket yet
	defer g.waits.end(t.ID)
	t, err = g.execute(ctx, t, f) // it waits for nothing
	g.wipe(f)
	return t, err
}

// admit makes a ticket of a request. What must wait is recorded now; what need
// not is recorded with its intent.
func (g *Guard) admit(ctx context.Context, r request, f *findings, now, raw time.Time) (Ticket, error) {
	t := r.ticket(f, now)
	if !f.waits() {
		t.Deadline = f.deadline(now, false)
		return t, nil
	}
	t, err := transition(t, event{
		kind: audit.EventRequested, at: now, open: openSlots(t.slots(), nil),
		hold: f.decision.Requirement.Hold, deadline: f.deadline(now, true),
	})
	if err != nil {
		return Ticket{}, err
	}
	if err := g.payOwed(ctx); err != nil {
		return Ticket{}, unrecorded(err)
	}
	a := &attempt{change: g.change(f, now, audit.EventRequested, nil, t)}
	if err := g.try(ctx, a); err != nil {
		if inDoubt(err) { // what the caller is told was refused must not be done later
			g.oweRefusal(t, f, now, unrecorded(err), a)
		}
		return Ticket{}, unrecorded(err)
	}
	g.waits.follow(Ticket{}, t, raw)
	g.nudge()
	return t, nil
}

// answer turns a ticket's status into what the caller is told.
func (g *Guard) answer(t Ticket, err error) (Ticket, error) {
	t = t.Clone()
	if err != nil {
		return t, err
	}
	switch t.Status {
	case StatusExecuted:
		return t, nil
	case StatusPending, StatusHeld, StatusExecuting:
		return t, &PendingError{Ticket: t.ID, Status: t.Status, Missing: t.Open, After: t.After, Due: t.Due, Deadline: t.Deadline}
	case StatusRefused:
		return t, &Refusal{Code: t.Code, Text: t.Note, Ticket: t.ID}
	}
	text := t.Note
	if t.Status == StatusUnknown || t.Status == StatusFailed {
		text = t.cameTo()
	}
	return t, &StateError{Ticket: t.ID, Status: t.Status, Text: text, Code: t.Code}
}

// ready refuses a guard that was not made by New, and a caller who is gone.
func (g *Guard) ready(ctx context.Context) error {
	if g == nil || g.store == nil {
		return &Refusal{Code: CodeZeroGuard, Text: "The guard was not set up: it must be made with moderation.New."}
	}
	if ctx == nil {
		return invalid("ctx", "is nil")
	}
	return nil
}

// refuse records a refusal that created no ticket, and returns it. A repeated
// refusal beyond the bound is only counted.
func (g *Guard) refuse(ctx context.Context, r request, now time.Time, err error) error {
	refusal := asRefusal(err)
	who := r.action.Actor
	if refusal.Code == CodeUnknownActor || refusal.Code == CodeInvalid {
		who = "" // names that anybody can make up are counted together
	}
	g.watch.refusal(r, refusal, now)
	count := g.refused.add(who, now, g.config.Questions)
	g.summarize(ctx, now, now)
	if count > g.config.Questions {
		return refusal
	}
	record := refusalRecord(r, refusal, now)
	if err := g.commit(ctx, Change{Record: record}); err != nil && refusal.Code != CodeTrail && refusal.Code != CodeNoRoom {
		refusal.Err = errors.Join(refusal.Err, ErrUnrecorded, err)
	}
	return refusal
}

// summarize records how many refusals were only counted in windows that are over
// by a moment. A count that can't be written is kept for the next time.
func (g *Guard) summarize(ctx context.Context, now, by time.Time) {
	for actor, n := range g.refused.over(by, g.config.Questions) {
		if err := g.commit(ctx, Change{Record: summaryRecord(actor, n, now)}); err != nil {
			g.refused.putBack(actor, n)
		}
	}
}

// asRefusal makes sure that what is returned for a request that was not
// admitted is a refusal.
func asRefusal(err error) *Refusal {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return unavailable(CodeStore, err)
}

// unrecorded is the refusal where the trail or the store did not take a record.
func unrecorded(err error) *Refusal {
	if errors.Is(err, ErrConflict) {
		return &Refusal{Code: CodeBusy, Text: "Something else happened to the same target or ticket at the same moment. Ask again.", Err: err}
	}
	code := CodeTrail
	if errors.Is(err, audit.ErrNoRoom) {
		code = CodeNoRoom
	}
	return unavailable(code, fmt.Errorf("%w: %w", ErrUnrecorded, err))
}

// nudge tells Run that something may be due.
func (g *Guard) nudge() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// newGuard puts a guard together from a configuration that was checked.
func newGuard(c Config) *Guard {
	g := &Guard{
		config:  c,
		kinds:   make(map[string]Kind, len(c.Kinds)+1),
		clock:   clock{read: c.Now},
		flights: flights{inAir: make(map[flight]chan struct{})},
		waits:   waits{since: make(map[string]time.Time)},
		wake:    make(chan struct{}, 1),
		verbs:   verbs{closed: make(chan struct{}), over: make(chan struct{})},
		closing: make(chan struct{}, 1),
		watch:   watch{observer: c.Observer},
	}
	if c.Now == nil {
		g.clock.read = time.Now
	}
	for _, k := range c.Kinds {
		g.kinds[k.Name] = k
	}
	g.kinds[FreezeKind] = freezeKind
	return g
}
