package story

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/replay"
	"github.com/elevenminutes/interlock/examples/elevenminutes/internal/scenario"
	"github.com/elevenminutes/interlock/moderation"
)

// answer tells what was answered and why.
func (p *paragraph) answer(e replay.Entry) {
	a := e.Answer
	switch a.Outcome {
	case scenario.Done:
		p.add(answerMark, "%s", p.done(e))
	case scenario.Allowed:
		p.add(answerMark, "%s", allowed(a.Explained))
	case scenario.Refused:
		p.add(answerMark, "REFUSED (%s): %s", a.Code, a.Text)
	case string(moderation.StatusPending):
		p.add(answerMark, "waits for approval by %s, until %s", slots(a.Missing), p.moment(a.Until, e.Time))
	case string(moderation.StatusHeld):
		p.add(answerMark, "is approved, and held until %s", p.moment(a.Due, e.Time))
	default:
		p.add(answerMark, "%s: %s", strings.ToUpper(strings.ReplaceAll(a.Outcome, "_", " ")), ended(a))
	}
	if a.Needed != "" {
		p.add(moreMark, "needed: %s", a.Needed)
	}
	if a.Retry > 0 {
		p.add(moreMark, "again in %s, at %s", span(a.Retry), p.moment(e.Time.Add(a.Retry), e.Time))
	}
	if a.Cause != "" {
		p.add(moreMark, "cause: %s", a.Cause)
	}
	if a.Unrecorded {
		p.add(moreMark, "NOT RECORDED")
	}
	for _, line := range a.Listed {
		p.add(moreMark, "%s", line)
	}
	p.why(e)
}

// why names the rows of the policy that answered.
func (p *paragraph) why(e replay.Entry) {
	if e.Line.Event != nil && e.Answer.Outcome != scenario.Refused {
		switch e.Line.Event.Verb {
		case scenario.Do, scenario.Explain, scenario.Undo, scenario.Freeze, scenario.Unfreeze:
		default:
			return // a ticket's rows were told when it was asked for
		}
	}
	longest := 0
	for _, rule := range e.Answer.Rules {
		longest = max(longest, utf8.RuneCountInString(rule.Source))
	}
	for _, rule := range e.Answer.Rules {
		pad := strings.Repeat(" ", longest-utf8.RuneCountInString(rule.Source))
		p.below = append(p.below, item{moreMark + rule.Source + pad + "  ", rule.Text})
	}
}

// done tells what a verb did.
func (p *paragraph) done(e replay.Entry) string {
	t := e.Answer.Ticket
	switch e.Line.Event.Verb {
	case scenario.Do, scenario.Undo, scenario.Freeze, scenario.Unfreeze:
		return "done" + withWhom(t)
	case scenario.Approve:
		return p.approved(e, t)
	case scenario.Reject:
		return "rejected; nothing was done"
	case scenario.Cancel:
		return "cancelled; nothing was done"
	case scenario.Resolve:
		return fmt.Sprintf("settled: %s is %s", e.Ticket, t.Status)
	case scenario.Ticket, scenario.Advance:
		return fmt.Sprintf("%s is %s", e.Ticket, t.Status)
	case scenario.Tickets:
		return fmt.Sprintf("%d found", *e.Answer.Count)
	}
	return "done"
}

// withWhom tells how many people it took.
func withWhom(t moderation.Ticket) string {
	var people []string
	for _, r := range t.Reviews {
		if r.Void == "" && r.Verdict == moderation.Approved {
			people = append(people, r.Person)
		}
	}
	if len(people) == 0 {
		return "; nobody else need agree"
	}
	return ", approved by " + strings.Join(people, " and ")
}

func (p *paragraph) approved(e replay.Entry, t moderation.Ticket) string {
	switch {
	case len(t.Open) > 0:
		return "counts; still needed: " + slots(t.Open)
	case t.Due.After(e.Time):
		return fmt.Sprintf("counts, and nobody else is needed; held until %s", p.moment(t.Due, e.Time))
	}
	return "counts, and nobody else is needed"
}

// allowed tells what an action would take.
func allowed(x *moderation.Explanation) string {
	var needs []string
	open := append(slices.Clone(x.Requirement.Quorum.Slots), x.Extra...)
	if len(open) > 0 {
		needs = append(needs, "approval by "+slots(open))
	}
	if x.Requirement.Hold > 0 {
		needs = append(needs, "a hold of "+span(x.Requirement.Hold))
	}
	if len(needs) == 0 {
		return "would be done at once; nobody else need agree"
	}
	text := "would take " + strings.Join(needs, " and ")
	if x.Requirement.Deadline > 0 {
		text += ", all within " + span(x.Requirement.Deadline)
	}
	return text
}

// slots names who must approve, each another person.
func slots(open []moderation.Slot) string {
	texts := make([]string, len(open))
	for i, slot := range open {
		roles := slices.Clone([]string(slot))
		for j, role := range roles {
			if role == moderation.Any {
				roles[j] = "anyone who may"
			}
		}
		texts[i] = strings.Join(roles, " or ")
	}
	if len(open) == 1 {
		return texts[0]
	}
	return fmt.Sprintf("%d people (%s)", len(open), strings.Join(texts, ", "))
}

// ended tells how a ticket came to another end than was asked for.
func ended(a *replay.Answer) string {
	if a.Text != "" {
		return a.Text
	}
	switch moderation.Status(a.Outcome) {
	case moderation.StatusUnknown:
		return "nobody knows whether it was done; somebody must find out and resolve it"
	case moderation.StatusFailed:
		return "the handler changed nothing"
	}
	return "it is over"
}
