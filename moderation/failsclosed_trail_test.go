package moderation_test

import (
	"errors"
	"fmt"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// fcTrailFaults are the ways in which a trail can leave a record in doubt.
func fcTrailFaults() []struct {
	name  string
	fault audittest.Fault
} {
	return []struct {
		name  string
		fault audittest.Fault
	}{
		{"fails", audittest.Fail(errFC)},
		{"fails after it has stored it", audittest.StoreThenFail(errFC)},
		{"panics", audittest.Panic("boom")},
		{"ends the goroutine", audittest.Exit()},
		{"hangs", audittest.Hang()},
		{"hangs until it is told to stop", audittest.Wait()},
	}
}

func fcTrailRows() []fcRow {
	var rows []fcRow
	for _, f := range fcTrailFaults() {
		rows = append(rows, fcRow{
			name:  "a trail that " + f.name + " with every record",
			fault: func(w *fcWorld) { w.breakTrail(f.fault, fcEvery) },
			code:  moderation.CodeTrail, is: []error{moderation.ErrUnavailable}, unrecorded: true,
			after: fcRefusedWhenHealed,
		}, fcRow{
			name:  "a trail that " + f.name + " with the intent",
			fault: func(w *fcWorld) { w.breakTrail(f.fault, fcEvent(audit.EventIntent)) },
			code:  moderation.CodeTrail, is: []error{moderation.ErrUnavailable}, unrecorded: true,
			after: fcRefusedWhenHealed,
		}, fcRow{
			name: "a trail that " + f.name + " with a refusal", act: fcDo(suspend("stranger", "@one", "k")),
			fault: func(w *fcWorld) { w.breakTrail(f.fault, fcEvery) },
			code:  moderation.CodeNoRule, unrecorded: true,
		}, fcRow{
			name: "a trail that " + f.name + " with the intent of an undo", given: fcExecuted, act: fcUndo("mod"),
			fault: func(w *fcWorld) { w.breakTrail(f.fault, fcEvent(audit.EventIntent)) },
			code:  moderation.CodeTrail, unrecorded: true,
			after: func(w *fcWorld) {
				w.heal()
				w.goesOn("next")
				w.wantStatus(moderation.StatusExecuted)
			},
		})
	}
	rows = append(rows, fcRow{
		name:  "a trail that will never take the intent",
		fault: func(w *fcWorld) { w.breakTrail(audittest.Fail(audit.ErrNotWritten), fcEvent(audit.EventIntent)) },
		code:  moderation.CodeTrail, is: []error{audit.ErrNotWritten}, unrecorded: true,
		after: func(w *fcWorld) {
			w.healTrail()
			w.goesOn("k2")
			if got := len(w.recordsOf(audit.EventRefused)); got != 1 {
				w.t.Errorf("the trail has %d refusals, want 1: %v", got, fcEvents(w.trail.Records()))
			}
		},
	}, fcRow{
		name: "a store that says that the intent lost a race", code: moderation.CodeBusy, is: []error{moderation.ErrConflict, moderation.ErrConflicting},
		fault: func(w *fcWorld) { fcAtIntent(w, moderationtest.Fail(moderation.ErrConflict)) },
	}, fcRow{
		name: "a clock that shows no time", unrecorded: true, code: moderation.CodeTrail,
		world: func(w *world) { w.config.Now = func() time.Time { return time.Time{} } },
	}, fcRow{
		name: "a clock beyond what a record can say", unrecorded: true, code: moderation.CodeTrail,
		world: func(w *world) {
			w.config.Now = func() time.Time { return time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }
		},
	})
	for _, f := range fcFaultsOfAll() {
		rows = append(rows, fcRow{
			name:  "a store that " + f.name + " when the intent is committed",
			fault: func(w *fcWorld) { fcAtIntent(w, f.fault) },
			code:  moderation.CodeTrail, is: f.is, says: f.says, unrecorded: true, after: fcRefusedWhenHealed,
		}, fcRow{
			name: "a store that " + f.name + " when a request is committed", act: fcDo(suspend("mod", "@vip", "k")),
			fault: func(w *fcWorld) {
				w.store.OnCommit.InjectWhen(func(c moderation.Change) bool { return c.Record.Event == audit.EventRequested }, f.fault)
			},
			code: moderation.CodeTrail, is: f.is, says: f.says, unrecorded: true,
		}, fcRow{
			name: "a store that " + f.name + " when it is asked for freezes behind the intent",
			fault: func(w *fcWorld) {
				w.store.OnHead.InjectWhen(func(id string) bool {
					return id == moderation.FreezeTarget && len(w.recordsOf(audit.EventIntent)) > 0
				}, f.fault)
			},
			code: moderation.CodeTrail, is: f.is, says: f.says, unrecorded: true, after: fcRefusedWhenHealed,
		})
	}
	return append(rows, fcHangingIntentRow(), fcAdvancePaysRow())
}

// fcAtIntent breaks the commit of the intent to suspend.
func fcAtIntent(w *fcWorld, f moderationtest.Fault) {
	w.store.OnCommit.InjectWhen(func(c moderation.Change) bool {
		return c.Record.Event == audit.EventIntent && c.Record.Kind == moderation.Suspend
	}, f)
}

// recordsOf returns the records of one event, each once.
func (w *fcWorld) recordsOf(e audit.Event) []audit.Record {
	var records []audit.Record
	seen := make(map[string]bool)
	for _, r := range w.trail.Records() {
		if r.Event == e && !seen[r.ID] {
			seen[r.ID] = true
			records = append(records, r)
		}
	}
	return records
}

// heal mends the trail and the store, and lets go what hangs.
func (w *fcWorld) heal() {
	w.healTrail()
	w.store.OnCommit.Heal()
	w.store.OnHead.Heal()
	w.trail.Release()
	w.store.LetGo()
	synctest.Wait()
}

// goesOn checks that the guard has recovered.
func (w *fcWorld) goesOn(key string) {
	w.t.Helper()
	before := w.calls()
	if _, err := w.guard.Do(w.t.Context(), suspend("mod2", "@two", key)); err != nil {
		w.t.Errorf("the next action: %v", err)
	}
	if got := w.calls() - before; got != 1 {
		w.t.Errorf("the next action called the handler %d times", got)
	}
}

// fcRefusedWhenHealed checks that an intent in doubt comes to nothing, that the
// trail says so, and that neither key nor target stay blocked.
func fcRefusedWhenHealed(w *fcWorld) {
	time.Sleep(time.Minute)
	w.heal()
	w.goesOn("next")
	before := w.calls()
	ticket, err := w.guard.Do(w.t.Context(), suspend("mod", "@one", "k"))
	intents := 0
	for _, r := range w.recordsOf(audit.EventIntent) {
		if r.Actor.Login == "mod" {
			intents++
		}
	}
	if err == nil && (w.calls() != before+1 || intents != 1) || err != nil && w.calls() != before {
		w.t.Errorf("asked again: %v, with %d handler calls and %d intents in the trail", err, w.calls()-before, intents)
	}
	if err != nil && ticket.Status != moderation.StatusRefused {
		w.t.Errorf("asked again: the ticket is %q (%v), want refused", ticket.Status, err)
	}
	before = w.calls()
	if _, err := w.guard.Do(w.t.Context(), suspend("mod3", "@one", "other")); ticket.Status == moderation.StatusRefused && (err != nil || w.calls() != before+1) {
		w.t.Errorf("another action on the same target: %v", err)
	}
	for _, r := range w.trail.Records() {
		if r.Ticket != "" {
			w.ticket.ID = r.Ticket
			if s := w.stored().Status; s == moderation.StatusExecuting {
				w.t.Errorf("ticket %s is still %s: %v", r.Ticket, s, fcEvents(w.trail.Records()))
			}
		}
	}
}

// fcHangingIntentRow has other work go on while the intent hangs in the trail.
func fcHangingIntentRow() fcRow {
	return fcRow{
		name: "an intent that hangs in the trail while the guard goes on is refused when it arrives",
		fault: func(w *fcWorld) {
			w.breakTrail(audittest.Hang(), func(r audit.Record) bool { return r.Event == audit.EventIntent && r.Actor.Login == "mod" })
		},
		code: moderation.CodeTrail, unrecorded: true,
		after: func(w *fcWorld) {
			_, _ = w.guard.Do(w.t.Context(), suspend("stranger", "@two", "x")) // a refusal, which is recorded or not
			fcRefusedWhenHealed(w)
		},
	}
}

// fcAdvancePaysRow has nothing but the scheduler at work once the trail heals.
func fcAdvancePaysRow() fcRow {
	return fcRow{
		name:  "a refusal that is owed is recorded by Advance when the trail heals",
		fault: func(w *fcWorld) { w.breakTrail(audittest.StoreThenFail(errFC), fcEvent(audit.EventIntent)) },
		code:  moderation.CodeTrail, unrecorded: true,
		after: func(w *fcWorld) {
			w.heal()
			w.ticket.ID = w.trail.Records()[0].Ticket
			ticket, err := w.guard.Advance(w.t.Context(), w.ticket.ID)
			if ticket.Status != moderation.StatusRefused {
				w.t.Errorf("Advance: the ticket is %s, %v; want refused", ticket.Status, err)
			}
			if got := len(w.recordsOf(audit.EventRefused)); got != 1 {
				w.t.Errorf("the trail has %d refusals, want 1", got)
			}
		},
	}
}

// fcGateRows are about a trail besides a store, which must accept each intent.
func fcGateRows() []fcRow {
	var rows []fcRow
	for _, f := range fcTrailFaults() {
		var gate *audittest.Faulty
		rows = append(rows, fcRow{
			name: "a gate that " + f.name,
			world: func(w *world) {
				gate = &audittest.Faulty{Script: func(n int, _ audit.Record) audittest.Fault {
					if n == 0 {
						return f.fault
					}
					return audittest.Pass()
				}}
				w.config.Audit = gate
			},
			code: moderation.CodeTrail, unrecorded: true,
			after: func(w *fcWorld) {
				gate.Release()
				fcRefusedWhenHealed(w)
			},
		})
	}
	return append(rows, fcRow{
		name: "a gate that takes the intent lets it pass", ok: true, ran: 1,
		world: func(w *world) { w.config.Audit = &audit.Memory{} },
		after: func(w *fcWorld) {
			if got := w.config.Audit.(*audit.Memory).Records(); len(got) != 1 || got[0].Event != audit.EventIntent {
				w.t.Errorf("the gate has %v", fcEvents(got))
			}
		},
	})
}

// fcOutcomeRows are about outcomes that the trail does not take.
func fcOutcomeRows() []fcRow {
	var rows []fcRow
	for _, f := range fcTrailFaults() {
		rows = append(rows, fcRow{
			name:  "a trail that " + f.name + " with the outcome",
			fault: func(w *fcWorld) { w.breakTrail(f.fault, fcEvent(audit.EventOutcome)) },
			ran:   1, status: moderation.StatusUnknown, is: []error{moderation.ErrUnknown}, unrecorded: true,
			after: fcOutcomeWhenHealed,
		})
	}
	for _, f := range fcFaultsOfAll() {
		rows = append(rows, fcRow{
			name: "a store that " + f.name + " when the outcome is committed",
			fault: func(w *fcWorld) {
				w.store.OnCommit.InjectWhen(func(c moderation.Change) bool { return c.Record.Event == audit.EventOutcome }, f.fault)
			},
			ran: 1, status: moderation.StatusUnknown, is: append([]error{moderation.ErrUnknown}, f.is...), says: f.says, unrecorded: true,
			after: fcOutcomeWhenHealed,
		})
	}
	return rows
}

// fcOutcomeWhenHealed checks that nothing else is executed until the outcome
// is recorded, and that it is recorded then.
func fcOutcomeWhenHealed(w *fcWorld) {
	before := w.calls()
	for i := range 3 {
		_, err := w.guard.Do(w.t.Context(), suspend("mod2", "@two", fmt.Sprint("blocked-", i)))
		if intents := len(w.recordsOf(audit.EventIntent)); err == nil || w.calls() != before || intents != 1 {
			w.t.Errorf("while an outcome is owed: %v, %d handler calls, %d intents", err, w.calls()-before, intents)
		}
	}
	// Nor is anything else recorded that would come before it.
	if err := fcDo(suspend("mod2", "@vip", "waits"))(w); !errors.Is(err, moderation.ErrUnavailable) && !errors.Is(err, moderation.ErrConflicting) {
		w.t.Errorf("a request while an outcome is owed: %v", err)
	}
	if got := w.recordsOf(audit.EventRequested); len(got) > 0 {
		w.t.Errorf("the trail has %d requests before the outcome", len(got))
	}
	w.heal()
	w.goesOn("next")
	if _, err := w.guard.Do(w.t.Context(), suspend("mod", "@one", "k")); err != nil || w.calls() != before+1 {
		w.t.Errorf("asked again after the trail was healed: %v, %d handler calls", err, w.calls()-before)
	}
	w.ticket.ID = w.recordsOf(audit.EventIntent)[0].Ticket
	w.wantStatus(moderation.StatusExecuted)
	if got := w.recordsOf(audit.EventOutcome); len(got) != 2 || got[0].Ticket != w.ticket.ID || got[0].Outcome.Status != string(moderation.StatusExecuted) {
		w.t.Errorf("the trail's outcomes: %+v", got)
	}
}
