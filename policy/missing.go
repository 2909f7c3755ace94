package policy

import (
	"fmt"
	"slices"
)

// Missing says, where the step is denied, what would be needed, in a few words.
func (v *Verdict) Missing() string {
	if v.settled != nil {
		return v.settled.Missing
	}
	switch v.ruling {
	case unasked:
		return "a policy that was loaded"
	case deniedByRule:
		return v.withoutSubject()
	case noRule:
		return v.wouldAllow()
	case notStated:
		return fmt.Sprintf("a p2 row for %s that covers %s", v.step, place(v.kind, v.tier, v.domain))
	case neverDone:
		hold, deadline := v.times()
		return fmt.Sprintf("p2 rows of which the earliest deadline (%v) is longer than the longest hold (%v)", deadline, hold)
	case outdated:
		return v.unknown
	case interrupted:
		return "an answer before the context was done"
	}
	return v.missingInQuestion()
}

// missingInQuestion says what is wrong with a question.
func (v *Verdict) missingInQuestion() string {
	switch v.ruling {
	case noQuestion:
		return "a question"
	case unknownStep:
		return fmt.Sprintf("a known step (%q is none)", v.step)
	case noTime:
		return "the time of the question"
	case noTarget:
		return "at least one target"
	case negative:
		return "a duration, an age and a reach that are not negative"
	case noLogin:
		return "a login"
	case namedLikeRole:
		return fmt.Sprintf("a login that is not the name of a role (%q is)", v.unknown)
	case unknownKind:
		return fmt.Sprintf("a kind that the policy knows (%q is none)", v.kind)
	case unknownTier:
		return fmt.Sprintf("a tier that the policy knows (%q is none)", v.tier)
	case unknownDomain:
		return fmt.Sprintf("a domain that the policy knows (%q is none)", v.domain)
	case unknownLabel:
		return fmt.Sprintf("labels that the policy knows (%q is none)", v.unknown)
	}
	return ""
}

// maxNamed bounds how many roles or labels an answer names.
const maxNamed = 8

// wouldAllow says which roles would be allowed what was asked, those of the
// first rows first.
func (v *Verdict) wouldAllow() string {
	s := v.compiled
	var at locus
	if unknown := s.places.locate(&at, v.kind, v.tier, v.domain); unknown != 0 {
		return ""
	}
	var room [16]rowGroup
	groups := s.allows.appendGroups(room[:0], v.number, &at)
	var found [maxNamed + 1]uint32
	n := 0
	for n < len(found) {
		row, ok := s.allows.takeFirst(groups)
		if !ok {
			break
		}
		if role := s.rules[row].subject; !slices.Contains(found[:n], role) {
			found[n] = role
			n++
		}
	}
	if n == 0 {
		return fmt.Sprintf("a policy that allows %s of %s to anybody", v.step, place(v.kind, v.tier, v.domain))
	}
	return v.either("role ", "", found[:n])
}

// takeFirst takes the first row, in the order of the policy, out of groups.
func (x *scopeIndex) takeFirst(groups []rowGroup) (row uint32, ok bool) {
	first := -1
	for i, g := range groups {
		if g.count > 0 && (first < 0 || x.inOrder[g.first] < row) {
			first, row = i, x.inOrder[g.first]
		}
	}
	if first < 0 {
		return 0, false
	}
	groups[first].first++
	groups[first].count--
	return row, true
}

// withoutSubject says what the actor would have to be without.
func (v *Verdict) withoutSubject() string {
	var found [maxNamed + 1]uint32
	n := 0
	for _, row := range v.rows.ruleRows() {
		if subject := v.compiled.rules[row].subject; n < len(found) && !slices.Contains(found[:n], subject) {
			found[n] = subject
			n++
		}
	}
	return v.either("an actor without ", "role ", found[:n])
}

// either joins the names of subjects by "or", the first few of them.
func (v *Verdict) either(start, beforeRole string, subjects []uint32) string {
	var room [256]byte
	text := append(room[:0], start...)
	for i, subject := range subjects {
		if i > 0 {
			text = append(text, " or "...)
		}
		switch {
		case i == maxNamed:
			return string(append(text, "others"...))
		case subject < v.compiled.labels:
			text = append(append(text, beforeRole...), v.compiled.roles.names[subject]...)
		default:
			text = append(append(text, "label @"...), v.compiled.words.labels.list[subject-v.compiled.labels]...)
		}
	}
	return string(text)
}
