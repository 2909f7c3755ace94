package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// rest reads what follows the operands: fields, flags and the reason.
func (p *lineParser) rest(f form, ev *Event) {
	seen := make(map[string]bool)
	once := func(w word, name string) bool {
		if seen[name] {
			p.at(w, name+" is given twice")
		}
		first := !seen[name]
		seen[name] = true
		return first
	}
	for _, w := range p.words {
		switch {
		case w.key != "":
			if p.takesField(f, w) && once(w, w.key) {
				p.field(ev, w)
			}
		case w.quoted && f.reason != noReason:
			if once(w, "the reason") {
				ev.Reason = w.text
			}
		case !w.quoted && slices.Contains(f.flags, w.text):
			if once(w, w.text) {
				ev.Removed, ev.Scope.All = f.verb == Person, f.verb == Freeze
			}
		case !w.quoted && f.reason != noReason:
			p.at(w, fmt.Sprintf("%q is one word too many (a reason stands in quotes): %s", w.shown(), f.usage()))
		default:
			p.at(w, fmt.Sprintf("%q is one word too many: %s", w.shown(), f.usage()))
		}
	}
	if f.reason == mustReason && !seen["the reason"] {
		p.at(word{}, `the reason is missing, in quotes ("" for none): `+f.usage())
	}
	p.words = nil
}

// takesField tells whether the verb has such a field.
func (p *lineParser) takesField(f form, w word) bool {
	name := w.key
	if strings.HasPrefix(name, "param.") && len(name) > len("param.") {
		name = "param"
	}
	if slices.Contains(f.fields, name) && w.key != "param" {
		return true
	}
	p.at(w, unknown("field of "+string(f.verb), w.key, f.fields))
	return false
}

// field takes one field.
func (p *lineParser) field(ev *Event, w word) {
	if name, is := strings.CutPrefix(w.key, "param."); is {
		if ev.Parameters == nil {
			ev.Parameters = make(map[string]string)
		}
		ev.Parameters[name] = w.text
		return
	}
	var text string
	switch ev.Verb {
	case Freeze:
		text = p.freezeField(ev, w)
	case Tickets:
		text = p.queryField(ev, w)
	case Handler:
		text = handlerField(ev, w)
	case Person, Accounts:
		ev.Changes = append(ev.Changes, w.shown())
	default:
		text = p.actionField(ev, w)
	}
	if text != "" {
		p.at(w, text)
	}
}

func (p *lineParser) actionField(ev *Event, w word) string {
	var err error
	switch w.key {
	case "for":
		ev.Duration, err = parseLasting(w.text)
	case "tier":
		ev.Tier = w.text
		return p.known("tier", w, p.settings.Tiers)
	case "case":
		ev.Case = w.text
	case "key":
		ev.Key = w.text
	case "shown":
		ev.Shown = w.text
		return p.known("ticket (a name that an earlier line gave)", w, slices.Sorted(maps.Keys(p.tickets)))
	case "as":
		return p.newTicket(w, ev)
	case "downtime":
		d, parseErr := parseDuration(w.text)
		ev.Downtime, err = &d, parseErr
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (p *lineParser) freezeField(ev *Event, w word) string {
	switch w.key {
	case "actor":
		ev.Scope.Actor = w.text
		return p.known("login or person", w, append(slices.Sorted(maps.Keys(p.people)), p.persons()...))
	case "kind":
		ev.Scope.Kind = w.text
		return p.known("kind", w, p.kinds())
	case "tier":
		ev.Scope.Tier = w.text
		return p.known("tier", w, p.settings.Tiers)
	case "domain":
		ev.Scope.Domain = w.text
		return ""
	}
	return p.actionField(ev, w)
}

func (p *lineParser) queryField(ev *Event, w word) string {
	switch w.key {
	case "status":
		for _, name := range strings.Split(w.text, ",") {
			if !slices.Contains(statuses, moderation.Status(name)) {
				return unknown("status of a ticket", name, texts(statuses))
			}
			ev.Query.Status = append(ev.Query.Status, moderation.Status(name))
		}
	case "person":
		ev.Query.Person = w.text
		return p.known("person", w, p.persons())
	case "account":
		ev.Target = w.text
		return p.known("account", w, slices.Sorted(maps.Keys(p.handles)))
	case "kind":
		ev.Query.Kind = w.text
		return p.known("kind", w, p.kinds())
	case "limit":
		n, err := strconv.Atoi(w.text)
		if err != nil || n < 1 {
			return fmt.Sprintf("%q is no number above zero", w.text)
		}
		ev.Query.Limit = n
	}
	return ""
}

func handlerField(ev *Event, w word) string {
	switch w.key {
	case "call":
		ev.Call = moderation.Call(w.text)
		allowed := []string{string(moderation.CallApply), string(moderation.CallUndo)}
		if !slices.Contains(allowed, w.text) {
			return unknown("call of a handler", w.text, allowed)
		}
	case "times":
		n, err := strconv.Atoi(w.text)
		if err != nil || n < 1 {
			return fmt.Sprintf("%q is no number above zero", w.text)
		}
		ev.Times = n
	}
	return ""
}
