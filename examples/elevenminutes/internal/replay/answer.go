package replay

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// Answer is what the guard said, with the timeline's names of tickets.
type Answer struct {
	Outcome string // as in an expectation
	Ticket  moderation.Ticket
	Code    moderation.Code
	Text    string // for people
	Needed  string
	Rules   []moderation.Rule
	Retry   time.Duration
	Missing []moderation.Slot
	Due     time.Time
	Until   time.Time // the deadline
	// Cause is what a dependency said, for the operator.
	Cause string
	// Unrecorded says that the trail could not be written.
	Unrecorded bool
	// Explained is the answer to explain.
	Explained *moderation.Explanation
	Listed    []string
	Count     *int
	// Whole is the whole error; empty where there was none.
	Whole string
}

// answer reads what a verb returned.
func (r *run) answer(t moderation.Ticket, err error) *Answer {
	a := &Answer{Outcome: scenario.Done, Ticket: t, Rules: t.Rules}
	a.Rules = append(a.Rules[:len(a.Rules):len(a.Rules)], t.Requirement.Rules...)
	if err == nil {
		return a
	}
	a.Outcome, a.Whole = scenario.Failure, r.plain(err.Error())
	a.Unrecorded = errors.Is(err, moderation.ErrUnrecorded)
	var refusal *moderation.Refusal
	var pending *moderation.PendingError
	var state *moderation.StateError
	switch {
	case errors.As(err, &state):
		a.Outcome, a.Text, a.Cause = string(state.Status), r.plain(state.Text), r.cause(state.Err)
	case errors.As(err, &refusal):
		a.refused(r, refusal)
	case errors.As(err, &pending):
		a.Outcome, a.Missing, a.Due, a.Until = string(pending.Status), pending.Missing, pending.Due, pending.Deadline
	default:
		a.Text = a.Whole
	}
	return a
}

func (a *Answer) refused(r *run, refusal *moderation.Refusal) {
	a.Outcome, a.Code, a.Text = scenario.Refused, refusal.Code, r.plain(refusal.Text)
	a.Needed, a.Rules, a.Retry, a.Cause = refusal.Needed, refusal.Rules, refusal.RetryAfter, r.cause(refusal.Err)
}

// explained reads an explanation.
func (r *run) explained(e moderation.Explanation, err error) *Answer {
	a := r.answer(moderation.Ticket{}, err)
	if err != nil {
		return a
	}
	a.Outcome, a.Explained = scenario.Allowed, &e
	a.Rules = append(e.Rules[:len(e.Rules):len(e.Rules)], e.Requirement.Rules...)
	if e.Refusal != nil {
		a.refused(r, e.Refusal)
		a.Whole = r.plain(e.Refusal.Error())
	}
	return a
}

// revoked reads what a revocation did.
func (r *run) revoked(v moderation.Revoked, err error) *Answer {
	a := r.answer(moderation.Ticket{}, err)
	for _, group := range []struct {
		what    string
		tickets []moderation.Ticket
	}{
		{"cancelled", v.Cancelled}, {"an approval of it is void", v.Voided}, {"executed lately; look at it", v.Executed},
	} {
		for _, t := range group.tickets {
			a.Listed = append(a.Listed, fmt.Sprintf("%s: %s", r.names[t.ID], group.what))
		}
	}
	return a
}

func (r *run) cause(err error) string {
	if err == nil {
		return ""
	}
	return r.plain(err.Error())
}

// ticketID is what an ID looks like that no name is known for: one of a ticket
// that was never recorded.
var ticketID = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)

// plain puts the timeline's names in the place of IDs, and all on one line.
func (w *world) plain(text string) string {
	text = ticketID.ReplaceAllStringFunc(text, func(id string) string {
		if name, known := w.names[id]; known {
			return name
		}
		return "(never recorded)"
	})
	return strings.ReplaceAll(text, "\n", "; ")
}

// Short is the answer as an expectation is written.
func (a *Answer) Short(verb scenario.Verb) string {
	words := []string{a.Outcome}
	switch a.Outcome {
	case scenario.Refused:
		words = append(words, string(a.Code))
		for _, rule := range a.Rules {
			words = append(words, rule.Source)
		}
	case scenario.Done:
		if a.Ticket.Status != "" && verb != scenario.Do && verb != scenario.Undo && verb != scenario.Freeze && verb != scenario.Unfreeze {
			words = append(words, string(a.Ticket.Status))
		}
	}
	if a.Count != nil {
		words = append(words, fmt.Sprintf("count=%d", *a.Count))
	}
	return strings.Join(words, " ")
}
