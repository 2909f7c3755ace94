package moderationtest

import (
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

func zeroQuestion(t tester, s authorizerSubject) {
	s.denies(t, "the question is zero", moderation.Question{})
}

func unknownLogin(t tester, s authorizerSubject) {
	s.fromAllowed(func(q moderation.Question) {
		known := q.Actor.Login
		for _, login := range []string{nobody, "", "*", known + nobody} {
			q.Actor.Login, q.Actor.Person = login, login
			s.denies(t, "nobody has this login", q)
		}
	})
}

func unknownStep(t tester, s authorizerSubject) {
	s.fromAllowed(func(q moderation.Question) {
		for _, step := range []moderation.Step{nobody, "", "*", "Request", "request "} {
			q.Step = step
			s.denies(t, "there is no such step", q)
		}
	})
}

func unknownKind(t tester, s authorizerSubject) {
	s.fromAllowed(func(q moderation.Question) {
		known := q.Kind
		for _, kind := range []string{nobody, "", known + "." + nobody, known + nobody} {
			q.Kind = kind
			s.denies(t, "nobody registered this kind", q)
		}
	})
}

func unknownTier(t tester, s authorizerSubject) {
	s.fromAllowed(func(q moderation.Question) {
		known := q.Target.Tier
		for _, tier := range []string{nobody, "", known + nobody} {
			q.Target.Tier = tier
			s.denies(t, "there is no such tier", q)
		}
	})
}

// malformed returns the question with, each time, one thing missing or out of
// range.
func malformed(q moderation.Question) []moderation.Question {
	var all []moderation.Question
	for _, spoil := range []func(q *moderation.Question){
		func(q *moderation.Question) { q.Count = 0 },
		func(q *moderation.Question) { q.Count = -1 },
		func(q *moderation.Question) { q.Time = time.Time{} },
		func(q *moderation.Question) { q.Duration = -1 },
		func(q *moderation.Question) { q.Since = -1 },
		func(q *moderation.Question) { q.Target.Reach = -1 },
		func(q *moderation.Question) { q.Target.Domain = "" },
		func(q *moderation.Question) { q.Actor = moderation.Actor{} },
		func(q *moderation.Question) { q.Target = moderation.Target{} },
	} {
		spoiled := cloneQuestion(q)
		spoil(&spoiled)
		all = append(all, spoiled)
	}
	return all
}

func malformedQuestion(t tester, s authorizerSubject) {
	s.fromAllowed(func(q moderation.Question) {
		for _, spoiled := range malformed(q) {
			s.denies(t, "something is missing or out of range", spoiled)
		}
	})
}

// deniedForAll widens what is denied to every kind, tier and domain.
func deniedForAll(t tester, s authorizerSubject) {
	for _, c := range s.cases {
		if c.Allowed {
			continue
		}
		for _, widen := range []func(q *moderation.Question){
			func(q *moderation.Question) { q.Kind = moderation.Any },
			func(q *moderation.Question) { q.Target.Tier = moderation.Any },
			func(q *moderation.Question) { q.Target.Domain = moderation.Any },
			func(q *moderation.Question) {
				q.Kind, q.Target.Tier, q.Target.Domain = moderation.Any, moderation.Any, moderation.Any
			},
		} {
			q := cloneQuestion(c.Question)
			widen(&q)
			s.denies(t, "a part of it is denied", q)
		}
	}
}

func labelsNeverGrant(t tester, s authorizerSubject) {
	for _, c := range s.cases {
		if c.Allowed {
			continue
		}
		for _, label := range []string{nobody, moderation.LabelLeaving, moderation.LabelService, "admin", "*"} {
			q := cloneQuestion(c.Question)
			q.Actor.Labels = append(q.Actor.Labels, label)
			s.denies(t, "without the label "+label+" it is denied", q)
		}
	}
}
