package analysis_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// oracle answers by trying everybody, one after the other, as a guard would.
type oracle struct {
	policy *policy.Policy
	people []analysis.Person
	kinds  []moderation.Kind
}

// actor is what a guard makes of a login; false where it refuses it.
func (o oracle) actor(p analysis.Person, l analysis.Login) (moderation.Actor, bool) {
	a := moderation.Actor{Login: l.Name, Person: p.ID, Labels: slices.Clone(l.Labels)}
	if end, ends := p.LastDay.End(); ends {
		if !noon.Before(end) {
			return a, false
		}
		if !noon.Before(end.Add(-14 * 24 * time.Hour)) {
			a.Labels = append(a.Labels, moderation.LabelLeaving)
		}
	}
	if l.Service {
		a.Labels = append(a.Labels, moderation.LabelService)
	}
	return a, true
}

func (o oracle) kind(name string) moderation.Kind {
	for _, k := range o.kinds {
		if k.Name == name {
			return k
		}
	}
	return kindsWith(func(*moderation.Kind) {})[0]
}

// asks returns what a login needs, favourably; false where it is refused.
func (o oracle) asks(p analysis.Person, l analysis.Login, step moderation.Step, kind, tier, domain string, reach int64) (moderation.Quorum, bool) {
	a, there := o.actor(p, l)
	if !there {
		return moderation.Quorum{}, false
	}
	q := moderation.Question{Step: step, Actor: a, Kind: kind, Target: moderation.Target{Tier: tier, Domain: domain, Reach: reach}, Count: 1, Time: noon}
	if o.kind(kind).Timed {
		q.Duration = time.Second
	}
	d := o.policy.Decide(q)
	if !d.Allowed || d.Requirement.Check() != nil {
		return moderation.Quorum{}, false
	}
	if o.kind(kind).Undo == nil && (step == moderation.StepUndo || d.Requirement.Quorum.None) {
		return moderation.Quorum{}, false
	}
	return d.Requirement.Quorum, true
}

// approves reports whether a person can fill a slot.
func (o oracle) approves(p analysis.Person, slot moderation.Slot, kind, tier, domain string) bool {
	return slices.ContainsFunc(p.Logins, func(l analysis.Login) bool {
		a, there := o.actor(p, l)
		if !there || l.Service || slices.Contains(a.Labels, moderation.LabelLeaving) {
			return false
		}
		d := o.policy.Decide(moderation.Question{Step: moderation.StepApprove, Actor: a, Kind: kind, Target: moderation.Target{Tier: tier, Domain: domain}, Count: 1, Time: noon})
		return d.Allowed && slices.ContainsFunc(d.Roles, func(role string) bool { return slices.Contains(slot, role) })
	})
}

// fill tries every order in which people could fill slots.
func (o oracle) fill(slots []moderation.Slot, people []analysis.Person, kind, tier, domain string) bool {
	if len(slots) == 0 {
		return true
	}
	for i, p := range people {
		rest := slices.Delete(slices.Clone(people), i, i+1)
		if o.approves(p, slots[0], kind, tier, domain) && o.fill(slots[1:], rest, kind, tier, domain) {
			return true
		}
	}
	return false
}

// can reports whether these people, all of them at hand, can do it in a domain.
func (o oracle) can(set []analysis.Person, step moderation.Step, kind, tier, domain string, reach int64) bool {
	for _, p := range set {
		for _, l := range p.Logins {
			quorum, may := o.asks(p, l, step, kind, tier, domain, reach)
			others := slices.DeleteFunc(slices.Clone(set), func(other analysis.Person) bool {
				return other.ID == p.ID || slices.Contains(l.Owners, other.ID)
			})
			if may && o.fill(quorum.Slots, others, kind, tier, domain) {
				return true
			}
		}
	}
	return false
}

// smallest tries all sets of people, the small ones first; zero for none.
func (o oracle) smallest(step moderation.Step, kind, tier string, reach int64) int {
	best := 0
	for set := range 1 << len(o.people) {
		var members []analysis.Person
		for i, p := range o.people {
			if set&(1<<i) != 0 {
				members = append(members, p)
			}
		}
		if best > 0 && len(members) >= best {
			continue
		}
		for _, domain := range append(worldDomains, "elsewhere") {
			if o.can(members, step, kind, tier, domain, reach) {
				best = len(members)
				break
			}
		}
	}
	return best
}

// worlds calls check with n generated worlds, and then with more until they
// were varied enough: what is rare must come up whatever the seed.
func worlds(t *testing.T, n int, varied func() bool, check func(t *testing.T, w *world, p *policy.Policy)) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed(t), 0))
	for i := 0; i < n || !varied(); i++ {
		if i == 20*n {
			t.Fatalf("%d worlds are too much alike", i)
		}
		w, p := newWorld(t, r)
		if check(t, w, p); t.Failed() {
			for i, row := range w.rows {
				t.Logf("%d: %s", i+1, row)
			}
			t.Fatalf("people: %+v", w.directory.People)
		}
	}
}

// Worlds name both domains, so that they are no others.
func TestExposureIsWhatTryingEverybodyFinds(t *testing.T) {
	t.Parallel()
	worlds(t, 80, func() bool { return true }, func(t *testing.T, w *world, p *policy.Policy) {
		o := oracle{p, w.directory.People, w.directory.Kinds}
		e := exposure(t, analyse(t, p, w.directory))
		for _, person := range w.directory.People {
			found := deeds(e, person.ID)
			for _, step := range []moderation.Step{moderation.StepRequest, moderation.StepUndo, moderation.StepFreeze, moderation.StepUnfreeze} {
				for _, kind := range allKinds {
					for _, tier := range worldTiers {
						for _, domain := range append(worldDomains, "elsewhere") {
							checkAlone(t, o, person, found, step, kind, tier, domain)
						}
					}
				}
			}
		}
	})
}

func checkAlone(t *testing.T, o oracle, person analysis.Person, found []analysis.Deed, step moderation.Step, kind, tier, domain string) {
	t.Helper()
	for _, reach := range []int64{0, 5, 6} {
		if (step == moderation.StepFreeze || step == moderation.StepUnfreeze) && reach > 0 {
			continue
		}
		want := slices.ContainsFunc(person.Logins, func(l analysis.Login) bool {
			k := kind
			if step == moderation.StepFreeze || step == moderation.StepUnfreeze {
				return o.freezesAlone(person, l, step, kind, tier, domain)
			}
			quorum, may := o.asks(person, l, step, k, tier, domain, reach)
			return may && len(quorum.Slots) == 0
		})
		got := slices.ContainsFunc(found, func(d analysis.Deed) bool {
			return d.Step == step && d.Tier == tier && names(d.Kinds, kind) && names(d.Domains, domain) && int64(d.ReachAtMost) >= reach
		})
		if got != want {
			t.Errorf("%s alone: %s of %s in %s, %s, reach %d: %v, want %v", person.ID, step, kind, tier, domain, reach, got, want)
		}
	}
}

// freezesAlone asks as a guard does for a freeze, which is of no kind that
// could be irreversible, and lasts for some time.
func (o oracle) freezesAlone(p analysis.Person, l analysis.Login, step moderation.Step, kind, tier, domain string) bool {
	a, there := o.actor(p, l)
	d := o.policy.Decide(moderation.Question{Step: step, Actor: a, Kind: kind, Target: moderation.Target{Tier: tier, Domain: domain}, Count: 1, Duration: time.Second, Time: noon})
	return there && d.Allowed && d.Requirement.Check() == nil && d.Requirement.Quorum.None
}

// names reports whether a list names something: by itself, by * or, for
// domains, as any other. A domain that no row of a world names is one of those.
func names(list []string, name string) bool {
	return slices.Contains(list, name) || slices.Contains(list, "*") || name == "elsewhere" && slices.Contains(list, "(any other)")
}

func TestCollusionIsWhatTryingAllSetsFinds(t *testing.T) {
	t.Parallel()
	sizes := make(map[int]int)
	worlds(t, 40, func() bool { return len(sizes) >= 4 }, func(t *testing.T, w *world, p *policy.Policy) {
		o := oracle{p, w.directory.People, w.directory.Kinds}
		c := collusion(t, analyse(t, p, w.directory))
		for _, step := range []moderation.Step{moderation.StepRequest, moderation.StepUndo} {
			for _, kind := range allKinds {
				for _, tier := range worldTiers {
					for _, reach := range []int64{0, 6} {
						want, got := o.smallest(step, kind, tier, reach), sizeOf(c, step, kind, tier, reach)
						if sizes[want]++; got != want {
							t.Errorf("%s of %s in %s with reach %d takes %d people, want %d", step, kind, tier, reach, got, want)
						}
					}
				}
			}
		}
		for _, s := range c.Sets {
			checkWitness(t, o, s)
		}
	})
	t.Log("sets by size:", sizes)
}

// sizeOf finds the entry of the highest band that a reach is in.
func sizeOf(c analysis.Collusion, step moderation.Step, kind, tier string, reach int64) int {
	size, band := -1, int64(-1)
	for _, s := range c.Sets {
		if s.Step == step && s.Tier == tier && slices.Contains(s.Kinds, kind) && s.ReachOver <= reach && s.ReachOver > band {
			size, band = s.Size, s.ReachOver
		}
	}
	return size
}

// checkWitness: those who are named can do it, and are as many as is said.
func checkWitness(t *testing.T, o oracle, s analysis.Coalition) {
	t.Helper()
	if s.Size == 0 || s.Step == moderation.StepFreeze || s.Step == moderation.StepUnfreeze {
		return
	}
	ids := []string{s.Requester.Person}
	for _, m := range s.Approvers {
		ids = append(ids, m.Person)
	}
	set := slices.DeleteFunc(slices.Clone(o.people), func(p analysis.Person) bool { return !slices.Contains(ids, p.ID) })
	reach := int64(0)
	if s.ReachOver > 0 {
		reach = s.ReachOver + 1
	}
	if len(set) != s.Size || !o.can(set, s.Step, s.Kinds[0], s.Tier, s.Domain, reach) {
		t.Errorf("%v can't do what is said: %+v", ids, s)
	}
}

// What a difference says of people at the moment is what comparing every
// answer of both policies finds.
func TestDifferenceIsWhatComparingAllAnswersFinds(t *testing.T) {
	t.Parallel()
	changed := 0
	worlds(t, 60, func() bool { return changed >= 30 }, func(t *testing.T, w *world, p *policy.Policy) {
		other := *w
		other.rows = slices.Delete(slices.Clone(w.rows), 8, 9)
		other.rows = append(other.rows, w.rule(), w.grant(fmt.Sprint("l", w.IntN(7))))
		q, err := policy.Load(t.Context(), config(joined(other.rows)))
		if err != nil {
			return // this one does not load
		}
		d := difference(t, p, q, w.directory)
		changed += len(d.Changes)
		before, after := oracle{p, w.directory.People, w.directory.Kinds}, oracle{q, w.directory.People, w.directory.Kinds}
		for _, person := range w.directory.People {
			for _, step := range []moderation.Step{moderation.StepRequest, moderation.StepApprove, moderation.StepUndo, moderation.StepFreeze} {
				for _, kind := range allKinds {
					for _, tier := range worldTiers {
						for _, domain := range append(worldDomains, "elsewhere") {
							was, is := before.may(person, step, kind, tier, domain), after.may(person, step, kind, tier, domain)
							gains, loses := says(d, analysis.Gains, person.ID, step, kind, tier, domain), says(d, analysis.Loses, person.ID, step, kind, tier, domain)
							if gains != (is && !was) || loses != (was && !is) {
								t.Errorf("%s of %s in %s, %s by %s: was %v, is %v; the difference says gains %v, loses %v\n%v", step, kind, tier, domain, person.ID, was, is, gains, loses, d)
							}
						}
					}
				}
			}
		}
	})
}

func joined(rows []string) string {
	text := ""
	for _, row := range rows {
		text += row + "\n"
	}
	return text
}

// may reports whether a person may take a step at all, by any login.
func (o oracle) may(p analysis.Person, step moderation.Step, kind, tier, domain string) bool {
	return slices.ContainsFunc(p.Logins, func(l analysis.Login) bool {
		switch step {
		case moderation.StepRequest, moderation.StepUndo:
			_, may := o.asks(p, l, step, kind, tier, domain, 0)
			return may
		}
		a, there := o.actor(p, l)
		d := o.policy.Decide(moderation.Question{Step: step, Actor: a, Kind: kind, Target: moderation.Target{Tier: tier, Domain: domain}, Count: 1, Duration: time.Second, Time: noon})
		return there && d.Allowed && (!step.Required() || d.Requirement.Check() == nil)
	})
}

// says reports whether a difference says something of now, in any case.
func says(d analysis.Difference, what analysis.What, person string, step moderation.Step, kind, tier, domain string) bool {
	return slices.ContainsFunc(d.Changes, func(c analysis.Change) bool {
		return c.What == what && c.Step == step && c.When == "" && c.From.IsZero() && slices.Contains(c.People, person) &&
			slices.ContainsFunc(c.Where, func(w analysis.Where) bool {
				return !w.AtOnce && names(w.Kinds, kind) && names(w.Tiers, tier) && names(w.Domains, domain)
			})
	})
}
