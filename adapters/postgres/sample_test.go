package postgres_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// made counts the samples: no two have an ID, a key or a record in common.
var made atomic.Int64

var began = time.Date(2017, time.November, 2, 18, 57, 0, 0, time.UTC)

// sample is the first revision of a ticket as a guard makes it, pending.
func sample(target string) moderation.Ticket {
	n := made.Add(1)
	id := fmt.Sprintf("TICKET%08d", n)
	at := began.Add(time.Duration(n) * time.Millisecond)
	return moderation.Ticket{
		ID: id, Revision: 1, Status: moderation.StatusPending, Step: moderation.StepRequest,
		Action: moderation.Action{
			Kind: moderation.Suspend, Actor: "ada", Target: target, Reason: "spam in replies to a public figure, reported many times", Case: "case-4711",
			Duration: 72 * time.Hour, Key: "key-" + id, Parameters: map[string]string{"for": "spam"},
		},
		Digest: moderation.Digest{1}, Idempotency: moderation.Digest{2}, Tier: "ordinary",
		Requester: moderation.Party{Login: "ada", Person: "ada", Type: moderation.Human},
		Subject:   moderation.Subject{ID: target, Tier: "ordinary", Domain: "en", Reach: 12, TierSeen: at},
		Policy:    "5d41402abc4b2a76b9719d911017c592", Requested: at,
		Rules: []moderation.Rule{{Source: "policy.csv:1", Text: "p, moderator, request, account.*, *, *, allow"}},
	}
}

// executing is the first revision of a ticket that is at work.
func executing(target string, fence uint64) moderation.Ticket {
	t := sample(target)
	t.Status, t.Call, t.Fence = moderation.StatusExecuting, moderation.CallApply, fence
	t.Started, t.GiveUp = t.Requested, t.Requested.Add(30*time.Second)
	t.Due = t.GiveUp
	return t
}

// next is the revision after t, in another status.
func next(t moderation.Ticket, status moderation.Status) moderation.Ticket {
	t.Revision++
	t.Status, t.Due = status, time.Time{}
	switch {
	case status == moderation.StatusExecuted:
		t.Executed = t.Requested.Add(time.Second)
		t.Until = t.Executed.Add(t.Action.Duration)
		t.Due = t.Until
	case status.Final():
		t.Over = t.Requested.Add(time.Second)
	}
	return t
}

// change is one that commits tickets, with a record like the guard's.
func change(tickets ...moderation.Ticket) moderation.Change {
	r := audit.Record{ID: "record-" + strconv.FormatInt(made.Add(1), 10), Event: audit.EventOutcome, Time: began}
	if len(tickets) == 0 {
		r.Event = audit.EventRefused
		return moderation.Change{Record: r}
	}
	t := tickets[0]
	r.Ticket, r.Revision, r.Step, r.Kind, r.Reason, r.Case = t.ID, t.Revision, string(t.Step), t.Action.Kind, t.Action.Reason, t.Action.Case
	r.Actor, r.Target = audit.Actor{Login: t.Action.Actor, Person: t.Requester.Person}, audit.Target{ID: t.Subject.ID, Tier: t.Tier}
	r.Digest = t.Digest.String()
	r.Decision = &audit.Decision{Allowed: true, Policy: t.Policy, Rules: []audit.Rule{{Source: "policy.csv:1"}}}
	state, err := json.Marshal(map[string]any{"tickets": tickets})
	if err != nil {
		panic(err)
	}
	r.State = state
	return moderation.Change{Tickets: tickets, Record: r}
}
