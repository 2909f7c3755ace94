package analysis

import (
	"fmt"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// assembly is everybody at one moment, as they can come together.
type assembly struct {
	*Analysis
	at       time.Time
	people   []present
	holdings []*holding               // each once
	holders  map[*holding][]candidate // in the order of the people
	index    map[string]int           // people by ID
	owners   int                      // the most that a service has
}

func (a *Analysis) assemble(at time.Time) *assembly {
	s := &assembly{Analysis: a, at: at, people: a.present(at), holders: make(map[*holding][]candidate), index: make(map[string]int)}
	for i, who := range s.people {
		s.index[who.person.ID] = i
		for k, h := range who.logins {
			if s.holders[h] == nil {
				s.holdings = append(s.holdings, h)
			}
			s.holders[h] = append(s.holders[h], candidate{i, k})
			s.owners = max(s.owners, len(who.person.Logins[k].Owners))
		}
	}
	return s
}

// pool is who may approve in a cell.
type pool struct {
	cell     cell
	holdings []*holding
}

func (s *assembly) pool(c cell) pool {
	p := pool{cell: c}
	for _, h := range s.holdings {
		if !h.approver() || !s.mayAsk(h, moderation.StepApprove, c) {
			continue
		}
		if d := s.ask(h, moderation.StepApprove, c, probe{count: 1}); d.Allowed {
			p.holdings = append(p.holdings, h)
		}
	}
	return p
}

// fits returns, for each slot, people who may fill it: no more than are
// needed to fill all slots, whoever asks.
func (s *assembly) fits(p pool, slots []moderation.Slot) [][]candidate {
	enough := len(slots) + 1 + s.owners
	fits := make([][]candidate, len(slots))
	for i, slot := range slots {
		if k := slices.IndexFunc(slots[:i], func(o moderation.Slot) bool { return slices.Equal(o, slot) }); k >= 0 {
			fits[i] = fits[k]
			continue
		}
		seen := make(map[int]bool)
		for _, h := range p.holdings {
			if len(seen) >= enough {
				break
			}
			if !fillsSlot(slot, h.rolesIn(p.cell)) {
				continue
			}
			for _, c := range s.holders[h] {
				if !seen[c.person] {
					seen[c.person] = true
					fits[i] = append(fits[i], c)
				}
				if len(seen) >= enough {
					break
				}
			}
		}
	}
	return fits
}

// quorum is what several logins need for the same.
type quorum struct {
	slots  []moderation.Slot
	hold   time.Duration
	askers []*holding
	rows   []string // those that ask for it
}

// quorums returns what a step needs of those who may take it in a cell, the
// fewest slots first.
func (s *assembly) quorums(step moderation.Step, c cell, p probe) []quorum {
	var list []quorum
	at := make(map[string]int)
	for _, h := range s.holdings {
		if !s.mayAsk(h, step, c) {
			continue
		}
		d := s.ask(h, step, c, p)
		if !s.opens(step, c, &d) {
			continue
		}
		key := fmt.Sprintf("%q", d.Requirement.Quorum.Slots)
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			list = append(list, quorum{slots: d.Requirement.Quorum.Slots, hold: d.Requirement.Hold, rows: sources(d.Requirement.Rules)})
		}
		list[i].askers = append(list[i].askers, h)
	}
	slices.SortStableFunc(list, func(a, b quorum) int { return len(a.slots) - len(b.slots) })
	return list
}

// coalition is who comes together.
type coalition struct {
	asker     candidate
	holding   *holding
	slots     []moderation.Slot
	approvers []candidate
	hold      time.Duration
	needed    []candidate // without whom it can't be done, where that is all
	only      bool
}

// form returns the smallest set of people that can do what quorums are for,
// with more slots filled besides.
func (s *assembly) form(quorums []quorum, p pool, more []moderation.Slot) (coalition, bool) {
	for _, q := range quorums {
		slots := slices.Concat(q.slots, more)
		fits := s.fits(p, slots)
		anybody := match(fits, func(int) bool { return false })
		if anybody == nil {
			continue
		}
		for _, h := range q.askers {
			for _, asker := range s.holders[h] {
				// Of those without owners, one more than there are slots are
				// enough: one of them is not needed as an approver.
				if approvers := match(fits, s.barred(asker)); approvers != nil {
					return coalition{asker, h, slots, approvers, q.hold, anybody, only(fits, anybody)}, true
				}
			}
		}
	}
	return coalition{}, false
}

// barred returns who may not approve what somebody asks for: the person, and
// those who own the service that asks.
func (s *assembly) barred(asker candidate) func(int) bool {
	owners := s.people[asker.person].person.Logins[asker.login].Owners
	if len(owners) == 0 {
		return func(person int) bool { return person == asker.person }
	}
	own := map[int]bool{asker.person: true}
	for _, id := range owners {
		if i, there := s.index[id]; there {
			own[i] = true
		}
	}
	return func(person int) bool { return own[person] }
}
