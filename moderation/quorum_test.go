package moderation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fcMostFilled is the most slots that can be filled, each by another person,
// found by trying every assignment.
func fcMostFilled(slots []Slot, approvers []approver, used map[string]bool) int {
	if len(slots) == 0 {
		return 0
	}
	most := fcMostFilled(slots[1:], approvers, used) // this slot stays open
	for _, a := range approvers {
		if a.person == "" || used[a.person] || !fcHolds(approvers, a.person, slots[0]) {
			continue
		}
		used[a.person] = true
		most = max(most, 1+fcMostFilled(slots[1:], approvers, used))
		delete(used, a.person)
	}
	return most
}

// fcHolds reports whether a person's counting approval, the first, holds a
// role of the slot.
func fcHolds(approvers []approver, person string, slot Slot) bool {
	for _, a := range approvers {
		if a.person == person {
			for _, role := range slot {
				if role == Any || slices.Contains(a.roles, role) {
					return true
				}
			}
			return false
		}
	}
	return false
}

// fcInstance is a random small quorum and random approvals, some of one person.
func fcInstance(r *rand.Rand) ([]Slot, []approver) {
	roles := []string{"a", "b", "c", "d", Any}
	some := func(most int) []string {
		var picked []string
		for range 1 + r.IntN(most) {
			picked = append(picked, roles[r.IntN(len(roles))])
		}
		return picked
	}
	slots := make([]Slot, r.IntN(5))
	for i := range slots {
		slots[i] = some(2)
	}
	approvers := make([]approver, r.IntN(6))
	for i := range approvers {
		approvers[i] = approver{fmt.Sprint("p", r.IntN(5)), some(3)}
		if r.IntN(10) == 0 {
			approvers[i].person = ""
		}
	}
	return slots, approvers
}

func TestOpenSlotsAgreesWithTryingEverything(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	open, eligibles := 0, 0
	for range 6000 {
		slots, approvers := fcInstance(r)
		got := openSlots(slots, approvers)
		most := fcMostFilled(slots, approvers, make(map[string]bool))
		if len(got) != len(slots)-most {
			t.Fatalf("slots %v, approvers %v: %v open, but %d of %d can be filled", slots, approvers, got, most, len(slots))
		}
		if !fcPart(got, slots) {
			t.Fatalf("slots %v: %v open, which are not of them", slots, got)
		}
		candidate := approver{fmt.Sprint("p", r.IntN(6)), []string{"a", "b"}[:1+r.IntN(2)]}
		with := append(slices.Clone(approvers), candidate)
		want := fcMostFilled(slots, with, make(map[string]bool)) > most
		if got := eligible(slots, approvers, candidate); got != want {
			t.Fatalf("slots %v, approvers %v, candidate %v: eligible %t, want %t", slots, approvers, candidate, got, want)
		}
		if len(got) > 0 {
			open++
		}
		if want {
			eligibles++
		}
	}
	if open < 600 || eligibles < 300 {
		t.Errorf("only %d instances with open slots and %d eligible candidates: they test too little", open, eligibles)
	}
}

// fcPart reports whether every slot is one of all, as often at most.
func fcPart(some, all []Slot) bool {
	all = slices.Clone(all)
	for _, s := range some {
		i := slices.IndexFunc(all, func(o Slot) bool { return slices.Equal(s, o) })
		if i < 0 {
			return false
		}
		all = slices.Delete(all, i, i+1)
	}
	return true
}

func TestOpenSlots(t *testing.T) {
	t.Parallel()
	lead, director := Slot{"lead"}, Slot{"director"}
	either := Slot{"lead", "director"}
	by := func(person string, roles ...string) approver { return approver{person, roles} }
	for _, tt := range []struct {
		name      string
		slots     []Slot
		approvers []approver
		want      []Slot
	}{
		{"no slots are all filled", nil, nil, nil},
		{"without approvals all are open", []Slot{lead, director}, nil, []Slot{lead, director}},
		{"one person fills one slot", []Slot{lead, lead}, []approver{by("a", "lead")}, []Slot{lead}},
		{"one person with two roles fills one slot", []Slot{lead, director}, []approver{by("a", "lead", "director")}, []Slot{director}},
		{"one person with two logins fills one slot", []Slot{lead, lead}, []approver{by("a", "lead"), by("a", "lead")}, []Slot{lead}},
		{"one person with another role by another login fills one slot", []Slot{lead, director}, []approver{by("a", "lead"), by("a", "director")}, []Slot{director}},
		{"of one person's approvals the first counts", []Slot{director}, []approver{by("a", "lead"), by("a", "director")}, []Slot{director}},
		{"nobody is nobody", []Slot{lead}, []approver{by("", "lead")}, []Slot{lead}},
		{"a role that is not asked for fills nothing", []Slot{lead}, []approver{by("a", "moderator")}, []Slot{lead}},
		{"no role fills nothing", []Slot{lead}, []approver{by("a")}, []Slot{lead}},
		{"everyone who may approve fills what anyone may", []Slot{{Any}}, []approver{by("a")}, nil},
		{"a person who holds the wildcard as a role holds no other", []Slot{lead}, []approver{by("a", Any)}, []Slot{lead}},
		{"a slot without roles is never filled", []Slot{{}}, []approver{by("a", "lead", "")}, []Slot{{}}},
		{"an alternative is filled by either", []Slot{either, either}, []approver{by("a", "director"), by("b", "lead")}, nil},
		{"who could fill both leaves the narrow one to the other", []Slot{either, lead}, []approver{by("a", "lead"), by("b", "director")}, nil},
		{"the same in the other order", []Slot{either, lead}, []approver{by("b", "director"), by("a", "lead")}, nil},
		{"a chain of three gives way", []Slot{{"a", "b"}, {"b", "c"}, {"c", "d"}, {"a"}},
			[]approver{by("1", "a"), by("2", "a", "b"), by("3", "b", "c"), by("4", "c", "d")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := openSlots(tt.slots, tt.approvers)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("open slots (-want +got):\n%s", d)
			}
		})
	}
}

func TestOpenSlotsChangesNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		slots, approvers := fcInstance(r)
		slotsWere, approversWere := cloneSlots(slots), slices.Clone(approvers)
		eligible(slots, approvers[:len(approvers):len(approvers)], approver{"x", []string{"a"}})
		if d := cmp.Diff(slotsWere, slots) + cmp.Diff(approversWere, approvers, cmp.AllowUnexported(approver{})); d != "" {
			t.Fatalf("changed: %s", d)
		}
	}
}

func TestRequirementMustBeWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		r    Requirement
		ok   bool
	}{
		{"nobody, in so many words", Requirement{Quorum: Quorum{None: true}}, true},
		{"nobody, with a hold", Requirement{Quorum: Quorum{None: true}, Hold: 1, Deadline: 2}, true},
		{"nobody, with a deadline", Requirement{Quorum: Quorum{None: true}, Deadline: 1}, true},
		{"somebody", Requirement{Quorum: Quorum{Slots: []Slot{{"a", "b"}}}, Deadline: 1}, true},
		{"nothing", Requirement{}, false},
		{"no slots", Requirement{Quorum: Quorum{Slots: []Slot{}}, Deadline: 1}, false},
		{"nobody and somebody", Requirement{Quorum: Quorum{None: true, Slots: []Slot{{"a"}}}, Deadline: 1}, false},
		{"one whole slot and one without a role", Requirement{Quorum: Quorum{Slots: []Slot{{"a"}, {}}}, Deadline: 1}, false},
		{"a role without a name", Requirement{Quorum: Quorum{Slots: []Slot{{"a", ""}}}, Deadline: 1}, false},
		{"somebody, without a deadline", Requirement{Quorum: Quorum{Slots: []Slot{{"a"}}}}, false},
		{"a hold without a deadline", Requirement{Quorum: Quorum{None: true}, Hold: 1}, false},
		{"a deadline as long as the hold", Requirement{Quorum: Quorum{None: true}, Hold: 1, Deadline: 1}, false},
		{"a negative hold", Requirement{Quorum: Quorum{None: true}, Hold: -1, Deadline: 1}, false},
		{"a negative deadline", Requirement{Quorum: Quorum{None: true}, Deadline: -1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.r.Check(); (err == nil) != tt.ok {
				t.Errorf("Check: %v, want ok %t", err, tt.ok)
			}
		})
	}
}
