package policy

import (
	"fmt"
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

// A change of the policy is about no tier and no domain. Rows are about it that
// have * there; of rows that deny, those with a tier or a domain are as well.

// covers reports whether a row that allows or asks for something is about
// changes of the policy.
func (s *scope) coversChange() bool {
	return s.covers(moderation.PolicyChangeKind, moderation.Any, moderation.Any)
}

func (s *scope) namesChange() bool {
	return s.kind.form == exact && s.kind.text == moderation.PolicyChangeKind
}

// grantsChange reports whether a row allows a step of changing the policy.
func (r *rule) grantsChange(step moderation.Step) bool {
	return !r.deny && r.step == step && r.scope.coversChange() && (r.scope.namesChange() || !byName(step))
}

// decidesChange reports whether a question is about changing the policy, rather
// than about freezing that.
func decidesChange(q *moderation.Question) bool {
	return q.Kind == moderation.PolicyChangeKind && q.Step != moderation.StepFreeze && q.Step != moderation.StepUnfreeze
}

// decideChange answers a question about a change of the policy from this
// version alone.
func (s *snapshot) decideChange(q *moderation.Question) moderation.Decision {
	about := *q
	about.Target.Tier, about.Target.Domain = moderation.Any, moderation.Any
	var at locus
	v := Verdict{compiled: s, step: q.Step, kind: q.Kind, tier: moderation.Any, domain: moderation.Any}
	v.ruling = s.identify(&v, &about, &at)
	switch {
	case v.ruling != 0:
		return v.Decision()
	case q.Step == moderation.StepBypass:
		return s.deny(moderation.CodeDenied, "approvals: the policy is not changed by bypass")
	case byName(q.Step) && slices.Contains(q.Actor.Labels, moderation.LabelLeaving):
		return s.deny(moderation.CodeLeaving, "an actor who is not leaving")
	}
	held := s.roles.hold(v.held.class, v.held.domain, v.held.now)
	anywhere := s.roles.holdAnywhere(v.held.class, v.held.now)
	var allows, denies []moderation.Rule
	for i, r := range s.parsed.rules {
		switch {
		case r.deny && (r.step == q.Step || r.step == allSteps) && r.scope.touches(q.Kind, moderation.Any, moderation.Any) && s.isAboutActor(i, q, anywhere):
			denies = append(denies, s.table.rule(r.row))
		case r.grantsChange(q.Step) && contains(held, s.rules[i].subject):
			allows = append(allows, s.table.rule(r.row))
		}
	}
	d := moderation.Decision{Policy: s.digest, Roles: s.roles.appendNames(nil, held)}
	switch {
	case len(denies) > 0:
		d.Code, d.Missing, d.Rules = moderation.CodeDenied, "an actor whom no row denies it", denies
	case len(allows) == 0:
		d.Code, d.Missing = moderation.CodeNoRule, fmt.Sprintf("a role, held in every domain, that a row allows %s of %s in every tier and domain, by its name", q.Step, q.Kind)
	default:
		d.Allowed, d.Rules = true, allows
		s.requireForChange(q, &d)
	}
	return d
}

// isAboutActor reports whether the i-th rule is about whoever asks.
func (s *snapshot) isAboutActor(i int, q *moderation.Question, held []uint32) bool {
	if label := s.parsed.rules[i].label; label != "" {
		return slices.Contains(q.Actor.Labels, label)
	}
	return contains(held, s.rules[i].subject)
}

// requireForChange states what a change of the policy, or its undo, needs. What
// asks for nobody's approval is refused.
func (s *snapshot) requireForChange(q *moderation.Question, d *moderation.Decision) {
	if !q.Step.Required() {
		return
	}
	var r moderation.Requirement
	for _, n := range s.parsed.needs {
		if n.step != q.Step || !n.scope.coversChange() || !n.holds(q) {
			continue
		}
		r.Quorum.Slots = append(r.Quorum.Slots, cloneSlots(n.slots)...)
		r.Hold, r.Deadline = max(r.Hold, n.hold), earlier(r.Deadline, n.deadline)
		r.Rules = append(r.Rules, s.table.rule(n.number))
	}
	if len(r.Quorum.Slots) == 0 || r.Deadline <= r.Hold {
		*d = moderation.Decision{Policy: d.Policy, Roles: d.Roles, Rules: r.Rules, Code: moderation.CodeNoRequirement,
			Missing: fmt.Sprintf("p2 rows for %s of %s that ask for at least one approval, and whose earliest deadline is longer than the longest hold", q.Step, q.Kind)}
		return
	}
	d.Requirement = r
}

// checkChange reports rows about changes of the policy that would never match,
// and rights to change it that come with no approval.
func (s *snapshot) checkChange(g *granting, rep *report) {
	for _, rule := range s.parsed.rules {
		switch {
		case rule.deny || rule.scope.kind.form == all || !rule.scope.kind.covers(moderation.PolicyChangeKind):
		case rule.step == moderation.StepBypass:
			rep.add(s.table.row(rule.row), "step", string(rule.step), "would let the policy be changed without approvals; it is not changed by bypass")
		case !rule.scope.namesChange() || rule.step == moderation.StepFreeze || rule.step == moderation.StepUnfreeze:
		case !rule.scope.coversChange():
			rep.add(s.table.row(rule.row), "", "", "never matches: a change of the policy is of no tier and no domain; write * for both")
		case rule.step == moderation.StepRequest || rule.step == moderation.StepUndo:
			s.checkChangeQuorum(g, rule, rep)
		}
	}
	for _, n := range s.parsed.needs {
		if n.scope.namesChange() && !n.scope.coversChange() {
			rep.add(n.row, "", "", "never matches: a change of the policy is of no tier and no domain; write * for both")
		}
	}
}

// checkChangeQuorum looks at what a change of the policy needs at least, with
// every condition taken not to hold, and at most.
func (s *snapshot) checkChangeQuorum(g *granting, rule *rule, rep *report) {
	var least int
	var most []moderation.Slot
	for _, n := range s.parsed.needs {
		if n.step != rule.step || !n.scope.coversChange() {
			continue
		}
		most = append(most, n.slots...)
		if len(n.when) == 0 {
			least += len(n.slots)
		}
	}
	if least == 0 {
		rep.add(s.table.row(rule.row), "step", string(rule.step), "is allowed, but no p2 row for it whose when is * asks for an approval; nobody changes the policy alone")
		return
	}
	if !fillable(s.changeApprovers(g, most)) {
		rep.add(s.table.row(rule.row), "step", string(rule.step), "needs %s, which can't be filled by different logins that may approve %s by a row that names it, with roles that are held in every domain", slotsText(most), moderation.PolicyChangeKind)
	}
}

// changeApprovers returns, for each slot, logins that can fill it.
func (s *snapshot) changeApprovers(g *granting, slots []moderation.Slot) [][]uint32 {
	everywhere := s.places.domain(moderation.Any)
	mayApprove := func(role uint32) bool {
		implied := s.roles.implied(role, everywhere, false)
		return slices.ContainsFunc(s.parsed.rules, func(rule *rule) bool {
			return rule.grantsChange(moderation.StepApprove) && slices.Contains(implied, s.roles.ids[rule.role])
		})
	}
	logins := make([][]uint32, len(slots))
	for i, slot := range slots {
		for _, name := range slot {
			if role := s.roles.ids[name]; mayApprove(role) {
				logins[i] = append(logins[i], g.holders(role, everywhere, len(slots))...)
			}
		}
	}
	return logins
}
