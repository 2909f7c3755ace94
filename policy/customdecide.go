package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// refuses says why a question is denied before the model is asked; an empty
// code where it is asked.
func (v *modelVersion) refuses(q *moderation.Question) (moderation.Code, string) {
	if age := v.age(); v.config.MaxStaleness > 0 && age > v.config.MaxStaleness && imposes(q.Step) {
		return moderation.CodeStale, fmt.Sprintf("a policy that was loaded in the last %v; this one is %v old", v.config.MaxStaleness, age)
	}
	if code, missing := v.config.malformed(q, v.words); code != "" {
		return code, missing
	}
	for _, g := range v.graphs {
		if g.roles[q.Actor.Login] {
			return moderation.CodeNoRule, fmt.Sprintf("a login that no row grants as a role (%q is granted)", q.Actor.Login)
		}
	}
	return "", ""
}

// age is how old the version is by the clock that says more.
func (v *modelVersion) age() time.Duration {
	now := time.Now()
	return max(now.Sub(v.asOf), now.Round(0).Sub(v.asOf.Round(0)))
}

// dated adds to an answer how old the version is, where that is bounded.
func (v *modelVersion) dated(d moderation.Decision) moderation.Decision {
	if v.config.MaxStaleness > 0 {
		d.AsOf = v.asOf.Round(0)
	}
	return d
}

// decide answers a question that is well formed.
func (v *modelVersion) decide(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
	d, err := v.judge(ctx, q)
	if err != nil || !d.Allowed || !q.Step.Required() {
		return d, err
	}
	need, err := v.config.Requirement(ctx, cloneQuestion(q))
	if err != nil {
		return moderation.Decision{}, fmt.Errorf("ModelConfig.Requirement: %w", err)
	}
	if missing := unstatedPart(need); missing != "" {
		refused := v.deny(moderation.CodeNoRequirement, missing)
		refused.Rules, refused.Roles = d.Rules, d.Roles
		return refused, nil
	}
	d.Requirement = cloneRequirement(need)
	return d, nil
}

func (v *modelVersion) deny(code moderation.Code, missing string) moderation.Decision {
	return moderation.Decision{Code: code, Missing: missing, Policy: v.digest}
}

// judge asks the model about all that a question is about: each part must be
// allowed.
func (v *modelVersion) judge(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
	roles, err := v.roles(ctx, q)
	if err != nil {
		return moderation.Decision{}, err
	}
	var rules []moderation.Rule
	for part := range v.parts(q) {
		if err := ctx.Err(); err != nil {
			return moderation.Decision{}, err
		}
		request, err := v.config.Request(cloneQuestion(part))
		if err != nil {
			return moderation.Decision{}, fmt.Errorf("ModelConfig.Request: %w", err)
		}
		answer, err := v.ask(q.Time, request)
		if err != nil {
			return moderation.Decision{}, err
		}
		if !answer.allowed {
			return v.denied(part, answer.rules, roles), nil
		}
		for _, rule := range answer.rules {
			if !slices.Contains(rules, rule) {
				rules = append(rules, rule)
			}
		}
	}
	if len(rules) == 0 {
		return v.deny(moderation.CodeNoRule, "something that the question is about"), nil
	}
	return moderation.Decision{Allowed: true, Rules: rules, Roles: roles, Policy: v.digest}, nil
}

func (v *modelVersion) denied(q moderation.Question, rules []moderation.Rule, roles []string) moderation.Decision {
	what := fmt.Sprintf("%s of %s", q.Step, place(q.Kind, q.Target.Tier, q.Target.Domain))
	d := v.deny(moderation.CodeNoRule, "a row of the model that allows "+what)
	if len(rules) > 0 {
		d = v.deny(moderation.CodeDenied, "an actor whom no row of the model denies "+what)
	}
	d.Rules, d.Roles = rules, roles
	return d
}

// parts yields a question for each kind, tier and domain that it is about.
func (v *modelVersion) parts(q moderation.Question) func(yield func(moderation.Question) bool) {
	each := func(name string, all []string) []string {
		if name == moderation.Any {
			return all
		}
		return []string{name}
	}
	return func(yield func(moderation.Question) bool) {
		for _, kind := range each(q.Kind, v.config.Kinds) {
			for _, tier := range each(q.Target.Tier, v.config.Tiers) {
				for _, domain := range each(q.Target.Domain, v.config.Domains) {
					part := q
					part.Kind, part.Target.Tier, part.Target.Domain = kind, tier, domain
					if !yield(part) {
						return
					}
				}
			}
		}
	}
}

// roles are what quorums are filled by.
func (v *modelVersion) roles(ctx context.Context, q moderation.Question) ([]string, error) {
	if v.config.Roles != nil {
		roles, err := v.config.Roles(ctx, cloneQuestion(q))
		if err != nil {
			return nil, fmt.Errorf("ModelConfig.Roles: %w", err)
		}
		return slices.Clone(roles), nil
	}
	g := v.graphs["g"]
	if g == nil {
		return nil, nil
	}
	domains := []string{q.Target.Domain}
	if q.Target.Domain == moderation.Any {
		domains = v.config.Domains
	}
	var held map[string]bool
	for _, domain := range domains {
		reached, err := g.reach(q.Actor.Login, "", domain, q.Time)
		if err != nil {
			return nil, err
		}
		if held == nil {
			held = reached
		}
		maps.DeleteFunc(held, func(role string, _ bool) bool { return !reached[role] })
	}
	delete(held, q.Actor.Login)
	return slices.Sorted(maps.Keys(held)), nil
}

// unstatedPart says what the guard would miss in a requirement; empty for nothing.
func unstatedPart(r moderation.Requirement) string {
	slots := r.Quorum.Slots
	nobody := func(s moderation.Slot) bool { return len(s) == 0 || slices.Contains(s, "") }
	switch {
	case r.Quorum.None == (len(slots) > 0), slices.ContainsFunc(slots, nobody):
		return "a requirement whose quorum has slots, each with roles, or is None in so many words"
	case r.Hold < 0, r.Deadline < 0, (len(slots) > 0 || r.Hold > 0) && r.Deadline <= r.Hold:
		return "a requirement whose deadline is longer than its hold, neither of them negative"
	}
	return ""
}

func cloneRequirement(r moderation.Requirement) moderation.Requirement {
	r.Rules, r.Quorum.Slots = slices.Clone(r.Rules), slices.Clone(r.Quorum.Slots)
	for i, slot := range r.Quorum.Slots {
		r.Quorum.Slots[i] = slices.Clone(slot)
	}
	return r
}
