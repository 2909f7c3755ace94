package audittest

import (
	"encoding/json"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Record returns a valid record with the given ID and something in every other
// field. Texts hold quotes, angle brackets, a line break and letters beyond
// ASCII. Two calls share no memory.
func Record(id string) audit.Record {
	now := time.Date(2017, time.November, 2, 22, 57, 1, 234567890, time.UTC)
	return audit.Record{
		ID:       id,
		Ticket:   "ticket-1",
		Revision: 7,
		Event:    audit.EventOutcome,
		Step:     "request",
		Time:     now,
		Actor:    audit.Actor{Login: "kim@support", Person: "kim", Type: "human"},
		Target:   audit.Target{ID: "account-25073877", Tier: "protected", Domain: "us", Reach: 41_700_000},
		Kind:     "account.suspend",
		Reason:   "says \"<b>café</b>\" & more\nin two lines \u2028",
		Case:     "case-20171102",
		Digest:   "sha256:4c1f",
		Decision: &audit.Decision{
			Allowed:    true,
			Code:       "allowed",
			Text:       "two directors agreed",
			Rules:      []audit.Rule{{Source: "policy.csv:12", Text: "p, agent, request"}, {Source: "policy.csv:40"}},
			Policy:     "sha256:77aa",
			PolicyThen: "sha256:66bb",
			Stale:      true,
		},
		Reviews: []audit.Review{
			{Login: "ada", Person: "ada", Verdict: "approve", Roles: []string{"director", "lead"}, Time: now.Add(-time.Hour)},
			{Login: "bob-2", Person: "bob", Verdict: "approve", Roles: []string{"director"}, Time: now.Add(-time.Minute), Void: "left"},
		},
		Limits: []audit.Limit{
			{Rule: audit.Rule{Source: "policy.csv:60", Text: "p3, person"}, Key: "kim", Unit: "reach", Charged: 41_700_000, Left: -1},
		},
		Outcome: &audit.Outcome{Status: "unknown", Code: "timeout", Error: "no answer", Duration: 11 * time.Minute, Count: 2},
		Cause:   &audit.Cause{Ticket: "ticket-0", Schedule: "recovery"},
		State:   json.RawMessage(`{"status":"unknown","holds":[1,2]}`),
	}
}

// minimal returns a valid record with no more than it must have.
func minimal(id string) audit.Record {
	return audit.Record{ID: id, Event: audit.EventRefused, Time: time.Unix(1509663421, 0).UTC()}
}
