package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

var ticketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// operands reads the words that the verb needs, in their order.
func (p *lineParser) operands(f form, ev *Event) {
	for _, o := range f.operands {
		w, ok := p.next()
		if ok && (w.key != "" || w.quoted && !takesQuoted(o)) {
			p.at(w, fmt.Sprintf("%s is wanted here: %s", o, f.usage()))
			p.words = append([]word{w}, p.words...)
			return
		}
		if !ok {
			p.at(word{}, fmt.Sprintf("%s is missing: %s", o, f.usage()))
			return
		}
		if text := p.operand(o, w, ev); text != "" {
			p.at(w, text)
		}
	}
}

// takesQuoted tells whether an operand may be a name that is not known.
func takesQuoted(o operand) bool {
	switch o {
	case ticket, kind, target, person, login:
		return true
	}
	return false
}

// operand takes one word, or says what is wrong with it.
func (p *lineParser) operand(o operand, w word, ev *Event) string {
	switch o {
	case newTicket:
		return p.newTicket(w, ev)
	case ticket:
		ev.Ticket, ev.IsID = w.text, w.quoted
		return p.known("ticket (a name that an earlier line gave)", w, slices.Sorted(maps.Keys(p.tickets)))
	case kind:
		ev.Kind = w.text
		return p.known("kind", w, p.kinds())
	case target:
		ev.Target = w.text
		return p.known("account", w, slices.Sorted(maps.Keys(p.handles)))
	case person:
		ev.Person = w.text
		return p.known("person", w, p.persons())
	case login:
		ev.Login = w.text
		return p.known("login", w, slices.Sorted(maps.Keys(p.people)))
	case file:
		ev.File = w.text
		if ok, others := p.policies(w.text); !ok {
			return unknown("policy of this folder", w.text, others)
		}
		return ""
	}
	return choose(o, w, ev)
}

// choose takes a word of a fixed set.
func choose(o operand, w word, ev *Event) string {
	var allowed []string
	switch o {
	case found:
		ev.Found = moderation.ProbeResult(w.text)
		allowed = []string{string(moderation.ProbeApplied), string(moderation.ProbeNotApplied)}
	case behaviour:
		ev.Behaviour = Behaviour(w.text)
		allowed = behaviours
	case works:
		ev.Broken = w.text == "fails"
		allowed = []string{"fails", "works"}
	case upOrDown:
		ev.Down = w.text == "down"
		allowed = []string{"up", "down"}
	case status:
		ev.Status = moderation.Status(w.text)
		allowed = texts(statuses)
	}
	if !slices.Contains(allowed, w.text) {
		return unknown(strings.ToLower(string(o)), w.text, allowed)
	}
	return ""
}

// known refuses a bare word that is not among the known ones.
func (p *lineParser) known(what string, w word, among []string) string {
	if w.quoted || slices.Contains(among, w.text) {
		return ""
	}
	text := unknown(what, w.text, among)
	if len(among) == 0 || strings.HasPrefix(what, "ticket") {
		return text
	}
	return text + "; in quotes it is taken as it is"
}

// newTicket takes a name for a ticket. The same login may use one again, for
// the same idempotency key.
func (p *lineParser) newTicket(w word, ev *Event) string {
	ev.Name = w.text
	if !ticketName.MatchString(w.text) {
		return fmt.Sprintf("%q can't be the name of a ticket; use letters, digits, dots, - and _", w.text)
	}
	m, taken := p.tickets[w.text]
	if taken && (m.actor != ev.Actor || m.event.Verb != ev.Verb) {
		return fmt.Sprintf("the name %s is taken by line %d; choose another", w.text, m.line)
	}
	if !taken {
		p.tickets[w.text] = maker{p.number, ev.Actor, ev}
	}
	return ""
}

func (p *lineParser) kinds() []string {
	names := make([]string, len(p.settings.Kinds))
	for i, k := range p.settings.Kinds {
		names[i] = k.Name
	}
	return names
}

func (p *lineParser) persons() []string {
	set := make(map[string]bool)
	for _, r := range p.people {
		set[r["person"].text] = true
	}
	return slices.Sorted(maps.Keys(set))
}
