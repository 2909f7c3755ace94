package moderationtest

import (
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func TestNaiveAuthorizerPasses(t *testing.T) {
	t.Parallel()
	TestAuthorizer(t, func(*testing.T) moderation.Authorizer { return naiveAuthorizer{} }, sampleCases())
}

func TestAuthorizerDoublePasses(t *testing.T) {
	t.Parallel()
	TestAuthorizer(t, func(t *testing.T) moderation.Authorizer {
		a := NewAuthorizer(t)
		a.AnswerWith(func(q moderation.Question) (moderation.Decision, error) {
			return naiveAuthorizer{}.Decide(t.Context(), q)
		})
		return a
	}, sampleCases())
}

func TestCasesMustAllowAndDeny(t *testing.T) {
	t.Parallel()
	cases := sampleCases()
	for name, some := range map[string][]AuthorizerCase{"none": nil, "only allowed": cases[:3], "only denied": cases[3:]} {
		if err := enoughCases(some); err == nil {
			t.Errorf("%s: got nil, want an error", name)
		}
	}
	if err := enoughCases(cases); err != nil {
		t.Errorf("allowed and denied: %v", err)
	}
}

func TestRequirementFaults(t *testing.T) {
	t.Parallel()
	one := []moderation.Slot{{"lead"}}
	for name, r := range map[string]moderation.Requirement{
		"unstated":                     {},
		"none and slots":               {Quorum: moderation.Quorum{None: true, Slots: one}, Deadline: time.Hour},
		"a slot without roles":         {Quorum: moderation.Quorum{Slots: []moderation.Slot{{}}}, Deadline: time.Hour},
		"a slot with an empty role":    {Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead", ""}}}, Deadline: time.Hour},
		"a negative hold":              {Quorum: moderation.Quorum{None: true}, Hold: -1},
		"a negative deadline":          {Quorum: moderation.Quorum{None: true}, Deadline: -1},
		"a quorum without a deadline":  {Quorum: moderation.Quorum{Slots: one}},
		"a hold without a deadline":    {Quorum: moderation.Quorum{None: true}, Hold: time.Hour},
		"a deadline as long as a hold": {Quorum: moderation.Quorum{None: true}, Hold: time.Hour, Deadline: time.Hour},
	} {
		if requirementFault(r) == nil {
			t.Errorf("%s: got nil, want an error", name)
		}
	}
	for name, r := range map[string]moderation.Requirement{
		"nobody":              {Quorum: moderation.Quorum{None: true}},
		"nobody, by a time":   {Quorum: moderation.Quorum{None: true}, Deadline: time.Hour},
		"somebody":            {Quorum: moderation.Quorum{Slots: one}, Deadline: time.Hour},
		"nobody, held":        {Quorum: moderation.Quorum{None: true}, Hold: time.Minute, Deadline: time.Hour},
		"somebody, then held": {Quorum: moderation.Quorum{Slots: one}, Hold: time.Minute, Deadline: time.Hour},
	} {
		if err := requirementFault(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
