package policy

import (
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

// answer answers a question. A question that is malformed, or names what the
// policy does not know, is denied before any row is looked at.
func (s *snapshot) answer(v *Verdict, q *moderation.Question) {
	v.compiled = s
	if q == nil {
		v.ruling = noQuestion
		return
	}
	if decidesChange(q) {
		d := s.decideChange(q)
		v.settled = &d
		return
	}
	v.step, v.kind, v.tier, v.domain = q.Step, q.Kind, q.Target.Tier, q.Target.Domain
	var at locus
	if v.ruling = s.identify(v, q, &at); v.ruling != 0 {
		return
	}
	if v.ruling = s.judge(v, q, &at); v.ruling == 0 {
		v.ruling = noRule
	}
}

// identify finds the numbers of what a question names.
func (s *snapshot) identify(v *Verdict, q *moderation.Question, at *locus) ruling {
	v.number = stepNumber(q.Step)
	switch {
	case v.number == noStep:
		return unknownStep
	case q.Time.IsZero():
		return noTime
	case q.Count < 1:
		return noTarget
	case q.Duration < 0, q.Since < 0, q.Target.Reach < 0:
		return negative
	case q.Actor.Login == "":
		return noLogin
	}
	if v.held.class = s.roles.class(q.Actor.Login); v.held.class == roleName {
		v.unknown = q.Actor.Login
		return namedLikeRole
	}
	if unknown := s.places.locate(at, q.Kind, q.Target.Tier, q.Target.Domain); unknown != 0 {
		return unknown
	}
	for _, label := range q.Actor.Labels {
		if _, ok := s.places.labels.find(label); !ok {
			v.unknown = label
			return unknownLabel
		}
	}
	v.held.domain, v.held.now = at.domain, nanoseconds(q.Time)
	return 0
}

// judge looks for rows that deny, then for rows that allow, then for what the
// step needs.
func (s *snapshot) judge(v *Verdict, q *moderation.Question, at *locus) ruling {
	held := s.roles.hold(v.held.class, v.held.domain, v.held.now)
	partly := isPartly(q)
	if partly {
		s.denyPartly(v, q, held)
	} else {
		s.denyWhole(v, q, at, held)
	}
	if v.rows.len() > 0 {
		v.rows.endRules()
		return deniedByRule
	}
	var room [4]rowGroup
	for _, g := range s.allows.appendGroups(room[:0], v.number, at) {
		v.rows.addHeld(s.allows.of(g), held)
	}
	v.rows.endRules()
	switch {
	case v.rows.len() == 0:
		return noRule
	case !q.Step.Required():
		return allowed
	}
	return s.require(v, q, at, partly)
}

// denyWhole finds the rows that deny a question about one kind, tier and domain.
func (s *snapshot) denyWhole(v *Verdict, q *moderation.Question, at *locus, held []uint32) {
	if len(s.denies.entries) == 0 {
		return
	}
	var room [4]rowGroup
	groups := s.denies.appendGroups(room[:0], v.number, at)
	if s.denies.anyStep {
		groups = s.denies.appendGroups(groups, allStepsNumber, at)
	}
	for _, g := range groups {
		entries := s.denies.of(g)
		if entries[0].subject < s.labels { // labels come last
			v.rows.addHeld(entries, held)
		}
		for _, label := range q.Actor.Labels {
			number, _ := s.places.labels.find(label)
			v.rows.addSubject(entries, s.labels+number)
		}
	}
}

// denyPartly finds the rows that deny any part of what a question about
// everything is about.
func (s *snapshot) denyPartly(v *Verdict, q *moderation.Question, held []uint32) {
	if q.Target.Domain == moderation.Any {
		held = s.roles.holdAnywhere(v.held.class, v.held.now)
	}
	for i, r := range s.parsed.rules {
		if !r.deny || r.step != q.Step && r.step != allSteps || !r.scope.touches(q.Kind, q.Target.Tier, q.Target.Domain) {
			continue
		}
		if r.label != "" && slices.Contains(q.Actor.Labels, r.label) || r.label == "" && contains(held, s.rules[i].subject) {
			v.rows.add(uint32(i))
		}
	}
}

// require finds what a step needs, which must be stated.
func (s *snapshot) require(v *Verdict, q *moderation.Question, at *locus, partly bool) ruling {
	stated := !mustState(q.Step)
	if partly {
		for i, n := range s.parsed.needs {
			if n.step == q.Step && n.scope.touches(q.Kind, q.Target.Tier, q.Target.Domain) && n.holds(q) {
				v.rows.add(uint32(i))
				stated = stated || n.scope.covers(q.Kind, q.Target.Tier, q.Target.Domain)
			}
		}
	} else {
		var room [4]rowGroup
		for _, g := range s.asks.appendGroups(room[:0], v.number, at) {
			for _, e := range s.asks.of(g) {
				if s.parsed.needs[e.row].holds(q) {
					v.rows.add(e.row)
					stated = true
				}
			}
		}
	}
	v.rows.settle()
	if !stated {
		return notStated
	}
	if hold, deadline := v.times(); deadline > 0 && deadline <= hold {
		return neverDone
	}
	return allowed
}
