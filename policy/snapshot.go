package policy

import (
	"context"
	"errors"
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

// snapshot is one version of a policy, compiled. It is never changed, and
// hands out nothing of itself but strings: what a caller does to an answer
// changes no policy.
type snapshot struct {
	rows   []Row
	parsed *parsed
	digest string
	words  *vocabulary
	roles  *roles
	steps  map[moderation.Step]*stepRows // every step has an entry
	limits map[budget][]*limit
}

// stepRows are the rows about one step, in the order of the policy.
type stepRows struct {
	rules []*compiledRule
	needs []*compiledNeed
}

type compiledRule struct {
	*rule
	role int // the role's number; -1 for a label
	text moderation.Rule
}

type compiledNeed struct {
	*need
	text moderation.Rule
}

// budget is what a charge draws on.
type budget struct {
	step moderation.Step
	at   moderation.ChargeAt
}

// compile validates a policy whole and makes a snapshot of it, or reports all
// that is wrong.
func compile(name string, rows []Row, unreadable []*RowError, v *vocabulary) (*snapshot, error) {
	rep := &report{errs: unreadable}
	if len(rows) == 0 && len(unreadable) == 0 {
		return nil, errors.New("the policy is empty: " + name + " has no rows")
	}
	p := parseRows(rows, v, rep)
	if len(rep.errs) > 0 {
		return nil, joinRowErrors(rep.errs)
	}
	r := validate(p, v, name, rep)
	if len(rep.errs) > 0 {
		return nil, joinRowErrors(rep.errs)
	}
	s := &snapshot{rows: rows, parsed: p, digest: digest(rows), words: v, roles: r}
	s.index(p)
	return s, nil
}

// loadSnapshot reads a policy from its source and compiles it.
func loadSnapshot(ctx context.Context, c Config, v *vocabulary) (*snapshot, error) {
	rows, unreadable, err := loadRows(ctx, c.Source)
	if err != nil {
		return nil, err
	}
	return compile(c.name(), rows, unreadable, v)
}

func (s *snapshot) index(p *parsed) {
	s.steps = make(map[moderation.Step]*stepRows)
	for _, step := range moderation.Steps() {
		s.steps[step] = new(stepRows)
	}
	for _, r := range p.rules {
		c := &compiledRule{rule: r, role: -1, text: r.row.rule()}
		if r.label == "" {
			c.role = s.roles.ids[r.role]
		}
		for step, rows := range s.steps {
			if r.step == step || r.step == allSteps {
				rows.rules = append(rows.rules, c)
			}
		}
	}
	for _, n := range p.needs {
		s.steps[n.step].needs = append(s.steps[n.step].needs, &compiledNeed{n, n.row.rule()})
	}
	s.limits = make(map[budget][]*limit)
	for _, l := range p.limits {
		key := budget{l.shape.step, l.shape.unit.charged()}
		s.limits[key] = append(s.limits[key], l)
	}
}

// rule returns a row as decisions name it.
func (r Row) rule() moderation.Rule {
	return moderation.Rule{Source: r.Source, Text: r.String()}
}

// decide answers a question. A question that is malformed, or names what the
// policy does not know, is denied before any row is looked at.
func (s *snapshot) decide(q *moderation.Question) moderation.Decision {
	if decidesChange(q) {
		return s.decideChange(q)
	}
	if code, missing := s.check(q); code != "" {
		return s.deny(code, missing)
	}
	var held roleSet
	s.roles.hold(&held, q.Actor.Login, q.Target.Domain, q.Time)

	var allowRoom, denyRoom [8]*compiledRule
	allows, denies := s.match(q, &held, allowRoom[:0], denyRoom[:0])
	if len(denies) > 0 {
		d := s.deny(moderation.CodeDenied, withoutSubject(denies))
		d.Rules, d.Roles = ruleTexts(denies), held.appendNames(nil, s.roles.names)
		return d
	}
	if len(allows) == 0 {
		d := s.deny(moderation.CodeNoRule, s.wouldAllow(q))
		d.Roles = held.appendNames(nil, s.roles.names)
		return d
	}
	return s.allow(q, &held, allows)
}

func (s *snapshot) deny(code moderation.Code, missing string) moderation.Decision {
	return moderation.Decision{Code: code, Missing: missing, Policy: s.digest}
}

// match collects the rows that allow and those that deny.
func (s *snapshot) match(q *moderation.Question, held *roleSet, allows, denies []*compiledRule) ([]*compiledRule, []*compiledRule) {
	denied := held
	var anywhere roleSet
	if q.Target.Domain == moderation.Any {
		s.roles.holdAnywhere(&anywhere, q.Actor.Login, q.Time)
		denied = &anywhere
	}
	for _, r := range s.steps[q.Step].rules {
		switch {
		case r.deny && r.scope.touches(q.Kind, q.Target.Tier, q.Target.Domain) && r.isAbout(q, denied):
			denies = append(denies, r)
		case !r.deny && r.scope.covers(q.Kind, q.Target.Tier, q.Target.Domain) && held.has(r.role):
			allows = append(allows, r)
		}
	}
	return allows, denies
}

func (r *compiledRule) isAbout(q *moderation.Question, held *roleSet) bool {
	if r.role < 0 {
		return slices.Contains(q.Actor.Labels, r.label)
	}
	return held.has(r.role)
}

// allow answers yes, with what the step needs where it needs anything; else no.
func (s *snapshot) allow(q *moderation.Question, held *roleSet, allows []*compiledRule) moderation.Decision {
	if !q.Step.Required() {
		return moderation.Decision{
			Allowed: true,
			Rules:   ruleTexts(allows),
			Roles:   held.appendNames(make([]string, 0, held.len()), s.roles.names),
			Policy:  s.digest,
		}
	}
	var room [8]*compiledNeed
	needs := s.needs(q, room[:0])
	if missing := unmet(q, needs); missing != "" {
		d := s.deny(moderation.CodeNoRequirement, missing)
		d.Rules, d.Roles = needTexts(needs), held.appendNames(nil, s.roles.names)
		return d
	}
	return s.grant(held, allows, needs)
}

func (s *snapshot) needs(q *moderation.Question, needs []*compiledNeed) []*compiledNeed {
	for _, n := range s.steps[q.Step].needs {
		if n.applies(q) {
			needs = append(needs, n)
		}
	}
	return needs
}

func ruleTexts(rules []*compiledRule) []moderation.Rule {
	texts := make([]moderation.Rule, len(rules))
	for i, r := range rules {
		texts[i] = r.text
	}
	return texts
}

func needTexts(needs []*compiledNeed) []moderation.Rule {
	texts := make([]moderation.Rule, len(needs))
	for i, n := range needs {
		texts[i] = n.text
	}
	return texts
}
