package analysis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Directory is what an analysis knows of the world besides the policy. Make one
// with [EachLogin], [FromActors] or [FromDirectory], or by hand. The zero
// Directory has nobody in it and is refused by [New].
type Directory struct {
	// People are those who have logins. Required.
	People []Person
	// Targets are how many targets there are and how large they are, by tier.
	// Optional: without them, reach is bounded by limits alone.
	Targets []Targets
	// Kinds are the kinds as the guard has them, for two facts: a kind without
	// Undo is irreversible, which nobody does alone, and a Timed kind needs a
	// duration. Optional: a kind that is not among them counts as reversible
	// and without a duration, which is what allows most.
	Kinds []moderation.Kind
	// Notice is the guard's: how long before the end of the last day a person
	// counts as leaving. Zero means 14 days; negative is refused.
	Notice time.Duration
}

// Person is a human and all the logins that lead to this human.
type Person struct {
	// ID names the human; no two people share one. Required.
	ID string
	// LastDay is when the person's work ends; the zero value is unknown and
	// refused, as the guard does: say moderation.NoLastDay where there is none.
	LastDay moderation.LastDay
	// Logins are the person's own and those of services that the person
	// answers for. A person without any can do nothing.
	Logins []Login
}

// Login is one way in. No two people share one.
type Login struct {
	// Name is the login, as the policy's g rows write it. Required.
	Name string
	// Labels are what the directory holds against it, without their @. The
	// labels leaving and service are derived.
	Labels []string
	// Service says that it belongs to a program. A service never approves.
	Service bool
	// Owners are the IDs of further people who own the service; none of them
	// may approve what it asks for.
	Owners []string
}

// Targets are what is known of the targets of one tier.
type Targets struct {
	Tier    string // one of the policy's
	Count   int64  // how many there are; not negative
	Largest int64  // the largest reach among them; not negative
}

// defaultNotice is the guard's.
const defaultNotice = 14 * 24 * time.Hour

// EachLogin returns a directory in which each login of the policy's g rows is
// one person without a last day, without labels. It is where to begin, and it
// is too kind to quorums: two logins of one human count as two people.
func EachLogin(p *policy.Policy) Directory {
	var d Directory
	for _, login := range loginsOf(p) {
		d.People = append(d.People, Person{ID: login, LastDay: moderation.NoLastDay(), Logins: []Login{{Name: login}}})
	}
	return d
}

// loginsOf returns the logins that g rows grant something, sorted.
func loginsOf(p *policy.Policy) []string {
	var logins []string
	for g := range p.Grants() {
		if !g.IsRole {
			logins = append(logins, g.Grantee)
		}
	}
	slices.Sort(logins)
	return slices.Compact(logins)
}

// check reports all that is wrong with a directory.
func (d Directory) check() error {
	if len(d.People) == 0 {
		return errors.New("analysis: Directory.People is empty; name those who have logins, or use EachLogin")
	}
	if d.Notice < 0 {
		return fmt.Errorf("analysis: Directory.Notice is %v; it can't be negative", d.Notice)
	}
	people, logins := make(map[string]bool, len(d.People)), make(map[string]string, len(d.People))
	for i, person := range d.People {
		switch {
		case person.ID == "":
			return fmt.Errorf("analysis: Directory.People[%d].ID is empty; name the person", i)
		case people[person.ID]:
			return fmt.Errorf("analysis: Directory.People[%d]: %q is listed twice; list all logins of a person together", i, person.ID)
		case !person.LastDay.Known():
			return fmt.Errorf("analysis: Directory.People[%d] (%q): LastDay is unknown; use moderation.NoLastDay where there is none", i, person.ID)
		}
		people[person.ID] = true
		for _, login := range person.Logins {
			if err := login.check(person.ID, logins); err != nil {
				return err
			}
			logins[login.Name] = person.ID
		}
	}
	return checkTargets(d.Targets)
}

func (l Login) check(person string, taken map[string]string) error {
	other, twice := taken[l.Name]
	switch {
	case l.Name == "":
		return fmt.Errorf("analysis: a login of %q is empty; name it as the policy does", person)
	case twice:
		return fmt.Errorf("analysis: the login %q is listed for %q and for %q; it belongs to one person", l.Name, other, person)
	case len(l.Owners) > 0 && !l.Service:
		return fmt.Errorf("analysis: the login %q has Owners but is no Service; only services have owners", l.Name)
	}
	for _, label := range l.Labels {
		if label == "" || strings.HasPrefix(label, "@") {
			return fmt.Errorf("analysis: the login %q has the label %q; leave out the @", l.Name, label)
		}
	}
	return nil
}

func checkTargets(targets []Targets) error {
	seen := make(map[string]bool)
	for i, t := range targets {
		if t.Tier == "" || seen[t.Tier] || t.Count < 0 || t.Largest < 0 {
			return fmt.Errorf("analysis: Directory.Targets[%d] names no tier, one twice, or something negative", i)
		}
		seen[t.Tier] = true
	}
	return nil
}

// notice returns how long before the end of a last day people are leaving.
func (d Directory) notice() time.Duration {
	if d.Notice == 0 {
		return defaultNotice
	}
	return d.Notice
}
