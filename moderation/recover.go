package moderation

import (
	"context"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// open readies the store. A memory store is rebuilt from the trail, with the
// use of limits; what was executing when the process ended is unknown now.
func (g *Guard) open(ctx context.Context) error {
	if g.config.Store != nil {
		g.store, g.gate = g.config.Store, g.config.Audit
		return nil
	}
	store, err := openMemoryStore(ctx, g.config.Audit, func(u use, t *Ticket) error { return g.restore(ctx, u, t) })
	if err != nil {
		return err
	}
	g.store, g.memory = store, store
	if !store.last.IsZero() {
		g.clock.atLeast(store.last)
	}
	if store.unsaved > longReplay { // before anything is appended
		_ = g.saveSnapshot(ctx) // the records are the truth; Close says what is wrong
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return g.recoverAll(ctx)
}

// longReplay is after how many replayed records New saves a snapshot, so that
// a process that crashes again and again does not read them all each time.
const longReplay = 10_000

// restore tells a limiter that forgets what was used.
func (g *Guard) restore(ctx context.Context, u use, t *Ticket) error {
	restorer, ok := g.config.Limiter.(Restorer)
	if !ok {
		return nil
	}
	tell := restorer.Restore
	if u.what == useOver {
		releaser, ok := g.config.Limiter.(Releaser)
		if !ok {
			return nil
		}
		tell = releaser.Release
	}
	for _, c := range u.charges(t) {
		if err := tell(ctx, c); err != nil {
			return fmt.Errorf("moderation: restoring the use of limits by ticket %s: %w", t.ID, err)
		}
	}
	return nil
}

// recoverAll marks what a crash left executing. The store is this process's
// alone, so nobody else can be at it.
func (g *Guard) recoverAll(ctx context.Context) error {
	now, _ := g.clock.now()
	var left []Ticket
	for t, err := range g.store.Tickets(ctx, Query{Status: []Status{StatusExecuting}}) {
		if err != nil {
			return err
		}
		left = append(left, t)
	}
	for _, t := range left {
		if _, err := g.recover(ctx, t, now); err != nil {
			return err
		}
	}
	return nil
}

// recover makes a ticket unknown that somebody left executing. Its handler may
// have run, in part or whole; it is asked about, never guessed.
func (g *Guard) recover(ctx context.Context, t Ticket, now time.Time) (Ticket, error) {
	if g.atWork(t.ID) {
		return t, nil
	}
	t, err := g.record(ctx, t, &findings{}, event{
		kind: audit.EventOutcome, at: now, status: StatusUnknown, due: g.probeAt(t),
		note: "The process that executed it did not report what came of it.",
	})
	if err == nil {
		g.recountBatch(ctx, []Ticket{t})
	}
	return t, err
}

// probeAt is when an unknown outcome may be asked about; zero where the kind
// can't be asked.
func (g *Guard) probeAt(t Ticket) time.Time {
	if g.kinds[t.Action.Kind].Probe == nil {
		return time.Time{}
	}
	return t.GiveUp.Add(g.config.ResolveGrace)
}

// probeUnknown asks the host about an unknown ticket, where the kind can be
// asked. A handler of this process that is still running makes every answer
// premature.
func (g *Guard) probeUnknown(ctx context.Context, t Ticket, now time.Time) (Ticket, error) {
	kind, ok := g.kinds[t.Action.Kind]
	if !ok || kind.Probe == nil || g.atWork(t.ID) {
		return t, nil
	}
	f, err := g.about(ctx, t, kind, now)
	if err != nil {
		return t, err
	}
	if f.head.Busy != t.ID { // its undo is at work, which settles it
		return t, nil
	}
	status, token := g.probe(ctx, t, kind, t.permit(f))
	if status == StatusUnknown {
		return t, nil
	}
	return g.resolve(ctx, t, f, nil, event{kind: audit.EventResolved, at: now, status: status, token: token, note: "The service was asked what is true."})
}

// about gathers what a permit for a ticket says, without deciding anything.
func (g *Guard) about(ctx context.Context, t Ticket, kind Kind, now time.Time) (*findings, error) {
	q := g.inquiry(t.Step, now)
	return inquire(ctx, q, func(ctx context.Context) (*findings, error) {
		f := &findings{kind: kind, action: t.Action, subject: t.Subject, call: t.Call, id: t.ID}
		var err error
		if f.head, err = q.head(ctx, t.Subject.ID); err != nil || t.Undoes == "" {
			return f, err
		}
		undoes, err := q.ticket(ctx, t.Undoes)
		if err != nil {
			return f, err
		}
		f.undoes = &undoes
		return f, nil
	})
}
