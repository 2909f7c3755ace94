package moderation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// fcMethod is a method of a dependency.
type fcMethod struct {
	name   string
	inject func(*fcWorld, moderationtest.Fault)
	asked  func(*fcWorld) int
}

func fcMethods() []fcMethod {
	type fault = moderationtest.Fault
	return []fcMethod{
		{"Directory.Actor", func(w *fcWorld, f fault) { w.directory.OnActor.Inject(f) }, func(w *fcWorld) int { return w.directory.OnActor.Count() }},
		{"Directory.Resolve", func(w *fcWorld, f fault) { w.directory.OnResolve.Inject(f) }, func(w *fcWorld) int { return w.directory.OnResolve.Count() }},
		{"Directory.Target", func(w *fcWorld, f fault) { w.directory.OnTarget.Inject(f) }, func(w *fcWorld) int { return w.directory.OnTarget.Count() }},
		{"Authorizer.Decide", func(w *fcWorld, f fault) { w.authorizer.OnDecide.Inject(f) }, func(w *fcWorld) int { return w.authorizer.OnDecide.Count() }},
		{"Limiter.Take", func(w *fcWorld, f fault) { w.limiter.OnTake.Inject(f) }, func(w *fcWorld) int { return w.limiter.OnTake.Count() }},
		{"Limiter.Peek", func(w *fcWorld, f fault) { w.limiter.OnPeek.Inject(f) }, func(w *fcWorld) int { return w.limiter.OnPeek.Count() }},
		{"Store.Commit", func(w *fcWorld, f fault) { w.store.OnCommit.Inject(f) }, func(w *fcWorld) int { return w.store.OnCommit.Count() }},
		{"Store.Ticket", func(w *fcWorld, f fault) { w.store.OnTicket.Inject(f) }, func(w *fcWorld) int { return w.store.OnTicket.Count() }},
		{"Store.Tickets", func(w *fcWorld, f fault) { w.store.OnTickets.Inject(f) }, func(w *fcWorld) int { return w.store.OnTickets.Count() }},
		{"Store.Head", func(w *fcWorld, f fault) { w.store.OnHead.Inject(f) }, func(w *fcWorld) int { return w.store.OnHead.Count() }},
	}
}

// fcVerbs are all verbs, those of Advance by what it finds to do.
func fcVerbs() []fcCall {
	advance := func(ctx context.Context, g *moderation.Guard, w *fcWorld, _ map[string]string) error {
		_, err := g.Advance(ctx, w.ticket.ID)
		return err
	}
	do := func(target string) func(context.Context, *moderation.Guard, *fcWorld, map[string]string) error {
		return func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
			if _, err := g.Do(ctx, suspend("mod", target, "k")); !errors.Is(err, moderation.ErrPending) {
				return err
			}
			return nil
		}
	}
	late := func(w *fcWorld) {
		fcPending(w)
		time.Sleep(24 * time.Hour)
	}
	return append(fcCalls(),
		fcCall{verb: "Do at once", call: do("@one")},
		fcCall{verb: "Do that waits", call: do("@vip")},
		fcCall{verb: "Do again", given: fcReady, call: func(ctx context.Context, g *moderation.Guard, _ *fcWorld, _ map[string]string) error {
			_, err := g.Do(ctx, suspend("mod", "@vip", "given"))
			return err
		}},
		fcCall{verb: "Advance past the deadline", given: late, call: advance},
		fcCall{verb: "Advance past the end", given: fcTimed, call: advance},
		fcCall{verb: "Advance of an unknown", given: fcUnknown, call: advance})
}

// TestNoVerbSucceedsWhenADependencyItAskedFailed breaks each method of each
// dependency, in each way, under each verb.
func TestNoVerbSucceedsWhenADependencyItAskedFailed(t *testing.T) {
	t.Parallel()
	broken := 0
	for _, verb := range fcVerbs() {
		t.Run(verb.verb, func(t *testing.T) {
			for _, method := range fcMethods() {
				for _, f := range fcFaultsOfAll() {
					if f.name == "hangs until it is told to stop" {
						continue // a mild form of what hangs for ever
					}
					var asked bool
					synctest.Test(t, func(t *testing.T) { asked = fcBreak(t, verb, method, f) })
					if asked {
						broken++
					}
				}
			}
		})
	}
	if broken < 350 {
		t.Errorf("only %d calls were broken", broken)
	}
}

// fcBreak makes one call with one method broken, and tells whether it was asked.
func fcBreak(t *testing.T, verb fcCall, method fcMethod, f fcFault) bool {
	w := fcNew(t, nil)
	if verb.given != nil {
		verb.given(w)
	}
	calls, asked, records := w.calls(), method.asked(w), len(w.trail.Records())
	method.inject(w, f.fault)
	err := verb.call(t.Context(), w.guard, w, w.good())
	if method.asked(w) == asked {
		if err != nil {
			t.Errorf("%s that %s was not asked, yet: %v", method.name, f.name, err)
		}
		return false
	}
	where := verb.verb + ", with " + method.name + " that " + f.name
	// A sequence whose first ticket is all that is asked for is not read to its
	// end, where the error would be.
	enough := verb.verb == "Do again" && method.name == "Store.Tickets" && f.name == "answers rightly and returns an error"
	if err == nil {
		if !enough {
			t.Errorf("%s: got nil", where)
		}
		return true
	}
	if !errors.Is(err, moderation.ErrRefused) || !errors.Is(err, moderation.ErrUnavailable) {
		t.Errorf("%s: %v is no refusal of the family ErrUnavailable", where, err)
	}
	time.Sleep(time.Hour)
	synctest.Wait()
	if w.calls() != calls {
		t.Errorf("%s: the handler was called", where)
	}
	silent := strings.HasPrefix(verb.verb, "Advance") || verb.verb == "Do again" || verb.verb == "Explain"
	if !silent && !errors.Is(err, moderation.ErrUnrecorded) && !fcRefused(w.trail.Records()[records:]) {
		t.Errorf("%s: no refusal in the trail, and %v", where, err)
	}
	return true
}

func fcRefused(records []audit.Record) bool {
	for _, r := range records {
		if r.Event == audit.EventRefused {
			return true
		}
	}
	return false
}
