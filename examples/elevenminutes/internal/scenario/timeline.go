package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// timeline reads timeline.txt from top to bottom. What it knows grows with the
// lines: names of tickets, people and accounts.
type timeline struct {
	file     string
	settings Settings
	now      time.Time
	people   map[string]row    // by login
	accounts map[string]row    // by ID
	handles  map[string]string // ID by handle or ID
	tickets  map[string]maker  // by name
	policies func(name string) (ok bool, others []string)
	faults   Faults
}

// maker is the line that gave a ticket its name.
type maker struct {
	line  int
	actor string
	event *Event
}

// maxTimeline bounds a timeline's text, in bytes.
const maxTimeline = 4 << 20

// parse reads all lines.
func (t *timeline) parse(text string) []Line {
	if len(text) > maxTimeline {
		t.fault(0, 0, fmt.Sprintf("has %d bytes; at most %d are allowed", len(text), maxTimeline))
		return nil
	}
	var all []Line
	for i, text := range lines(text) {
		if line, ok := t.line(i+1, text); ok {
			all = append(all, line)
		}
	}
	if len(all) == 0 && len(t.faults) == 0 {
		t.fault(0, 0, "says nothing; write at least one line, such as: "+"18:59 LOGIN "+actorForms[0].usage())
	}
	return all
}

func (t *timeline) fault(line, column int, text string) {
	t.faults = append(t.faults, Fault{File: t.file, Line: line, Column: column, Text: text})
}

// line reads one line; ok is false where it says nothing or is at fault.
func (t *timeline) line(number int, text string) (l Line, ok bool) {
	l = Line{Number: number, Text: text, At: t.now}
	if story, is := strings.CutPrefix(strings.TrimSpace(text), ">"); is {
		if !printable(story) {
			t.fault(number, 0, "has a character that can't be printed")
			return l, false
		}
		l.Story = strings.TrimSpace(story)
		return l, true
	}
	words, bad := splitWords(text)
	if bad != nil {
		t.fault(number, bad.Column, bad.Text)
		return l, false
	}
	if len(words) == 0 {
		return l, false
	}
	p := &lineParser{timeline: t, number: number, words: words, end: 1 + utf8.RuneCountInString(text)}
	p.cutExpectation(&l)
	before := len(t.faults)
	if !p.moment(&l) {
		return l, false
	}
	l.Event = p.event()
	if l.Event != nil && p.wanted != nil {
		l.Want = p.expectation(l.Event)
	}
	return l, len(t.faults) == before
}

// printable refuses what would spoil a terminal.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
	})
}

// lineParser reads the words of one line from left to right.
type lineParser struct {
	*timeline
	number int
	words  []word // still to be read; without what is expected
	wanted []word // behind the arrow; nil where there is none
	arrow  word
	end    int // the column behind the line's last character
}

// at is a fault at a word.
func (p *lineParser) at(w word, text string) {
	column := w.column
	if column == 0 {
		column = p.end
	}
	p.fault(p.number, column, text)
}

// next takes the next word.
func (p *lineParser) next() (word, bool) {
	if len(p.words) == 0 {
		return word{}, false
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, true
}

// cutExpectation sets aside what stands behind the arrow.
func (p *lineParser) cutExpectation(l *Line) {
	l.Arrow = p.words[len(p.words)-1].end
	for i, w := range p.words {
		if w.text == arrow && !w.quoted && w.key == "" {
			p.words, p.wanted, p.arrow = p.words[:i], append([]word{}, p.words[i+1:]...), w
			l.Arrow = w.start
			return
		}
	}
}

// moment reads when the line happens; lines that only look may leave it out.
// It returns false where the line has no time at all, for then its other words
// are not where they belong either.
func (p *lineParser) moment(l *Line) bool {
	if len(p.words) > 0 && p.words[0].text == "expect" {
		return true
	}
	w, ok := p.next()
	if !ok || !strings.ContainsAny(w.shown()[:min(1, len(w.shown()))], "0123456789+") {
		p.at(w, "a line begins with its time, written as "+momentForms)
		return false
	}
	at, err := parseMoment(w.shown(), p.now, p.settings.Zone)
	if err != nil {
		p.at(w, err.Error())
		return true
	}
	p.now, l.At = at, at
	return true
}

// event reads who does what.
func (p *lineParser) event() *Event {
	who, ok := p.next()
	if !ok {
		p.at(word{}, "who does something is missing: a login, host or expect")
		return nil
	}
	ev := &Event{Actor: who.text}
	forms, prefix := actorForms, ""
	switch {
	case who.key != "":
		p.at(who, fmt.Sprintf("%s is not who does something; a login, host or expect is wanted here", who.shown()))
		return nil
	case who.quoted: // taken as it is
	case who.text == Host:
		forms = hostForms
	case who.text == "expect":
		forms, prefix, ev.Actor = expectForms, "expect ", ""
	default:
		if _, known := p.people[who.text]; !known {
			p.at(who, unknown("login", who.text, append(slices.Sorted(maps.Keys(p.people)), Host, "expect")))
		}
	}
	f, ok := p.form(forms, prefix)
	if !ok {
		return nil
	}
	ev.Verb = f.verb
	if p.again(f, ev) {
		return ev
	}
	p.operands(f, ev)
	p.rest(f, ev)
	p.complete(f, ev)
	return ev
}

// form reads the verb.
func (p *lineParser) form(forms []form, prefix string) (form, bool) {
	verbs := make([]string, len(forms))
	for i, f := range forms {
		verbs[i] = strings.TrimPrefix(string(f.verb), prefix)
	}
	w, ok := p.next()
	if !ok {
		p.at(word{}, "the verb is missing ("+strings.Join(verbs, ", ")+")")
		return form{}, false
	}
	i := slices.Index(verbs, w.shown())
	if i < 0 {
		p.at(w, unknown("verb here", w.shown(), verbs))
		return form{}, false
	}
	return forms[i], true
}

// again reads do NAME alone: the same once more.
func (p *lineParser) again(f form, ev *Event) bool {
	if f.verb != Do || len(p.words) != 1 {
		return false
	}
	m, made := p.tickets[p.words[0].text]
	if !made || m.event == nil || m.event.Verb != Do {
		return false
	}
	if m.actor != ev.Actor {
		p.at(p.words[0], fmt.Sprintf("%s asked for %s, in line %d; only the same login can ask again", m.actor, p.words[0].text, m.line))
	}
	*ev = *m.event
	ev.Again = true
	return true
}

// expectation reads what is wanted as the answer.
func (p *lineParser) expectation(ev *Event) *Expectation {
	switch ev.Verb {
	case ExpectAccount, ExpectTicket:
		p.at(p.arrow, "what is looked at has no answer; write what is expected without ->")
		return nil
	case Handler, Person, Accounts, Trail, Directory:
		p.at(p.arrow, fmt.Sprintf("host %s has no answer to expect", ev.Verb))
		return nil
	}
	e, problems := parseExpectation(ev.Verb, p.wanted)
	for _, problem := range problems {
		p.at(problem.word, problem.text)
	}
	return e
}
