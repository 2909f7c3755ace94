package analysis

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// heldByAnybody returns the roles that people of the directory have at the
// analysis' moment or will have later, in some domain where none is given.
func (a *Analysis) heldByAnybody(domain string) map[string]bool {
	held := make(map[string]bool)
	var reach func(rows []policy.GrantRow)
	reach = func(rows []policy.GrantRow) {
		for _, g := range rows {
			lasts := g.Until.IsZero() || g.Until.After(a.at)
			if lasts && (domain == "" || g.Domain.Covers(domain)) && !held[g.Role] {
				held[g.Role] = true
				reach(a.grants.ofRole[g.Role])
			}
		}
	}
	for i := range a.directory.People {
		p := &a.directory.People[i]
		if end, ends := p.LastDay.End(); ends && !a.at.Before(end) {
			continue
		}
		for _, login := range p.Logins {
			reach(a.grants.direct[a.grants.alike[login.Name]])
		}
	}
	return held
}

// grantRows looks whom grants are for.
func (l *linting) grantRows() {
	owner := make(map[string]*Person)
	for i := range l.directory.People {
		for _, login := range l.directory.People[i].Logins {
			owner[login.Name] = &l.directory.People[i]
		}
	}
	for g := range l.policy.Grants() {
		if g.IsRole {
			continue
		}
		p := owner[g.Grantee]
		if p == nil {
			l.add(CodeUnknownLogin, []string{g.Row.Source}, "Remove the row, or spell the login as the directory does.",
				"%s is granted %s, but the directory has no such login.", g.Grantee, g.Role)
			continue
		}
		end, ends := p.LastDay.End()
		if ends && (g.Until.IsZero() || g.Until.After(end)) {
			l.add(CodeGrantWithoutEnd, []string{g.Row.Source}, "Write "+end.UTC().Format(time.RFC3339)+" as its end.",
				"%s is granted %s beyond the last day of %s, which ends at %s.", g.Grantee, g.Role, p.ID, end.Format(time.RFC3339))
		}
	}
}

// roles looks for roles that nobody has, with all rows that are about them.
func (l *linting) roles() {
	rows := make(map[string][]string)
	name := func(role string, row policy.Row) {
		if role != "" && !l.held[role] && !slices.Contains(rows[role], row.Source) {
			rows[role] = append(rows[role], row.Source)
		}
	}
	slots := func(list []moderation.Slot, row policy.Row) {
		for _, slot := range list {
			for _, role := range slot {
				name(role, row)
			}
		}
	}
	for r := range l.policy.Rules() {
		name(r.Role, r.Row)
	}
	for r := range l.policy.Requirements() {
		slots(r.Slots, r.Row)
	}
	for r := range l.policy.Limits() {
		slots(r.Over, r.Row)
	}
	for g := range l.policy.Grants() {
		name(g.Role, g.Row)
	}
	for _, role := range slices.Sorted(maps.Keys(rows)) {
		l.add(CodeRoleWithoutHolder, rows[role], "Grant the role, or remove the rows.", "Nobody has the role %s, or will have it.", role)
	}
}

// rules looks for p rows that another one makes useless.
func (l *linting) rules() {
	bySubject, heldIn := make(map[string][]policy.RuleRow), make(map[string]map[string]bool)
	for r := range l.policy.Rules() {
		bySubject[subject(r)] = append(bySubject[subject(r)], r)
		l.matches(r, heldIn)
	}
	implied := l.implied()
	for r := range l.policy.Rules() {
		for _, other := range append([]string{subject(r)}, implied[r.Role]...) {
			if l.useless(r, bySubject[other]) {
				break
			}
		}
	}
}

func subject(r policy.RuleRow) string {
	if r.Label != "" {
		return "@" + r.Label
	}
	return r.Role
}

// useless reports a row that one of others contradicts or shadows.
func (l *linting) useless(r policy.RuleRow, others []policy.RuleRow) bool {
	for _, o := range others {
		if o.Row.Source == r.Row.Source || o.Step != r.Step && o.Step != policy.AllSteps || !within(o.Scope, r.Scope) {
			continue
		}
		rows := []string{r.Row.Source, o.Row.Source}
		switch {
		case o.Deny && !r.Deny:
			l.add(CodeContradicted, rows, "Remove one of them, or make the deny row narrower.",
				"All that %s allows, %s denies to everybody with the role %s.", rows[0], rows[1], r.Role)
			return true
		case o.Deny == r.Deny:
			l.add(CodeShadowed, rows, "Remove the first.", "%s says nothing that %s does not say as well.", rows[0], rows[1])
			return true
		}
	}
	return false
}

// implied returns, for each role, those that its holders have always and
// everywhere with it.
func (l *linting) implied() map[string][]string {
	all := make(map[string][]string)
	for role := range l.grants.ofRole {
		for open := []string{role}; len(open) > 0; {
			last := open[len(open)-1]
			open = open[:len(open)-1]
			for _, g := range l.grants.ofRole[last] {
				if g.From.IsZero() && g.Until.IsZero() && g.Domain == moderation.Any && !slices.Contains(all[role], g.Role) {
					all[role] = append(all[role], g.Role)
					open = append(open, g.Role)
				}
			}
		}
	}
	return all
}

// within reports whether outer is about all that inner is about.
func within(outer, inner policy.Scope) bool {
	return outer.Covers(string(inner.Kind), string(inner.Tier), string(inner.Domain))
}

// matches reports a row that allows something in a domain where nobody has
// its role.
func (l *linting) matches(r policy.RuleRow, heldIn map[string]map[string]bool) {
	domain := string(r.Scope.Domain)
	if r.Deny || domain == moderation.Any || !l.held[r.Role] {
		return
	}
	if heldIn[domain] == nil {
		heldIn[domain] = l.heldByAnybody(domain)
	}
	if !heldIn[domain][r.Role] {
		l.add(CodeNeverMatches, []string{r.Row.Source}, "Grant the role there, or remove the row.",
			"%s is for the role %s in the domain %s, where nobody has it.", r.Row.Source, r.Role, domain)
	}
}

// requirements looks for p2 rows that do nothing, or add up.
func (l *linting) requirements() {
	for r := range l.policy.Requirements() {
		if len(r.When) > 0 && len(r.Slots) == 0 && r.Hold == 0 && r.Deadline == 0 {
			l.add(CodeWithoutEffect, []string{r.Row.Source}, "Remove the row, or say what it needs.",
				"%s asks for nothing: a condition can only add to what other rows ask for.", r.Row.Source)
		}
	}
	l.sums()
}

// wildcards looks for rows that reach protected tiers without naming them.
func (l *linting) wildcards() {
	for r := range l.policy.Rules() {
		if !r.Deny && r.Step == moderation.StepRequest && r.Scope.Tier == moderation.Any && len(l.protected) > 0 {
			l.add(CodeWildcardReachesProtected, []string{r.Row.Source}, "Write a row for each tier that is meant.",
				"%s lets %s request %s on every tier, without naming those that are protected (%s).",
				r.Row.Source, r.Role, r.Scope.Kind, strings.Join(l.protected, " "))
		}
	}
}
