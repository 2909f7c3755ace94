package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// staffing looks whether quorums can be filled by the logins that a policy
// names. It counts each login once, with every role that it can hold at some
// moment. That is the most that can be hoped for: it knows neither which
// logins are one person, nor who asks, nor who is on leave.
type staffing struct {
	parsed   *parsed
	roles    *roles
	universe *universe
	rep      *report
	held     map[roleIn][]string
	approves map[roleIn]*approval
	seen     map[string]bool
}

// approval is what lets a role approve in a domain, or keeps it from it.
type approval struct{ allows, denies []scope }

type roleIn struct {
	role, domain string
	limit        int
}

// checkQuorums reports quorums that can't be filled, by the roles of each row
// and by all rows that add up at one point.
func checkQuorums(p *parsed, r *roles, u *universe, rep *report) {
	s := &staffing{p, r, u, rep, make(map[roleIn][]string), make(map[roleIn]*approval), make(map[string]bool)}
	for _, n := range p.needs {
		s.checkRoles(n.row, "quorum", n.scope, n.slots)
	}
	for _, l := range p.limits {
		s.checkRoles(l.row, "over", l.shape.scope, l.over)
	}
	if len(rep.errs) > 0 {
		return
	}
	for _, step := range moderation.Steps() {
		s.checkSums(step)
	}
}

// checkRoles looks whether each role of a row is held by somebody and may
// approve whatever the row is about.
func (s *staffing) checkRoles(row Row, column string, about scope, slots []moderation.Slot) {
	checked := make(map[string]bool)
	for _, slot := range slots {
		for _, role := range slot {
			if !checked[role] {
				checked[role] = true
				s.checkRole(row, column, about, role)
			}
		}
	}
}

func (s *staffing) checkRole(row Row, column string, about scope, role string) {
	text := row.column(column)
	if len(s.roles.granted[s.roles.ids[role]]) == 0 {
		s.rep.add(row, column, text, "nobody is granted the role %s; add a g row%s", role, s.meant(role))
		return
	}
	for _, at := range s.universe.points(about, s.universe.staffedDomains()) {
		switch {
		case len(s.holders(role, at.domain, 1)) == 0:
			s.rep.add(row, column, text, "nobody can hold the role %s %s; grant it there, or name the domains where it is held", role, inDomain(at.domain))
			return
		case !s.mayApprove(role, at):
			s.rep.add(row, column, text, "the role %s may not approve %s; add a row such as p, %s, approve, *, *, *, allow", role, at, role)
			return
		}
	}
}

func (s *staffing) meant(role string) string {
	var granted []string
	for i, name := range s.roles.names {
		if len(s.roles.granted[i]) > 0 {
			granted = append(granted, name)
		}
	}
	if near := nearest(role, granted); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func (s *staffing) holders(role, domain string, limit int) []string {
	key := roleIn{role, domain, limit}
	logins, ok := s.held[key]
	if !ok {
		logins = s.roles.holders(role, domain, limit)
		s.held[key] = logins
	}
	return logins
}

// mayApprove reports whether whoever has a role may, with that role and those
// that come with it, approve at a point.
func (s *staffing) mayApprove(role string, at point) bool {
	key := roleIn{role: role, domain: at.domain}
	a, ok := s.approves[key]
	if !ok {
		a = &approval{allows: s.approveRules(role, at.domain, false), denies: s.approveRules(role, at.domain, true)}
		s.approves[key] = a
	}
	covers := func(about scope) bool { return about.covers(at.kind, at.tier, at.domain) }
	return slices.ContainsFunc(a.allows, covers) && !slices.ContainsFunc(a.denies, covers)
}

// approveRules returns what rows allow a role to approve, or deny it. A role
// that comes with it for a time only lets approve, but does not keep from it.
func (s *staffing) approveRules(role, domain string, deny bool) []scope {
	implied := newNames(s.roles.implied(role, domain, deny))
	var list []scope
	for _, r := range s.parsed.rules {
		if r.deny == deny && (r.step == moderation.StepApprove || r.step == allSteps) && implied.set[r.role] {
			list = append(list, r.scope)
		}
	}
	return list
}

// sum is what all rows that match at a point ask for together.
type sum struct {
	rows          []Row
	slots         []moderation.Slot
	hold          time.Duration
	deadline      time.Duration // zero for none
	held, expires Row           // the rows with the longest hold and the earliest deadline
}

func (s *sum) add(n *need) {
	s.rows, s.slots = append(s.rows, n.row), append(s.slots, n.slots...)
	if n.hold > s.hold {
		s.hold, s.held = n.hold, n.row
	}
	if n.deadline > 0 && (s.deadline == 0 || n.deadline < s.deadline) {
		s.deadline, s.expires = n.deadline, n.row
	}
}

// checkSums looks at all rows that add up at each point, with every condition
// taken to hold.
func (s *staffing) checkSums(step moderation.Step) {
	everything := scope{pattern{form: all}, pattern{form: all}, pattern{form: all}}
	for _, at := range s.universe.points(everything, s.universe.staffedDomains()) {
		base := s.sumAt(step, at)
		s.checkSum(base, at)
		for _, l := range s.parsed.limits {
			if l.shape.step == step && len(l.over) > 0 && l.shape.scope.covers(at.kind, at.tier, at.domain) {
				with := base
				with.rows = append(slices.Clone(base.rows), l.row)
				with.slots = append(slices.Clone(base.slots), l.over...)
				s.checkSum(with, at)
			}
		}
	}
}

func (s *staffing) sumAt(step moderation.Step, at point) sum {
	var total sum
	for _, n := range s.parsed.needs {
		if n.step == step && n.scope.covers(at.kind, at.tier, at.domain) {
			total.add(n)
		}
	}
	return total
}

// checkSum looks at each set of rows once for each domain, and reports each
// row once.
func (s *staffing) checkSum(total sum, at point) {
	rows := sources(total.rows)
	if len(total.rows) == 0 || !s.once("rows", at.domain, rows) {
		return
	}
	if total.deadline > 0 && total.deadline <= total.hold && s.once("deadline", total.expires.Source) {
		s.rep.add(total.expires, "deadline", total.deadline.String(), "is not longer than the hold of %v (%s), which applies to %s too; the action could never be executed", total.hold, total.held.Source, at)
	}
	last := total.rows[len(total.rows)-1]
	if !fillable(s.candidates(total.slots, at.domain)) && s.once("quorum", last.Source) {
		column := "quorum"
		if last.Type == "p3" {
			column = "over"
		}
		s.rep.add(last, column, slotsText(total.slots), "can't be filled by different logins of this policy for %s (asked for by %s); grant the roles to more logins, or ask for less", at, rows)
	}
}

// candidates returns, for each slot, logins that can fill it.
func (s *staffing) candidates(slots []moderation.Slot, domain string) [][]string {
	logins := make([][]string, len(slots))
	for i, slot := range slots {
		for _, role := range slot {
			logins[i] = append(logins[i], s.holders(role, domain, len(slots))...)
		}
	}
	return logins
}

// once reports whether it was not asked before.
func (s *staffing) once(what ...string) bool {
	key := strings.Join(what, "\x00")
	known := s.seen[key]
	s.seen[key] = true
	return !known
}

func sources(rows []Row) string {
	var list []string
	for _, r := range rows {
		list = append(list, r.Source)
	}
	return strings.Join(list, ", ")
}
