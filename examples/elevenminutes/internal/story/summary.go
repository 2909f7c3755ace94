package story

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// Named is a replay and what it is called in a summary.
type Named struct {
	Name   string
	Result *replay.Result
}

// Summarize writes a table that holds replays side by side.
func Summarize(w io.Writer, replays []Named) error {
	head := []string{"", ""}
	for _, r := range replays {
		head = append(head, r.Name)
	}
	rows := [][]string{head}
	rows = append(rows, downtimes(replays)...)
	rows = append(rows, make([]string, len(head)))
	for _, count := range []struct {
		name string
		of   func(*replay.Result) int
	}{
		{"refused", refusals},
		{"executed", executed},
		{"records in the trail", func(r *replay.Result) int { return r.Records }},
	} {
		row := []string{count.name, ""}
		for _, r := range replays {
			row = append(row, fmt.Sprint(count.of(r.Result)))
		}
		rows = append(rows, row)
	}
	_, err := io.WriteString(w, "How long each account was down\n"+table(rows))
	return err
}

// downtimes has a row for each account of any replay.
func downtimes(replays []Named) [][]string {
	var names []string
	tiers := make(map[string]string)
	for _, r := range replays {
		for _, a := range r.Result.Accounts {
			if !slices.Contains(names, a.Name) {
				names = append(names, a.Name)
			}
			tiers[a.Name] = a.Tier
		}
	}
	var rows [][]string
	for _, name := range names {
		row := []string{name, tiers[name]}
		for _, r := range replays {
			row = append(row, downtime(r.Result, name))
		}
		rows = append(rows, row)
	}
	return rows
}

func downtime(r *replay.Result, name string) string {
	for _, a := range r.Accounts {
		switch {
		case a.Name != name:
		case a.Down:
			return span(a.Downtime) + " and still is"
		default:
			return span(a.Downtime)
		}
	}
	return "-"
}

func refusals(r *replay.Result) int {
	n := 0
	for _, e := range r.Entries {
		asked := e.Line.Event != nil && e.Line.Event.Verb != scenario.Explain
		if e.Answer != nil && (asked || e.Due != nil) && e.Answer.Outcome == scenario.Refused {
			n++
		}
	}
	return n
}

// executed counts the restrictions that took hold, whatever became of them.
func executed(r *replay.Result) int {
	seen := make(map[string]bool)
	for _, e := range r.Entries {
		var t moderation.Ticket
		switch {
		case e.Due != nil:
			t = e.Due.After
		case e.Answer != nil:
			t = e.Answer.Ticket
		}
		if t.Step == moderation.StepRequest && !t.Executed.IsZero() {
			seen[t.ID] = true
		}
	}
	return len(seen)
}

// table aligns rows of cells, two spaces apart.
func table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += " " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// Differences writes the expectations that did not hold.
func Differences(w io.Writer, r *replay.Result) error {
	for _, f := range r.Failures {
		text := fmt.Sprintf("%s:%d: not as expected\n  line: %s\n  want: %s\n  got:  %s\n", f.File, f.Line, f.Text, f.Want, f.Got)
		for _, why := range f.Why {
			text += "        " + why + "\n"
		}
		if f.Whole != "" {
			text += "  the whole answer: " + f.Whole + "\n"
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}
