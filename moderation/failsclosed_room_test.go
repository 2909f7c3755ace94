package moderation_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
)

// fcRoomRows are about a trail that is full.
func fcRoomRows() []fcRow {
	full := audittest.Fail(fmt.Errorf("the disk: %w", audit.ErrNoRoom))
	noRoom := func(r fcRow, match func(audit.Record) bool) fcRow {
		r.name = "a full trail " + r.name
		r.fault = func(w *fcWorld) { w.breakTrail(full, match) }
		r.unrecorded = true
		if r.code == "" && r.status == "" {
			r.code, r.is = moderation.CodeNoRoom, []error{audit.ErrNoRoom, moderation.ErrUnavailable}
		}
		return r
	}
	rows := []fcRow{
		noRoom(fcRow{name: "refuses an intent, and nothing stays behind", after: func(w *fcWorld) {
			if got := w.store.OnCommit.Count(); got != 2 { // with a debt they would be more
				w.t.Errorf("%d commits were tried, want the intent and the refusal", got)
			}
			fcNothingWasBegun(w)
		}}, fcEvery),
		noRoom(fcRow{name: "that takes refusals refuses an intent", after: func(w *fcWorld) {
			if got := w.recordsOf(audit.EventRefused); len(got) != 1 || got[0].Outcome.Code != string(moderation.CodeNoRoom) {
				w.t.Errorf("the trail's refusals: %+v", got)
			}
			fcNothingWasBegun(w)
		}}, fcEvent(audit.EventIntent)),
		noRoom(fcRow{name: "refuses a request that would wait", act: fcDo(suspend("mod", "@vip", "k")), after: func(w *fcWorld) {
			w.healTrail()
			if err := fcDo(suspend("mod", "@vip", "k"))(w); !errors.Is(err, moderation.ErrPending) {
				w.t.Errorf("asked again: %v", err)
			}
		}}, fcEvery),
		noRoom(fcRow{name: "refuses an approval, which can be given later", given: fcPending, act: fcApprove("lead"), after: func(w *fcWorld) {
			w.healTrail()
			if err := fcApprove("lead")(w); err != nil || len(w.stored().Reviews) != 1 {
				w.t.Errorf("approved again: %v, %d reviews", err, len(w.stored().Reviews))
			}
		}}, fcEvery),
		noRoom(fcRow{name: "leaves a ticket waiting whose intent finds none, charged once", given: fcReady, act: fcAdvance, after: func(w *fcWorld) {
			w.wantStatus(moderation.StatusHeld)
			w.healTrail()
			if err := fcAdvance(w); err != nil || w.calls() != 1 {
				w.t.Errorf("advanced again: %v, %d handler calls", err, w.calls())
			}
			w.wantStatus(moderation.StatusExecuted)
			if got := len(w.limiter.Taken()); got != 2 {
				w.t.Errorf("%d charges, want one for the request and one for the execution", got)
			}
		}}, fcEvery),
		noRoom(fcRow{name: "does not keep a refusal from being given", act: fcDo(suspend("stranger", "@one", "k")),
			code: moderation.CodeNoRule, is: []error{audit.ErrNoRoom}, after: fcNothingWasBegun}, fcEvery),
		noRoom(fcRow{name: "refuses the intent of an undo", given: fcExecuted, act: fcUndo("mod"), after: func(w *fcWorld) {
			w.wantStatus(moderation.StatusExecuted)
			w.healTrail()
			if err := fcUndo("mod")(w); err != nil {
				w.t.Errorf("asked again: %v", err)
			}
			w.wantStatus(moderation.StatusUndone)
		}}, fcEvery),
		noRoom(fcRow{name: "leaves an outcome owed", ran: 1, status: moderation.StatusUnknown,
			is: []error{moderation.ErrUnknown, audit.ErrNoRoom}, after: fcOutcomeWhenHealed}, fcEvent(audit.EventOutcome)),
	}
	return append(rows, fcFullDebtRow(full), fcFullGateRow())
}

// fcFullDebtRow is about the refusal of an intent that may have been written,
// which finds no room: it is owed, and nothing else is recorded before it.
func fcFullDebtRow(full audittest.Fault) fcRow {
	return fcRow{
		name:  "a full trail leaves the refusal of an intent in doubt owed, and it is recorded later",
		fault: func(w *fcWorld) { w.breakTrail(audittest.StoreThenFail(errFC), fcEvent(audit.EventIntent)) },
		code:  moderation.CodeTrail, unrecorded: true,
		after: func(w *fcWorld) {
			w.breakTrail(full, fcEvent(audit.EventRefused))
			wantCode(w.t, fcDo(suspend("mod2", "@two", "blocked"))(w), moderation.CodeNoRoom)
			w.heal()
			w.goesOn("next")
			w.ticket.ID = w.recordsOf(audit.EventIntent)[0].Ticket
			w.wantStatus(moderation.StatusRefused)
		},
	}
}

// fcNothingWasBegun checks that what found no room is not owed, and that
// neither its key nor its target stay taken.
func fcNothingWasBegun(w *fcWorld) {
	time.Sleep(time.Minute)
	w.healTrail()
	before, refused, commits := w.calls(), len(w.recordsOf(audit.EventRefused)), w.store.OnCommit.Count()
	if _, err := w.guard.Do(w.t.Context(), suspend("mod", "@one", "k")); err != nil || w.calls() != before+1 {
		w.t.Errorf("asked again: %v, %d handler calls", err, w.calls()-before)
	}
	if got := len(w.recordsOf(audit.EventRefused)); got != refused {
		w.t.Errorf("%d refusals were recorded when there was room", got-refused)
	}
	if got := w.store.OnCommit.Count() - commits; got != 2 {
		w.t.Errorf("%d commits were tried, want its intent and its outcome", got)
	}
}

// fcFullGateRow is about a trail besides a store, which finds no room for an
// intent that the store has.
func fcFullGateRow() fcRow {
	gate := &audittest.Faulty{Script: func(int, audit.Record) audittest.Fault { return audittest.Fail(audit.ErrNoRoom) }}
	return fcRow{
		name:  "a full gate refuses an intent, and the store says so",
		world: func(w *world) { w.config.Audit = gate },
		code:  moderation.CodeNoRoom, is: []error{audit.ErrNoRoom}, unrecorded: true,
		after: func(w *fcWorld) {
			w.ticket.ID = w.recordsOf(audit.EventIntent)[0].Ticket
			if got := w.stored(); got.Status != moderation.StatusRefused || got.Code != moderation.CodeNoRoom {
				w.t.Errorf("the ticket is %s with code %s", got.Status, got.Code)
			}
		},
	}
}

// What was in doubt stays in doubt while the sink has no room for it: the
// attempt that left the doubt may still find its way.
func TestDoubtIsNotSettledByWantOfRoom(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprintf("where it was stored: %t", stored), func(t *testing.T) {
			t.Parallel()
			sink := &ssSink{}
			s := fcStore(t, sink)
			doubted, other := fcChange(fcTicket("a")), fcChange(fcTicket("b"))
			sink.refuses(func(audit.Record) error { return errFC })
			if err := s.Commit(t.Context(), doubted); !errors.Is(err, errFC) {
				t.Fatal(err)
			}
			sink.refuses(func(audit.Record) error { return audit.ErrNoRoom })
			for _, c := range []moderation.Change{other, doubted} {
				if err := s.Commit(t.Context(), c); !errors.Is(err, audit.ErrNoRoom) {
					t.Errorf("Commit of %s: %v", c.Record.ID, err)
				}
			}
			if _, err := s.Ticket(t.Context(), "a"); err == nil || errors.Is(err, moderation.ErrNoTicket) {
				t.Errorf("the ticket that is in doubt: %v", err)
			}
			if stored { // it comes late
				if err := sink.Memory.Append(t.Context(), doubted.Record); err != nil {
					t.Fatal(err)
				}
			}
			sink.refuses(nil)
			if err := s.Commit(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			if got, want := len(fcAll(t, s)), len(fcAll(t, fcStore(t, sink))); got != 2 || want != 2 {
				t.Errorf("the store has %d tickets, and a replay %d", got, want)
			}
		})
	}
}
