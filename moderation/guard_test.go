package moderation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// world is a host: people, accounts, a policy in a few lines of Go, and a guard
// over doubles that a test can break one by one.
//
//	mod, mod2, mod3  moderators (mod3's second login is mod3-alt)
//	lead, lead2      leads
//	gone             a moderator whose last day is over
//	leaver           a moderator in the notice period
//	bot, teambot     services, of mod and of the team of mod and mod2
//	stranger         known, but without any role
//
// A standard account is suspended by one moderator alone; a protected one
// needs two leads and a hold.
type world struct {
	directory  *moderationtest.Directory
	authorizer *moderationtest.Authorizer
	limiter    *moderationtest.Limiter
	handler    *moderationtest.Handler
	sink       *audit.Memory
	config     moderation.Config
	guard      *moderation.Guard
	rules      map[string]moderation.Requirement // by step and tier, instead of the default
}

const policyDigest = "policy-1"

var roles = map[string][]string{
	"mod": {"moderator"}, "mod2": {"moderator"}, "mod3": {"moderator"}, "mod3-alt": {"moderator", "lead"},
	"lead": {"lead"}, "lead2": {"lead"}, "gone": {"moderator"}, "leaver": {"moderator", "lead"},
	"bot": {"moderator"}, "teambot": {"moderator"},
}

func newWorld(t *testing.T, change ...func(*world)) *world {
	t.Helper()
	w := &world{
		directory:  moderationtest.NewDirectory(t),
		authorizer: moderationtest.NewAuthorizer(t),
		limiter:    moderationtest.NewLimiter(t),
		handler:    moderationtest.NewHandler(t),
		sink:       &audit.Memory{},
		rules:      make(map[string]moderation.Requirement),
	}
	w.people()
	w.limiter.Allow()
	w.authorizer.AnswerWith(w.decide)
	suspend := w.handler.Kind(moderation.Suspend)
	suspend.Timed = true
	remove := w.handler.Kind(moderation.Remove)
	remove.Undo = nil
	w.config = moderation.Config{
		Directory: w.directory, Authorizer: w.authorizer, Limiter: w.limiter, Audit: w.sink, ForgetOnExit: true,
		Kinds: []moderation.Kind{suspend, w.handler.Kind(moderation.Limit), remove},
		Tiers: []string{"standard", "protected"},
	}
	for _, c := range change {
		c(w)
	}
	w.open(t)
	return w
}

// open makes the guard, again after a restart.
func (w *world) open(t *testing.T) {
	t.Helper()
	guard, err := moderation.New(t.Context(), w.config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	w.guard = guard
}

func (w *world) people() {
	human := func(login, person string) moderation.Actor {
		return moderation.Actor{Login: login, Person: person, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	}
	for _, login := range []string{"mod", "mod2", "mod3", "lead", "lead2", "stranger"} {
		w.directory.SetActor(human(login, "p-"+login))
	}
	w.directory.SetActor(human("mod3-alt", "p-mod3"))
	gone, leaver := human("gone", "p-gone"), human("leaver", "p-leaver")
	gone.LastDay = moderation.LastDayAt(time.Now().Add(-time.Hour))
	leaver.LastDay = moderation.LastDayAt(time.Now().Add(24 * time.Hour))
	w.directory.SetActor(gone)
	w.directory.SetActor(leaver)
	bot := human("bot", "p-mod")
	bot.Type = moderation.Service
	w.directory.SetActor(bot)
	bot.Login, bot.Person, bot.Owners = "teambot", "p-mod", []string{"p-mod", "p-mod2"}
	w.directory.SetActor(bot)
	w.directory.SetTarget(moderation.Target{ID: "acct-1", Tier: "standard", Domain: "en", Reach: 10}, "@one")
	w.directory.SetTarget(moderation.Target{ID: "acct-2", Tier: "standard", Domain: "en", Reach: 10}, "@two")
	w.directory.SetTarget(moderation.Target{ID: "vip-1", Tier: "protected", Domain: "en", Reach: 1000}, "@vip")
	w.directory.SetTarget(moderation.Target{ID: "acct-mod", Tier: "standard", Domain: "en", Owners: []string{"p-mod"}}, "@mod")
}

// decide is the policy: roles may take all steps, except that only leads
// approve, reject, cancel, freeze, resolve and revoke.
func (w *world) decide(q moderation.Question) (moderation.Decision, error) {
	d := moderation.Decision{Policy: policyDigest, Roles: roles[q.Actor.Login], Rules: []moderation.Rule{{Source: "policy:1"}}}
	lead := slices.Contains(d.Roles, "lead")
	switch q.Step {
	case moderation.StepRequest, moderation.StepUndo, moderation.StepRead:
		d.Allowed = len(d.Roles) > 0
	default:
		d.Allowed = lead
	}
	if !d.Allowed {
		d.Code, d.Rules, d.Missing = moderation.CodeNoRule, nil, "role lead"
		return d, nil
	}
	if !q.Step.Required() {
		return d, nil
	}
	rule, ok := w.rules[string(q.Step)+" "+q.Target.Tier]
	switch {
	case ok:
		d.Requirement = rule
	case q.Step == moderation.StepRequest && (q.Target.Tier == "protected" || q.Kind == moderation.Remove):
		d.Requirement = twoLeads()
	default:
		d.Requirement = moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	}
	return d, nil
}

func twoLeads() moderation.Requirement {
	return moderation.Requirement{
		Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}, {"lead"}}},
		Hold:   10 * time.Minute, Deadline: 24 * time.Hour,
		Rules: []moderation.Rule{{Source: "policy:2"}},
	}
}

func suspend(actor, target, key string) moderation.Action {
	return moderation.Action{Kind: moderation.Suspend, Actor: actor, Target: target, Reason: "spam", Duration: moderation.Permanent, Key: key}
}

// calls counts how often any handler was called.
func (w *world) calls() int { return len(w.handler.OnApply.Calls()) + len(w.handler.OnUndo.Calls()) }

// events lists what the trail says happened, in order.
func (w *world) events() []audit.Event {
	var events []audit.Event
	for _, r := range w.sink.Records() {
		events = append(events, r.Event)
	}
	return events
}

func wantEvents(t *testing.T, w *world, want ...audit.Event) {
	t.Helper()
	if got := w.events(); !slices.Equal(got, want) {
		t.Errorf("trail has %v, want %v", got, want)
	}
}

func wantCode(t *testing.T, err error, want moderation.Code) *moderation.Refusal {
	t.Helper()
	var r *moderation.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal with code %s", err, want)
	}
	if r.Code != want {
		t.Fatalf("got code %s (%v), want %s", r.Code, err, want)
	}
	return r
}

func wantPending(t *testing.T, err error) *moderation.PendingError {
	t.Helper()
	var p *moderation.PendingError
	if !errors.As(err, &p) {
		t.Fatalf("got %v, want a PendingError", err)
	}
	return p
}

func TestDoExecutesWhatWaitsForNothingInTwoRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ticket, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k1"))
	if err != nil {
		t.Fatal(err)
	}
	if ticket.Status != moderation.StatusExecuted || ticket.UndoToken != moderation.UndoToken("undo:"+ticket.ID) {
		t.Errorf("ticket is %s with undo token %q", ticket.Status, ticket.UndoToken)
	}
	if got := w.handler.InForce("acct-1"); len(got) != 1 || got[0].Ticket != ticket.ID {
		t.Errorf("in force: %v", got)
	}
	wantEvents(t, w, audit.EventIntent, audit.EventOutcome)
	again, err := w.guard.Do(t.Context(), suspend("mod", "@one", "k1"))
	if err != nil || again.ID != ticket.ID || w.calls() != 1 {
		t.Errorf("repeated call: ticket %s, %v, %d handler calls", again.ID, err, w.calls())
	}
}

func TestQuorumHoldAndExecution(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := newWorld(t, func(w *world) { w.config.Now = func() time.Time { return now } })
	ctx := context.Background()
	a := suspend("mod", "@vip", "k1")
	ticket, err := w.guard.Do(ctx, a)
	if p := wantPending(t, err); len(p.Missing) != 2 {
		t.Errorf("missing %v", p.Missing)
	}
	for _, login := range []string{"lead", "lead2"} {
		if ticket, err = w.guard.Approve(ctx, moderation.ReviewRequest{Ticket: ticket.ID, Actor: login, Digest: ticket.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	if ticket.Status != moderation.StatusHeld {
		t.Fatalf("status %s", ticket.Status)
	}
	now = now.Add(10*time.Minute - 1)
	if ticket, err = w.guard.Advance(ctx, ticket.ID); err != nil || ticket.Status != moderation.StatusHeld {
		t.Fatalf("just before the hold is over: %s, %v", ticket.Status, err)
	}
	now = now.Add(1)
	if ticket, err = w.guard.Advance(ctx, ticket.ID); err != nil || ticket.Status != moderation.StatusExecuted {
		t.Fatalf("after the hold: %s, %v", ticket.Status, err)
	}
	undo, err := w.guard.Undo(ctx, moderation.UndoRequest{Ticket: ticket.ID, Actor: "mod2", Reason: "wrong", Key: "u1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.handler.InForce("vip-1")) != 0 {
		t.Error("still in force")
	}
	ticket, err = w.guard.Ticket(ctx, "lead", ticket.ID)
	if err != nil || ticket.Status != moderation.StatusUndone || ticket.UndoneBy != undo.ID {
		t.Errorf("undone ticket: %s by %s, %v", ticket.Status, ticket.UndoneBy, err)
	}
	wantEvents(t, w, audit.EventRequested, audit.EventApproved, audit.EventApproved, audit.EventIntent, audit.EventOutcome, audit.EventIntent, audit.EventOutcome)
	w.config.Now = func() time.Time { return now }
	w.open(t)
	if ticket, err = w.guard.Ticket(ctx, "lead", ticket.ID); err != nil || ticket.Status != moderation.StatusUndone {
		t.Errorf("after a restart: %s, %v", ticket.Status, err)
	}
}
