package policy

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

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
