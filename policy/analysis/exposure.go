package analysis

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Exposure is what each person can do alone. Make it with [Analysis.Exposure];
// the zero value says nothing.
type Exposure struct {
	Policy string    `json:"policy"`         // the policy's digest
	At     time.Time `json:"at"`             // the moment that was looked at
	Until  time.Time `json:"until,omitzero"` // and up to when; zero for the one moment
	People int       `json:"people"`         // how many there are in the directory
	// Groups are people who can do the same alone, those who can do most
	// first. Who can do nothing alone is in none.
	Groups []Exposed `json:"groups"`
	// Worst are, by step and tier, those who can do most.
	Worst []Worst `json:"worst"`
}

// Exposed are people who can do the same alone.
type Exposed struct {
	People []string `json:"people"` // sorted IDs
	Deeds  []Deed   `json:"deeds"`  // what each of them can do
	Totals []Total  `json:"totals"` // how much of it, by step and tier
}

// Deed is something that one person can do alone, in any one of the kinds and
// any one of the domains.
type Deed struct {
	Step    moderation.Step `json:"step"`    // what is done
	Kinds   []string        `json:"kinds"`   // any of these; * for all
	Tier    string          `json:"tier"`    // whom it is done to; * for everything at once
	Domains []string        `json:"domains"` // any of these; * for all
	// Login is one by which the first person of the group can do it.
	Login string `json:"login"`
	// At is the first moment at which it can be done.
	At time.Time `json:"at"`
	// ReachAtMost is how large a target may be.
	ReachAtMost Bound `json:"reach_at_most"`
	// Hold is how long it waits at least, in nanoseconds in JSON, and can be
	// cancelled.
	Hold time.Duration `json:"hold,omitempty"`
	// Hour and Day are how much fits in any hour and any day.
	Hour Allowance `json:"hour"`
	Day  Allowance `json:"day"`
	// Rules are the rows that allow it and say that nobody need agree; Limits
	// are those that bound the actions of an hour and their reach.
	Rules  []string `json:"rules"`
	Limits []string `json:"limits,omitempty"`
}

// Total is how much one person can do alone in one tier, in all kinds and
// domains together, at most.
type Total struct {
	Step moderation.Step `json:"step"` // what is done
	Tier string          `json:"tier"` // whom it is done to
	Hour Allowance       `json:"hour"` // in any hour
	Day  Allowance       `json:"day"`  // in any day
}

// Worst is the worst case of a step and a tier.
type Worst struct {
	Total
	// People is how many can do anything of it alone, and Person one who can
	// do most.
	People int    `json:"people"`
	Person string `json:"person"`
}

// aloneSteps are what can be done alone, what harms most first.
func aloneSteps() []moderation.Step {
	return []moderation.Step{moderation.StepRequest, moderation.StepBypass, moderation.StepFreeze, moderation.StepUnfreeze, moderation.StepUndo}
}

// Exposure computes what each person can do alone, how many times and with how
// much reach in an hour and in a day. It fails only when ctx is done or the
// analysis was not made.
func (a *Analysis) Exposure(ctx context.Context) (Exposure, error) {
	if a == nil || a.policy == nil {
		return Exposure{}, errNotMade
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := Exposure{Policy: a.policy.Digest(), At: a.at, People: len(a.directory.People)}
	if a.until.After(a.at) {
		e.Until = a.until
	}
	x := newExposing(a)
	for i := range a.directory.People {
		if err := ctx.Err(); err != nil {
			return Exposure{}, err
		}
		x.add(&a.directory.People[i])
	}
	e.Groups = x.groups()
	e.Worst = worst(e.Groups)
	return e, nil
}

// exposing collects who can do what.
type exposing struct {
	*Analysis
	byLogin  map[*holding][]stakeOf
	byPerson map[string]*exposedClass
	keys     []string
}

// stakeOf is a stake in a step.
type stakeOf struct {
	step moderation.Step
	stake
}

// exposedClass are people with the same holdings at the same moments.
type exposedClass struct {
	people []string
	first  []presentAt
}

// presentAt is how the first person of a class is present at a moment.
type presentAt struct {
	at time.Time
	present
}

func newExposing(a *Analysis) *exposing {
	return &exposing{a, make(map[*holding][]stakeOf), make(map[string]*exposedClass), nil}
}

// add puts a person into a class.
func (x *exposing) add(p *Person) {
	var key strings.Builder
	var all []presentAt
	for _, at := range x.momentsOf(p) {
		who, there := x.personAt(p, at)
		if !there {
			continue
		}
		all = append(all, presentAt{at, who})
		key.WriteString(at.UTC().Format(time.RFC3339Nano) + classKey(who))
	}
	class := x.byPerson[key.String()]
	if class == nil {
		class = &exposedClass{first: all}
		x.byPerson[key.String()] = class
		x.keys = append(x.keys, key.String())
	}
	class.people = append(class.people, p.ID)
}

// stakesOf returns what a login with a holding can do alone.
func (x *exposing) stakesOf(h *holding) []stakeOf {
	if list, known := x.byLogin[h]; known {
		return list
	}
	var list []stakeOf
	for _, step := range aloneSteps() {
		for _, c := range x.ground.places(step) {
			if !x.mayAsk(h, step, c) {
				continue
			}
			if found, can := x.alone(h, step, c); can {
				list = append(list, stakeOf{step, stake{c, found, 1}})
			}
		}
	}
	x.byLogin[h] = list
	return list
}

// groups returns classes as people see them: those who can do the same alone
// are one group.
func (x *exposing) groups() []Exposed {
	var list []Exposed
	at := make(map[string]int)
	for _, key := range x.keys {
		class := x.byPerson[key]
		g := x.exposed(class)
		if len(g.Deeds) == 0 {
			continue
		}
		i, known := at[g.key()]
		if !known {
			at[g.key()] = len(list)
			list = append(list, g)
			continue
		}
		if g.People[0] < list[i].People[0] { // whose logins are shown
			list[i].Deeds = g.Deeds
			g, list[i].People = list[i], g.People
		}
		list[i].People = append(list[i].People, g.People...)
	}
	for i := range list {
		slices.Sort(list[i].People)
	}
	slices.SortFunc(list, compareExposed)
	return list
}
