package moderation_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// obNotes keeps what it is told; before, where set, comes first.
type obNotes struct {
	before func(moderation.Observation)
	mu     sync.Mutex
	notes  []moderation.Observation
}

func (n *obNotes) Observe(o moderation.Observation) {
	if n.before != nil {
		n.before(o)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, o)
}

// after closes the guard, so that all was told, and returns it.
func (n *obNotes) after(h *vbHost) []moderation.Observation {
	h.t.Helper()
	if err := h.guard.Close(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.notes)
}

func obOpen(t *testing.T, change ...func(*vbHost)) (*vbHost, *obNotes) {
	t.Helper()
	n := &obNotes{}
	return vbOpen(t, append(change, func(h *vbHost) { h.config.Observer = n })...), n
}

func alarms(notes []moderation.Observation) []moderation.Alarm {
	var all []moderation.Alarm
	for _, o := range notes {
		if o.What == moderation.ObservedAlarm {
			all = append(all, o.Alarm)
		}
	}
	return all
}

func TestObserverIsToldWhatBecomesOfATicket(t *testing.T) {
	t.Parallel()
	h, n := obOpen(t)
	of := h.does(suspend("mod", "@one", ""))
	undo := h.undoes(of, "mod2")
	_, err := h.tryUndo(of, "mod3")
	wantCode(t, err, moderation.CodeNotUndoable)
	type told struct {
		What   moderation.Observed
		Event  audit.Event
		Ticket string
		Status moderation.Status
		Actor  string
		Code   moderation.Code
	}
	var got []told
	for _, o := range n.after(h) {
		got = append(got, told{o.What, o.Event, o.Ticket, o.Status, o.Actor, o.Code})
	}
	status := moderation.ObservedStatus
	want := []told{
		{status, audit.EventIntent, of.ID, moderation.StatusExecuting, "mod", ""},
		{status, audit.EventOutcome, of.ID, moderation.StatusExecuted, "mod", ""},
		{status, audit.EventIntent, undo.ID, moderation.StatusExecuting, "mod2", ""},
		{status, audit.EventOutcome, undo.ID, moderation.StatusExecuted, "mod2", ""},
		{status, "undone", of.ID, moderation.StatusUndone, "mod", ""},
		{moderation.ObservedRefusal, audit.EventRefused, of.ID, moderation.StatusRefused, "mod3", moderation.CodeNotUndoable},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
}

func TestObserverIsAlarmedWhere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(*vbHost)
		want []moderation.Alarm
	}{
		{"nothing is wrong", func(h *vbHost) { h.does(suspend("mod", "@one", "")) }, nil},
		{"an outcome is unknown", func(h *vbHost) { h.breaks(suspend("mod", "@one", "")) }, []moderation.Alarm{moderation.AlarmUnknown}},
		{"a wait is long", func(h *vbHost) {
			of := h.asks("mod", "@vip")
			h.clock.pass(18 * time.Hour)
			h.advances(of, moderation.StatusPending)
		}, []moderation.Alarm{moderation.AlarmEscalated}},
		{"a bypass is not ratified", func(h *vbHost) {
			b := h.bypasses("lead", "@one")
			h.clock.pass(18 * time.Hour)
			h.advances(b, moderation.StatusExecuted)
			h.undoneByItself(b)
		}, []moderation.Alarm{moderation.AlarmBypass, moderation.AlarmEscalated, moderation.AlarmUnratified}},
		{"a bypass is rejected", func(h *vbHost) {
			if _, err := h.guard.Reject(h.t.Context(), h.review(h.bypasses("lead", "@one"), "lead2")); err != nil {
				h.t.Fatal(err)
			}
		}, []moderation.Alarm{moderation.AlarmBypass, moderation.AlarmUnratified}},
		{"a service has seen a higher fence", func(h *vbHost) {
			h.handler.OnApply.Inject(moderationtest.Fail(moderation.ErrFenceRefused))
			h.guard.Do(h.t.Context(), suspend("mod", "@one", "k"))
		}, []moderation.Alarm{moderation.AlarmFence}},
		{"a target has changed", func(h *vbHost) {
			h.handler.OnUndo.Inject(moderationtest.Fail(moderation.ErrTargetChanged))
			h.tryUndo(h.does(suspend("mod", "@one", "")), "mod2")
		}, []moderation.Alarm{moderation.AlarmTargetChanged}},
		{"an outcome can't be recorded yet", func(h *vbHost) {
			store := h.config.Store.(*vbStore)
			store.before = func(c moderation.Change) error {
				if c.Record.Event == audit.EventOutcome {
					store.before = nil
					return errors.New("disk")
				}
				return nil
			}
			h.guard.Do(h.t.Context(), suspend("mod", "@one", "k"))
		}, []moderation.Alarm{moderation.AlarmUnpaid}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h, n := obOpen(t, func(h *vbHost) { vbOver(t, h); h.config.Kinds[0].Probe = nil })
			tc.do(h)
			if d := cmp.Diff(tc.want, alarms(n.after(h))); d != "" {
				t.Errorf("alarms (-want +got):\n%s", d)
			}
		})
	}
}

func TestObserverThatHangsCostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h, n := obOpen(t, func(h *vbHost) { h.config.Now = nil })
		n.before = func(moderation.Observation) { <-release }
		start := time.Now()
		h.does(suspend("mod", "@one", ""))
		for range 2000 { // more than wait for it
			_, err := h.tryUndo(moderation.Ticket{ID: "made-up"}, "stranger")
			wantCode(t, err, moderation.CodeNoTicket)
		}
		h.does(suspend("mod", "@two", ""))
		if took := time.Since(start); took != 0 {
			t.Errorf("the guard waited %v", took)
		}
		if err := h.guard.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close waited %v, want a second", took)
		}
		close(release)
		synctest.Wait()
		notes := n.after(h)
		if last := notes[len(notes)-1]; len(notes) != 1025 || last.Dropped != 2004-1025 {
			t.Errorf("told %d, and that %d were dropped", len(notes), last.Dropped)
		}
	})
}

func TestObserverThatBreaksLosesOneObservation(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"a panic": func() { panic("observer") }, "the end of its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, n := obOpen(t)
			n.before = func(o moderation.Observation) {
				if o.Event == audit.EventIntent {
					end()
				}
			}
			h.does(suspend("mod", "@one", ""))
			h.does(suspend("mod", "@two", ""))
			notes := n.after(h)
			if len(notes) != 2 || notes[0].Event != audit.EventOutcome || notes[1].Dropped != 2 {
				t.Errorf("told %+v", notes)
			}
		})
	}
}

func TestObserverMayCallTheGuard(t *testing.T) {
	t.Parallel()
	h, n := obOpen(t)
	asked := make(chan struct{})
	var backlog moderation.Backlog
	var err error
	n.before = func(o moderation.Observation) {
		if o.Event == audit.EventRequested {
			backlog, err = h.guard.Backlog(context.Background(), "lead")
			close(asked)
		}
	}
	h.asks("mod", "@vip")
	<-asked
	if n.after(h); err != nil || backlog.Waiting != 1 {
		t.Errorf("backlog %+v, %v", backlog, err)
	}
}

// TestObserverIsToldWhatOthersTell hands on what another part of the service tells,
// in its turn.
func TestObserverIsToldWhatOthersTell(t *testing.T) {
	t.Parallel()
	h, n := obOpen(t)
	var tells moderation.Observer = h.guard
	h.does(suspend("mod", "@one", ""))
	other := moderation.Observation{What: moderation.ObservedAlarm, Alarm: moderation.AlarmPolicyQuarantined, Text: "an edit", Dropped: 7}
	tells.Observe(other)
	other.Time = time.Unix(0, 0)
	tells.Observe(other)
	h.does(suspend("mod", "@two", ""))
	notes := n.after(h)
	tells.Observe(other) // closed
	if len(notes) != 6 {
		t.Fatalf("told %+v", notes)
	}
	other.Dropped = 0
	if d := cmp.Diff(other, notes[3]); d != "" {
		t.Errorf("with a time (-want +got):\n%s", d)
	}
	other.Time = h.clock.read()
	if d := cmp.Diff(other, notes[2]); d != "" {
		t.Errorf("without a time (-want +got):\n%s", d)
	}
	if got := n.after(h); len(got) != 6 {
		t.Errorf("a guard that is closed told %+v", got[6:])
	}
	vbOpen(t).guard.Observe(other) // which has no observer
	new(moderation.Guard).Observe(other)
	(*moderation.Guard)(nil).Observe(other)
}

func TestObserveNeverWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h, n := obOpen(t, func(h *vbHost) { h.config.Now = nil })
		n.before = func(moderation.Observation) { <-release }
		start := time.Now()
		h.guard.Observe(moderation.Observation{What: moderation.ObservedAlarm})
		synctest.Wait() // it is being told
		for range 1999 {
			h.guard.Observe(moderation.Observation{What: moderation.ObservedAlarm})
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it waited %v", took)
		}
		close(release)
		notes := n.after(h)
		if last := notes[len(notes)-1]; len(notes) != 1025 || last.Dropped != 2000-1025 {
			t.Errorf("told %d, and that %d were dropped", len(notes), last.Dropped)
		}
	})
}

func TestRunTellsFiguresOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, n := obOpen(t, func(h *vbHost) { h.config.Now = nil })
		h.asks("mod", "@vip")
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		if err := h.guard.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		var waiting []int
		for _, o := range n.after(h) {
			if o.What == moderation.ObservedFigures {
				waiting = append(waiting, o.Backlog.Waiting)
			}
		}
		if d := cmp.Diff([]int{1, 1, 1}, waiting); d != "" {
			t.Errorf("figures (-want +got):\n%s", d)
		}
	})
}

func TestObserverThatIsANilPointerIsRefused(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	h.config.Observer = (*obNotes)(nil)
	_, err := moderation.New(t.Context(), h.config)
	var fault *moderation.ConfigError
	if !errors.As(err, &fault) || fault.Field != "Observer" {
		t.Errorf("New: %v", err)
	}
}
