package moderation

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strconv"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// change puts tickets and their record together. The first ticket is the one
// that the record is about.
func (g *Guard) change(f *findings, now time.Time, e audit.Event, by *Actor, tickets ...Ticket) Change {
	t := &tickets[0]
	r := ticketRecord(t, e, now)
	if by == nil && f.actor.Login != "" {
		by = &f.actor
	}
	if by != nil {
		r.Actor = auditActor(*by)
	}
	if f.subject.ID != "" {
		r.Target = auditTarget(f.subject)
	}
	if f.decision.Policy != "" && e != audit.EventOutcome { // its intent has it
		r.Decision = f.auditDecision(t)
	}
	r.Limits = f.usage.Limits
	return Change{Tickets: tickets, Record: r, Policy: f.decision.Policy}
}

// ticketRecord is what every record of a ticket says.
func ticketRecord(t *Ticket, e audit.Event, now time.Time) audit.Record {
	return audit.Record{
		ID:       t.ID + "." + strconv.FormatUint(t.Revision, 10),
		Ticket:   t.ID,
		Revision: t.Revision,
		Event:    e,
		Step:     string(t.Step),
		Time:     now,
		Target:   auditTarget(t.Subject),
		Kind:     t.Action.Kind,
		Reason:   t.Action.Reason,
		Case:     t.Action.Case,
		Digest:   t.Digest.String(),
		Reviews:  auditReviews(t.Reviews),
		Cause:    causeOf(t, e),
	}
}

// endOfDuration is the schedule of what only the end of a duration set off.
const endOfDuration = "end"

// endOfDebt is the schedule of the undo of a bypass that was not ratified.
const endOfDebt = "ratification"

// causeOf links an undo to what it takes back, and says what nobody asked for:
// the end of a duration, and what came of it.
func causeOf(t *Ticket, e audit.Event) *audit.Cause {
	switch {
	case t.Undoes != "":
		return &audit.Cause{Ticket: t.Undoes}
	case t.ends() && t.unratified() && (e == audit.EventIntent || e == audit.EventOutcome):
		return &audit.Cause{Schedule: endOfDebt}
	case t.ends() && (e == audit.EventIntent || e == audit.EventOutcome):
		return &audit.Cause{Schedule: endOfDuration}
	case t.Mandate != "":
		return &audit.Cause{Ticket: t.Mandate}
	}
	return nil
}

func (f *findings) auditDecision(t *Ticket) *audit.Decision {
	d := &audit.Decision{Allowed: true, Rules: allRules(f.decision.Rules, f.decision.Requirement.Rules), Policy: f.decision.Policy, Stale: f.stale}
	if t.Policy != "" && t.Policy != f.decision.Policy {
		d.PolicyThen = t.Policy
	}
	return d
}

// refusalRecord is the record of a refusal that created no ticket.
func refusalRecord(r request, refusal *Refusal, now time.Time) audit.Record {
	record := audit.Record{
		ID:       rand.Text(),
		Event:    audit.EventRefused,
		Step:     string(r.step),
		Time:     now,
		Actor:    audit.Actor{Login: safeText(r.action.Actor, MaxName)},
		Target:   audit.Target{ID: safeText(r.action.Target, MaxName)},
		Kind:     safeText(r.action.Kind, MaxName),
		Reason:   safeText(r.action.Reason, MaxReason),
		Case:     safeText(r.action.Case, MaxName),
		Decision: &audit.Decision{Code: string(refusal.Code), Text: safeText(refusal.Text, MaxReason), Rules: refusal.Rules, Policy: refusal.Policy},
		Outcome:  &audit.Outcome{Status: string(StatusRefused), Code: string(refusal.Code)},
	}
	if refusal.Err != nil {
		record.Outcome.Error = safeText(refusal.Err.Error(), MaxReason)
	}
	if about := cmp.Or(r.undoes, refusal.Ticket); about != "" {
		record.Cause = &audit.Cause{Ticket: safeText(about, MaxName)}
	}
	return record
}

// summaryRecord stands for refusals that were only counted.
func summaryRecord(actor string, n int, now time.Time) audit.Record {
	return audit.Record{
		ID:      rand.Text(),
		Event:   audit.EventRefusals,
		Time:    now,
		Actor:   audit.Actor{Login: safeText(actor, MaxName)},
		Outcome: &audit.Outcome{Status: string(StatusRefused), Count: int64(n)},
	}
}

func auditActor(a Actor) audit.Actor {
	return audit.Actor{Login: a.Login, Person: a.Person, Type: string(a.Type)}
}

func auditTarget(s Subject) audit.Target {
	return audit.Target{ID: s.ID, Tier: s.Tier, Domain: s.Domain, Reach: s.Reach}
}

// allRules are the rows that allowed, and those that ask for something.
func allRules(allow, require []Rule) []Rule {
	if len(require) == 0 {
		return allow
	}
	return append(slices.Clip(allow), require...)
}

func auditReviews(reviews []Review) []audit.Review {
	if len(reviews) == 0 {
		return nil
	}
	all := make([]audit.Review, len(reviews))
	for i, r := range reviews {
		all[i] = audit.Review{Login: r.Login, Person: r.Person, Verdict: string(r.Verdict), Roles: slices.Clone(r.Roles), Time: r.Time, Void: r.Void}
	}
	return all
}
