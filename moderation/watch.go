package moderation

import (
	"context"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

const (
	// maxObservations is how many observations wait for an observer.
	maxObservations = 1024
	// figuresEvery is how often Run tells figures.
	figuresEvery = time.Minute
	// observerGrace is how long Close waits for an observer.
	observerGrace = time.Second
)

// watch tells an observer what happens. Whoever tells it something never waits:
// a goroutine, which lives as long as there is something to tell, does.
type watch struct {
	observer Observer // nil for nobody

	mu      sync.Mutex
	queue   []Observation
	telling bool
	idle    chan struct{} // closed when all was told; made by who waits for it
	dropped uint64
	figured time.Time // when figures were asked for last
}

// tell leaves an observation to be told.
func (w *watch) tell(o Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) >= maxObservations {
		w.dropped++
		return
	}
	w.queue = append(w.queue, o)
	if !w.telling {
		w.telling = true
		go w.run()
	}
}

// run tells what there is. An observer that panics, or ends the goroutine, has
// lost one observation; another goroutine tells the rest.
func (w *watch) run() {
	over := false
	defer func() {
		_ = recover()
		if !over {
			w.lose()
			go w.run()
		}
	}()
	for {
		o, ok := w.next()
		if !ok {
			over = true
			return
		}
		w.observer.Observe(o)
	}
}

func (w *watch) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped++
}

// next takes the next observation, or notes that all was told.
func (w *watch) next() (Observation, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue, w.telling = nil, false
		if w.idle != nil {
			close(w.idle)
			w.idle = nil
		}
		return Observation{}, false
	}
	o := w.queue[0]
	w.queue[0] = Observation{}
	w.queue = w.queue[1:]
	o.Dropped = w.dropped
	return o, true
}

// wait waits, not for long, until all was told.
func (w *watch) wait(ctx context.Context) {
	w.mu.Lock()
	if !w.telling {
		w.mu.Unlock()
		return
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	patience := time.NewTimer(observerGrace)
	defer patience.Stop()
	select {
	case <-idle:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// change tells what was recorded of tickets.
func (w *watch) change(c Change) {
	if w.observer == nil {
		return
	}
	for i := range c.Tickets {
		o := observe(ObservedStatus, c.Record.Event, &c.Tickets[i], c.Record.Time)
		if i > 0 {
			o.Event = eventUndone
		} else if c.Record.Outcome != nil {
			o.Took = c.Record.Outcome.Duration
		}
		w.tell(o)
		if o.Alarm = alarmOf(&c.Tickets[i], o.Event); o.Alarm != "" {
			o.What = ObservedAlarm
			w.tell(o)
		}
	}
}

// alarmOf is what somebody should look at after an event of a ticket.
func alarmOf(t *Ticket, e audit.Event) Alarm {
	switch {
	case e == audit.EventEscalated:
		return AlarmEscalated
	case e == audit.EventOutcome && t.Status == StatusUnknown:
		return AlarmUnknown
	case e == audit.EventOutcome && t.Code == CodeTargetChanged:
		return AlarmTargetChanged
	case t.Step == StepBypass && e == audit.EventIntent && t.Revision == 1:
		return AlarmBypass
	case t.Step == StepBypass && (e == audit.EventRejected || e == audit.EventOutcome && t.Code == CodeUnratified):
		return AlarmUnratified
	}
	return ""
}

// alarm tells of something that no record of its own tells of.
func (w *watch) alarm(a Alarm, e audit.Event, t *Ticket, now time.Time, text string) {
	if w.observer == nil {
		return
	}
	o := observe(ObservedAlarm, e, t, now)
	o.Alarm, o.Text = a, text
	w.tell(o)
}

// refusal tells what was refused without a ticket.
func (w *watch) refusal(r request, why *Refusal, now time.Time) {
	if w.observer == nil {
		return
	}
	w.tell(Observation{What: ObservedRefusal, Time: now, Event: audit.EventRefused, Status: StatusRefused, Step: r.step,
		Ticket: r.undoes, Kind: r.action.Kind, Target: r.action.Target, Actor: r.action.Actor, Code: why.Code, Text: why.Text})
}

func observe(what Observed, e audit.Event, t *Ticket, now time.Time) Observation {
	return Observation{
		What: what, Time: now, Event: e, Ticket: t.ID, Revision: t.Revision, Status: t.Status, Step: t.Step,
		Kind: t.Action.Kind, Target: t.Subject.ID, Tier: t.Subject.Tier, Actor: t.Action.Actor, Code: t.Code, Text: t.Note,
		Waited: max(0, now.Sub(t.Requested)),
	}
}

// lacksFigures reports whether none were told for a while.
func (w *watch) lacksFigures(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.figured.IsZero() || now.Sub(w.figured) >= figuresEvery
}

// asksFigures notes that figures are asked for, whatever comes of it.
func (w *watch) asksFigures(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.figured = now
}
