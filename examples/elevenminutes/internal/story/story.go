// Package story tells what came of a scenario, as plain text that a person
// reads from top to bottom: who tried what, what was answered and why, and how
// the accounts stand.
package story

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
)

// width is the most characters that a line has.
const width = 100

// Tell writes the story of one replay.
func Tell(w io.Writer, r *replay.Result) error {
	t := &teller{result: r, zone: r.Scenario.Settings.Zone, told: make(map[string]string)}
	t.columns()
	t.heading()
	for i, e := range r.Entries {
		t.newDay(e)
		if i == 0 {
			t.lastDays()
		}
		t.entry(i, e)
	}
	_, err := io.WriteString(w, t.text.String())
	return err
}

// teller writes a story, entry by entry.
type teller struct {
	result *replay.Result
	zone   *time.Location
	text   strings.Builder

	timeWidth, whoWidth int
	day                 string
	last                time.Time         // of the last entry that was told
	told                map[string]string // how accounts stood when last told
	inStory             bool              // the last line was the narrator's
}

// columns finds out how wide the columns of time and actor are.
func (t *teller) columns() {
	t.timeWidth, t.whoWidth = len("15:04"), len(clockName)
	for _, e := range t.result.Entries {
		t.timeWidth = max(t.timeWidth, len(t.clock(e.Time)))
		if e.Line.Event != nil {
			t.whoWidth = max(t.whoWidth, utf8.RuneCountInString(e.Line.Event.Actor))
		}
	}
	t.whoWidth = min(t.whoWidth, 24)
}

// clockName is who does what only time does.
const clockName = "(the clock)"

func (t *teller) heading() {
	title := t.result.Scenario.Settings.Title
	if title == "" {
		title = t.result.Scenario.Folder
	}
	t.line(title)
	t.line(strings.Repeat("-", min(width, utf8.RuneCountInString(title))))
}

// newDay tells the date before the first entry of a day.
func (t *teller) newDay(e replay.Entry) {
	day := e.Time.In(t.zone).Format("Monday 2 January 2006")
	if day == t.day {
		return
	}
	if t.day != "" {
		t.line("")
	}
	if t.day == "" {
		day += ", by the clock of " + t.zone.String()
	}
	t.line(day)
	t.day = e.Time.In(t.zone).Format("Monday 2 January 2006")
}

// lastDays tells whose work ends soon, since policies look at that.
func (t *teller) lastDays() {
	for _, a := range t.result.Scenario.People {
		if end, ok := a.LastDay.End(); ok {
			last := end.Add(-time.Nanosecond).In(t.zone).Format("Monday 2 January 2006")
			t.line(fmt.Sprintf("The last day of %s is %s.", a.Login, last))
		}
	}
}

func (t *teller) line(text string) {
	t.text.WriteString(strings.TrimRight(text, " ") + "\n")
}

// clock shows a time of day; seconds only where there are any.
func (t *teller) clock(at time.Time) string {
	if at.In(t.zone).Second() != 0 {
		return at.In(t.zone).Format("15:04:05")
	}
	return at.In(t.zone).Format("15:04")
}

// moment shows a time of day, and the day where it is another.
func (t *teller) moment(at, now time.Time) string {
	if at.In(t.zone).Format(time.DateOnly) == now.In(t.zone).Format(time.DateOnly) {
		return t.clock(at)
	}
	return at.In(t.zone).Format("2 January ") + t.clock(at)
}

// entry tells one thing that happened.
func (t *teller) entry(i int, e replay.Entry) {
	switch {
	case e.Line.Event == nil && e.Due == nil:
		t.narrate(e.Line.Story)
		return
	case e.Line.Event != nil && e.Line.Event.Verb == scenario.ExpectTicket && e.Failure == nil:
		return
	case e.Line.Event != nil && e.Line.Event.Verb == scenario.ExpectAccount && e.Failure == nil && e.Time.Equal(t.last) && i > 0:
		return
	}
	p := &paragraph{teller: t, entry: e}
	p.compose()
	if t.inStory {
		t.line("")
	}
	t.inStory = false
	p.print()
	t.last = e.Time
}

// narrate tells a sentence of the timeline as it stands, wrapped; lines that
// follow each other make one paragraph.
func (t *teller) narrate(text string) {
	if !t.inStory {
		t.line("")
	}
	t.inStory = true
	for _, line := range wrap(text, width-2) {
		t.line("  " + line)
	}
}

// wrap breaks a text between words. A word that is longer than a line stays
// whole.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// span shows a duration as people say it: 11m, 1h30m, 24h, 40s.
func span(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	text := d.Round(time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }
