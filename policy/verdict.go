package policy

import (
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Verdict is the answer to one question, with the rows that gave it by number.
// What it says in words is put together when it is asked for, so that a host
// that only wants to know which of a thousand buttons to show pays for no text.
// Get one from [Policy.Check] or [Authorizer.Check]. The zero Verdict denies.
//
// A Verdict is a value and may be copied; it answers from the version of the
// policy that it was asked of for as long as it is kept, and keeps that version
// in memory. It shares the question's strings, but none of its slices. All
// methods may be called by many goroutines at once. What they return is the
// caller's: changing it changes no policy.
type Verdict struct {
	compiled *snapshot
	ruling   ruling
	number   uint32 // of the step
	held     holding
	rows     rowList
	settled  *moderation.Decision // of a question about changing the policy; never changed

	step               moderation.Step
	kind, tier, domain string
	unknown            string // the name at fault, or what is missing instead
	asOf               time.Time
}

// holding is by what the roles of an actor are found.
type holding struct {
	class, domain uint32
	now           int64
}

// ruling is how a question was answered; every one but allowed denies.
type ruling uint8

const (
	unasked ruling = iota
	allowed
	deniedByRule
	noRule
	notStated
	neverDone
	noQuestion
	unknownStep
	noTime
	noTarget
	negative
	noLogin
	namedLikeRole
	unknownKind
	unknownTier
	unknownDomain
	unknownLabel
	outdated
	interrupted
)

// Check answers a question as [Policy.Decide] does, without putting anything
// in words and, but for questions about everything at once and answers of more
// than eight rows, without allocation. A nil question is denied. It does not
// keep q.
func (p *Policy) Check(q *moderation.Question) (v Verdict) {
	if p.isLoaded() {
		p.compiled.answer(&v, q)
	}
	return v
}

// Allowed tells whether the actor may take the step.
func (v *Verdict) Allowed() bool {
	if v.settled != nil {
		return v.settled.Allowed
	}
	return v.ruling == allowed
}

// Code says why not; it is empty where Allowed.
func (v *Verdict) Code() moderation.Code {
	if v.settled != nil {
		return v.settled.Code
	}
	switch v.ruling {
	case unasked, interrupted:
		return moderation.CodePolicy
	case allowed:
		return ""
	case deniedByRule:
		return moderation.CodeDenied
	case noRule, namedLikeRole:
		return moderation.CodeNoRule
	case notStated, neverDone:
		return moderation.CodeNoRequirement
	case noLogin:
		return moderation.CodeUnknownActor
	case unknownKind:
		return moderation.CodeUnknownKind
	case unknownTier:
		return moderation.CodeUnknownTier
	case unknownLabel:
		return moderation.CodeUnknownLabel
	case outdated:
		return moderation.CodeStale
	}
	return moderation.CodeInvalid
}

// Rules returns the rows that allowed or denied, in the order of the policy.
// Where the rows that allow don't come with a stated requirement, it returns the
// p2 rows that were found.
func (v *Verdict) Rules() []moderation.Rule {
	if v.settled != nil {
		return slices.Clone(v.settled.Rules)
	}
	switch v.ruling {
	case allowed, deniedByRule:
		return v.ruleTexts(make([]moderation.Rule, 0, v.rows.rules))
	case notStated, neverDone:
		return v.needTexts(make([]moderation.Rule, 0, len(v.rows.needRows())))
	}
	return nil
}

// Roles returns the roles that the actor holds at the question's time in the
// target's domain, sorted; none where the question was not one that the policy
// could answer.
func (v *Verdict) Roles() []string {
	if v.settled != nil {
		return slices.Clone(v.settled.Roles)
	}
	held := v.heldRoles()
	if len(held) == 0 {
		return nil
	}
	return v.compiled.roles.appendNames(make([]string, 0, len(held)), held)
}

// heldRoles are the numbers of the actor's roles.
func (v *Verdict) heldRoles() []uint32 {
	switch v.ruling {
	case allowed, deniedByRule, noRule, notStated, neverDone:
		return v.compiled.roles.hold(v.held.class, v.held.domain, v.held.now)
	}
	return nil
}

// Requirement returns what the step needs: the zero Requirement where it is not
// allowed, or comes with none.
func (v *Verdict) Requirement() moderation.Requirement {
	if v.settled != nil {
		return v.Decision().Requirement
	}
	if v.ruling != allowed || !v.step.Required() {
		return moderation.Requirement{}
	}
	return v.Decision().Requirement
}

// Decision returns the whole answer in words, as [Authorizer.Decide] gives it.
func (v *Verdict) Decision() moderation.Decision {
	if v.settled != nil {
		d := *v.settled
		d.Rules, d.Roles = slices.Clone(d.Rules), slices.Clone(d.Roles)
		d.Requirement.Rules, d.Requirement.Quorum.Slots = slices.Clone(d.Requirement.Rules), cloneSlots(d.Requirement.Quorum.Slots)
		return d
	}
	if v.compiled == nil {
		return moderation.Decision{Code: v.Code(), Missing: v.Missing()}
	}
	if v.ruling == allowed {
		return v.grant()
	}
	d := v.compiled.deny(v.Code(), v.Missing())
	d.Rules, d.Roles, d.AsOf = v.Rules(), v.Roles(), v.asOf
	return d
}

// digest is that of the policy; empty where there was none.
func (v *Verdict) digest() string {
	if v.compiled == nil {
		return ""
	}
	return v.compiled.digest
}

func (v *Verdict) ruleTexts(list []moderation.Rule) []moderation.Rule {
	for _, i := range v.rows.ruleRows() {
		list = append(list, v.compiled.table.rule(int(v.compiled.rules[i].row)))
	}
	return list
}

func (v *Verdict) needTexts(list []moderation.Rule) []moderation.Rule {
	for _, i := range v.rows.needRows() {
		list = append(list, v.compiled.table.rule(v.compiled.parsed.needs[i].number))
	}
	return list
}
