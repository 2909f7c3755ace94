package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// Host is who stands in the timeline where no actor does something; nobody
// may have it as login.
const Host = "host"

func peopleColumns() []column {
	return []column{
		{name: "login", required: true},
		{name: "person", required: true},
		{name: "type", required: true},
		{name: "status", required: true},
		{name: "last_day", required: true},
		{name: "labels"},
		{name: "owners"},
	}
}

// problem is what is wrong with one column of a row.
type problem struct{ column, text string }

// readPerson makes an actor of a row.
func readPerson(r row, s Settings) (moderation.Actor, []problem) {
	var problems []problem
	wrong := func(column, format string, args ...any) {
		problems = append(problems, problem{column, fmt.Sprintf(format, args...)})
	}
	a := moderation.Actor{
		Login:  r["login"].text,
		Person: r["person"].text,
		Type:   moderation.ActorType(r["type"].text),
		Status: moderation.ActorStatus(r["status"].text),
		Labels: r["labels"].list(),
		Owners: r["owners"].list(),
	}
	if a.Login == "" || a.Login == Host {
		wrong("login", "%q can't be a login", a.Login)
	}
	if a.Person == "" {
		wrong("person", "is empty; name the human behind the login")
	}
	types := []string{string(moderation.Human), string(moderation.Service)}
	if !slices.Contains(types, string(a.Type)) {
		wrong("type", "%s", unknown("type of actor", string(a.Type), types))
	}
	statuses := []string{string(moderation.Active), string(moderation.Suspended), string(moderation.Departed)}
	if !slices.Contains(statuses, string(a.Status)) {
		wrong("status", "%s", unknown("status of an actor", string(a.Status), statuses))
	}
	lastDay, err := parseLastDay(r["last_day"].text, s.Zone)
	if err != nil {
		wrong("last_day", "%q %v", r["last_day"].text, err)
	}
	a.LastDay = lastDay
	for _, label := range a.Labels {
		if !slices.Contains(s.Labels, label) {
			wrong("labels", "%s; %s lists them", unknown("label", label, s.Labels), SettingsFile)
		}
	}
	if len(problems) == 0 {
		if err := new(moderation.MapDirectory).SetActor(a); err != nil {
			wrong("login", "%s", plain(err))
		}
	}
	return a, problems
}

func parsePeople(file, text string, s Settings) ([]row, []moderation.Actor, Faults) {
	rows, faults := parseTable(file, text, peopleColumns())
	var people []moderation.Actor
	var kept []row
	for _, r := range rows {
		a, problems := readPerson(r, s)
		faults = append(faults, inTable(file, r, problems)...)
		if slices.ContainsFunc(people, func(other moderation.Actor) bool { return other.Login == a.Login }) {
			c := r["login"]
			faults = append(faults, Fault{file, c.line, c.column, fmt.Sprintf("the login %q is there already", a.Login)})
		}
		people, kept = append(people, a), append(kept, r)
	}
	if len(faults) == 0 && len(people) == 0 {
		faults = append(faults, Fault{File: file, Text: "has nobody in it"})
	}
	return kept, people, faults
}

// inTable puts problems where their cells stand.
func inTable(file string, r row, problems []problem) Faults {
	var faults Faults
	for _, p := range problems {
		c := r[p.column]
		faults = append(faults, Fault{File: file, Line: c.line, Column: c.column, Text: p.column + ": " + p.text})
	}
	return faults
}

// plain is what an error of the library says, without its prefix.
func plain(err error) string {
	return strings.TrimPrefix(err.Error(), "moderation: invalid: ")
}
