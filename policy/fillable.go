package policy

import (
	"encoding/binary"
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
	*snapshot
	granting *granting
	universe *universe
	rep      *report
	held     map[roleIn][]uint32
	approves map[roleIn]*approval
	// approvals are the rows about approving, by role.
	approvals map[string][]*rule
	checked   map[roleAbout]string
	seen      map[string]bool
	reported  map[reported]bool
}

// approval is what lets a role approve in a domain, or keeps it from it.
type approval struct{ allows, denies []*scope }

type roleIn struct {
	role, domain uint32
	limit        int
}

type roleAbout struct {
	role  string
	scope scope
}

// reported is what is said of a row once, wherever it is found.
type reported struct{ problem, source string }

// checkQuorums reports quorums that can't be filled, by the roles of each row
// and by all rows that add up at one point.
func checkQuorums(compiled *snapshot, g *granting, u *universe, rep *report) {
	s := &staffing{
		snapshot:  compiled,
		granting:  g,
		universe:  u,
		rep:       rep,
		held:      make(map[roleIn][]uint32),
		approves:  make(map[roleIn]*approval),
		approvals: make(map[string][]*rule),
		checked:   make(map[roleAbout]string),
		seen:      make(map[string]bool),
		reported:  make(map[reported]bool),
	}
	for _, r := range s.parsed.rules {
		if r.step == moderation.StepApprove || r.step == allSteps {
			s.approvals[r.role] = append(s.approvals[r.role], r)
		}
	}
	for _, n := range s.parsed.needs {
		s.checkRoles(n.row, "quorum", n.scope, n.slots)
	}
	for _, l := range s.parsed.limits {
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
			if checked[role] {
				continue
			}
			checked[role] = true
			if problem := s.roleProblem(role, about); problem != "" {
				s.rep.add(row, column, row.column(column), "%s", problem)
			}
		}
	}
}

// roleProblem says why a role can't approve what a scope is about.
func (s *staffing) roleProblem(role string, about scope) string {
	key := roleAbout{role, about}
	problem, ok := s.checked[key]
	if !ok {
		problem = s.findRoleProblem(role, about)
		s.checked[key] = problem
	}
	return problem
}

func (s *staffing) findRoleProblem(role string, about scope) string {
	number := s.roles.ids[role]
	if len(s.granting.of(number)) == 0 {
		return fmt.Sprintf("nobody is granted the role %s; add a g row%s", role, s.meant(role))
	}
	for at := range s.universe.points(about, s.universe.staffedDomains()) {
		switch domain := s.places.domain(at.domain); {
		case len(s.holders(number, domain, 1)) == 0:
			return fmt.Sprintf("nobody can hold the role %s %s; grant it there, or name the domains where it is held", role, inDomain(at.domain))
		case !s.mayApprove(number, domain, at):
			return fmt.Sprintf("the role %s may not approve %s; add a row such as p, %s, approve, *, *, *, allow", role, at, role)
		}
	}
	return ""
}

func (s *staffing) meant(role string) string {
	var granted []string
	for i, name := range s.roles.names {
		if len(s.granting.of(uint32(i))) > 0 {
			granted = append(granted, name)
		}
	}
	if near := nearest(role, granted); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func (s *staffing) holders(role, domain uint32, limit int) []uint32 {
	key := roleIn{role, domain, limit}
	logins, ok := s.held[key]
	if !ok {
		logins = s.granting.holders(role, domain, limit)
		s.held[key] = logins
	}
	return logins
}

// mayApprove reports whether whoever has a role may, with that role and those
// that come with it, approve at a point.
func (s *staffing) mayApprove(role, domain uint32, at point) bool {
	key := roleIn{role: role, domain: domain}
	a, ok := s.approves[key]
	if !ok {
		a = &approval{allows: s.approveRules(role, domain, false), denies: s.approveRules(role, domain, true)}
		s.approves[key] = a
	}
	covers := func(about *scope) bool { return about.covers(at.kind, at.tier, at.domain) }
	return slices.ContainsFunc(a.allows, covers) && !slices.ContainsFunc(a.denies, covers)
}

// approveRules returns what rows allow a role to approve, or deny it. A role
// that comes with it for a time only lets approve, but does not keep from it.
func (s *staffing) approveRules(role, domain uint32, deny bool) []*scope {
	var list []*scope
	for _, implied := range s.roles.implied(role, domain, deny) {
		for _, r := range s.approvals[s.roles.names[implied]] {
			if r.deny == deny {
				list = append(list, &r.scope)
			}
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
// taken to hold. Where the same rows add up in the same domain they are looked
// at once.
func (s *staffing) checkSums(step moderation.Step) {
	var limits []*limit
	for _, l := range s.parsed.limits {
		if l.shape.step == step && len(l.over) > 0 {
			limits = append(limits, l)
		}
	}
	if len(limits) == 0 && !step.Required() {
		return // nothing asks for anything
	}
	everything := scope{pattern{form: all}, pattern{form: all}, pattern{form: all}}
	for at := range s.universe.points(everything, s.universe.staffedDomains()) {
		needs := s.needsAt(step, at)
		domain := s.places.domain(at.domain)
		if s.isNew(step, domain, -1, needs) {
			s.checkSum(s.sum(needs), domain, at)
		}
		for i, l := range limits {
			if l.shape.scope.covers(at.kind, at.tier, at.domain) && s.isNew(step, domain, i, needs) {
				with := s.sum(needs)
				with.rows, with.slots = append(with.rows, l.row), append(with.slots, l.over...)
				s.checkSum(with, domain, at)
			}
		}
	}
}

// isNew reports whether the same rows were not looked at in the domain before.
func (s *staffing) isNew(step moderation.Step, domain uint32, limit int, needs []uint32) bool {
	key := binary.AppendUvarint(make([]byte, 0, 64), uint64(stepNumber(step)))
	key = binary.AppendUvarint(key, uint64(domain))
	key = binary.AppendVarint(key, int64(limit))
	for _, n := range needs {
		key = binary.AppendUvarint(key, uint64(n))
	}
	if s.seen[string(key)] {
		return false
	}
	s.seen[string(key)] = true
	return true
}

func (s *staffing) sum(needs []uint32) sum {
	var total sum
	for _, i := range needs {
		total.add(s.parsed.needs[i])
	}
	return total
}

// checkSum reports each row once.
func (s *staffing) checkSum(total sum, domain uint32, at point) {
	if len(total.rows) == 0 {
		return
	}
	if total.deadline > 0 && total.deadline <= total.hold && s.once("deadline", total.expires.Source) {
		s.rep.add(total.expires, "deadline", total.deadline.String(), "is not longer than the hold of %v (%s), which applies to %s too; the action could never be executed", total.hold, total.held.Source, at)
	}
	last := total.rows[len(total.rows)-1]
	if !fillable(s.candidates(total.slots, domain)) && s.once("quorum", last.Source) {
		column := "quorum"
		if last.Type == "p3" {
			column = "over"
		}
		s.rep.add(last, column, slotsText(total.slots), "can't be filled by different logins of this policy for %s (asked for by %s); grant the roles to more logins, or ask for less", at, sources(total.rows))
	}
}

// candidates returns, for each slot, logins that can fill it.
func (s *staffing) candidates(slots []moderation.Slot, domain uint32) [][]uint32 {
	logins := make([][]uint32, len(slots))
	for i, slot := range slots {
		for _, role := range slot {
			logins[i] = append(logins[i], s.holders(s.roles.ids[role], domain, len(slots))...)
		}
	}
	return logins
}

// once reports whether it was not asked before.
func (s *staffing) once(problem, source string) bool {
	key := reported{problem, source}
	known := s.reported[key]
	s.reported[key] = true
	return !known
}

func sources(rows []Row) string {
	var list []string
	for _, r := range rows {
		list = append(list, r.Source)
	}
	return strings.Join(list, ", ")
}
