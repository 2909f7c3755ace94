package moderationtest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// naiveAuthorizer is a policy in a few lines of code.
type naiveAuthorizer struct{}

var naiveRoles = map[string][]string{"alice": {"agent"}, "lea": {"lead", "agent"}}

func (naiveAuthorizer) Decide(_ context.Context, q moderation.Question) (moderation.Decision, error) {
	d := moderation.Decision{Code: moderation.CodeNoRule, Policy: "naive-1", Roles: slices.Clone(naiveRoles[q.Actor.Login])}
	switch {
	case q.Count < 1, q.Time.IsZero(), q.Duration < 0, q.Since < 0, q.Target.Reach < 0, q.Target.Domain == "":
		d.Code = moderation.CodeInvalid
		return d, nil
	case len(d.Roles) == 0, q.Kind != moderation.Suspend, q.Target.Tier != "public" && q.Target.Tier != "protected":
		return d, nil
	case slices.Contains(q.Actor.Labels, moderation.LabelLeaving):
		d.Code, d.Rules = moderation.CodeDenied, []moderation.Rule{{Source: "naive:1"}}
		return d, nil
	case q.Step == moderation.StepApprove && slices.Contains(d.Roles, "lead"):
		d.Allowed, d.Code, d.Rules = true, "", []moderation.Rule{{Source: "naive:2"}}
		return d, nil
	case q.Step != moderation.StepRequest:
		return d, nil
	}
	d.Allowed, d.Code, d.Rules = true, "", []moderation.Rule{{Source: "naive:3"}}
	d.Requirement.Quorum.None = true
	if q.Target.Tier == "protected" {
		d.Requirement = moderation.Requirement{
			Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead", "director"}, {"director"}}},
			Hold:   time.Hour, Deadline: 48 * time.Hour,
		}
	}
	return d, nil
}

func sampleQuestion(login string, step moderation.Step, tier string) moderation.Question {
	return moderation.Question{
		Step:   step,
		Actor:  moderation.Actor{Login: login, Person: strings.ToUpper(login), Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()},
		Kind:   moderation.Suspend,
		Target: moderation.Target{ID: "42", Tier: tier, Domain: "en", Reach: 7},
		Count:  1,
		Time:   epoch,
	}
}

func sampleCases() []AuthorizerCase {
	leaver := sampleQuestion("alice", moderation.StepRequest, "public")
	leaver.Actor.Labels = []string{moderation.LabelLeaving}
	return []AuthorizerCase{
		{Name: "an agent may ask", Question: sampleQuestion("alice", moderation.StepRequest, "public"), Allowed: true,
			Roles: []string{"agent"}, Requirement: &moderation.Requirement{Quorum: moderation.Quorum{None: true}}},
		{Name: "two must agree on the protected", Question: sampleQuestion("lea", moderation.StepRequest, "protected"), Allowed: true,
			Roles: []string{"agent", "lead"}, Requirement: &moderation.Requirement{
				Quorum: moderation.Quorum{Slots: []moderation.Slot{{"director"}, {"director", "lead"}}},
				Hold:   time.Hour, Deadline: 48 * time.Hour,
			}},
		{Name: "a lead may approve", Question: sampleQuestion("lea", moderation.StepApprove, "public"), Allowed: true},
		{Name: "an agent may not approve", Question: sampleQuestion("alice", moderation.StepApprove, "public"), Code: moderation.CodeNoRule},
		{Name: "a leaver may not ask", Question: leaver, Code: moderation.CodeDenied},
	}
}
