package moderation

import (
	"context"
	"time"
)

// maxBacklog is how many tickets one Backlog looks at.
const maxBacklog = 100_000

// Backlog is what waits for people, or for time. The zero Backlog is empty.
type Backlog struct {
	// Waiting is how many tickets are pending or held, and Oldest when the
	// first of them was requested; zero where none waits.
	Waiting int
	Oldest  time.Time
	// ByStatus, ByTier and ByKind divide the unfinished tickets: those that
	// wait, are executing or are unknown.
	ByStatus map[Status]int
	ByTier   map[string]int
	ByKind   map[string]int
	// Escalated is how many of the waiting have used up three quarters of
	// their time.
	Escalated int
	// Unknown is how many outcomes somebody must find out, and OldestUnknown
	// when the first of these calls began; zero where there is none.
	Unknown       int
	OldestUnknown time.Time
	// Unratified is how many bypasses others have not answered for, undone
	// ones included, and NextDeadline the first moment at which one that
	// stands is undone; zero where none stands.
	Unratified   int
	NextDeadline time.Time
	// Truncated tells that there are more than the 100,000 tickets of which
	// this tells, the oldest first.
	Truncated bool
}

// Backlog tells how much waits, and for how long, to someone who may read
// everything: the step read is asked for every kind, tier and domain at once. It
// looks at unfinished tickets only, and at no more than 100,000 of them; with a
// Store of the host's own that is as quick as its query by status.
func (g *Guard) Backlog(ctx context.Context, actor string) (Backlog, error) {
	if err := g.enter(ctx); err != nil {
		return Backlog{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	q := g.inquiry(StepRead, now)
	b, err := inquire(ctx, q, func(ctx context.Context) (Backlog, error) {
		a, err := q.reader(ctx, actor)
		if err != nil {
			return Backlog{}, err
		}
		if _, err := q.decide(ctx, Question{Step: StepRead, Actor: a, Kind: Any, Count: 1, Target: Target{ID: Any, Tier: Any, Domain: Any}}); err != nil {
			return Backlog{}, err
		}
		return q.backlog(ctx)
	})
	if err != nil {
		return Backlog{}, g.refuse(ctx, request{step: StepRead, action: Action{Actor: actor}}, now, err)
	}
	return b, nil
}

// ReportBacklog tells Config.Observer how much waits, as [ObservedFigures].
// Run does so by itself; a host whose scheduler calls Advance calls this about
// once a minute, in one replica at a time. It has no actor, and tells nobody
// else: without an Observer it reads nothing. It reads what Backlog reads.
//
// Refusals that were only counted, since there were too many of one actor, are
// recorded as sums by it, as they are by Advance.
//
// ReportBacklog returns nil if and only if the figures were handed on, or there
// is nobody to tell; otherwise the [*Refusal] that says what could not be read.
func (g *Guard) ReportBacklog(ctx context.Context) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	defer g.exit()
	now, _ := g.clock.now()
	g.summarize(ctx, now, now)
	return g.reportBacklog(ctx, now)
}

func (g *Guard) reportBacklog(ctx context.Context, now time.Time) error {
	if g.watch.observer == nil {
		return nil
	}
	g.watch.asksFigures(now)
	q := g.inquiry(StepRead, now)
	b, err := inquire(ctx, q, q.backlog)
	if err != nil {
		return asRefusal(err)
	}
	g.watch.tell(Observation{What: ObservedFigures, Time: now, Backlog: b})
	return nil
}

// backlog counts what is unfinished and what is owed.
func (q *inquiry) backlog(ctx context.Context) (Backlog, error) {
	b := Backlog{ByStatus: make(map[Status]int), ByTier: make(map[string]int), ByKind: make(map[string]int)}
	if err := q.ask(ctx, &askedStore); err != nil {
		return b, err
	}
	unfinished := Query{Status: []Status{StatusPending, StatusHeld, StatusExecuting, StatusUnknown}, Limit: maxBacklog + 1}
	for _, part := range []struct {
		query Query
		add   func(*Backlog, *Ticket)
	}{{unfinished, (*Backlog).add}, {Query{Owed: true, Limit: maxBacklog + 1}, (*Backlog).addOwed}} {
		n := 0
		for t, err := range q.g.store.Tickets(ctx, part.query) {
			if err != nil {
				return b, unavailable(CodeStore, err)
			}
			if n++; n > maxBacklog {
				b.Truncated = true
				break
			}
			part.add(&b, &t)
		}
	}
	return b, ctx.Err()
}

// add counts an unfinished ticket.
func (b *Backlog) add(t *Ticket) {
	b.ByStatus[t.Status]++
	b.ByTier[t.Subject.Tier]++
	b.ByKind[t.Action.Kind]++
	switch {
	case t.Status.Waiting():
		b.Waiting++
		b.Oldest = earlier(b.Oldest, t.Requested)
		if !t.Escalated.IsZero() {
			b.Escalated++
		}
	case t.Status == StatusUnknown:
		b.Unknown++
		b.OldestUnknown = earlier(b.OldestUnknown, t.Started)
	}
}

// addOwed counts a bypass that others have not answered for.
func (b *Backlog) addOwed(t *Ticket) {
	if !t.owing() {
		return
	}
	b.Unratified++
	if !t.Status.Final() {
		b.NextDeadline = earlier(b.NextDeadline, t.Deadline)
	}
}

// earlier returns the earlier of two moments, of which the first may be none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
