package policy

import (
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// RuleRow is a p row: a role may take a step, or a role or label may not.
type RuleRow struct {
	Row   Row             // as it was read
	Role  string          // empty where Label is not
	Label string          // of a deny row, without its @
	Step  moderation.Step // AllSteps in some deny rows
	Scope Scope           // which actions
	Deny  bool            // stronger than every row that allows
}

// AllSteps is the step of a deny row that is about every step.
const AllSteps = allSteps

// RequirementRow is a p2 row: what a step needs besides the right to it.
type RequirementRow struct {
	Row      Row               // as it was read
	Step     moderation.Step   // what needs it
	Scope    Scope             // which actions
	When     []Condition       // must all hold; none for always
	Slots    []moderation.Slot // none where the quorum is none
	Hold     time.Duration     // zero for none
	Deadline time.Duration     // zero for none
}

// LimitRow is a p3 row: how much of something there may be.
type LimitRow struct {
	Row    Row               // as it was read
	Per    string            // person, actor, target, kind, tier, domain or all
	Scope  Scope             // which actions
	Step   moderation.Step   // whose budget; StepRequest for restrictions
	Unit   string            // requests, open, actions or reach
	Amount int64             // what the full bucket holds
	Window time.Duration     // in which an empty one fills; zero for open
	Over   []moderation.Slot // who may let a charge pass; none for nobody
}

// GrantRow is a g row: a login, or everybody with a role, has a role.
type GrantRow struct {
	Row     Row       // as it was read
	Grantee string    // a login, or a role
	IsRole  bool      // the grantee is a role
	Role    string    // what is granted
	Domain  Pattern   // where
	From    time.Time // inclusive; zero for always
	Until   time.Time // exclusive; zero for ever
}

// Scope is which actions a row is about.
type Scope struct {
	Kind   Pattern // * for all, a prefix, or one kind
	Tier   Pattern // * for all, or one tier
	Domain Pattern // * for all, or one domain
}

// Covers reports whether the scope is about all of what is named; each may be
// [moderation.Any].
func (s Scope) Covers(kind, tier, domain string) bool {
	return s.Kind.Covers(kind) && s.Tier.Covers(tier) && s.Domain.Covers(domain)
}

// Touches reports whether the scope is about any of what is named.
func (s Scope) Touches(kind, tier, domain string) bool {
	return s.Kind.Touches(kind) && s.Tier.Touches(tier) && s.Domain.Touches(domain)
}

// Pattern matches names: * all of them, account.* those that begin with
// "account.", anything else itself. The zero Pattern matches nothing.
type Pattern string

// Covers reports whether all that name stands for matches: only * covers
// [moderation.Any].
func (p Pattern) Covers(name string) bool { return p != "" && p.parsed().covers(name) }

// Touches reports whether any of what name stands for matches: every pattern
// but the zero one touches [moderation.Any].
func (p Pattern) Touches(name string) bool { return p != "" && p.parsed().touches(name) }

func (p Pattern) parsed() pattern {
	stem, isPrefix := strings.CutSuffix(string(p), "*")
	switch {
	case p == "*":
		return pattern{form: all}
	case isPrefix:
		return pattern{form: prefix, text: stem}
	}
	return pattern{text: string(p)}
}

// typed returns the pattern as it is written in a row.
func (p pattern) typed() Pattern {
	if p.form == exact {
		return Pattern(p.text)
	}
	return Pattern(p.text + "*")
}

func (s scope) typed() Scope { return Scope{s.kind.typed(), s.tier.typed(), s.domain.typed()} }

// Condition is one part of a requirement's when.
type Condition struct {
	About string // label, permanent, duration, reach, batch or age
	Label string // for label, without its @
	Above int64  // for duration and age in nanoseconds; more than this is meant
}

func (c condition) typed() Condition {
	about := c.about
	if about == aboutLabel {
		about = "label"
	}
	return Condition{About: about, Label: c.label, Above: c.above}
}

func (r *rule) typed(row Row) RuleRow {
	return RuleRow{Row: row, Role: r.role, Label: r.label, Step: r.step, Scope: r.scope.typed(), Deny: r.deny}
}

func (n *need) typed() RequirementRow {
	var when []Condition
	for _, c := range n.when {
		when = append(when, c.typed())
	}
	return RequirementRow{Row: n.row.clone(), Step: n.step, Scope: n.scope.typed(), When: when,
		Slots: cloneSlots(n.slots), Hold: n.hold, Deadline: n.deadline}
}

func (l *limit) typed() LimitRow {
	s := l.shape
	return LimitRow{Row: l.row.clone(), Per: s.per, Scope: s.scope.typed(), Step: s.step, Unit: string(s.unit),
		Amount: s.amount, Window: s.window, Over: cloneSlots(l.over)}
}

func (g *grant) typed(row Row, r *roles) GrantRow {
	return GrantRow{Row: row, Grantee: g.grantee, IsRole: r.isRole(g.grantee), Role: g.role, Domain: g.domain.typed(), From: g.from, Until: g.until}
}
