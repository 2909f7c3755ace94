package policy

import (
	"context"
	"errors"

	"github.com/elevenminutes/interlock/moderation"
)

// snapshot is one version of a policy, compiled. It is never changed, and
// hands out nothing of itself but strings: what a caller does to an answer
// changes no policy.
type snapshot struct {
	table  *rowTable
	parsed *parsed
	digest string
	words  *vocabulary
	places *places
	roles  *roles
	labels uint32 // the subject of the first label; roles come before
	rules  []compiledRule
	allows *scopeIndex // of rules
	denies *scopeIndex // of rules
	asks   *scopeIndex // of needs
	limits map[budget][]*limit
	gauged *gauged
}

// compiledRule is what an answer needs of a rule, by its place among rules.
type compiledRule struct{ row, subject uint32 }

// budget is what a charge draws on.
type budget struct {
	step moderation.Step
	at   moderation.ChargeAt
}

// compile validates a policy whole and makes a snapshot of it, or reports all
// that is wrong. It keeps nothing of rows.
func compile(name string, rows []Row, unreadable []*RowError, v *vocabulary) (*snapshot, error) {
	rep := &report{errs: unreadable}
	if len(rows) == 0 && len(unreadable) == 0 {
		return nil, errors.New("the policy is empty: " + name + " has no rows")
	}
	table, err := newRowTable(rows)
	if err != nil {
		return nil, err
	}
	sorted := sortRows(rows)
	p := parseRows(rows, table, sorted.repeated(), v, rep)
	if len(rep.errs) > 0 {
		return nil, joinRowErrors(rep.errs)
	}
	s := &snapshot{table: table, parsed: p, digest: sorted.digest(), words: v, gauged: new(gauged)}
	s.index()
	if s.validate(name, rep); len(rep.errs) > 0 {
		return nil, joinRowErrors(rep.errs)
	}
	newClosures(s.roles, p.grants)
	p.grants = nil
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

// index numbers what the rows name and sorts the rows by it.
func (s *snapshot) index() {
	p := s.parsed
	s.roles = newRoles(p)
	s.labels = uint32(len(s.roles.names))
	var numbers map[pattern]uint32
	s.places, numbers = newPlaces(p, s.words)
	var allows, denies, asks []indexed
	s.rules = make([]compiledRule, len(p.rules))
	for i, r := range p.rules {
		s.rules[i] = compiledRule{uint32(r.row), s.subject(r)}
		at := indexed{s.places.key(numbers, ruleStep(r.step), &r.scope), entry{s.rules[i].subject, uint32(i)}}
		if r.deny {
			denies = append(denies, at)
		} else {
			allows = append(allows, at)
		}
	}
	for i, n := range p.needs {
		asks = append(asks, indexed{s.places.key(numbers, stepNumber(n.step), &n.scope), entry{0, uint32(i)}})
	}
	kinds := uint32(len(s.places.patterns))
	s.allows, s.denies, s.asks = newScopeIndex(kinds, allows), newScopeIndex(kinds, denies), newScopeIndex(kinds, asks)
	s.limits = make(map[budget][]*limit)
	for _, l := range p.limits {
		key := budget{l.shape.step, l.shape.unit.charged()}
		s.limits[key] = append(s.limits[key], l)
	}
}

// subject numbers whom a rule is about: roles, and labels behind them.
func (s *snapshot) subject(r *rule) uint32 {
	if r.label == "" {
		return s.roles.ids[r.role]
	}
	label, _ := s.places.labels.find(r.label)
	return s.labels + label
}

// ruleStep numbers the step of a rule.
func ruleStep(s moderation.Step) uint32 {
	if s == allSteps {
		return allStepsNumber
	}
	return stepNumber(s)
}

// decide answers a question, with all texts.
func (s *snapshot) decide(q *moderation.Question) moderation.Decision {
	var v Verdict
	s.answer(&v, q)
	return v.Decision()
}

func (s *snapshot) deny(code moderation.Code, missing string) moderation.Decision {
	return moderation.Decision{Code: code, Missing: missing, Policy: s.digest}
}

// rows returns the rows, which are the caller's.
func (s *snapshot) rows() []Row {
	rows := make([]Row, len(s.table.ends))
	for i := range rows {
		rows[i] = s.table.row(i)
	}
	return rows
}
