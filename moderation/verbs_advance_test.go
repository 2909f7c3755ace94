package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestAdvanceRefusesWhatIsNoTicket(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	_, err := h.guard.Advance(t.Context(), "made-up")
	wantCode(t, err, moderation.CodeNoTicket)
	_, err = h.guard.Advance(t.Context(), "")
	wantCode(t, err, moderation.CodeInvalid)
}

func TestAdvanceChangesNothingWhereNothingIsDue(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		to   func(h *vbHost) moderation.Ticket
	}{
		{"pending", func(h *vbHost) moderation.Ticket { return h.asks("mod", "@vip") }},
		{"held", func(h *vbHost) moderation.Ticket { return h.approves(h.asks("mod", "@vip"), "lead", "lead2") }},
		{"executed", func(h *vbHost) moderation.Ticket { return h.does(suspend("mod", "@one", "")) }},
		{"executed for a time", func(h *vbHost) moderation.Ticket { return h.suspendsFor("mod", "@one", time.Hour) }},
		{"unknown, before it can be asked about", func(h *vbHost) moderation.Ticket { return h.unknownTicket(true) }},
		{"undone", func(h *vbHost) moderation.Ticket {
			of := h.does(suspend("mod", "@one", ""))
			h.undoes(of, "mod2")
			return of
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := tc.to(h)
			before, records, calls := h.snapshot(ticket.ID), len(h.sink.Records()), h.calls()
			for range 3 {
				got, err := h.guard.Advance(t.Context(), ticket.ID)
				if err != nil || got.Revision != before.Revision {
					t.Errorf("revision %d of %d, %v", got.Revision, before.Revision, err)
				}
			}
			if diff := cmp.Diff(before, h.snapshot(ticket.ID)); diff != "" {
				t.Errorf("the ticket changed:\n%s", diff)
			}
			if n := len(h.sink.Records()); n != records {
				t.Errorf("%d further records", n-records)
			}
			h.wantCalls(calls)
		})
	}
}

func TestFiftyLooksAtOnceExecuteOnce(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ticket := h.approves(h.asks("mod", "@vip"), "lead", "lead2")
	h.clock.pass(10 * time.Minute)
	vbTogether(50, func(i int) {
		if i%2 == 0 {
			_, _ = h.guard.Do(t.Context(), ticket.Action)
			return
		}
		if _, err := h.guard.Advance(t.Context(), ticket.ID); err != nil && !errors.Is(err, moderation.ErrConflicting) {
			t.Errorf("Advance: %v", err)
		}
	})
	h.wantStatus(ticket, moderation.StatusExecuted)
	h.wantCalls(1)
	if n := h.count(audit.EventIntent); n != 1 {
		t.Errorf("%d intents, want 1", n)
	}
}

func TestFiftyGuardsOverOneStoreExecuteOnce(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	vbOver(t, h)
	h.open(t)
	ticket := h.approves(h.asks("mod", "@vip"), "lead", "lead2")
	h.clock.pass(10 * time.Minute)
	guards := make([]*moderation.Guard, 50)
	for i := range guards {
		guard, err := moderation.New(t.Context(), h.config)
		if err != nil {
			t.Fatal(err)
		}
		guards[i] = guard
	}
	vbTogether(len(guards), func(i int) { _, _ = guards[i].Advance(t.Context(), ticket.ID) })
	h.wantStatus(ticket, moderation.StatusExecuted)
	h.wantCalls(1)
}

func TestWaitIsEscalatedOnceBeforeItsDeadline(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{false, true} {
		t.Run(fmt.Sprintf("held %v", held), func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			h.rule(moderation.StepRequest, "protected", vbNeeds(23*time.Hour, moderation.Slot{"lead"}))
			ticket, want := h.asks("mod", "@vip"), moderation.StatusPending
			if held {
				h.approves(ticket, "lead")
				want = moderation.StatusHeld
			}
			due := h.shows(ticket).Due
			if due.IsZero() || !due.Before(ticket.Deadline) {
				t.Fatalf("due %v, deadline %v; want a look before the deadline", due, ticket.Deadline)
			}
			h.clock.pass(due.Sub(h.clock.read()) - 1)
			h.advances(ticket, want)
			if n := h.count(audit.EventEscalated); n != 0 {
				t.Errorf("escalated %d times before it was due", n)
			}
			h.clock.pass(1)
			for range 3 {
				h.advances(ticket, want)
			}
			h.restart()
			got := h.advances(ticket, want)
			if n := h.count(audit.EventEscalated); n != 1 || got.Escalated.IsZero() {
				t.Errorf("escalated %d times, at %v", n, got.Escalated)
			}
			if !held && !got.Due.Equal(got.Deadline) {
				t.Errorf("due %v then, want the deadline %v", got.Due, got.Deadline)
			}
		})
	}
}

func TestTimeoutNeverApproves(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		by   []string
		pass time.Duration
	}{
		{"nobody has approved", nil, 24 * time.Hour},
		{"one of two has approved", []string{"lead"}, 24 * time.Hour},
		{"it was approved so late that its hold outlasts the deadline", []string{"lead", "lead2"}, 24 * time.Hour},
		{"nobody looked until long after", []string{"lead", "lead2"}, 1000 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.asks("mod", "@vip")
			h.approves(ticket, tc.by...)
			h.clock.pass(tc.pass)
			got := h.advances(ticket, moderation.StatusTimedOut)
			if got.Code != moderation.CodeTooLate || got.Note == "" || !got.Due.IsZero() {
				t.Errorf("code %s, note %q, due %v", got.Code, got.Note, got.Due)
			}
			h.wantCalls(0)
			if _, err := h.guard.Do(t.Context(), ticket.Action); !errors.Is(err, moderation.ErrOver) {
				t.Errorf("the same key again: %v, want that it is over", err)
			}
			h.wantCalls(0)
		})
	}
}

func TestUnknownOutcomeIsAskedAboutAfterTheGrace(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		applied bool
		setUp   func(h *vbHost)
		want    moderation.Status
	}{
		{"it was applied", true, nil, moderation.StatusExecuted},
		{"it was not applied", false, nil, moderation.StatusFailed},
		{"the service does not know", true, func(h *vbHost) { h.handler.OnProbe.Inject(moderationtest.Zero()) }, moderation.StatusUnknown},
		{"the service fails", true, func(h *vbHost) { h.handler.OnProbe.Inject(vbFailed) }, moderation.StatusUnknown},
		{"the service panics", true, func(h *vbHost) { h.handler.OnProbe.Inject(moderationtest.Panic("oops")) }, moderation.StatusUnknown},
		{"the service answers with both", true, func(h *vbHost) { h.handler.OnProbe.Inject(moderationtest.After(vbFailed)) }, moderation.StatusUnknown},
		{"the service answers something else", true, func(h *vbHost) {
			h.handler.OnProbe.Inject(moderationtest.Lie(func(moderation.ProbeResult) moderation.ProbeResult { return "perhaps" }))
		}, moderation.StatusUnknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t)
			ticket := h.unknownTicket(tc.applied)
			h.clock.pass(resolvable - 1)
			h.advances(ticket, moderation.StatusUnknown)
			h.clock.pass(1)
			if tc.setUp != nil {
				tc.setUp(h)
			}
			got := h.advances(ticket, tc.want)
			h.wantCalls(1)
			if tc.want == moderation.StatusExecuted && got.UndoToken != moderation.UndoToken("undo:"+ticket.ID) {
				t.Errorf("undo token %q", got.UndoToken)
			}
			h.advances(ticket, tc.want)
		})
	}
}

func TestRunExecutesTimesOutEscalatesEndsAndAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := vbOpen(t, func(h *vbHost) { h.config.Now = nil })
		quick := twoLeads()
		quick.Deadline = 3 * time.Hour
		h.rule(moderation.StepRequest, "protected", quick)
		start := time.Now()
		at := func(ticket moderation.Ticket, status moderation.Status, when time.Duration) {
			t.Helper()
			time.Sleep(time.Until(start.Add(when)) - time.Second)
			if got := h.shows(ticket).Status; got == status {
				t.Errorf("%s already a second before", got)
			}
			time.Sleep(2100 * time.Millisecond)
			h.wantStatus(ticket, status)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		ran := make(chan error, 1)
		held := h.approves(h.asks("mod", "@vip"), "lead", "lead2")
		pending := h.asks("mod2", "@vip")
		temporary := h.suspendsFor("mod", "@one", time.Hour)
		unknown := h.unknown("@two")
		broken := h.approves(h.asks("mod3", "@vip"), "lead", "lead3")
		h.directory.OnActor.InjectWhen(func(login string) bool { return login == "lead3" }, vbFailed)
		go func() { ran <- h.guard.Run(ctx) }()
		at(unknown, moderation.StatusExecuted, resolvable)
		at(held, moderation.StatusExecuted, 10*time.Minute)
		h.wantStatus(broken, moderation.StatusHeld) // fails, and stops nobody
		at(temporary, moderation.StatusEnded, time.Hour)
		later := h.suspendsFor("mod2", "@one", 30*time.Minute) // asked for while Run sleeps
		time.Sleep(30*time.Minute + 1100*time.Millisecond)
		h.wantStatus(later, moderation.StatusEnded)
		at(pending, moderation.StatusTimedOut, 3*time.Hour)
		if n := h.count(audit.EventEscalated); n != 2 {
			t.Errorf("%d escalations, want those of the pending and of the broken ticket", n)
		}
		why := errors.New("shutting down")
		stop(why)
		if err := <-ran; !errors.Is(err, why) {
			t.Errorf("Run: %v, want %v", err, why)
		}
	})
}

// unknown leaves a ticket on a target whose outcome nobody knows, though it
// was applied.
func (h *vbHost) unknown(target string) moderation.Ticket {
	h.t.Helper()
	h.handler.OnApply.Inject(moderationtest.After(vbFailed))
	h.handler.OnProbe.Inject(vbFailed)
	defer h.handler.OnApply.Heal()
	defer h.handler.OnProbe.Heal()
	ticket, err := h.guard.Do(h.t.Context(), suspend("mod", target, h.key()))
	if !errors.Is(err, moderation.ErrUnknown) {
		h.t.Fatalf("Do: %v, want an unknown outcome", err)
	}
	return ticket
}

func TestRunIsNotHeldUpByOneTicket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := vbOpen(t, func(h *vbHost) { h.config.Now = nil })
		slow, quick := h.suspendsFor("mod", "@one", time.Hour-2*time.Second), h.suspendsFor("mod2", "@two", time.Hour)
		h.handler.OnUndo.InjectWhen(func(p moderation.Permit) bool { return p.Ticket == slow.ID }, moderationtest.Hang())
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- h.guard.Run(ctx) }()
		time.Sleep(time.Hour + 5*time.Second)
		h.wantStatus(quick, moderation.StatusEnded) // while the other one's handler hangs for half a minute
		stop()
		h.handler.LetGo()
		<-ran
		synctest.Wait()
	})
}

func TestRunLooksAgainAfterAFailureAndDoesNotSpin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := vbOpen(t, func(h *vbHost) { h.config.Now = nil })
		ticket := h.approves(h.asks("mod", "@vip"), "lead", "lead2")
		h.authorizer.OnDecide.Inject(vbFailed)
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- h.guard.Run(ctx) }()
		before := h.authorizer.OnDecide.Count()
		time.Sleep(time.Hour)
		if n := h.authorizer.OnDecide.Count() - before; n == 0 || n > 3600 {
			t.Errorf("asked %d times in the 50 minutes in which it was due, want once a second at most", n)
		}
		h.authorizer.OnDecide.Heal()
		time.Sleep(time.Minute + 2*time.Second)
		h.wantStatus(ticket, moderation.StatusExecuted)
		stop()
		if err := <-ran; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		if n := len(h.sink.Records()); n > 70*60 {
			t.Errorf("%d records", n)
		}
	})
}

func TestRunEndsAtOnceWithItsContext(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := h.guard.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	var none *moderation.Guard
	if err := none.Run(t.Context()); !errors.Is(err, moderation.ErrRefused) {
		t.Errorf("Run of a nil guard: %v", err)
	}
}
