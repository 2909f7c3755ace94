package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// fcHandlerRows are about handlers that do not end well: the outcome is
// unknown, or failed where the handler says that it changed nothing.
func fcHandlerRows() []fcRow {
	notApplied := fmt.Errorf("the account is locked: %w", moderation.ErrNotApplied)
	mute := func(w *world) { w.config.Kinds[0].Probe = nil }
	unknown := func(name string, f moderationtest.Fault, says ...string) fcRow {
		return fcRow{name: "a handler that " + name + " leaves it unknown", world: mute, ran: 1,
			fault: func(w *fcWorld) { w.handler.OnApply.Inject(f) }, status: moderation.StatusUnknown,
			is: []error{moderation.ErrUnknown}, says: says, after: fcUnknownIsKept}
	}
	token := func(text string) moderationtest.Fault {
		return moderationtest.Lie(func(moderation.UndoToken) moderation.UndoToken { return moderation.UndoToken(text) })
	}
	apply := func(f moderation.Apply) func(*world) {
		return func(w *world) {
			handler := w.handler
			w.config.Kinds[0].Probe = nil
			w.config.Kinds[0].Apply = func(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
				_, _ = handler.Apply(ctx, p)
				return f(ctx, p)
			}
		}
	}
	failed := func(w *fcWorld) {
		w.ticket.ID = w.recordsOf(audit.EventIntent)[0].Ticket
		w.wantStatus(moderation.StatusFailed)
		w.goesOn("next")
	}
	return []fcRow{
		unknown("errs", moderationtest.Fail(errFC), errFC.Error()),
		unknown("acts and then errs", moderationtest.After(moderationtest.Fail(errFC)), errFC.Error()),
		unknown("panics", moderationtest.Panic("boom"), "panicked: boom"),
		unknown("acts and then panics", moderationtest.After(moderationtest.Panic("boom")), "panicked: boom"),
		unknown("outlives its deadline", moderationtest.Hang(), "did not answer within 30s"),
		unknown("acts after its deadline", moderationtest.Late(), "did not answer within 30s"),
		unknown("hangs for ever", moderationtest.HangForever(), "did not answer within 30s"),
		unknown("returns too large an undo token", token(strings.Repeat("x", moderation.MaxUndoToken+1)), "undo token of 16385 bytes"),
		unknown("returns an undo token that is not UTF-8", token("undo\xff"), "valid UTF-8"),
		{name: "a handler that ends its goroutine leaves it unknown", world: apply(func(context.Context, moderation.Permit) (moderation.UndoToken, error) {
			runtime.Goexit()
			return "", nil
		}), ran: 1, status: moderation.StatusUnknown, says: []string{"ended its goroutine"}, after: fcUnknownIsKept},
		{name: "a handler that panics with nil leaves it unknown", world: apply(func(context.Context, moderation.Permit) (moderation.UndoToken, error) {
			panic(nil)
		}), ran: 1, status: moderation.StatusUnknown, after: fcUnknownIsKept},
		{name: "a handler that says not applied after its deadline leaves it unknown", world: apply(func(ctx context.Context, _ moderation.Permit) (moderation.UndoToken, error) {
			<-ctx.Done()
			return "", notApplied
		}), ran: 1, status: moderation.StatusUnknown, after: fcUnknownIsKept},
		{name: "a handler that says done after its deadline leaves it unknown", world: apply(func(ctx context.Context, _ moderation.Permit) (moderation.UndoToken, error) {
			<-ctx.Done()
			return "done", nil
		}), ran: 1, status: moderation.StatusUnknown, after: fcUnknownIsKept},
		{name: "a handler that says done after the permit's deadline leaves it unknown", world: apply(func(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
			time.Sleep(time.Until(p.Deadline) + 1)
			return "done", nil
		}), fault: func(w *fcWorld) { fcAtIntent(w, moderationtest.After(moderationtest.Slow(4*time.Second))) },
			ran: 1, status: moderation.StatusUnknown, after: fcUnknownIsKept},
		{name: "a handler that returns another guard's refusal does not make it look refused", world: apply(func(context.Context, moderation.Permit) (moderation.UndoToken, error) {
			return "", &moderation.Refusal{Code: moderation.CodeFrozen, Text: "Elsewhere."}
		}), ran: 1, status: moderation.StatusUnknown, says: []string{"Elsewhere"}, after: func(w *fcWorld) {
			err := fcDo(suspend("mod3", "@two", "k2"))(w)
			for _, is := range []error{moderation.ErrRefused, moderation.ErrFrozen, moderation.ErrPending} {
				if errors.Is(err, is) {
					w.t.Errorf("%v matches %v, though the handler was called", err, is)
				}
			}
		}},
		{name: "a handler that says not applied has failed", fault: func(w *fcWorld) { w.handler.OnApply.InjectAt(1, moderationtest.Fail(notApplied)) },
			ran: 1, status: moderation.StatusFailed, is: []error{moderation.ErrOver, moderation.ErrNotApplied}, says: []string{"locked"}, after: failed},
		{name: "a handler that says not applied and returns a token has failed", fault: func(w *fcWorld) { w.handler.OnApply.InjectAt(1, moderationtest.After(moderationtest.Fail(notApplied))) },
			ran: 1, status: moderation.StatusFailed, is: []error{moderation.ErrNotApplied}, after: failed},
		{name: "an undo that errs leaves its target's restriction", given: fcExecuted, act: fcUndo("mod2"), fault: func(w *fcWorld) {
			w.handler.OnUndo.Inject(moderationtest.Fail(errFC))
			w.handler.OnProbe.Inject(moderationtest.Fail(errFC))
		}, ran: 1, status: moderation.StatusUnknown, after: func(w *fcWorld) { w.wantStatus(moderation.StatusExecuted) }},
		{name: "the end of a duration that errs leaves it unknown", given: fcTimed, act: fcAdvance, fault: func(w *fcWorld) {
			w.handler.OnUndo.Inject(moderationtest.Fail(errFC))
			w.handler.OnProbe.Inject(moderationtest.Fail(errFC))
		}, ran: 1, status: moderation.StatusUnknown, after: func(w *fcWorld) { w.wantStatus(moderation.StatusUnknown) }},
		{name: "the end of a duration that changed nothing leaves it in force, to be tried again", given: fcTimed, act: fcAdvance, fault: func(w *fcWorld) {
			w.handler.OnUndo.InjectAt(1, moderationtest.Fail(notApplied))
		}, ran: 1, status: moderation.StatusExecuted, is: []error{moderation.ErrNotApplied}, silent: true, after: func(w *fcWorld) {
			w.wantStatus(moderation.StatusExecuted)
			time.Sleep(time.Minute)
			if err := fcAdvance(w); err != nil || len(w.handler.InForce("acct-1")) != 0 {
				w.t.Errorf("tried again: %v, in force %d", err, len(w.handler.InForce("acct-1")))
			}
			w.wantStatus(moderation.StatusEnded)
		}},
	}
}

// fcUnknownIsKept checks that an unknown ticket stays, blocks its target and
// never calls the handler again.
func fcUnknownIsKept(w *fcWorld) {
	w.ticket.ID = w.recordsOf(audit.EventIntent)[0].Ticket
	before := w.calls()
	for range 3 {
		if _, err := w.guard.Do(w.t.Context(), suspend("mod", "@one", "k")); !errors.Is(err, moderation.ErrUnknown) {
			w.t.Errorf("asked again: %v, want an unknown outcome", err)
		}
		wantCode(w.t, fcDo(suspend("mod2", "@one", "other"))(w), moderation.CodeBusy)
		if _, err := w.guard.Advance(w.t.Context(), w.ticket.ID); err != nil {
			w.t.Errorf("Advance: %v", err)
		}
		w.wantStatus(moderation.StatusUnknown)
		time.Sleep(time.Hour)
	}
	if got := w.calls(); got != before {
		w.t.Errorf("the handler was called again, %d times", got-before)
	}
}

// fcProbeRows are about what a probe answers when the handler has failed.
func fcProbeRows() []fcRow {
	type probe = moderation.Probe
	row := func(name string, status moderation.Status, p probe) fcRow {
		r := fcRow{name: "a handler that errs and a probe that " + name, ran: 1, status: status,
			world: func(w *world) { w.config.Kinds[0].Probe = p },
			fault: func(w *fcWorld) { w.handler.OnApply.InjectAt(1, moderationtest.Fail(errFC)) },
			is:    []error{errFC},
			after: func(w *fcWorld) {
				w.ticket.ID = w.recordsOf(audit.EventIntent)[0].Ticket
				w.wantStatus(status)
			}}
		if status == moderation.StatusExecuted {
			r.ok, r.is = true, nil
		}
		return r
	}
	answers := func(found moderation.ProbeResult, token moderation.UndoToken, err error) probe {
		return func(context.Context, moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
			return found, token, err
		}
	}
	long := moderation.UndoToken(strings.Repeat("x", moderation.MaxUndoToken+1))
	return []fcRow{
		row("says applied", moderation.StatusExecuted, answers(moderation.ProbeApplied, "token", nil)),
		row("says not applied", moderation.StatusFailed, answers(moderation.ProbeNotApplied, "", nil)),
		row("does not know", moderation.StatusUnknown, answers("", "", nil)),
		row("says something else", moderation.StatusUnknown, answers("maybe", "", nil)),
		row("errs", moderation.StatusUnknown, answers("", "", errFC)),
		row("says applied and errs", moderation.StatusUnknown, answers(moderation.ProbeApplied, "token", errFC)),
		row("says not applied and errs", moderation.StatusUnknown, answers(moderation.ProbeNotApplied, "", errFC)),
		row("says applied with too large a token", moderation.StatusUnknown, answers(moderation.ProbeApplied, long, nil)),
		row("says applied with a token that is not UTF-8", moderation.StatusUnknown, answers(moderation.ProbeApplied, "\xff", nil)),
		row("panics", moderation.StatusUnknown, func(context.Context, moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
			panic("boom")
		}),
		row("hangs", moderation.StatusUnknown, func(ctx context.Context, _ moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
			<-ctx.Done()
			return moderation.ProbeApplied, "", nil
		}),
		row("ends its goroutine", moderation.StatusUnknown, func(context.Context, moderation.Permit) (moderation.ProbeResult, moderation.UndoToken, error) {
			runtime.Goexit()
			return moderation.ProbeApplied, "", nil
		}),
	}
}
