package analysis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// guarded has people of all sorts: a leaver, one who is gone, a service, two
// logins of one human.
const guarded = `p, mod, request, account.*, normal, *, allow
p, mod, request, post.remove, *, *, allow
p, lead, request, *, *, *, allow
p, lead, approve, *, *, *, allow
p, director, approve, *, *, *, allow
p, contractor, request, account.suspend, *, *, deny
p, @leaving, request, *, protected, *, deny
p, @service, request, account.limit, *, *, deny
p2, request, *, normal, *, *, none, -, -
p2, request, *, protected, *, *, lead|director, -, 24h
p2, request, account.limit, protected, *, *, director, -, 24h
p2, request, account.suspend, normal, *, reach>1000, lead, -, 24h
p2, request, account.limit, vip, *, *, none, 10m, 24h
p2, request, post.remove, vip, *, *, none, -, -
p2, request, account.suspend, vip, *, permanent, lead, -, 24h
p2, request, account.suspend, vip, *, *, none, -, -
g, ann, mod, *, -, -
g, ann-phone, lead, *, -, -
g, bruno, mod, *, -, -
g, bruno, contractor, *, -, -
g, lea, lead, *, -, -
g, lou, lead, *, -, -
g, leaver, lead, *, -, -
g, gone, lead, *, -, -
g, later, lead, *, 2017-12-01, -
g, local, mod, de, -, -
g, bot, lead, *, -, -
g, dan, director, *, -, -
`

// What the analysis says of people is what a guard with the policy does: it
// lets through what one of them can do alone, and nothing else.
func TestAGuardLetsThroughWhatExposureSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	c := config(guarded)
	c.Tiers = []string{"normal", "protected", "vip"}
	actors := guardedActors()
	targets, kinds := guardedTargets(actors), guardedKinds()
	authorizer, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	guard := newGuard(t, authorizer, actors, targets, kinds)
	d, err := analysis.FromActors(actors, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Kinds = kinds
	e := exposure(t, analyse(t, authorizer.Policy(), d))

	passed, stopped := 0, 0
	var refusal *moderation.Refusal
	for _, actor := range actors {
		for _, kind := range allKinds {
			for _, tier := range c.Tiers {
				for _, reach := range []int64{1000, 1001} {
					action := moderation.Action{Kind: kind, Actor: actor.Login, Target: targetID(actor.Login, kind, tier, reach), Reason: "spam", Key: kind + tier + fmt.Sprint(reach)}
					if kind == "account.suspend" {
						action.Duration = time.Second
					}
					_, err := guard.Do(t.Context(), action)
					says := alone(e, actor, kind, tier, reach)
					switch {
					case says && err == nil:
						passed++
					case !says && (errors.Is(err, moderation.ErrPending) || errors.As(err, &refusal)):
						stopped++
					default:
						t.Errorf("%s, %s of %s with reach %d: the guard says %v, exposure says %v", actor.Login, kind, tier, reach, err, says)
					}
				}
			}
		}
	}
	if passed < 10 || stopped < 50 {
		t.Errorf("%d were let through and %d were not; both are needed", passed, stopped)
	}
}

// alone reports whether a deed without a hold says that a person can do it.
func alone(e analysis.Exposure, actor moderation.Actor, kind, tier string, reach int64) bool {
	return slices.ContainsFunc(deeds(e, actor.Person), func(d analysis.Deed) bool {
		return d.Step == moderation.StepRequest && d.Tier == tier && names(d.Kinds, kind) && names(d.Domains, "en") && int64(d.ReachAtMost) >= reach && d.Hold == 0
	})
}

func guardedActors() []moderation.Actor {
	var list []moderation.Actor
	for _, login := range []string{"ann", "ann-phone", "bruno", "lea", "lou", "leaver", "gone", "later", "local", "bot", "dan", "stranger"} {
		a := moderation.Actor{Login: login, Person: "p-" + login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
		switch login {
		case "leaver":
			a.LastDay = moderation.LastDayAt(noon.Add(time.Hour))
		case "gone":
			a.LastDay = moderation.LastDayAt(noon)
		case "bot":
			a.Type, a.Owners = moderation.Service, []string{"p-lea"}
		}
		list = append(list, a)
	}
	return list
}

func targetID(login, kind, tier string, reach int64) string {
	return fmt.Sprint(login, "-", kind, "-", tier, "-", reach)
}

// guardedTargets has one for each question, so that none is busy or taken.
func guardedTargets(actors []moderation.Actor) []moderation.Target {
	var list []moderation.Target
	for _, a := range actors {
		for _, kind := range allKinds {
			for _, tier := range []string{"normal", "protected", "vip"} {
				for _, reach := range []int64{1000, 1001} {
					list = append(list, moderation.Target{ID: targetID(a.Login, kind, tier, reach), Tier: tier, Domain: "en", Reach: reach})
				}
			}
		}
	}
	return list
}

func guardedKinds() []moderation.Kind {
	apply := func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil }
	undo := func(context.Context, moderation.Permit) error { return nil }
	return []moderation.Kind{
		{Name: "account.suspend", Apply: apply, Undo: undo, Timed: true},
		{Name: "account.limit", Apply: apply, Undo: undo},
		{Name: "post.remove", Apply: apply}, // irreversible
	}
}

func newGuard(t *testing.T, a *policy.Authorizer, actors []moderation.Actor, targets []moderation.Target, kinds []moderation.Kind) *moderation.Guard {
	t.Helper()
	directory, err := moderation.NewMapDirectory(actors, targets)
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := policy.NewLimiter(a)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := moderation.New(t.Context(), moderation.Config{Directory: directory, Authorizer: a, Limiter: limiter, Audit: new(audit.Memory),
		ForgetOnExit: true, Tiers: []string{"normal", "protected", "vip"}, Kinds: kinds, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

// As many as exposure says fit into an hour go through a guard with limits, and
// not one more.
func TestAGuardLetsThroughAsManyAsExposureSays(t *testing.T) {
	t.Parallel()
	c := config(sound + "p3, person, *, *, *, requests, 7, 90m, refuse\np3, all, account.*, normal, *, actions, 9, 2h, lead\n")
	authorizer, err := policy.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		t.Fatal(err)
	}
	p := authorizer.Policy()
	want := deeds(exposure(t, analyse(t, p, analysis.EachLogin(p))), "ann")[0]
	took := analysis.Bound(0)
	for minute := range 61 { // a charge whenever there may be room, over one hour
		for _, at := range []moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute} {
			for range 20 {
				u, err := limiter.Take(t.Context(), moderation.Charge{At: at, Step: moderation.StepRequest, Person: "ann", Actor: "ann", Kind: "account.limit",
					Target: "7", Tier: "normal", Domain: "en", Count: 1, Time: noon.Add(time.Duration(minute) * time.Minute)})
				if err != nil {
					t.Fatal(err)
				}
				if at == moderation.ChargeRequest && u.Allowed {
					took++
				}
			}
		}
	}
	if got := want.Hour.Actions; got != took || took != 11 {
		t.Errorf("exposure says %v an hour, a limiter lets %v through, want 11", got, took)
	}
}
