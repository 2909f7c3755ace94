package moderationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// decider is an authorizer made of a function.
type decider func(ctx context.Context, q moderation.Question) (moderation.Decision, error)

func (f decider) Decide(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
	return f(ctx, q)
}

func TestAuthorizerSuiteCatches(t *testing.T) {
	t.Parallel()
	ask := func(q moderation.Question) moderation.Decision {
		d, _ := naiveAuthorizer{}.Decide(context.Background(), q)
		return d
	}
	// lie changes the question before, and the answer after, it is decided.
	lie := func(before func(q *moderation.Question), after func(q moderation.Question, d *moderation.Decision)) func(*testing.T) moderation.Authorizer {
		return func(*testing.T) moderation.Authorizer {
			return decider(func(_ context.Context, q moderation.Question) (moderation.Decision, error) {
				asked := q
				if before != nil {
					before(&asked)
				}
				d := ask(asked)
				if after != nil {
					after(q, &d)
				}
				return d, nil
			})
		}
	}
	before := func(f func(q *moderation.Question)) func(*testing.T) moderation.Authorizer { return lie(f, nil) }
	after := func(f func(q moderation.Question, d *moderation.Decision)) func(*testing.T) moderation.Authorizer {
		return lie(nil, f)
	}
	allowing := func(f func(d *moderation.Decision)) func(*testing.T) moderation.Authorizer {
		return after(func(_ moderation.Question, d *moderation.Decision) {
			if d.Allowed {
				f(d)
			}
		})
	}
	stateful := func(f func() func(context.Context, moderation.Question) (moderation.Decision, error)) func(*testing.T) moderation.Authorizer {
		return func(*testing.T) moderation.Authorizer { return decider(f()) }
	}
	const (
		cases    = "the cases are answered as expected"
		malformd = "a question with something missing or out of range is denied"
		why      = "an answer says why"
		needs    = "what is allowed states what it needs"
		policy   = "every answer names the same policy"
		done     = "a context that is done grants nothing more"
	)
	table := []struct {
		name, check string
		open        func(*testing.T) moderation.Authorizer
	}{
		{"everything is denied", cases, after(func(_ moderation.Question, d *moderation.Decision) { d.Allowed = false })},
		{"everything is allowed", cases, after(func(_ moderation.Question, d *moderation.Decision) { d.Allowed = true })},
		{"a denial has another code", cases, after(func(_ moderation.Question, d *moderation.Decision) {
			if !d.Allowed {
				d.Code = moderation.CodeStale
			}
		})},
		{"a role is missing", cases, allowing(func(d *moderation.Decision) { d.Roles = d.Roles[:1] })},
		{"a slot is missing", cases, allowing(func(d *moderation.Decision) { d.Requirement.Quorum.Slots = nil })},
		{"a hold is shorter", cases, allowing(func(d *moderation.Decision) { d.Requirement.Hold /= 2 })},
		{"a case is an error", cases, stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			return func(context.Context, moderation.Question) (moderation.Decision, error) {
				return moderation.Decision{}, errors.New("down")
			}
		})},
		{"the zero question is allowed", "the zero question is denied", after(func(q moderation.Question, d *moderation.Decision) { d.Allowed = d.Allowed || q.Step == "" })},
		{"strangers are agents", "a login that nobody knows is denied", before(func(q *moderation.Question) {
			if naiveRoles[q.Actor.Login] == nil {
				q.Actor.Login = "alice"
			}
		})},
		{"nobody is an agent", "a login that nobody knows is denied", before(func(q *moderation.Question) {
			if q.Actor.Login == "" {
				q.Actor.Login = "alice"
			}
		})},
		{"any step will do", "a step that does not exist is denied", before(func(q *moderation.Question) {
			if !slices.Contains(moderation.Steps(), q.Step) {
				q.Step = moderation.StepRequest
			}
		})},
		{"a step is matched without case", "a step that does not exist is denied", before(func(q *moderation.Question) {
			q.Step = moderation.Step(strings.ToLower(string(q.Step)))
		})},
		{"any kind will do", "a kind that nobody registered is denied", before(func(q *moderation.Question) { q.Kind = moderation.Suspend })},
		{"a kind is matched by how it begins", "a kind that nobody registered is denied", before(func(q *moderation.Question) {
			if strings.HasPrefix(q.Kind, moderation.Suspend) {
				q.Kind = moderation.Suspend
			}
		})},
		{"any tier will do", "a tier that does not exist is denied", before(func(q *moderation.Question) {
			if q.Target.Tier != "protected" {
				q.Target.Tier = "public"
			}
		})},
		{"no targets are few", malformd, before(func(q *moderation.Question) { q.Count = max(q.Count, 1) })},
		{"the zero time is now", malformd, before(func(q *moderation.Question) {
			if q.Time.IsZero() {
				q.Time = epoch
			}
		})},
		{"a negative duration is short", malformd, before(func(q *moderation.Question) { q.Duration = max(q.Duration, 0) })},
		{"no domain is every domain", malformd, before(func(q *moderation.Question) { q.Target.Domain = "en" })},
		{"a negative reach is small", malformd, before(func(q *moderation.Question) { q.Target.Reach = max(q.Target.Reach, 0) })},
		{"who asks about everything is not asked what", "what is denied for one is denied for all", after(func(q moderation.Question, d *moderation.Decision) {
			d.Allowed = d.Allowed || q.Target.Domain == moderation.Any && q.Kind == moderation.Any
		})},
		{"every tier is the lowest", "what is denied for one is denied for all", after(func(q moderation.Question, d *moderation.Decision) {
			d.Allowed = d.Allowed || q.Target.Tier == moderation.Any
		})},
		{"a label makes an admin", "a label never grants", after(func(q moderation.Question, d *moderation.Decision) {
			d.Allowed = d.Allowed || slices.Contains(q.Actor.Labels, "admin")
		})},
		{"an error is allowed", "nothing is allowed together with an error", stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			return func(_ context.Context, q moderation.Question) (moderation.Decision, error) {
				d := ask(q)
				d.Allowed = true
				return d, errors.New("evaluation failed")
			}
		})},
		{"nobody learns why not", why, after(func(_ moderation.Question, d *moderation.Decision) { d.Code, d.Rules = "", nil })},
		{"nobody learns why", why, allowing(func(d *moderation.Decision) { d.Rules = nil })},
		{"what is allowed has a code", why, allowing(func(d *moderation.Decision) { d.Code = moderation.CodeNoRule })},
		{"a rule is from nowhere", why, allowing(func(d *moderation.Decision) { d.Rules = make([]moderation.Rule, 1) })},
		{"nothing is required", needs, allowing(func(d *moderation.Decision) { d.Requirement = moderation.Requirement{} })},
		{"a hold has no deadline", needs, allowing(func(d *moderation.Decision) { d.Requirement.Deadline = 0 })},
		{"a slot is for anybody", needs, allowing(func(d *moderation.Decision) {
			if len(d.Requirement.Quorum.Slots) > 0 {
				d.Requirement.Quorum.Slots[0] = nil
			}
		})},
		{"a denial names no policy", policy, after(func(_ moderation.Question, d *moderation.Decision) {
			if !d.Allowed {
				d.Policy = ""
			}
		})},
		{"each answer names a policy of its own", policy, after(func(q moderation.Question, d *moderation.Decision) { d.Policy += brief(q) })},
		{"every fifth answer is another", "the same question has the same answer", stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			n := 0
			return func(_ context.Context, q moderation.Question) (moderation.Decision, error) {
				n++
				d := ask(q)
				d.Allowed = d.Allowed && n%5 > 0
				return d, nil
			}
		})},
		{"what was asked before counts", "the same question has the same answer", stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			last := ""
			return func(_ context.Context, q moderation.Question) (moderation.Decision, error) {
				d := ask(q)
				d.Missing = last
				last = q.Actor.Login
				return d, nil
			}
		})},
		{"questions get mixed up", "many can ask at once", stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			var mu sync.Mutex
			var current moderation.Question
			return func(_ context.Context, q moderation.Question) (moderation.Decision, error) {
				mu.Lock()
				current = q
				mu.Unlock()
				time.Sleep(time.Millisecond) // in a bubble: until the others have asked
				mu.Lock()
				defer mu.Unlock()
				return ask(current), nil
			}
		})},
		{"it sorts the question's slices", "the question's slices are left as they are", before(func(q *moderation.Question) { slices.Sort(q.Target.Owners) })},
		{"it remembers answers by slices that are not its own", "the question's slices are not kept", stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			var asked []string
			return func(_ context.Context, q moderation.Question) (moderation.Decision, error) {
				d := ask(q)
				if asked == nil {
					asked = q.Target.Owners
				}
				d.Missing = fmt.Sprint(asked)
				return d, nil
			}
		})},
		{"nobody waits, so it is allowed", done, stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			return func(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
				d := ask(q)
				d.Allowed = d.Allowed || ctx.Err() != nil
				return d, nil
			}
		})},
		{"nobody waits, so nothing is required", done, stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			return func(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
				d := ask(q)
				if ctx.Err() != nil {
					d.Requirement = moderation.Requirement{Quorum: moderation.Quorum{None: true}}
				}
				return d, nil
			}
		})},
		{"nobody waits, so the error does not count", done, stateful(func() func(context.Context, moderation.Question) (moderation.Decision, error) {
			return func(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
				return ask(q), ctx.Err()
			}
		})},
		{"nobody waits, so it hangs", done, func(t *testing.T) moderation.Authorizer {
			a := NewAuthorizer(t)
			return decider(func(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
				if ctx.Err() == nil {
					return ask(q), nil
				}
				a.OnDecide.Inject(HangForever())
				return a.Decide(ctx, q)
			})
		}},
	}
	var defects []defect[authorizerSubject]
	for _, d := range table {
		defects = append(defects, defect[authorizerSubject]{d.name, d.check, func(t *testing.T) authorizerSubject {
			return authorizerSubject{Authorizer: d.open(t), cases: sampleCases()}
		}})
	}
	mustCatch(t, authorizerChecks(), defects)
}
