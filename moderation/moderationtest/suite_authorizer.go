package moderationtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
)

// AuthorizerCase is a question and what an authorizer under test must answer.
type AuthorizerCase struct {
	// Name names the case in what the suite reports.
	Name string
	// Question is asked as it is. The suite derives others from it.
	Question moderation.Question
	// Allowed is what must be answered.
	Allowed bool
	// Code is why not; empty where it is not compared.
	Code moderation.Code
	// Roles are the roles that the answer must name, in any order; nil where
	// they are not compared.
	Roles []string
	// Requirement is what the step must need, its Rules not compared, slots
	// and roles in any order; nil where it is not compared.
	Requirement *moderation.Requirement
}

// authorizerSubject is an authorizer under test.
type authorizerSubject struct {
	moderation.Authorizer
	cases []AuthorizerCase
}

// TestAuthorizer holds a [moderation.Authorizer] to its contract, with cases
// of the policy that it is opened with. At least one case must be allowed and
// one denied. From each case the suite derives questions that must be denied:
// of a login, step, kind and tier that nobody knows, of what is missing or out
// of range. An authorizer whose rules have wildcards must know, from elsewhere,
// which kinds and tiers exist.
func TestAuthorizer(t *testing.T, open func(t *testing.T) moderation.Authorizer, cases []AuthorizerCase) {
	t.Helper()
	if err := enoughCases(cases); err != nil {
		t.Fatal(err)
	}
	runChecks(t, authorizerChecks(), func(t *testing.T) authorizerSubject {
		s := authorizerSubject{Authorizer: open(t), cases: cases}
		if s.Authorizer == nil {
			t.Fatal("open returned no authorizer")
		}
		return s
	})
}

// enoughCases refuses cases with which much would hold of any authorizer.
func enoughCases(cases []AuthorizerCase) error {
	allowed := func(c AuthorizerCase) bool { return c.Allowed }
	denied := func(c AuthorizerCase) bool { return !c.Allowed }
	if !slices.ContainsFunc(cases, allowed) {
		return errors.New("moderationtest: no case is allowed; give one, or an authorizer that always denies would pass")
	}
	if !slices.ContainsFunc(cases, denied) {
		return errors.New("moderationtest: no case is denied; give one")
	}
	return nil
}

func authorizerChecks() []check[authorizerSubject] {
	return []check[authorizerSubject]{
		{"the cases are answered as expected", expected},
		{"the zero question is denied", zeroQuestion},
		{"a login that nobody knows is denied", unknownLogin},
		{"a step that does not exist is denied", unknownStep},
		{"a kind that nobody registered is denied", unknownKind},
		{"a tier that does not exist is denied", unknownTier},
		{"a question with something missing or out of range is denied", malformedQuestion},
		{"what is denied for one is denied for all", deniedForAll},
		{"a label never grants", labelsNeverGrant},
		{"nothing is allowed together with an error", neverBoth},
		{"an answer says why", saysWhy},
		{"what is allowed states what it needs", statesRequirement},
		{"every answer names the same policy", samePolicy},
		{"the same question has the same answer", deterministic},
		{"many can ask at once", authorizerTogether},
		{"the question's slices are left as they are", leavesSlices},
		{"the question's slices are not kept", keepsNoSlices},
		{"a context that is done grants nothing more", authorizerDone},
	}
}

// decide asks and reports what may never be: a grant with an error.
func (s authorizerSubject) decide(t tester, q moderation.Question) (moderation.Decision, error) {
	t.Helper()
	d, err := s.Decide(t.Context(), cloneQuestion(q))
	if err != nil && d.Allowed {
		t.Errorf("Decide(%s): it is allowed together with the error %v", brief(q), err)
	}
	return d, err
}

// denies asks what must not be allowed; an error is as good as a denial.
func (s authorizerSubject) denies(t tester, why string, q moderation.Question) {
	t.Helper()
	if d, _ := s.decide(t, q); d.Allowed {
		t.Errorf("Decide(%s) is allowed by %v, but must not be: %s", brief(q), d.Rules, why)
	}
}

// brief renders a question in a line.
func brief(q moderation.Question) string {
	return fmt.Sprintf("%q may %q %q on tier %q in %q, %d targets at %v", q.Actor.Login, q.Step, q.Kind, q.Target.Tier, q.Target.Domain, q.Count, q.Time)
}

// fromAllowed calls f with the question of each case that is allowed.
func (s authorizerSubject) fromAllowed(f func(q moderation.Question)) {
	for _, c := range s.cases {
		if c.Allowed {
			f(cloneQuestion(c.Question))
		}
	}
}

func expected(t tester, s authorizerSubject) {
	for _, c := range s.cases {
		d, err := s.decide(t, c.Question)
		if err != nil {
			t.Errorf("case %q: %v", c.Name, err)
			continue
		}
		if d.Allowed != c.Allowed {
			t.Errorf("case %q: got allowed %v (%s, by %v), want %v", c.Name, d.Allowed, d.Code, d.Rules, c.Allowed)
			continue
		}
		if c.Code != "" && d.Code != c.Code {
			t.Errorf("case %q: got code %q, want %q", c.Name, d.Code, c.Code)
		}
		if c.Roles != nil {
			if diff := diff(sorted(c.Roles), sorted(d.Roles)); diff != "" {
				t.Errorf("case %q: other roles (-want +got):\n%s", c.Name, diff)
			}
		}
		if c.Requirement != nil {
			if diff := diff(normal(*c.Requirement), normal(d.Requirement)); diff != "" {
				t.Errorf("case %q: another requirement (-want +got):\n%s", c.Name, diff)
			}
		}
	}
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }

// normal returns a requirement without its rules, its slots and their roles
// sorted.
func normal(r moderation.Requirement) moderation.Requirement {
	r.Rules = nil
	r.Quorum.Slots = slices.Clone(r.Quorum.Slots)
	for i, slot := range r.Quorum.Slots {
		r.Quorum.Slots[i] = sorted(slot)
	}
	slices.SortFunc(r.Quorum.Slots, func(a, b moderation.Slot) int { return slices.Compare(a, b) })
	return r
}

func neverBoth(t tester, s authorizerSubject) {
	for _, c := range s.cases {
		for _, q := range append(malformed(c.Question), c.Question, strange(c.Question)) {
			_, _ = s.decide(t, q)
		}
	}
}

// strange is a question in which nothing is known.
func strange(q moderation.Question) moderation.Question {
	q.Actor.Login, q.Actor.Person, q.Kind, q.Target.Tier, q.Step = nobody, nobody, nobody, nobody, nobody
	return q
}

// saysWhy holds answers to what the guard tells people.
func saysWhy(t tester, s authorizerSubject) {
	for _, c := range s.cases {
		for _, q := range []moderation.Question{c.Question, strange(c.Question)} {
			d, err := s.decide(t, q)
			switch {
			case err != nil:
			case d.Allowed && d.Code != "":
				t.Errorf("Decide(%s): it is allowed, and yet has the code %q", brief(q), d.Code)
			case d.Allowed && len(d.Rules) == 0:
				t.Errorf("Decide(%s): it is allowed, but by no rule", brief(q))
			case !d.Allowed && len(d.Rules) == 0 && d.Code == "":
				t.Errorf("Decide(%s): it is denied without a rule or a code", brief(q))
			}
			if slices.ContainsFunc(d.Rules, func(r moderation.Rule) bool { return r.Source == "" }) {
				t.Errorf("Decide(%s): one of its rules has no source", brief(q))
			}
		}
	}
}

func statesRequirement(t tester, s authorizerSubject) {
	s.fromAllowed(func(q moderation.Question) {
		d, err := s.decide(t, q)
		if err != nil || !d.Allowed || !q.Step.Required() {
			return
		}
		if err := requirementFault(d.Requirement); err != nil {
			t.Errorf("Decide(%s): %v", brief(q), err)
		}
	})
}

// requirementFault reports why the guard could not use a requirement.
func requirementFault(r moderation.Requirement) error {
	slots := r.Quorum.Slots
	switch {
	case r.Quorum.None && len(slots) > 0:
		return errors.New("the quorum is None and has slots")
	case !r.Quorum.None && len(slots) == 0:
		return errors.New("the quorum is not stated: it has no slots and is not None")
	case slices.ContainsFunc(slots, func(s moderation.Slot) bool { return len(s) == 0 || slices.Contains(s, "") }):
		return errors.New("a slot of the quorum has no role, or an empty one")
	case r.Hold < 0:
		return fmt.Errorf("the hold is %v", r.Hold)
	case r.Deadline < 0:
		return fmt.Errorf("the deadline is %v", r.Deadline)
	case (len(slots) > 0 || r.Hold > 0) && r.Deadline <= r.Hold:
		return fmt.Errorf("something is waited for, but the deadline (%v) is not longer than the hold (%v)", r.Deadline, r.Hold)
	}
	return nil
}

func samePolicy(t tester, s authorizerSubject) {
	policy := ""
	for _, c := range s.cases {
		for _, q := range append(malformed(c.Question), c.Question, strange(c.Question)) {
			d, err := s.decide(t, q)
			switch {
			case err != nil:
			case d.Policy == "":
				t.Errorf("Decide(%s): the answer names no policy", brief(q))
			case policy == "":
				policy = d.Policy
			case d.Policy != policy:
				t.Errorf("Decide(%s): the answer names policy %q, an earlier one %q", brief(q), d.Policy, policy)
			}
		}
	}
}
