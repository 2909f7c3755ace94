package moderation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// refused are the refusals that an observer was told of.
func refused(notes []moderation.Observation) []moderation.Observation {
	var all []moderation.Observation
	for _, o := range notes {
		if o.What == moderation.ObservedRefusal {
			all = append(all, moderation.Observation{Ticket: o.Ticket, Step: o.Step, Kind: o.Kind, Target: o.Target, Actor: o.Actor, Code: o.Code})
		}
	}
	return all
}

// What keeps a due ticket from moving stands nowhere but in the trail, whoever
// sees to it that the ticket is looked at.
func TestWhatKeepsADueTicketFromMovingIsRecorded(t *testing.T) {
	t.Parallel()
	for name, looks := range map[string]func(*vbHost, moderation.Ticket){
		"by Advance": func(h *vbHost, of moderation.Ticket) {
			_, err := h.guard.Advance(h.t.Context(), of.ID)
			wantCode(h.t, err, moderation.CodeDirectory)
		},
		"by Run": func(h *vbHost, _ moderation.Ticket) {
			ctx, cancel := context.WithTimeout(h.t.Context(), 100*time.Millisecond)
			defer cancel()
			_ = h.guard.Run(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h, n := obOpen(t)
				of := h.approves(h.asks("mod", "@vip"), "lead", "lead2")
				h.clock.pass(10 * time.Minute)
				h.directory.OnActor.Inject(moderationtest.Fail(nil))
				looks(h, of)
				h.directory.OnActor.Inject(moderationtest.Fault{})
				if got := h.count(audit.EventRefused); got != 1 {
					t.Errorf("%d refusals on record, want one", got)
				}
				h.advances(of, moderation.StatusExecuted)
				want := []moderation.Observation{{Ticket: of.ID, Step: moderation.StepRequest, Kind: moderation.Suspend, Target: of.Subject.ID, Actor: "mod", Code: moderation.CodeDirectory}}
				if d := cmp.Diff(want, refused(n.after(h))); d != "" {
					t.Errorf("refusals told (-want +got):\n%s", d)
				}
			})
		})
	}
}

func TestATicketThatNobodyCanReadIsToldByItsID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &obNotes{}
		w := fcNew(t, func(w *world) { w.config.Observer = n })
		fcReady(w)
		w.store.OnTicket.Inject(moderationtest.Fail(nil))
		_, err := w.guard.Advance(t.Context(), w.ticket.ID)
		wantCode(t, err, moderation.CodeStore)
		if err := w.guard.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []moderation.Observation{{Ticket: w.ticket.ID, Code: moderation.CodeStore}}
		if d := cmp.Diff(want, refused(n.notes)); d != "" {
			t.Errorf("refusals told (-want +got):\n%s", d)
		}
	})
}

func TestALookBeforeATicketIsDueIsNoRefusal(t *testing.T) {
	t.Parallel()
	h := vbOpen(t)
	of := h.approves(h.asks("mod", "@vip"), "lead")
	h.directory.OnActor.Inject(moderationtest.Fail(nil))
	_, err := h.guard.Advance(t.Context(), of.ID)
	wantCode(t, err, moderation.CodeDirectory)
	if got := h.count(audit.EventRefused); got != 0 {
		t.Errorf("%d refusals on record of a ticket that waits for people", got)
	}
}

func TestReportBacklogTellsFiguresWheneverItIsAsked(t *testing.T) {
	t.Parallel()
	h, n := obOpen(t)
	for waiting, target := range []string{"@vip", "@vip2"} {
		if waiting > 0 {
			h.directory.SetTarget(moderation.Target{ID: "vip-2", Tier: "protected", Domain: "en"}, target)
		}
		h.asks("mod", target)
		if err := h.guard.ReportBacklog(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]int{1, 2}, figuresOf(n.after(h))); d != "" {
		t.Errorf("waiting (-want +got):\n%s", d)
	}
}

// figuresOf are the counts of waiting tickets that an observer was told.
func figuresOf(notes []moderation.Observation) (waiting []int) {
	for _, o := range notes {
		if o.What == moderation.ObservedFigures {
			waiting = append(waiting, o.Backlog.Waiting)
		}
	}
	return waiting
}

func TestRunDoesNotRepeatWhatReportBacklogTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, n := obOpen(t, func(h *vbHost) { h.config.Now = nil })
		if err := h.guard.ReportBacklog(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		_ = h.guard.Run(ctx)
		if got := figuresOf(n.after(h)); len(got) != 2 {
			t.Errorf("figures were told %d times in 90 seconds, want twice", len(got))
		}
	})
}

func TestReportBacklogThatCanNotReadTellsNothing(t *testing.T) {
	t.Parallel()
	n := &obNotes{}
	w := fcNew(t, func(w *world) { w.config.Observer = n })
	w.store.OnTickets.Inject(moderationtest.Fail(nil))
	wantCode(t, w.guard.ReportBacklog(t.Context()), moderation.CodeStore)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.guard.ReportBacklog(ended); !errors.Is(err, moderation.ErrRefused) {
		t.Errorf("ReportBacklog = %v, want a refusal", err)
	}
	if err := w.guard.Close(t.Context()); err != nil || len(n.notes) != 0 {
		t.Errorf("told %+v, %v; want nothing", n.notes, err)
	}
}

func TestReportBacklogReadsNothingForNobody(t *testing.T) {
	t.Parallel()
	w := fcNew(t, nil)
	before := w.store.OnTickets.Count()
	if err := w.guard.ReportBacklog(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.store.OnTickets.Count() - before; n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
}

func TestRefusalsThatWereOnlyCountedAreSummedBy(t *testing.T) {
	t.Parallel()
	for name, verb := range map[string]func(*vbHost, moderation.Ticket) error{
		"ReportBacklog": func(h *vbHost, _ moderation.Ticket) error { return h.guard.ReportBacklog(h.t.Context()) },
		"Advance": func(h *vbHost, of moderation.Ticket) error {
			_, err := h.guard.Advance(h.t.Context(), of.ID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := vbOpen(t, func(h *vbHost) { h.config.Questions = 2 })
			of := h.asks("mod", "@vip")
			for range 5 {
				_, err := h.tryUndo(of, "stranger")
				if err == nil {
					t.Fatal("a stranger has undone something")
				}
			}
			h.clock.pass(time.Minute)
			if err := verb(h, of); err != nil {
				t.Fatal(err)
			}
			if n := h.count(audit.EventRefusals); n != 1 {
				t.Errorf("%d sums of refusals on record, want one", n)
			}
		})
	}
}
