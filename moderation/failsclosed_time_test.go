package moderation_test

import (
	"context"
	"sync"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// fcGone asks with a context that ends, for a cause, after a while.
func fcGone(after time.Duration, a moderation.Action) func(*fcWorld) error {
	return func(w *fcWorld) error {
		ctx, cancel := context.WithCancelCause(w.t.Context())
		defer cancel(nil)
		if after == 0 {
			cancel(errFC)
		}
		timer := time.AfterFunc(after, func() { cancel(errFC) })
		defer timer.Stop()
		_, err := w.guard.Do(ctx, a)
		return err
	}
}

func fcContextRows() []fcRow {
	one := suspend("mod", "@one", "k")
	gone := func(name string, fault func(*fcWorld)) fcRow {
		return fcRow{name: "a caller who gives up while " + name, fault: fault, act: fcGone(time.Second, one), code: moderation.CodeCancelled, is: []error{errFC, moderation.ErrConflicting}}
	}
	late := moderationtest.Late()
	return []fcRow{
		{name: "a caller who has given up already", act: fcGone(0, one), code: moderation.CodeCancelled, is: []error{errFC}},
		gone("the actor is looked up", func(w *fcWorld) { w.directory.OnActor.Inject(late) }),
		gone("the handle is resolved", func(w *fcWorld) { w.directory.OnResolve.Inject(late) }),
		gone("the target is looked up", func(w *fcWorld) { w.directory.OnTarget.Inject(late) }),
		gone("the policy is asked", func(w *fcWorld) { w.authorizer.OnDecide.Inject(late) }),
		gone("the limits are charged", func(w *fcWorld) { w.limiter.OnTake.Inject(late) }),
		gone("the key is looked up", func(w *fcWorld) { w.store.OnTickets.Inject(late) }),
		gone("the directory ignores it", func(w *fcWorld) { w.directory.OnActor.Inject(moderationtest.HangForever()) }),
		gone("another call with its key is under way", func(w *fcWorld) {
			w.directory.OnActor.InjectAt(1, moderationtest.Fail(nil))
			w.directory.OnActor.InjectAt(2, moderationtest.HangForever())
			_, _ = w.guard.Do(w.t.Context(), suspend("mod", "@one", "other")) // refused: counts calls
			go func() { _, _ = w.guard.Do(w.t.Context(), suspend("mod", "@one", "k")) }()
			synctest.Wait()
		}),
		{name: "a caller who gives up when the intent is recorded changes nothing", ok: true, ran: 1, act: fcGone(time.Second, one),
			fault: func(w *fcWorld) { fcAtIntent(w, moderationtest.After(moderationtest.Slow(2*time.Second))) }},
		{name: "a caller who gives up while the handler runs changes nothing", ok: true, ran: 1, act: fcGone(time.Second, one),
			fault: func(w *fcWorld) { w.handler.OnApply.Inject(moderationtest.Slow(2 * time.Second)) }},
	}
}

// fcFreezeRows are about freezes of every scope, before a call and in the
// middle of it.
func fcFreezeRows() []fcRow {
	freeze := func(w *fcWorld, s moderation.Scope) {
		w.must(w.guard.Freeze(w.t.Context(), moderation.FreezeRequest{Actor: "lead", Scope: s, Duration: time.Hour, Reason: "storm", Key: "freeze"}))
	}
	var rows []fcRow
	for _, s := range []struct {
		name  string
		scope moderation.Scope
		stops bool
	}{
		{"all", moderation.Scope{All: true}, true},
		{"its actor's login", moderation.Scope{Actor: "mod"}, true},
		{"a service of its actor", moderation.Scope{Actor: "bot"}, true},
		{"its kind", moderation.Scope{Kind: moderation.Suspend}, true},
		{"its tier", moderation.Scope{Tier: "standard"}, true},
		{"its domain", moderation.Scope{Domain: "en"}, true},
		{"just what it is", moderation.Scope{Actor: "mod", Kind: moderation.Suspend, Tier: "standard", Domain: "en"}, true},
		{"another actor", moderation.Scope{Actor: "mod2"}, false},
		{"another kind", moderation.Scope{Kind: moderation.Limit}, false},
		{"another tier", moderation.Scope{Tier: "protected"}, false},
		{"another domain", moderation.Scope{Domain: "de"}, false},
		{"its kind in another tier", moderation.Scope{Kind: moderation.Suspend, Tier: "protected"}, false},
	} {
		before := fcRow{name: "an action under a freeze of " + s.name, given: func(w *fcWorld) { freeze(w, s.scope) }, code: moderation.CodeFrozen, is: []error{moderation.ErrFrozen}, says: []string{"storm", "again in 1h0m0s"}}
		between := fcRow{name: "a freeze of " + s.name + " that lands behind the intent", code: moderation.CodeFrozen, is: []error{moderation.ErrFrozen}, says: []string{"storm"},
			fault: func(w *fcWorld) {
				fcAtIntent(w, moderationtest.Lie(func(committed struct{}) struct{} {
					freeze(w, s.scope)
					return committed
				}))
			}, after: func(w *fcWorld) {
				w.ticket.ID = w.trail.Records()[0].Ticket
				w.wantStatus(moderation.StatusRefused)
			}}
		if !s.stops {
			before.code, before.ok, before.ran, before.is, before.says = "", true, 1, nil, nil
			between = before
			between.name, between.given = "a freeze of "+s.name+" that lands behind the intent", nil
			between.fault = func(w *fcWorld) {
				fcAtIntent(w, moderationtest.Lie(func(committed struct{}) struct{} {
					freeze(w, s.scope)
					return committed
				}))
			}
		}
		rows = append(rows, before, between)
	}
	return append(rows,
		fcRow{name: "a freeze that lands between decision and intent", code: moderation.CodeFrozen, is: []error{moderation.ErrFrozen},
			fault: func(w *fcWorld) {
				var once sync.Once
				w.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
					if c.At == moderation.ChargeExecute && c.Kind == moderation.Suspend {
						once.Do(func() { freeze(w, moderation.Scope{All: true}) })
					}
					return moderation.Usage{Allowed: true}, nil
				})
			}},
		fcRow{name: "a freeze does not stop an undo", given: func(w *fcWorld) {
			fcExecuted(w)
			freeze(w, moderation.Scope{All: true})
		}, act: fcUndo("mod"), ok: true, ran: 1},
		fcRow{name: "a freeze does not stop the end of a duration", given: func(w *fcWorld) {
			fcTimed(w)
			freeze(w, moderation.Scope{All: true})
		}, act: fcAdvance, ok: true, ran: 1},
		fcRow{name: "an action after the freeze has ended by itself", given: func(w *fcWorld) {
			freeze(w, moderation.Scope{All: true})
			time.Sleep(time.Hour)
		}, ok: true, ran: 1},
		fcRow{name: "an action a nanosecond before the freeze ends", given: func(w *fcWorld) {
			freeze(w, moderation.Scope{All: true})
			time.Sleep(time.Hour - 1)
		}, code: moderation.CodeFrozen})
}

// fcLateRows are about what comes too late.
func fcLateRows() []fcRow {
	slow := func(d time.Duration) func(*fcWorld) {
		return func(w *fcWorld) { fcAtIntent(w, moderationtest.After(moderationtest.Slow(d))) }
	}
	sleeps := func(d time.Duration) func(*fcWorld) {
		return func(w *fcWorld) {
			fcHeld(w)
			time.Sleep(d)
		}
	}
	refused := func(w *fcWorld) { w.wantStatus(moderation.StatusRefused) }
	return []fcRow{
		{name: "a hold that is a nanosecond from its end", given: sleeps(10*time.Minute - 1), act: fcAdvance, ok: true, after: func(w *fcWorld) { w.wantStatus(moderation.StatusHeld) }},
		{name: "a ticket at its deadline times out", given: sleeps(24 * time.Hour), act: fcAdvance, ok: true, after: func(w *fcWorld) { w.wantStatus(moderation.StatusTimedOut) }},
		{name: "a ticket a nanosecond before its deadline is executed", given: sleeps(24*time.Hour - 1), act: fcAdvance, ok: true, ran: 1},
		{name: "a deadline that passes while the intent is written", given: sleeps(24*time.Hour - time.Second), fault: slow(2 * time.Second), act: fcAdvance, code: moderation.CodeTooLate, after: refused},
		{name: "an earlier deadline of the policy of now that passes while the intent is written", given: sleeps(time.Hour - time.Second), fault: func(w *fcWorld) {
			w.rules["request protected"] = moderation.Requirement{Quorum: twoLeads().Quorum, Hold: 10 * time.Minute, Deadline: time.Hour}
			slow(2 * time.Second)(w)
		}, act: fcAdvance, code: moderation.CodeTooLate, after: refused},
		{name: "the deadline of what waits for nothing passes while the intent is written", world: func(w *world) {
			w.rules["request standard"] = moderation.Requirement{Quorum: moderation.Quorum{None: true}, Deadline: time.Second}
		}, fault: slow(2 * time.Second), code: moderation.CodeTooLate},
		{name: "the last day ends while the intent is written", fault: func(w *fcWorld) {
			w.actor("mod", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now().Add(time.Second)) })
			slow(2 * time.Second)(w)
		}, code: moderation.CodePastLastDay},
		{name: "the last day ends while the limits are charged", fault: func(w *fcWorld) {
			w.actor("mod", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now().Add(time.Second)) })
			w.limiter.OnTake.Inject(moderationtest.Slow(time.Second))
		}, code: moderation.CodePastLastDay},
		{name: "the last day ends while the call waits behind another with its key", fault: func(w *fcWorld) {
			w.actor("mod", func(a *moderation.Actor) { a.LastDay = moderation.LastDayAt(time.Now().Add(time.Second)) })
			w.directory.OnResolve.InjectAt(1, moderationtest.Slow(3*time.Second))
			w.limiter.OnTake.InjectAt(1, moderationtest.Fail(errFC))
			go func() { _, _ = w.guard.Do(w.t.Context(), suspend("mod", "@one", "k")) }()
			synctest.Wait()
		}, code: moderation.CodePastLastDay},
		{name: "an intent that takes longer than a record may take", fault: slow(6 * time.Second), code: moderation.CodeTrail, unrecorded: true, after: fcRefusedWhenHealed},
	}
}

// fcOnceRows are about the same thing asked for more than once.
func fcOnceRows() []fcRow {
	again := func(change func(*moderation.Action)) func(*fcWorld) error {
		a := suspend("mod", "@one", "given")
		change(&a)
		return fcDo(a)
	}
	other := func(name string, change func(*moderation.Action)) fcRow {
		return fcRow{name: "the same key with another " + name, given: fcExecuted, act: again(change), code: moderation.CodeKeyReused, is: []error{moderation.ErrInvalid}}
	}
	same := func(*moderation.Action) {}
	return []fcRow{
		{name: "the same call from 100 goroutines runs the handler once", ran: 1, ok: true, act: func(w *fcWorld) error {
			return w.together(100, func(int) error { return w.keepsTicket(suspend("mod", "@one", "k")) })
		}},
		{name: "the same call from 100 goroutines with a slow handler runs it once", ran: 1, ok: true,
			fault: func(w *fcWorld) { w.handler.OnApply.Inject(moderationtest.Slow(10 * time.Second)) },
			act: func(w *fcWorld) error {
				return w.together(100, func(int) error { return w.keepsTicket(suspend("mod", "@one", "k")) })
			}},
		{name: "one ticket advanced by 100 goroutines runs the handler once", given: fcReady, ran: 1, ok: true,
			fault: func(w *fcWorld) { w.handler.OnApply.Inject(moderationtest.Slow(10 * time.Second)) },
			act:   func(w *fcWorld) error { return w.together(100, func(int) error { return fcAdvance(w) }) }},
		other("target", func(a *moderation.Action) { a.Target = "@two" }),
		other("spelling of the target", func(a *moderation.Action) { a.Target = "acct-1" }),
		other("reason", func(a *moderation.Action) { a.Reason = "ham" }),
		other("case", func(a *moderation.Action) { a.Case = "case-1" }),
		other("tier", func(a *moderation.Action) { a.Tier = "standard" }),
		other("duration", func(a *moderation.Action) { a.Duration = time.Hour }),
		other("parameter", func(a *moderation.Action) { a.Parameters = map[string]string{"a": "b"} }),
		other("kind", func(a *moderation.Action) { a.Kind, a.Duration = moderation.Limit, 0 }),
		{name: "a key of an action used for an undo", given: fcExecuted, code: moderation.CodeKeyReused, act: func(w *fcWorld) error {
			_, err := w.guard.Undo(w.t.Context(), moderation.UndoRequest{Ticket: w.ticket.ID, Actor: "mod", Reason: "spam", Key: "given"})
			return err
		}},
		{name: "a key repeated by an actor who has left", given: fcExecuted, fault: fcAbout("mod", func(a *moderation.Actor) { a.Status = moderation.Departed }), act: again(same), code: moderation.CodeInactive},
		{name: "what stands already is not done again", given: fcExecuted, act: fcDo(suspend("mod2", "@one", "k")), code: moderation.CodeStands, is: []error{moderation.ErrConflicting}, says: []string{"mod did it"}},
		{name: "what stands already is not done for a shorter time", given: fcExecuted, act: func(w *fcWorld) error {
			a := suspend("mod2", "@one", "k")
			a.Duration = time.Hour
			return fcDo(a)(w)
		}, code: moderation.CodeStands},
		{name: "a target on which another ticket is at work", given: fcUnknown, act: fcDo(suspend("mod2", "@one", "k")), code: moderation.CodeBusy, is: []error{moderation.ErrConflicting}},
		{name: "an undo of what was undone already", given: func(w *fcWorld) {
			fcExecuted(w)
			w.must(w.guard.Undo(w.t.Context(), moderation.UndoRequest{Ticket: w.ticket.ID, Actor: "mod2", Reason: "wrong", Key: "first"}))
		}, act: fcUndo("mod"), code: moderation.CodeNotUndoable, says: []string{"undone already"}},
		{name: "an undo of an undo", given: func(w *fcWorld) {
			fcExecuted(w)
			w.ticket = w.must(w.guard.Undo(w.t.Context(), moderation.UndoRequest{Ticket: w.ticket.ID, Actor: "mod2", Reason: "wrong", Key: "first"}))
		}, act: fcUndo("mod"), code: moderation.CodeNotUndoable, says: []string{"itself an undo"}},
		{name: "an undo of what was not done yet", given: fcHeld, act: fcUndo("mod"), code: moderation.CodeNotUndoable, says: []string{"held"}},
		{name: "an undo of a freeze", given: fcFrozenAll, act: fcUndo("lead"), code: moderation.CodeNotUndoable, says: []string{"Unfreeze"}},
		{name: "an unfreeze of what is no freeze", given: fcExecuted, act: func(w *fcWorld) error {
			_, err := w.guard.Unfreeze(w.t.Context(), moderation.UndoRequest{Ticket: w.ticket.ID, Actor: "lead", Reason: "calm", Key: "k"})
			return err
		}, code: moderation.CodeNotUndoable},
		{name: "an undo of what ended by itself", given: func(w *fcWorld) {
			fcTimed(w)
			w.ticket = w.must(w.guard.Advance(w.t.Context(), w.ticket.ID))
		}, act: fcUndo("mod"), code: moderation.CodeNotUndoable, says: []string{"ended"}},
		{name: "a repeated call whose ticket was undone", given: func(w *fcWorld) {
			fcExecuted(w)
			w.must(w.guard.Undo(w.t.Context(), moderation.UndoRequest{Ticket: w.ticket.ID, Actor: "mod2", Reason: "wrong", Key: "first"}))
		}, act: again(same), status: moderation.StatusUndone, is: []error{moderation.ErrOver}, silent: true},
		{name: "a repeated call whose ticket is unknown", given: fcUnknown, act: again(same), status: moderation.StatusUnknown, is: []error{moderation.ErrUnknown}, silent: true},
		{name: "a repeated call whose ticket has ended", given: func(w *fcWorld) {
			fcTimed(w)
			w.must(w.guard.Advance(w.t.Context(), w.ticket.ID))
		}, act: again(func(a *moderation.Action) { a.Duration = time.Hour }), status: moderation.StatusEnded, is: []error{moderation.ErrOver}, silent: true},
		{name: "a repeated call whose ticket was refused", given: func(w *fcWorld) {
			fcReady(w)
			w.actor("mod", func(a *moderation.Actor) { a.Status = moderation.Suspended })
			_ = fcAdvance(w)
			w.actor("mod", func(a *moderation.Actor) { a.Status = moderation.Active })
		}, act: fcDo(suspend("mod", "@vip", "given")), code: moderation.CodeInactive, silent: true},
		{name: "a resolution of what is not unknown", given: fcExecuted, act: fcResolve("lead"), code: moderation.CodeNotOpen},
		{name: "a resolution by the requester", given: fcUnknown, fault: func(w *fcWorld) {
			w.authorizer.Set("mod", moderation.StepResolve, moderation.Decision{Allowed: true, Policy: policyDigest})
		}, act: fcResolve("mod"), code: moderation.CodeOwnRequest},
		{name: "a resolution by a service", given: fcUnknown, fault: func(w *fcWorld) {
			w.actor("lead", func(a *moderation.Actor) { a.Type = moderation.Service })
		}, act: fcResolve("lead"), code: moderation.CodeOwnRequest},
		{name: "a resolution by whose person the requester's login is now", given: fcUnknown, fault: func(w *fcWorld) {
			w.actor("mod", func(a *moderation.Actor) { a.Person = "p-lead" })
		}, act: fcResolve("lead"), code: moderation.CodeOwnRequest},
		{name: "a resolution while the requester can't be looked up", given: fcUnknown, fault: func(w *fcWorld) {
			w.directory.OnActor.InjectWhen(func(login string) bool { return login == "mod" }, moderationtest.Fail(errFC))
		}, act: fcResolve("lead"), code: moderation.CodeDirectory, is: []error{errFC}},
		{name: "a resolution of an undo about which the store answers with another ticket", given: func(w *fcWorld) {
			fcExecuted(w)
			other := w.ticket
			w.must(w.guard.Do(w.t.Context(), suspend("mod", "@two", "other")))
			w.handler.OnUndo.Inject(moderationtest.After(moderationtest.Fail(errFC)))
			w.handler.OnProbe.Inject(moderationtest.Fail(errFC))
			w.ticket, _ = w.guard.Undo(w.t.Context(), moderation.UndoRequest{Ticket: other.ID, Actor: "mod2", Reason: "wrong", Key: "u"})
			time.Sleep(2 * time.Minute)
			w.store.OnTicket.InjectWhen(func(id string) bool { return id == other.ID }, moderationtest.Lie(func(t moderation.Ticket) moderation.Ticket {
				t.ID = "another"
				return t
			}))
		}, act: fcResolve("lead"), code: moderation.CodeStore, after: func(w *fcWorld) { w.wantStatus(moderation.StatusUnknown) }},
		{name: "a limiter that hangs when it is told that a ticket is over", ok: true, ran: 1, fault: func(w *fcWorld) { w.limiter.OnRelease.Inject(moderationtest.HangForever()) }},
		{name: "a limiter that panics when it is told that a ticket is over", ok: true, ran: 1, fault: func(w *fcWorld) { w.limiter.OnRelease.Inject(moderationtest.Panic("boom")) }},
		{name: "a resolution while the handler may still run", given: func(w *fcWorld) {
			w.handler.OnApply.Inject(moderationtest.Fail(errFC))
			w.handler.OnProbe.Inject(moderationtest.Fail(errFC))
			w.ticket, _ = w.guard.Do(w.t.Context(), suspend("mod", "@one", "given"))
		}, act: fcResolve("lead"), code: moderation.CodeTooEarly, is: []error{moderation.ErrConflicting}},
	}
}

func fcResolve(actor string) func(*fcWorld) error {
	return func(w *fcWorld) error {
		_, err := w.guard.Resolve(w.t.Context(), moderation.Resolution{Ticket: w.ticket.ID, Actor: actor, Found: moderation.ProbeApplied, Reason: "looked"})
		return err
	}
}

// together calls f n times at once and returns the first error.
func (w *fcWorld) together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() { errs[i] = f(i) })
	}
	calls.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// keepsTicket does a, and checks that the trail has one ticket.
func (w *fcWorld) keepsTicket(a moderation.Action) error {
	ticket, err := w.guard.Do(w.t.Context(), a)
	if intents := w.recordsOf(audit.EventIntent); len(intents) != 1 || intents[0].Ticket != ticket.ID {
		w.t.Errorf("got ticket %s; the trail has %d intents", ticket.ID, len(intents))
	}
	return err
}
