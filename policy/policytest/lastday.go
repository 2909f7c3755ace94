package policytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// NobodyPastLastDay asserts that the policy by itself allows nothing to people
// whose last day is over. A guard refuses them in any case, as long as the
// directory knows the day: this is the second lock. Each person is looked at
// when the last day ends, and whenever a grant begins later. Options do not
// narrow it.
func NobodyPastLastDay(t testing.TB, p *policy.Policy, d analysis.Directory, options ...Option) {
	t.Helper()
	if newQuestion(options).analyse(t, p, d) == nil {
		return
	}
	for _, person := range d.People {
		end, ends := person.LastDay.End()
		if !ends {
			continue
		}
		for _, login := range person.Logins {
			for _, at := range momentsFrom(p, end) {
				if story := stillMay(p, person, login, at); story != "" {
					t.Errorf("%s", story)
					return
				}
			}
		}
	}
}

// momentsFrom returns a moment and all later ones at which a grant begins.
func momentsFrom(p *policy.Policy, end time.Time) []time.Time {
	list := []time.Time{end}
	for g := range p.Grants() {
		if g.From.After(end) && !slices.ContainsFunc(list, g.From.Equal) {
			list = append(list, g.From)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

// stillMay tells what a login may still do; empty for nothing.
func stillMay(p *policy.Policy, person analysis.Person, login analysis.Login, at time.Time) string {
	for _, domain := range domainsOf(p) {
		roles := p.Roles(login.Name, domain, at)
		if len(roles) == 0 {
			continue
		}
		for _, step := range moderation.Steps() {
			for _, kind := range append(p.Kinds(), moderation.Any) {
				for _, tier := range append(p.Tiers(), moderation.Any) {
					decision := p.Decide(moderation.Question{Step: step, Actor: moderation.Actor{Login: login.Name, Labels: login.Labels},
						Kind: kind, Target: moderation.Target{Tier: tier, Domain: domain}, Count: 1, Time: at})
					if decision.Allowed {
						return pastLastDay(p, person, login.Name, at, roles, step, kind, tier, decision)
					}
				}
			}
		}
	}
	return ""
}

// domainsOf returns the domains that a policy names, and one that it does not.
func domainsOf(p *policy.Policy) []string {
	list := p.Domains()
	if len(list) > 0 {
		return list
	}
	list = append(list, "(any other)")
	add := func(domain policy.Pattern) {
		if domain != moderation.Any && !slices.Contains(list, string(domain)) {
			list = append(list, string(domain))
		}
	}
	for g := range p.Grants() {
		add(g.Domain)
	}
	for r := range p.Rules() {
		add(r.Scope.Domain)
	}
	return list
}

func pastLastDay(p *policy.Policy, person analysis.Person, login string, at time.Time, roles []string, step moderation.Step, kind, tier string, d moderation.Decision) string {
	end, _ := person.LastDay.End()
	var grants, rules []string
	for g := range p.Grants() {
		if g.Grantee == login && (g.Until.IsZero() || g.Until.After(at)) && !g.From.After(at) {
			grants = append(grants, g.Row.Source)
		}
	}
	for _, r := range d.Rules {
		rules = append(rules, r.Source)
	}
	return fmt.Sprintf("The policy allows something to a person whose last day is over:\n"+
		"  The last day of %s ended at %s. On %s the login %s still has %s,\n  and may take the step %s: %s of a target of tier %s.\n%s%s"+
		"  Give the grants an end: %s.",
		person.ID, end.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339), login, strings.Join(roles, ", "), step, kind, tier,
		rows(p, "Granted by", grants), rows(p, "Allowed by", rules), end.UTC().Format(time.RFC3339))
}
