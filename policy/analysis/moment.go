package analysis

import (
	"slices"
	"time"
)

// moments returns when things are looked at for everybody: the analysis'
// moment and, within its range, each at which something changes by itself.
func (a *Analysis) moments() []time.Time {
	list := []time.Time{a.at}
	for i := range a.directory.People {
		list = append(list, a.momentsOf(&a.directory.People[i])...)
	}
	return sorted(list)
}

// momentsOf returns when things change for a person, and the analysis' moment.
func (a *Analysis) momentsOf(p *Person) []time.Time {
	list := []time.Time{a.at}
	if !a.until.After(a.at) {
		return list
	}
	if end, ends := p.LastDay.End(); ends {
		list = append(list, end, end.Add(-a.directory.notice()))
	}
	for _, login := range p.Logins {
		list = append(list, a.grants.edges(login.Name)...)
	}
	return sorted(slices.DeleteFunc(list, func(t time.Time) bool { return t.Before(a.at) || t.After(a.until) }))
}

func sorted(list []time.Time) []time.Time {
	slices.SortFunc(list, time.Time.Compare)
	return slices.CompactFunc(list, time.Time.Equal)
}

// edges returns when grants that reach a login begin or end.
func (b *grantBook) edges(login string) []time.Time {
	key := b.alike[login]
	if list, known := b.bounds[key]; known {
		return list
	}
	var list []time.Time
	seen := make(map[string]bool)
	for open := b.direct[key]; len(open) > 0; {
		g := open[len(open)-1]
		open = open[: len(open)-1 : len(open)-1]
		for _, t := range []time.Time{g.From, g.Until} {
			if !t.IsZero() {
				list = append(list, t)
			}
		}
		if !seen[g.Role] {
			seen[g.Role] = true
			open = append(open, b.ofRole[g.Role]...)
		}
	}
	list = sorted(list)
	b.bounds[key] = list
	return list
}
