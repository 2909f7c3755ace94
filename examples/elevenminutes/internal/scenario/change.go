package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// complete fills in what follows from the rest of the line, and remembers what
// later lines may name.
func (p *lineParser) complete(f form, ev *Event) {
	switch f.verb {
	case Do, Freeze:
		p.giveKey(ev)
	case Undo, Unfreeze:
		if ev.Name == "" && ev.Ticket != "" {
			w := word{text: string(f.verb) + "-" + ev.Ticket}
			if text := p.newTicket(w, ev); text != "" {
				p.at(w, text+" with as=NAME")
			}
		}
		p.giveKey(ev)
	case Handler:
		if ev.Call == "" {
			ev.Call = moderation.CallApply
		}
	case Person:
		p.changePerson(ev)
	case Accounts:
		p.changeAccount(ev)
	}
}

func (p *lineParser) giveKey(ev *Event) {
	if ev.Key == "" {
		ev.Key = ev.Name
	}
}

// changePerson makes a new row of the old one and what the line changes.
func (p *lineParser) changePerson(ev *Event) {
	if ev.Login == "" {
		return
	}
	if ev.Removed {
		if len(ev.Changes) > 0 {
			p.at(word{}, "a login that is removed has no columns to change")
		}
		ev.Changes = []string{"removed"}
		return
	}
	r := p.changed(p.people[ev.Login], peopleColumns(), "login", ev.Login, ev.Changes)
	a, problems := readPerson(r, p.settings)
	if p.report(problems, len(ev.Changes)) {
		return
	}
	ev.NewActor = &a
	p.people[ev.Login] = r
}

// changeAccount does the same for an account, whose handles may move to it.
func (p *lineParser) changeAccount(ev *Event) {
	id := ev.Target
	if owner, known := p.handles[ev.Target]; known {
		id = owner
	}
	if id == "" {
		return
	}
	r := p.changed(p.accounts[id], accountColumns(), "id", id, ev.Changes)
	a, problems := readAccount(r, p.settings)
	if p.report(problems, len(ev.Changes)) {
		return
	}
	for _, handle := range a.Handles {
		if _, isID := p.accounts[handle]; isID && handle != id {
			p.at(word{}, fmt.Sprintf("handles: %q is another account's ID", handle))
			return
		}
	}
	p.moveHandles(a)
	p.accounts[id] = r
	ev.Account, ev.Target = &a, id
}

// moveHandles lets an account's handles stand for it and for no other, and its
// former ones for nobody.
func (p *lineParser) moveHandles(a Account) {
	id := a.Target.ID
	maps.DeleteFunc(p.handles, func(_, owner string) bool { return owner == id })
	p.handles[id] = id
	for _, handle := range a.Handles {
		if owner, taken := p.handles[handle]; taken && owner != id {
			c := p.accounts[owner]["handles"]
			left := slices.DeleteFunc(c.list(), func(other string) bool { return other == handle })
			c.text = strings.Join(left, " ")
			p.accounts[owner]["handles"] = c
		}
		p.handles[handle] = id
	}
}

// changed is a copy of a row with some columns written anew.
func (p *lineParser) changed(old row, columns []column, key, name string, changes []string) row {
	r := make(row)
	for _, c := range columns {
		r[c.name] = cell{text: c.fill, line: p.number}
	}
	maps.Copy(r, old)
	r[key] = cell{text: name, line: p.number}
	for _, change := range changes {
		column, text, _ := strings.Cut(change, "=")
		r[column] = cell{text: text, line: p.number}
	}
	return r
}

// report tells what is wrong with a changed row, also where nothing changed.
func (p *lineParser) report(problems []problem, changes int) bool {
	for _, problem := range problems {
		p.at(word{}, problem.column+": "+problem.text)
	}
	if len(problems) == 0 && changes == 0 {
		p.at(word{}, "nothing is changed; write column=value")
		return true
	}
	return len(problems) > 0
}
