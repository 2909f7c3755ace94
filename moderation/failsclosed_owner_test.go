package moderation_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/audittest"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// What was decided must not change because somebody changes what was handed
// over: the caller its action, the reader a ticket.
func TestNobodyChangesWhatWasDecidedFromOutside(t *testing.T) {
	t.Parallel()
	fcScoped := func(a moderation.Action) moderation.Action {
		a.Parameters = map[string]string{"scope": "posts"}
		return a
	}
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, w *fcWorld)
	}{
		{"the caller changes the parameters afterwards", func(t *testing.T, w *fcWorld) {
			a := fcScoped(suspend("mod", "@vip", "given"))
			w.ticket = w.must(w.guard.Do(t.Context(), a))
			a.Parameters["scope"] = "all"
		}},
		{"who was given the ticket changes it", func(t *testing.T, w *fcWorld) {
			ticket := w.must(w.guard.Do(t.Context(), fcScoped(suspend("mod", "@vip", "given"))))
			w.ticket.ID = ticket.ID
			ticket.Action.Parameters["scope"] = "all"
			ticket.Requirement.Quorum.Slots[0][0], ticket.Open[0][0] = "moderator", "moderator"
			read, err := w.guard.Ticket(t.Context(), "lead", ticket.ID)
			if err != nil {
				t.Fatal(err)
			}
			read.Action.Parameters["scope"], read.Open[0][0] = "all", "moderator"
			for read, err := range w.guard.Tickets(t.Context(), "lead", moderation.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				read.Action.Parameters["scope"], read.Open[0][0] = "all", "moderator"
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := fcNew(t, nil)
				tt.run(t, w)
				stored := w.stored()
				if got := stored.Action.Parameters["scope"]; got != "posts" {
					t.Errorf("the scope is %q", got)
				}
				for i, slot := range stored.Requirement.Quorum.Slots {
					if slot[0] != "lead" || stored.Open[i][0] != "lead" {
						t.Errorf("slot %d asks for %v, and %v is open", i, slot, stored.Open[i])
					}
				}
			})
		})
	}
}

func TestHandlerCannotChangeItsTicket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.config.Kinds[1].Apply = func(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
			p.Parameters["scope"] = "all"
			for i := range p.Standing {
				p.Standing[i].Parameters["scope"] = "all"
			}
			return "", nil
		}
	})
	for _, scope := range []string{"posts", "media"} {
		a := moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "@one", Reason: "spam", Key: scope, Parameters: map[string]string{"scope": scope}}
		ticket, err := w.guard.Do(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if ticket, err = w.guard.Ticket(t.Context(), "mod", ticket.ID); err != nil || ticket.Action.Parameters["scope"] != scope {
			t.Errorf("the scope is %q, %v, want %q", ticket.Action.Parameters["scope"], err, scope)
		}
	}
	for ticket, err := range w.guard.Tickets(t.Context(), "mod", moderation.Query{}) {
		if err != nil || ticket.Action.Parameters["scope"] != ticket.Action.Key {
			t.Errorf("ticket of key %s has the scope %q, %v", ticket.Action.Key, ticket.Action.Parameters["scope"], err)
		}
	}
}

// The race detector sees whoever writes to what a dependency answers with.
func TestGuardDoesNotWriteToAnswers(t *testing.T) {
	t.Parallel()
	limits := make([]moderation.LimitState, 1, 8)
	labels, owners := make([]string, 1, 8), make([]string, 1, 8)
	labels[0], owners[0] = "trusted", "p-other"
	w := newWorld(t, func(w *world) {
		w.limiter.AnswerWith(func(moderation.Charge) (moderation.Usage, error) {
			return moderation.Usage{Allowed: true, Limits: limits}, nil
		})
		w.config.Directory = fcSharedDirectory{w.directory, labels, owners}
		w.directory.SetActor(moderation.Actor{Login: "robot", Person: "p-robot", Type: moderation.Service, Status: moderation.Active, LastDay: moderation.NoLastDay()})
		w.authorizer.Set("robot", moderation.StepRequest, moderation.Decision{Allowed: true, Policy: policyDigest, Roles: []string{"moderator"}, Requirement: fcNobody()})
	})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			// All but the first on a target find it busy, or find that it stands.
			_, _ = w.guard.Do(t.Context(), suspend("robot", fmt.Sprint("acct-", 1+i%2), fmt.Sprint(i)))
		})
	}
	all.Wait()
	if w.calls() == 0 {
		t.Error("no action was executed: the test shows nothing")
	}
	for _, spare := range [][]string{labels[1:8], owners[1:8]} {
		for _, text := range spare {
			if text != "" {
				t.Errorf("%q was written behind an answer", text)
			}
		}
	}
	for _, l := range limits[1:8] {
		if l != (moderation.LimitState{}) {
			t.Errorf("%+v was written behind an answer", l)
		}
	}
}

// fcSharedDirectory answers with the same slices every time.
type fcSharedDirectory struct {
	*moderationtest.Directory
	labels, owners []string
}

func (d fcSharedDirectory) Actor(ctx context.Context, login string) (moderation.Actor, error) {
	a, err := d.Directory.Actor(ctx, login)
	a.Labels, a.Owners = d.labels, d.owners
	return a, err
}

// What must be recorded is recorded once, and not forgotten.
func TestWaitingForABusyTargetIsRecordedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fcNew(t, func(w *world) { w.rules["request standard"] = twoLeads() })
		w.ticket = w.must(w.guard.Do(t.Context(), suspend("mod", "@one", "waits")))
		for _, login := range []string{"lead", "lead2"} {
			w.must(w.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: w.ticket.ID, Actor: login, Digest: w.ticket.Digest}))
		}
		delete(w.rules, "request standard")
		waiting := w.ticket
		w.handler.OnProbe.Inject(moderationtest.Fail(errFC))
		w.handler.OnApply.InjectAt(1, moderationtest.Fail(errFC))
		a := suspend("mod2", "@one", "unknown")
		a.Parameters = map[string]string{"other": "restriction"}
		if _, err := w.guard.Do(t.Context(), a); err == nil {
			t.Fatal("the handler was to fail")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		_ = w.guard.Run(ctx)
		held := 0
		for _, r := range w.recordsOf(audit.EventHeld) {
			if r.Ticket == waiting.ID {
				held++
			}
		}
		if held != 1 || len(w.trail.Records()) > 20 {
			t.Errorf("in twenty minutes the trail has %d records that it waits, %d in all", held, len(w.trail.Records()))
		}
	})
}

func TestRefusalsThatAreCountedAreNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fcNew(t, func(w *world) { w.config.Questions = 3 })
		const asked = 20
		for i := range asked {
			wantCode(t, fcDo(suspend("stranger", "@one", fmt.Sprint("k", i)))(w), moderation.CodeNoRule)
		}
		time.Sleep(2 * time.Minute)
		w.breakTrail(audittest.Fail(audit.ErrNotWritten), fcEvent(audit.EventRefusals))
		for i := range 2 { // the summary can't be written
			wantCode(t, fcDo(suspend("gone", "@one", fmt.Sprint("k", i)))(w), moderation.CodePastLastDay)
		}
		w.healTrail()
		time.Sleep(2 * time.Minute)
		wantCode(t, fcDo(suspend("gone", "@one", "last"))(w), moderation.CodePastLastDay)
		single, counted := 0, int64(0)
		for _, r := range w.recordsOf(audit.EventRefused) {
			if r.Actor.Login == "stranger" {
				single++
			}
		}
		for _, r := range w.recordsOf(audit.EventRefusals) {
			if r.Actor.Login == "stranger" {
				counted += r.Outcome.Count
			}
		}
		if single != 3 || counted != asked-3 {
			t.Errorf("%d refusals are recorded and %d counted, of %d", single, counted, asked)
		}
	})
}

// A crash between the handler and its outcome leaves a record that says so.
func TestRestartRecordsThatTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fcNew(t, nil)
		w.breakTrail(audittest.Fail(audit.ErrNotWritten), fcEvent(audit.EventOutcome))
		if _, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k")); err == nil {
			t.Fatal("the outcome was to be refused")
		}
		w.healTrail()
		w.config.Store, w.config.Audit = nil, w.trail // a new process over the same trail
		w.open(t)
		outcomes := w.recordsOf(audit.EventOutcome)
		if len(outcomes) != 1 || outcomes[0].Outcome == nil || outcomes[0].Outcome.Status != string(moderation.StatusUnknown) {
			t.Errorf("the trail's outcomes: %+v", outcomes)
		}
		ticket, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k"))
		if ticket.Status != moderation.StatusUnknown || err == nil || w.calls() != 1 {
			t.Errorf("asked again: %s, %v, %d handler calls", ticket.Status, err, w.calls())
		}
	})
}

// Two processes over one store have nothing in common but the store.
func TestTwoReplicasStartAHandlerOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		given func(*fcWorld)
		act   func(*fcWorld, *moderation.Guard)
	}{
		"one ticket advanced": {fcReady, func(w *fcWorld, g *moderation.Guard) { _, _ = g.Advance(w.t.Context(), w.ticket.ID) }},
		"one end advanced":    {fcTimed, func(w *fcWorld, g *moderation.Guard) { _, _ = g.Advance(w.t.Context(), w.ticket.ID) }},
		"one key asked":       {nil, func(w *fcWorld, g *moderation.Guard) { _, _ = g.Do(w.t.Context(), suspend("mod", "@one", "k")) }},
		"one ticket undone": {fcExecuted, func(w *fcWorld, g *moderation.Guard) {
			_, _ = g.Undo(w.t.Context(), moderation.UndoRequest{Ticket: w.ticket.ID, Actor: "mod2", Reason: "wrong", Key: fmt.Sprintf("%p", g)})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := fcNew(t, nil)
				if tt.given != nil {
					tt.given(w)
				}
				replicas := []*moderation.Guard{w.guard}
				for range 2 {
					w.open(t)
					replicas = append(replicas, w.guard)
				}
				w.handler.OnApply.Inject(moderationtest.Slow(10 * time.Second))
				w.handler.OnUndo.Inject(moderationtest.Slow(10 * time.Second))
				before := w.calls()
				_ = w.together(30, func(i int) error {
					tt.act(w, replicas[i%len(replicas)])
					return nil
				})
				time.Sleep(10 * time.Minute)
				if got := w.calls() - before; got != 1 {
					t.Errorf("the handler was called %d times", got)
				}
			})
		})
	}
}
