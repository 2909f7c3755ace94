package replay

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// compare holds an answer against what was expected; nil where it holds.
func (r *run) compare(line scenario.Line, a *Answer) *Failure {
	want := line.Want
	var why []string
	differ := func(what, got, want string) {
		why = append(why, fmt.Sprintf("%s: got %s, want %s", what, got, want))
	}
	if a.Outcome != want.Outcome {
		differ("outcome", a.Outcome, want.Outcome)
	}
	if want.Code != "" && a.Code != want.Code {
		differ("code", orNone(string(a.Code)), string(want.Code))
	}
	if want.Status != "" && a.Ticket.Status != want.Status {
		differ("status of the ticket", orNone(string(a.Ticket.Status)), string(want.Status))
	}
	for _, source := range want.Sources {
		if !slices.ContainsFunc(a.Rules, func(rule moderation.Rule) bool { return rule.Source == source }) {
			differ("rows", orNone(sources(a.Rules)), source)
		}
	}
	if want.Retry != nil && a.Retry != *want.Retry {
		differ("retry", a.Retry.String(), want.Retry.String())
	}
	if want.Count != nil && (a.Count == nil || *a.Count != *want.Count) {
		got := "none"
		if a.Count != nil {
			got = fmt.Sprint(*a.Count)
		}
		differ("count", got, fmt.Sprint(*want.Count))
	}
	if len(why) == 0 {
		return nil
	}
	f := r.failure(line, want.Text, a.Short(line.Event.Verb), a.Whole)
	f.Why = why
	return f
}

func (r *run) failure(line scenario.Line, want, got, whole string) *Failure {
	return &Failure{
		File: path.Join(r.scenario.Folder, scenario.TimelineFile), Line: line.Number,
		Text: strings.TrimSpace(line.Text), Want: want, Got: got, Whole: whole,
	}
}

// look holds an account or a ticket against what was expected.
func (r *run) look(ctx context.Context, line scenario.Line) (*AccountState, *Failure) {
	ev := line.Event
	if ev.Verb == scenario.ExpectTicket {
		t, ok := r.trail.ticket(r.ticketID(ev.Ticket, ev.IsID))
		switch {
		case !ok:
			return nil, r.failure(line, string(ev.Status), "no ticket: what was asked for was refused before it got one", "")
		case t.Status != ev.Status:
			return nil, r.failure(line, string(ev.Status), string(t.Status), r.plain(t.Note))
		}
		return nil, nil
	}
	state := r.accountNamed(ctx, ev.Target)
	if state == nil {
		return nil, r.failure(line, wantState(ev), "no such account", "")
	}
	if state.Down != ev.Down || ev.Downtime != nil && state.Downtime != *ev.Downtime {
		got := upDown(state.Down)
		if ev.Downtime != nil {
			got += fmt.Sprintf(", and was down for %v in all", state.Downtime)
		}
		return state, r.failure(line, wantState(ev), got, "")
	}
	return state, nil
}

func wantState(ev *scenario.Event) string {
	want := upDown(ev.Down)
	if ev.Downtime != nil {
		want += fmt.Sprintf(", and was down for %v in all", *ev.Downtime)
	}
	return want
}

func upDown(down bool) string {
	if down {
		return "down"
	}
	return "up"
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func sources(rules []moderation.Rule) string {
	names := make([]string, len(rules))
	for i, rule := range rules {
		names[i] = rule.Source
	}
	return strings.Join(names, " ")
}
