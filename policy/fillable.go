package policy

import (
	"fmt"
	"slices"

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
