package story

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// paragraph is what is told of one entry: a sentence about who tried what, and
// below it what was answered, why, and how the account stands.
type paragraph struct {
	*teller
	entry replay.Entry

	who   string
	said  string
	below []item
}

// item is a line below the sentence; mark stands before it.
type item struct {
	mark string
	text string
}

// mark is what an answer begins with; what belongs to it is indented as far.
const (
	answerMark = "=> "
	moreMark   = "   "
)

func (p *paragraph) add(mark, format string, args ...any) {
	p.below = append(p.below, item{mark, fmt.Sprintf(format, args...)})
}

// compose puts the sentences together.
func (p *paragraph) compose() {
	e := p.entry
	switch {
	case e.Due != nil:
		p.who, p.said = clockName, p.passed(e)
	case e.Line.Event.Actor == "":
		p.said = p.looked(e)
	default:
		p.who, p.said = e.Line.Event.Actor, said(e.Line.Event, p.teller, e)
	}
	if e.Answer != nil && (e.Due == nil || e.Answer.Outcome != scenario.Done) {
		p.answer(e)
	}
	if e.Line.Event == nil || e.Line.Event.Verb != scenario.ExpectAccount {
		p.account(e)
	}
	if f := e.Failure; f != nil {
		p.add("!! ", "NOT AS EXPECTED (line %d): want %s, got %s", f.Line, f.Want, f.Got)
	}
}

// print writes the paragraph, aligned.
func (p *paragraph) print() {
	indent := 2 + p.timeWidth + 2 + p.whoWidth + 2
	clock := p.clock(p.entry.Time)
	head := fmt.Sprintf("  %-*s  %s%s  ", p.timeWidth, clock, p.who, strings.Repeat(" ", max(0, p.whoWidth-utf8.RuneCountInString(p.who))))
	for i, line := range wrap(p.said, width-indent) {
		if i > 0 {
			head = strings.Repeat(" ", indent)
		}
		p.line(head + line)
	}
	for _, it := range p.below {
		p.item(indent, it)
	}
}

func (p *paragraph) item(indent int, it item) {
	for i, line := range wrap(it.text, width-indent-len(it.mark)) {
		mark := it.mark
		if i > 0 {
			mark = strings.Repeat(" ", len(it.mark))
		}
		p.line(strings.Repeat(" ", indent) + mark + line)
	}
}

// account tells how the account stands, if that is news or was at stake.
func (p *paragraph) account(e replay.Entry) {
	if e.Account == nil {
		return
	}
	stands := p.stands(e)
	told, before := p.told[e.Account.Name]
	if e.Line.Event != nil && (!before || told == stands) && !atStake(e.Line.Event.Verb) {
		return
	}
	p.told[e.Account.Name] = stands
	mark := moreMark
	if len(p.below) == 0 {
		mark = ""
	}
	p.add(mark, "%s", stands)
}

// atStake tells whether a verb is about how the account stands.
func atStake(v scenario.Verb) bool {
	return v == scenario.Do || v == scenario.Undo || v == scenario.Resolve
}

// stands says whether an account is up or down, and for how long.
func (t *teller) stands(e replay.Entry) string {
	a := e.Account
	switch {
	case a.Down && a.Since.Equal(e.Time) && a.Downs == 1:
		return a.Name + " is down."
	case a.Down && a.Since.Equal(e.Time):
		return fmt.Sprintf("%s is down again; it was down for %s before.", a.Name, span(a.Downtime))
	case a.Down:
		return fmt.Sprintf("%s is down since %s, for %s so far.", a.Name, t.moment(a.Since, e.Time), span(a.Downtime))
	case a.Downs > 0:
		return fmt.Sprintf("%s is up; it was down for %s.", a.Name, span(a.Downtime))
	}
	return a.Name + " is up."
}

// looked is what a line that only looks has found.
func (p *paragraph) looked(e replay.Entry) string {
	if e.Account != nil {
		stands := p.stands(e)
		p.told[e.Account.Name] = stands
		return stands
	}
	ev := e.Line.Event
	if ev.Verb == scenario.ExpectTicket {
		return "The ticket " + ev.Ticket + " is looked at."
	}
	return "The account " + ev.Target + " is looked at."
}

// passed is what became of a ticket whose time had come.
func (p *paragraph) passed(e replay.Entry) string {
	before, after, name := e.Due.Before, e.Due.After, e.Ticket
	what := name + ": "
	switch {
	case after.Status == moderation.StatusExecuted && before.Status == moderation.StatusHeld:
		return what + "its hold is over; everything is decided again, and it is executed."
	case after.Status == moderation.StatusEnded:
		return what + "its time is over, and it is lifted."
	case after.Status == moderation.StatusTimedOut:
		return what + "it timed out. " + after.Note
	case after.Escalated != before.Escalated && after.Status == before.Status:
		return what + "its deadline comes near (" + p.moment(after.Deadline, e.Time) + "); somebody must look at it."
	case after.Status == before.Status && after.Note != "":
		return fmt.Sprintf("%sit is %s. %s", what, after.Status, after.Note)
	case after.Status == before.Status:
		return fmt.Sprintf("%sits time has come; it is %s.", what, after.Status)
	}
	text := fmt.Sprintf("%sit was %s and is %s.", what, before.Status, after.Status) + voided(before, after)
	if after.Note != "" && after.Note != before.Note && e.Answer.Text != after.Note {
		text += " " + after.Note
	}
	return text
}

// voided tells which approvals no longer count, and why.
func voided(before, after moderation.Ticket) string {
	text := ""
	for i, r := range after.Reviews {
		if r.Void != "" && (i >= len(before.Reviews) || before.Reviews[i].Void == "") {
			text += fmt.Sprintf(" The approval by %s no longer counts: %s", r.Login, r.Void)
		}
	}
	return text
}
