package moderation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// FreezeKind is the kind of the tickets under which freezes stand. Limits on
// freezes name it.
const FreezeKind = "interlock.freeze"

// freezeKind has handlers that change nothing: a freeze is its ticket.
var freezeKind = Kind{
	Name:       FreezeKind,
	Apply:      func(context.Context, Permit) (UndoToken, error) { return "", nil },
	Undo:       func(context.Context, Permit) error { return nil },
	Probe:      func(context.Context, Permit) (ProbeResult, UndoToken, error) { return ProbeApplied, "", nil },
	Idempotent: true,
	Timed:      true,
}

// The names under which a scope stands in a freeze's parameters.
const (
	scopeActor  = "actor"
	scopePerson = "person" // the human behind the actor, found when it began
	scopeKind   = "kind"
	scopeTier   = "tier"
	scopeDomain = "domain"
)

// Freeze stops restrictions that match a scope, from the next step on, until
// its duration is over or Unfreeze ends it. Steps that do not restrict go on:
// reject, cancel, undo, and the end of a duration. Its errors are those of Do.
func (g *Guard) Freeze(ctx context.Context, f FreezeRequest) (Ticket, error) {
	action := Action{
		Kind: FreezeKind, Actor: f.Actor, Target: FreezeTarget,
		Reason: f.Reason, Case: f.Case, Duration: f.Duration, Key: f.Key,
		Parameters: f.Scope.parameters(),
	}
	r := request{step: StepFreeze, action: action}
	if err := g.enter(ctx); err != nil {
		return Ticket{}, err
	}
	defer g.exit()
	if err := f.check(g); err != nil {
		now, _ := g.clock.now()
		return Ticket{}, g.refuse(ctx, r, now, err)
	}
	return g.ask(ctx, r)
}

// Unfreeze ends a freeze before its time. Its errors are those of Undo.
func (g *Guard) Unfreeze(ctx context.Context, u UndoRequest) (Ticket, error) {
	return g.ask(ctx, u.request(StepUnfreeze))
}

func (f FreezeRequest) check(g *Guard) error {
	s, longest := f.Scope, g.config.MaxFreeze
	narrow := s.Actor != "" || s.Kind != "" || s.Tier != "" || s.Domain != ""
	switch {
	case !narrow && !s.All:
		return invalid("FreezeRequest.Scope", "is empty; name what to freeze, or All in so many words")
	case narrow && s.All:
		return invalid("FreezeRequest.Scope", "names All and something narrower; choose one")
	case f.Duration <= 0 || f.Duration > longest || f.Duration == Permanent:
		return invalid("FreezeRequest.Duration", fmt.Sprintf("is %v; more than zero and at most %v is allowed", f.Duration, longest))
	}
	return s.check(g)
}

// check refuses a scope that would freeze nothing because of its spelling.
func (s Scope) check(g *Guard) error {
	for field, text := range map[string]string{"Scope.Actor": s.Actor, "Scope.Kind": s.Kind, "Scope.Tier": s.Tier, "Scope.Domain": s.Domain} {
		if err := checkName(field, text, false); err != nil {
			return err
		}
	}
	if _, ok := g.kinds[s.Kind]; s.Kind != "" && (!ok || s.Kind == FreezeKind) {
		return &Refusal{Code: CodeUnknownKind, Field: "Scope.Kind", Text: fmt.Sprintf("No kind of action is registered as %q.", s.Kind)}
	}
	if s.Domain == Any {
		return invalid("Scope.Domain", "is *; leave it empty for every domain")
	}
	if s.Tier != "" && !slices.Contains(g.config.Tiers, s.Tier) {
		return &Refusal{Code: CodeUnknownTier, Field: "Scope.Tier", Text: fmt.Sprintf("The tier %q is not one of the service's tiers.", s.Tier)}
	}
	return nil
}

func (s Scope) parameters() map[string]string {
	p := make(map[string]string)
	for name, value := range map[string]string{scopeActor: s.Actor, scopeKind: s.Kind, scopeTier: s.Tier, scopeDomain: s.Domain} {
		if value != "" {
			p[name] = value
		}
	}
	return p
}

// scopeTarget is what the authorizer is asked about a freeze: the tier and
// domain that it covers, or Any. The question's kind is scopeQuestion's.
func scopeTarget(parameters map[string]string) (Target, Subject) {
	t := Target{ID: FreezeTarget, Tier: anyIfEmpty(parameters[scopeTier]), Domain: anyIfEmpty(parameters[scopeDomain])}
	if person := parameters[scopePerson]; person != "" {
		t.Owners = []string{person} // nobody lifts what stands on themselves
	}
	return t, Subject{ID: t.ID, Tier: t.Tier, Domain: t.Domain}
}

func anyIfEmpty(text string) string {
	if text == "" {
		return Any
	}
	return text
}

// frozen returns the freeze in force that covers an action, if there is one.
// A frozen actor is frozen by the login, whoever has it, and by the person,
// with all other logins and all services that the person owns.
func frozen(freezes Head, f *findings, now time.Time) *Ticket {
	for i := range freezes.Standing {
		t := &freezes.Standing[i]
		if now.Before(t.Until) && covers(t.Action.Parameters, f) {
			return t
		}
	}
	return nil
}

func covers(scope map[string]string, f *findings) bool {
	matches := func(name string, values ...string) bool {
		want, narrow := scope[name]
		return !narrow || slices.Contains(values, want)
	}
	actor := matches(scopeActor, f.actor.Login) || matches(scopePerson, append([]string{f.actor.Person}, f.actor.Owners...)...)
	return actor &&
		matches(scopeKind, f.action.Kind) &&
		matches(scopeTier, f.subject.Tier) &&
		matches(scopeDomain, f.subject.Domain)
}

// pin finds the human whom a freeze of an actor is meant for. A login that
// nobody knows is refused: it would freeze nobody.
func (q *inquiry) pin(ctx context.Context, f *findings) error {
	login, ok := f.action.Parameters[scopeActor]
	if !ok {
		return nil
	}
	a, err := q.actor(ctx, login)
	if err != nil {
		return err
	}
	f.action.Parameters = maps.Clone(f.action.Parameters)
	f.action.Parameters[scopePerson] = a.Person
	return nil
}

// notFrozen keeps from approving whoever a freeze names: what a stolen account
// approves must not count either. Rejecting goes on.
func notFrozen(freezes Head, a Actor, now time.Time) *Refusal {
	for i := range freezes.Standing {
		t := &freezes.Standing[i]
		scope := t.Action.Parameters
		if login, ok := scope[scopeActor]; ok && now.Before(t.Until) && (login == a.Login || scope[scopePerson] == a.Person) {
			return frozenRefusal(t, now)
		}
	}
	return nil
}

// frozenRefusal tells by whom and until when something is frozen.
func frozenRefusal(f *Ticket, now time.Time) *Refusal {
	return &Refusal{
		Code:       CodeFrozen,
		Text:       fmt.Sprintf("%s froze this at %s: %s", f.Action.Actor, f.Executed.Format(time.RFC3339), f.Action.Reason),
		Ticket:     f.ID,
		RetryAfter: f.Until.Sub(now),
	}
}
