package analysis

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// FromActors returns the directory of the actors and targets that
// [moderation.NewMapDirectory] takes. Logins that are not active are left out,
// since a guard refuses them. Logins of one person whose last days differ are
// an error: put right which one it is.
func FromActors(actors []moderation.Actor, targets []moderation.Target) (Directory, error) {
	var d Directory
	at := make(map[string]int)
	for _, a := range actors {
		i, known := at[a.Person]
		if !known {
			i = len(d.People)
			at[a.Person] = i
			d.People = append(d.People, Person{ID: a.Person, LastDay: a.LastDay})
		}
		person := &d.People[i]
		if !person.LastDay.Equal(a.LastDay) {
			return Directory{}, fmt.Errorf("analysis: the logins of %q have different last days; a person has one", a.Person)
		}
		if a.Status == moderation.Active {
			person.Logins = append(person.Logins, Login{
				Name: a.Login, Labels: slices.Clone(a.Labels), Service: a.Type == moderation.Service, Owners: slices.Clone(a.Owners)})
		}
	}
	d.Targets = sumUp(targets)
	if err := d.check(); err != nil {
		return Directory{}, err
	}
	return d, nil
}

// FromDirectory asks a host's directory about each login of the policy's g
// rows. Logins that it does not know are left out, which [Analysis.Lint]
// reports; any other error is returned. Its targets can't be listed, so
// Directory.Targets is empty.
func FromDirectory(ctx context.Context, p *policy.Policy, d moderation.Directory) (Directory, error) {
	if typednil.Is(d) {
		return Directory{}, errors.New("analysis: the directory is nil; give the guard's")
	}
	var actors []moderation.Actor
	for _, login := range loginsOf(p) {
		a, err := d.Actor(ctx, login)
		switch {
		case errors.Is(err, moderation.ErrUnknownActor):
			continue
		case err != nil:
			return Directory{}, fmt.Errorf("analysis: asking the directory about %q: %w", login, err)
		case a.Login != login:
			return Directory{}, fmt.Errorf("analysis: asked about %q, the directory answered about %q", login, a.Login)
		}
		actors = append(actors, a)
	}
	return FromActors(actors, nil)
}

// sumUp counts targets by tier, in the order in which tiers come.
func sumUp(targets []moderation.Target) []Targets {
	var list []Targets
	for _, t := range targets {
		i := slices.IndexFunc(list, func(s Targets) bool { return s.Tier == t.Tier })
		if i < 0 {
			i = len(list)
			list = append(list, Targets{Tier: t.Tier})
		}
		list[i].Count++
		list[i].Largest = max(list[i].Largest, t.Reach)
	}
	return list
}
