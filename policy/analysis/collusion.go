package analysis

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Collusion is how few people can do what together. Make it with
// [Analysis.Collusion]; the zero value says nothing.
type Collusion struct {
	Policy string    `json:"policy"`         // the policy's digest
	At     time.Time `json:"at"`             // the moment that was looked at
	Until  time.Time `json:"until,omitzero"` // and up to when; zero for the one moment
	// Sets has one entry for each step, kind, tier and band of reach.
	Sets []Coalition `json:"sets"`
}

// Coalition is a smallest set of people that can do something: with fewer it
// can't be done, whoever they are.
type Coalition struct {
	// Step is what they do.
	Step moderation.Step `json:"step"`
	// Kinds are alike to every row of the policy; * are all at once.
	Kinds []string `json:"kinds"`
	// Tier is whom it is done to; * for everything at once.
	Tier string `json:"tier"`
	// Domain is one in which so few can do it.
	Domain string `json:"domain"`
	// ReachOver is above which reach of the target this holds; zero for all
	// that no other entry is about.
	ReachOver int64 `json:"reach_over,omitempty"`
	// At is the moment at which so few can do it, the first of a range.
	At time.Time `json:"at"`
	// Size is how many people it takes; zero where nobody can do it at all.
	Size int `json:"size"`
	// Requester and Approvers are one such set.
	Requester Member   `json:"requester,omitzero"`
	Approvers []Member `json:"approvers,omitempty"`
	// Only says that no other people than these could fill the quorum.
	Only bool `json:"only,omitempty"`
	// Hold is how long it waits at least, in nanoseconds in JSON.
	Hold  time.Duration `json:"hold,omitempty"`
	Rules []string      `json:"rules,omitempty"` // the rows that allow and ask for it
	// PastLimits is the smallest set that also gets past all limits, with the
	// approvals that their column over asks for. Nil where there are no limits,
	// or where one of them lets nobody past.
	PastLimits *Coalition `json:"past_limits,omitempty"`
}

// Member is a person in a coalition.
type Member struct {
	Person string `json:"person"`         // the ID
	Login  string `json:"login"`          // by which the person does it
	Slot   string `json:"slot,omitempty"` // what an approver fills, such as lead|director
}

// collusionSteps are what people can come together for.
func collusionSteps() []moderation.Step {
	return []moderation.Step{moderation.StepRequest, moderation.StepUndo, moderation.StepFreeze, moderation.StepUnfreeze}
}

// Smallest returns the smallest set that can take a step against a tier, of any
// kind; ok is false where nobody can. The tier * stands for all at once.
func (c Collusion) Smallest(step moderation.Step, tier string) (smallest Coalition, ok bool) {
	for _, s := range c.Sets {
		if s.Step == step && s.Tier == tier && s.Size > 0 && (!ok || s.Size < smallest.Size) {
			smallest, ok = s, true
		}
	}
	return smallest, ok
}

// Collusion computes the smallest sets. It fails only when ctx is done or the
// analysis was not made.
func (a *Analysis) Collusion(ctx context.Context) (Collusion, error) {
	if a == nil || a.policy == nil {
		return Collusion{}, errNotMade
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	found := Collusion{Policy: a.policy.Digest(), At: a.at}
	if a.until.After(a.at) {
		found.Until = a.until
	}
	for _, at := range a.moments() {
		sets, err := a.assemble(at).collude(ctx)
		if err != nil {
			return Collusion{}, err
		}
		found.Sets = smaller(found.Sets, sets)
	}
	slices.SortStableFunc(found.Sets, func(x, y Coalition) int {
		return slices.Index(collusionSteps(), x.Step) - slices.Index(collusionSteps(), y.Step)
	})
	return found, nil
}

// smaller keeps, of two moments, the smaller set for each purpose.
func smaller(before, now []Coalition) []Coalition {
	if before == nil {
		return now
	}
	for _, c := range now {
		i := slices.IndexFunc(before, func(b Coalition) bool {
			return b.Step == c.Step && b.Tier == c.Tier && b.ReachOver == c.ReachOver && slices.Equal(b.Kinds, c.Kinds)
		})
		switch {
		case i < 0:
			before = append(before, c)
		case c.Size > 0 && (before[i].Size == 0 || c.Size < before[i].Size):
			before[i] = c
		}
	}
	return before
}

func (s *assembly) collude(ctx context.Context) ([]Coalition, error) {
	var list []Coalition
	for k := range s.ground.kinds {
		for t := range s.ground.tiers {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			list = append(list, s.against(cell{k, t, -1}, s.poolsOf(k, t))...)
		}
	}
	return append(list, s.against(anywhere, []pool{s.pool(anywhere)})...), nil
}

func (s *assembly) poolsOf(kind, tier int) []pool {
	var pools []pool
	for d := range s.ground.domains {
		pools = append(pools, s.pool(cell{kind, tier, d}))
	}
	return pools
}

// against returns the sets for one kind and tier, in whichever domain it takes
// the fewest.
func (s *assembly) against(about cell, pools []pool) []Coalition {
	var list []Coalition
	for _, step := range collusionSteps() {
		freezes := step == moderation.StepFreeze || step == moderation.StepUnfreeze
		if about == anywhere && !freezes {
			continue
		}
		last := -1
		for _, reach := range s.bands.of(step, about, s.ground) {
			found := s.smallest(step, about, reach, pools)
			if found.Size != last { // else the band below says it all
				list = append(list, found)
			}
			last = found.Size
		}
	}
	return list
}

func (s *assembly) smallest(step moderation.Step, about cell, reach int64, pools []pool) Coalition {
	best := Coalition{Step: step, Kinds: []string{moderation.Any}, Tier: s.ground.tier(about), ReachOver: max(reach-1, 0), At: s.at}
	if about.kind >= 0 {
		best.Kinds = s.ground.kinds[about.kind].names
	}
	for _, p := range pools {
		quorums := s.quorums(step, p.cell, s.easiest(step, p.cell, reach))
		found, ok := s.form(quorums, p, nil)
		if !ok || best.Size > 0 && best.Size <= len(found.slots)+1 {
			continue
		}
		s.describe(&best, found, p.cell, reach)
		best.PastLimits = nil
		if over := s.over(step, p.cell); over != nil {
			if past, ok := s.form(quorums, p, over); ok {
				with := best
				s.describe(&with, past, p.cell, reach)
				best.PastLimits = &with
			}
		}
	}
	return best
}

// over returns the slots that let somebody past all limits at once; nil where
// there are none, or one lets nobody past.
func (s *assembly) over(step moderation.Step, c cell) []moderation.Slot {
	var slots []moderation.Slot
	for _, i := range s.rowsAt(step, c) {
		row := &s.limits[step][i]
		if len(row.Over) == 0 {
			return nil
		}
		slots = append(slots, row.Over...)
	}
	return slots
}

func (s *assembly) describe(into *Coalition, found coalition, c cell, reach int64) {
	into.Domain, into.Size, into.Hold, into.Only = s.ground.domain(c), 1+len(found.slots), found.hold, found.only
	into.Requester = s.member(found.asker, "")
	into.Approvers = nil
	for i, who := range found.approvers {
		into.Approvers = append(into.Approvers, s.member(who, strings.Join(found.slots[i], "|")))
	}
	d := s.ask(found.holding, into.Step, c, s.easiest(into.Step, c, reach))
	into.Rules = sources(d.Rules, d.Requirement.Rules)
}

func (s *assembly) member(c candidate, slot string) Member {
	who := s.people[c.person].person
	return Member{who.ID, who.Logins[c.login].Name, slot}
}
