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
	code, missing := s.check(q)
	switch {
	case code != "":
		return s.deny(code, missing)
	case q.Step == moderation.StepBypass:
		return s.deny(moderation.CodeDenied, "approvals: the policy is not changed by bypass")
	case byName(q.Step) && slices.Contains(q.Actor.Labels, moderation.LabelLeaving):
		return s.deny(moderation.CodeLeaving, "an actor who is not leaving")
	}
	var held, anywhere roleSet
	s.roles.hold(&held, q.Actor.Login, moderation.Any, q.Time)
	s.roles.holdAnywhere(&anywhere, q.Actor.Login, q.Time)
	names := held.appendNames(nil, s.roles.names)
	var allows, denies []moderation.Rule
	for _, r := range s.parsed.rules {
		switch {
		case r.deny && (r.step == q.Step || r.step == allSteps) && r.scope.touches(q.Kind, moderation.Any, moderation.Any) && s.isAboutActor(r, q, &anywhere):
			denies = append(denies, r.row.rule())
		case r.grantsChange(q.Step) && held.has(s.roles.ids[r.role]):
			allows = append(allows, r.row.rule())
		}
	}
	d := moderation.Decision{Policy: s.digest, Roles: names}
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

func (s *snapshot) isAboutActor(r *rule, q *moderation.Question, held *roleSet) bool {
	if r.label != "" {
		return slices.Contains(q.Actor.Labels, r.label)
	}
	return held.has(s.roles.ids[r.role])
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
		r.Rules = append(r.Rules, n.row.rule())
	}
	if len(r.Quorum.Slots) == 0 || r.Deadline <= r.Hold {
		*d = moderation.Decision{Policy: d.Policy, Roles: d.Roles, Rules: r.Rules, Code: moderation.CodeNoRequirement,
			Missing: fmt.Sprintf("p2 rows for %s of %s that ask for at least one approval, and whose earliest deadline is longer than the longest hold", q.Step, q.Kind)}
		return
	}
	d.Requirement = r
}

// holds reports whether all conditions of a row hold.
func (n *need) holds(q *moderation.Question) bool {
	return !slices.ContainsFunc(n.when, func(c condition) bool { return !c.holds(q) })
}

// checkChange reports rows about changes of the policy that would never match,
// and rights to change it that come with no approval.
func (p *parsed) checkChange(r *roles, rep *report) {
	for _, rule := range p.rules {
		switch {
		case rule.deny || rule.scope.kind.form == all || !rule.scope.kind.covers(moderation.PolicyChangeKind):
		case rule.step == moderation.StepBypass:
			rep.add(rule.row, "step", string(rule.step), "would let the policy be changed without approvals; it is not changed by bypass")
		case !rule.scope.namesChange() || rule.step == moderation.StepFreeze || rule.step == moderation.StepUnfreeze:
		case !rule.scope.coversChange():
			rep.add(rule.row, "", "", "never matches: a change of the policy is of no tier and no domain; write * for both")
		case rule.step == moderation.StepRequest || rule.step == moderation.StepUndo:
			p.checkChangeQuorum(r, rule, rep)
		}
	}
	for _, n := range p.needs {
		if n.scope.namesChange() && !n.scope.coversChange() {
			rep.add(n.row, "", "", "never matches: a change of the policy is of no tier and no domain; write * for both")
		}
	}
}

// checkChangeQuorum looks at what a change of the policy needs at least, with
// every condition taken not to hold, and at most.
func (p *parsed) checkChangeQuorum(r *roles, rule *rule, rep *report) {
	var least int
	var most []moderation.Slot
	for _, n := range p.needs {
		if n.step != rule.step || !n.scope.coversChange() {
			continue
		}
		most = append(most, n.slots...)
		if len(n.when) == 0 {
			least += len(n.slots)
		}
	}
	if least == 0 {
		rep.add(rule.row, "step", string(rule.step), "is allowed, but no p2 row for it whose when is * asks for an approval; nobody changes the policy alone")
		return
	}
	if !fillable(p.changeApprovers(r, most)) {
		rep.add(rule.row, "step", string(rule.step), "needs %s, which can't be filled by different logins that may approve %s by a row that names it, with roles that are held in every domain", slotsText(most), moderation.PolicyChangeKind)
	}
}

// changeApprovers returns, for each slot, logins that can fill it.
func (p *parsed) changeApprovers(r *roles, slots []moderation.Slot) [][]string {
	mayApprove := func(role string) bool {
		implied := newNames(r.implied(role, moderation.Any, false))
		return slices.ContainsFunc(p.rules, func(rule *rule) bool {
			return rule.grantsChange(moderation.StepApprove) && implied.set[rule.role]
		})
	}
	logins := make([][]string, len(slots))
	for i, slot := range slots {
		for _, role := range slot {
			if mayApprove(role) {
				logins[i] = append(logins[i], r.holders(role, moderation.Any, len(slots))...)
			}
		}
	}
	return logins
}
