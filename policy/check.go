package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// check refuses questions that are malformed or name what the policy does not
// know. It returns what would be needed instead.
func (s *snapshot) check(q *moderation.Question) (moderation.Code, string) {
	switch {
	case s.steps[q.Step] == nil:
		return moderation.CodeInvalid, fmt.Sprintf("a known step (%q is none)", q.Step)
	case q.Time.IsZero():
		return moderation.CodeInvalid, "the time of the question"
	case q.Count < 1:
		return moderation.CodeInvalid, "at least one target"
	case q.Duration < 0, q.Since < 0, q.Target.Reach < 0:
		return moderation.CodeInvalid, "a duration, an age and a reach that are not negative"
	case q.Actor.Login == "":
		return moderation.CodeUnknownActor, "a login"
	case s.roles.isRole(q.Actor.Login):
		return moderation.CodeNoRule, fmt.Sprintf("a login that is not the name of a role (%q is)", q.Actor.Login)
	}
	return s.checkNames(q)
}

func (s *snapshot) checkNames(q *moderation.Question) (moderation.Code, string) {
	switch {
	case q.Kind != moderation.Any && !s.words.knownKind(q.Kind):
		return moderation.CodeUnknownKind, fmt.Sprintf("a kind that the policy knows (%q is none)", q.Kind)
	case q.Target.Tier != moderation.Any && !s.words.tiers.set[q.Target.Tier]:
		return moderation.CodeUnknownTier, fmt.Sprintf("a tier that the policy knows (%q is none)", q.Target.Tier)
	case q.Target.Domain != moderation.Any && !s.words.knownDomain(q.Target.Domain):
		return moderation.CodeInvalid, fmt.Sprintf("a domain that the policy knows (%q is none)", q.Target.Domain)
	}
	for _, label := range q.Actor.Labels {
		if !s.words.labels.set[label] {
			return moderation.CodeUnknownLabel, fmt.Sprintf("labels that the policy knows (%q is none)", label)
		}
	}
	return "", ""
}

// maxNamed bounds how many roles or labels an answer names.
const maxNamed = 8

// wouldAllow says which roles would be allowed what was asked.
func (s *snapshot) wouldAllow(q *moderation.Question) string {
	var found []string
	for _, r := range s.steps[q.Step].rules {
		if !r.deny && r.scope.covers(q.Kind, q.Target.Tier, q.Target.Domain) && !slices.Contains(found, r.rule.role) {
			found = append(found, r.rule.role)
		}
		if len(found) > maxNamed {
			break
		}
	}
	if len(found) == 0 {
		return fmt.Sprintf("a policy that allows %s of %s to anybody", q.Step, place(q.Kind, q.Target.Tier, q.Target.Domain))
	}
	return "role " + either(found)
}

// withoutSubject says what the actor would have to be without.
func withoutSubject(denies []*compiledRule) string {
	var found []string
	for _, r := range denies {
		subject := "role " + r.rule.role
		if r.role < 0 {
			subject = "label @" + r.label
		}
		if !slices.Contains(found, subject) {
			found = append(found, subject)
		}
		if len(found) > maxNamed {
			break
		}
	}
	return "an actor without " + either(found)
}

// either joins names by "or", the first few of them.
func either(list []string) string {
	if len(list) > maxNamed {
		return strings.Join(list[:maxNamed], " or ") + " or others"
	}
	return strings.Join(list, " or ")
}
