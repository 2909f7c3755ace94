package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// fcLeft leaves a ticket executing, as a process does that is killed: another
// guard over the same store starts it, and its outcome never comes.
func fcLeft(w *fcWorld) {
	w.store.OnCommit.InjectWhen(func(c moderation.Change) bool { return c.Record.Event == audit.EventOutcome }, moderationtest.Fail(errFC))
	killed := w.guard
	w.open(w.t)
	w.ticket, _ = killed.Do(w.t.Context(), suspend("mod", "@one", "given"))
	w.store.OnCommit.Heal()
}

// fcUndoing has an undo of an unknown ticket at work.
func fcUndoing(w *fcWorld) {
	fcUnknown(w)
	w.handler.OnUndo.Inject(moderationtest.Slow(10 * time.Second))
	go func() { _ = fcUndo("mod2")(w) }()
	time.Sleep(time.Second)
}

// fcRecoverRows are about what is found after something went wrong.
func fcRecoverRows() []fcRow {
	status := func(s moderation.Status) func(*fcWorld) { return func(w *fcWorld) { w.wantStatus(s) } }
	sleeps := func(given func(*fcWorld), d time.Duration) func(*fcWorld) {
		return func(w *fcWorld) {
			given(w)
			time.Sleep(d)
		}
	}
	jump := func(at func(*fcWorld, func())) (func(*world), func(*fcWorld)) {
		ahead := time.Duration(0)
		return func(w *world) { w.config.Now = func() time.Time { return time.Now().Add(ahead) } },
			func(w *fcWorld) { at(w, func() { ahead = 2 * time.Hour }) }
	}
	stopped, stop := jump(func(w *fcWorld, jump func()) {
		w.limiter.OnTake.Inject(moderationtest.Lie(func(u moderation.Usage) moderation.Usage {
			jump()
			return u
		}))
	})
	return []fcRow{
		{name: "what another process left executing is not run again before its grace is over", given: sleeps(fcLeft, 89*time.Second), act: fcAdvance, ok: true, after: status(moderation.StatusExecuting)},
		{name: "what another process left executing is unknown after its grace", given: sleeps(fcLeft, 2*time.Minute), act: fcAdvance, ok: true, after: func(w *fcWorld) {
			w.wantStatus(moderation.StatusUnknown)
			outcomes := w.recordsOf(audit.EventOutcome)
			if len(outcomes) != 1 || outcomes[0].Outcome == nil || outcomes[0].Outcome.Status != string(moderation.StatusUnknown) {
				w.t.Errorf("the trail's outcomes: %+v", outcomes)
			}
		}},
		{name: "a call repeated while another process executes it", given: fcLeft, act: func(w *fcWorld) error {
			_, err := w.guard.Do(w.t.Context(), suspend("mod", "@one", "given"))
			if p := wantPending(w.t, err); p.Status != moderation.StatusExecuting || !strings.Contains(p.Error(), "is being executed") {
				w.t.Errorf("got %v", err)
			}
			return nil
		}, ok: true},
		{name: "a process that was stopped while it decided does not act on what it knew", world: stopped, fault: stop, code: moderation.CodeStale},
		{name: "a resolution while the undo of the unknown ticket is at work", given: fcUndoing, act: fcResolve("lead"), code: moderation.CodeBusy, ran: 0},
		{name: "a look at an unknown ticket while its undo is at work changes nothing", given: fcUndoing, act: fcAdvance, ok: true, after: func(w *fcWorld) {
			w.wantStatus(moderation.StatusUnknown)
			time.Sleep(time.Minute)
			w.wantStatus(moderation.StatusUndone)
		}},
		{name: "an undo of a kind that is not registered any more", given: func(w *fcWorld) {
			fcExecuted(w)
			w.config.Kinds = w.config.Kinds[1:]
			w.open(w.t)
		}, act: fcUndo("mod"), code: moderation.CodeUnknownKind, says: []string{"any more"}},
		{name: "an end of a kind that is not registered any more", given: func(w *fcWorld) {
			fcTimed(w)
			w.config.Kinds = w.config.Kinds[1:]
			w.open(w.t)
		}, act: fcAdvance, code: moderation.CodeUnknownKind, silent: true, after: status(moderation.StatusExecuted)},
		{name: "at execution a refusal that can't be recorded leaves the ticket waiting", given: fcReady, fault: func(w *fcWorld) {
			w.actor("mod", func(a *moderation.Actor) { a.Status = moderation.Suspended })
			w.breakTrail(audittest.Fail(audit.ErrNotWritten), fcEvent(audit.EventRefused))
		}, act: fcAdvance, code: moderation.CodeInactive, unrecorded: true, after: status(moderation.StatusHeld)},
		{name: "a freeze behind the intent whose refusal can't be recorded", code: moderation.CodeFrozen, unrecorded: true, fault: func(w *fcWorld) {
			w.breakTrail(audittest.Fail(errFC), fcEvent(audit.EventRefused))
			fcAtIntent(w, moderationtest.Lie(func(committed struct{}) struct{} {
				fcFrozenAll(w)
				return committed
			}))
		}, after: func(w *fcWorld) {
			w.heal()
			ticket, err := w.guard.Do(w.t.Context(), suspend("mod", "@one", "k"))
			if wantCode(w.t, err, moderation.CodeFrozen); ticket.Status != moderation.StatusRefused {
				w.t.Errorf("the ticket is %s", ticket.Status)
			}
		}},
		{name: "an approval after the deadline that the policy gives now", given: sleeps(fcPending, 2*time.Hour), fault: func(w *fcWorld) {
			w.rules["request protected"] = moderation.Requirement{Quorum: twoLeads().Quorum, Deadline: time.Hour}
		}, act: fcApprove("lead"), code: moderation.CodeTooLate},
		{name: "a caller who gives up while another approval is under way", given: fcPending, fault: func(w *fcWorld) {
			w.directory.OnActor.Inject(moderationtest.Slow(4 * time.Second))
			go func() { _ = fcApprove("lead2")(w) }()
			synctest.Wait()
		}, act: func(w *fcWorld) error {
			ctx, cancel := context.WithTimeoutCause(w.t.Context(), time.Second, errFC)
			defer cancel()
			_, err := w.guard.Approve(ctx, moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: "lead", Digest: w.ticket.Digest})
			return err
		}, code: moderation.CodeCancelled, is: []error{errFC}},
		{name: "a limit that asks for approvals and then fails", fault: fcOverThen(moderation.Usage{}, errFC), code: moderation.CodeLimiter, is: []error{errFC}},
		{name: "a limit that asks for approvals and then refuses", fault: fcOverThen(moderation.Usage{}, nil), code: moderation.CodeLimited},
		{name: "a handler with a very long error in many letters leaves it unknown", ran: 1, status: moderation.StatusUnknown,
			world: func(w *world) { w.config.Kinds[0].Probe = nil },
			fault: func(w *fcWorld) {
				w.handler.OnApply.Inject(moderationtest.Fail(errors.New("x" + strings.Repeat("é", moderation.MaxReason) + "\xff")))
			}, after: func(w *fcWorld) {
				note := w.recordsOf(audit.EventOutcome)[0].Outcome.Error
				if len(note) > moderation.MaxReason || !utf8.ValidString(note) || !strings.HasSuffix(note, "é…") {
					w.t.Errorf("the trail has %d bytes, which end in %q", len(note), note[len(note)-8:])
				}
			}},
	}
}

// fcOverThen is a limiter that asks for approvals, and then answers so.
func fcOverThen(u moderation.Usage, err error) func(*fcWorld) {
	return func(w *fcWorld) {
		w.limiter.AnswerWith(func(c moderation.Charge) (moderation.Usage, error) {
			if len(c.Overrun) > 0 {
				return u, err
			}
			return moderation.Usage{Over: []moderation.Slot{{"lead"}}}, nil
		})
	}
}

// An outcome that another replica was faster to settle is not owed for ever.
func TestOwedOutcomeThatWasOvertakenBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fcNew(t, nil)
		fcLeft(w)
		killed := w.guard
		w.open(t)
		other := w.guard
		// The first guard's outcome was lost before; now it is its own again.
		w.store.OnCommit.InjectWhen(func(c moderation.Change) bool { return c.Record.Event == audit.EventOutcome }, moderationtest.Fail(errFC))
		ticket, _ := killed.Do(t.Context(), suspend("mod", "@two", "second"))
		w.store.OnCommit.Heal()
		time.Sleep(2 * time.Minute)
		for _, id := range []string{ticket.ID, w.ticket.ID} {
			if _, err := other.Advance(t.Context(), id); err != nil {
				t.Errorf("Advance by the other replica: %v", err)
			}
		}
		w.guard = killed
		if _, err := killed.Do(t.Context(), moderation.Action{Kind: moderation.Limit, Actor: "mod2", Target: "vip-1", Reason: "spam", Key: "x"}); !errors.Is(err, moderation.ErrPending) {
			t.Errorf("the first replica can do nothing any more: %v", err)
		}
	})
}

// New refuses where it can't say in the trail, or to the limiter, how things stand.
func TestNewRefusesWhatItCannotRecover(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*fcWorld){
		"a trail that does not take that the outcome is unknown": func(w *fcWorld) { w.breakTrail(audittest.Fail(errFC), fcEvent(audit.EventOutcome)) },
		"a limiter that can't be told what is over":              func(w *fcWorld) { w.limiter.OnRelease.Inject(moderationtest.Fail(errFC)) },
		"a limiter that can't be told what was charged":          func(w *fcWorld) { w.limiter.OnRestore.Inject(moderationtest.Fail(errFC)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := fcNew(t, nil)
				w.must(w.guard.Do(t.Context(), suspend("mod", "@two", "done")))
				fcLeft(w)
				spoil(w)
				w.config.Store, w.config.Audit = nil, w.trail
				if guard, err := moderation.New(t.Context(), w.config); guard != nil || !errors.Is(err, errFC) {
					t.Errorf("New returned %v, %v, want no guard and the cause", guard, err)
				}
			})
		})
	}
}

// Run outlives a store that fails, and more due tickets than it has room for.
func TestRunOutlivesFailuresAndCrowds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const crowd = 100
		w := fcNew(t, func(w *world) {
			w.config.Questions = 1000
			for i := range crowd {
				w.directory.SetTarget(moderation.Target{ID: fmt.Sprint("many-", i), Tier: "standard", Domain: "en"})
			}
		})
		for i := range crowd {
			a := suspend("mod", fmt.Sprint("many-", i), fmt.Sprint("k", i))
			a.Duration = time.Hour
			w.must(w.guard.Do(t.Context(), a))
		}
		w.handler.OnUndo.Inject(moderationtest.Slow(10 * time.Second))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 80*time.Minute, errFC)
		defer cancel()
		w.store.OnTickets.InjectWhen(func(moderation.Query) bool { return time.Now().Minute()%2 == 0 }, moderationtest.Fail(nil))
		if err := w.guard.Run(ctx); !errors.Is(err, errFC) {
			t.Errorf("Run ended with %v, want the cause", err)
		}
		if got := len(w.handler.OnUndo.Calls()); got != crowd {
			t.Errorf("%d restrictions ended, want %d", got, crowd)
		}
	})
}

func TestTicketsEndsWhenTheReaderHasEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, target := range []string{"@one", "@two", "@vip"} {
		if _, err := w.guard.Do(t.Context(), suspend("mod", target, target)); err != nil && !errors.Is(err, moderation.ErrPending) {
			t.Fatal(err)
		}
	}
	n := 0
	for _, err := range w.guard.Tickets(t.Context(), "mod", moderation.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		break
	}
	if n != 1 {
		t.Errorf("got %d tickets after the first was enough", n)
	}
}

// fcHostError is an error of a host's own.
type fcHostError struct{ code int }

func (e *fcHostError) Error() string { return fmt.Sprint("host error ", e.code) }

func TestErrorOfAHandlerKeepsItsTypeButNotAnotherGuardsWord(t *testing.T) {
	t.Parallel()
	var inner error
	w := newWorld(t, func(w *world) {
		w.config.Kinds[0].Probe = nil
		w.config.Kinds[0].Apply = func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", inner }
	})
	inner = fmt.Errorf("elsewhere: %w, %w", &fcHostError{7}, &moderation.PendingError{Ticket: "other"})
	_, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k1"))
	var host *fcHostError
	if !errors.As(err, &host) || host.code != 7 {
		t.Errorf("%v has lost the host's error", err)
	}
	var pending *moderation.PendingError
	if errors.As(err, &pending) || errors.Is(err, moderation.ErrPending) {
		t.Errorf("%v looks as if ticket %v were pending", err, pending)
	}
	inner = &moderation.StateError{Ticket: "other", Status: moderation.StatusUndone}
	_, err = w.guard.Do(t.Context(), suspend("mod", "@two", "k2"))
	var state *moderation.StateError
	if !errors.As(err, &state) || state.Ticket == "other" || errors.Is(err, moderation.ErrOver) {
		t.Errorf("%v speaks of another guard's ticket", err)
	}
}

func TestPendingErrorSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2017, time.November, 2, 18, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		e    moderation.PendingError
		want string
	}{
		{moderation.PendingError{Ticket: "t", Status: moderation.StatusPending, Missing: []moderation.Slot{{"lead", "director"}, {"director"}}, Deadline: at},
			"moderation: pending: ticket t waits for approval by lead or director, director until 2017-11-02T18:00:00Z"},
		{moderation.PendingError{Ticket: "t", Status: moderation.StatusHeld, Due: at}, "moderation: pending: ticket t is held until 2017-11-02T18:00:00Z"},
		{moderation.PendingError{Ticket: "t", Status: moderation.StatusExecuting}, "moderation: pending: ticket t is being executed"},
	} {
		if got := tt.e.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
