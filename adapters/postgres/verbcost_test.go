package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
)

// costsFile is the table of what each verb costs, in Markdown.
const costsFile = "testdata/verbcosts.md"

// The cost of each verb is a promise. Preparing the statements, once for each
// connection and statement, is not counted, nor what a function of the database
// does inside of it.
func TestTheStatementsAndRoundTripsOfEachVerb(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(costsFile)
	if err != nil {
		t.Fatal(err)
	}
	polled := verbCosts(t, composition{})
	jobs := verbCosts(t, composition{jobs: true})
	shared := verbCosts(t, composition{jobs: true, limits: true})
	table := "| verb | polling | River jobs | River jobs, shared limits |\n|---|---|---|---|\n"
	for i, v := range polled {
		table += fmt.Sprintf("| %s | %s | %s | %s |\n", v.verb, v.cost, jobs[i].cost, shared[i].cost)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(table, "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s\nThe table is now:\n%s", costsFile, d, table)
	}
}

func TestTheCostsOfVerbsAreInTheDocumentation(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(costsFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(table) == 0 || !strings.Contains(string(text), string(table)) {
		t.Errorf("docs/benchmarks.md does not have the table of %s; put it there", costsFile)
	}
}

// String writes statements, and round trips where these are fewer.
func (c cost) String() string {
	if c.Statements == c.RoundTrips {
		return fmt.Sprint(c.Statements)
	}
	return fmt.Sprintf("%d in %d", c.Statements, c.RoundTrips)
}

// verbCost is what a verb cost.
type verbCost struct {
	verb string
	cost cost
}

// took reports what was done since the last report, as the cost of a verb that
// was to leave its ticket in a status.
func (m *metered) took(verb string, want moderation.Status) func(moderation.Ticket, error) moderation.Ticket {
	m.tb.Helper()
	m.counts.reset()
	return func(t moderation.Ticket, err error) moderation.Ticket {
		m.tb.Helper()
		spent := m.counts.reset()
		if err != nil && !errors.Is(err, moderation.ErrPending) && !errors.Is(err, moderation.ErrUnknown) || t.Status != want {
			m.tb.Fatalf("%s: %s, %v; want %s", verb, t.Status, err, want)
		}
		m.costs = append(m.costs, verbCost{verb, spent})
		return t
	}
}

// verbCosts takes a guard through its verbs.
func verbCosts(tb testing.TB, c composition) []verbCost {
	tb.Helper()
	m := newMetered(tb, c)
	m.takeRequests(tb.Context())
	m.takeReviews(tb.Context())
	m.takeEnds(tb.Context())
	m.takeEmergencies(tb.Context())
	m.takeBatch(tb.Context())
	m.takeReads(tb.Context())
	return m.costs
}

func (m *metered) takeRequests(ctx context.Context) {
	again := m.asks(0, moderation.Permanent)
	m.took("Do, executed at once", moderation.StatusExecuted)(m.Do(ctx, again))
	m.took("Do, executed at once, for an hour", moderation.StatusExecuted)(m.Do(ctx, m.asks(1, time.Hour)))
	m.took("Do, repeated", moderation.StatusExecuted)(m.Do(ctx, again))
	m.took("Do, to wait for approvals", moderation.StatusPending)(m.Do(ctx, m.asks(50, moderation.Permanent)))
	denied := m.asks(2, moderation.Permanent)
	denied.Actor = "lena"
	m.counts.reset()
	if _, err := m.Do(ctx, denied); !errors.Is(err, moderation.ErrDenied) {
		m.tb.Fatalf("Do by lena: %v", err)
	}
	m.costs = append(m.costs, verbCost{"Do, denied by the policy", m.counts.reset()})
	if e, err := m.Explain(ctx, m.asks(3, moderation.Permanent)); err != nil || e.Refusal != nil {
		m.tb.Fatal(e, err)
	}
	m.costs = append(m.costs, verbCost{"Explain", m.counts.reset()})
}

func (m *metered) takeReviews(ctx context.Context) {
	pending := func(account int) moderation.Ticket { return m.free(m.Do(ctx, m.asks(account, moderation.Permanent))) }
	review := func(t moderation.Ticket, login string) moderation.ReviewRequest {
		return moderation.ReviewRequest{Ticket: t.ID, Actor: login, Digest: t.Digest, Reason: "looked into it"}
	}
	t := pending(51)
	m.took("Approve, one of two", moderation.StatusPending)(m.Approve(ctx, review(t, "lena")))
	m.took("Approve, the last", moderation.StatusHeld)(m.Approve(ctx, review(t, "lou")))
	m.took("Advance, what was approved is executed", moderation.StatusExecuted)(m.Advance(ctx, t.ID))
	m.took("Advance, nothing to do", moderation.StatusExecuted)(m.Advance(ctx, t.ID))
	m.took("Reject", moderation.StatusRejected)(m.Reject(ctx, review(pending(52), "lena")))
	m.took("Cancel", moderation.StatusCancelled)(m.Cancel(ctx, moderation.CancelRequest{Ticket: pending(53).ID, Actor: "ada", Reason: "a mistake"}))
	late := pending(54)
	m.waits(24 * time.Hour)
	m.took("Advance, the deadline is over", moderation.StatusTimedOut)(m.Advance(ctx, late.ID))
}

func (m *metered) takeEnds(ctx context.Context) {
	t := m.free(m.Do(ctx, m.asks(4, moderation.Permanent)))
	m.took("Undo", moderation.StatusExecuted)(m.Undo(ctx, moderation.UndoRequest{Ticket: t.ID, Actor: "ada", Reason: "a mistake", Key: m.key()}))
	t = m.free(m.Do(ctx, m.asks(5, time.Hour)))
	m.waits(time.Hour)
	m.took("Advance, the duration is over", moderation.StatusEnded)(m.Advance(ctx, t.ID))
	m.unclear.Store(true)
	t = m.took("Do, comes out unknown", moderation.StatusUnknown)(m.Do(ctx, m.asks(6, moderation.Permanent)))
	m.unclear.Store(false)
	m.waits(2 * time.Minute)
	m.took("Resolve", moderation.StatusExecuted)(m.Resolve(ctx, moderation.Resolution{Ticket: t.ID, Actor: "lena", Found: moderation.ProbeApplied, Reason: "looked"}))
}

func (m *metered) takeEmergencies(ctx context.Context) {
	freeze := moderation.FreezeRequest{Actor: "lena", Scope: moderation.Scope{Actor: "mia"}, Duration: time.Hour, Reason: "stolen", Key: m.key()}
	t := m.took("Freeze", moderation.StatusExecuted)(m.Freeze(ctx, freeze))
	m.took("Unfreeze", moderation.StatusExecuted)(m.Unfreeze(ctx, moderation.UndoRequest{Ticket: t.ID, Actor: "lou", Reason: "it is hers again", Key: m.key()}))
	m.revokes(ctx, "Revoke, nothing to void", 0)
	m.revokes(ctx, "Revoke, one request to void", 1)
	m.revokes(ctx, "Revoke, two requests to void", 2)
	bypass := func(account int) moderation.BypassRequest {
		return moderation.BypassRequest{Action: m.asks(account, moderation.Permanent), Incident: "incident-7"}
	}
	t = m.took("Bypass", moderation.StatusExecuted)(m.Bypass(ctx, bypass(7)))
	m.took("Ratify", moderation.StatusExecuted)(m.Ratify(ctx, moderation.ReviewRequest{Ticket: t.ID, Actor: "lena", Digest: t.Digest}))
	t = m.free(m.Bypass(ctx, bypass(8)))
	m.waits(24 * time.Hour)
	t = m.took("Advance, a bypass that nobody ratified is undone", moderation.StatusUndone)(m.Advance(ctx, t.ID))
	m.took("Acknowledge", moderation.StatusUndone)(m.Acknowledge(ctx, moderation.ReviewRequest{Ticket: t.ID, Actor: "lena", Digest: t.Digest, Reason: "spoke with her"}))
}

// revokes reports the revocation of someone who asked for so much.
func (m *metered) revokes(ctx context.Context, verb string, asked int) {
	m.tb.Helper()
	for i := range asked {
		a := m.asks(60+i, moderation.Permanent)
		a.Actor = "mia"
		m.free(m.Do(ctx, a))
	}
	m.counts.reset()
	r, err := m.Revoke(ctx, moderation.Revocation{Person: "mia", Actor: "lena", Reason: "stolen"})
	if err != nil || len(r.Cancelled) != asked {
		m.tb.Fatal(verb, r, err)
	}
	m.costs = append(m.costs, verbCost{verb, m.counts.reset()})
}

func (m *metered) takeBatch(ctx context.Context) {
	ids := batch.Slice{"account-20", "account-21", "account-22", "account-23"}
	set, err := m.ResolveMembers(ctx, ids)
	if err != nil {
		m.tb.Fatal(err)
	}
	a := m.asks(0, moderation.Permanent)
	a.Target, a.Tier = "", "ordinary"
	request := moderation.BatchRequest{Action: a, Members: ids, Expect: len(ids), Stages: []moderation.Stage{{Members: 2}, {Members: 4}}}
	m.counts.reset()
	if _, err := m.PreviewBatch(ctx, request); err != nil {
		m.tb.Fatal(err)
	}
	m.costs = append(m.costs, verbCost{"PreviewBatch, four members", m.counts.reset()})
	mandate := m.took("RequestBatch, four members", moderation.StatusHeld)(m.RequestBatch(ctx, request))
	m.took("StartBatch, with its first stage", moderation.StatusExecuted)(m.StartBatch(ctx, mandate.ID, set))
	m.took("DoMember, the first", moderation.StatusExecuted)(m.DoMember(ctx, mandate.ID, set.Member(set.Turn(0))))
	done := m.took("DoMember, each further", moderation.StatusExecuted)(m.DoMember(ctx, mandate.ID, set.Member(set.Turn(1))))
	m.took("BeginStage, each further", moderation.StatusExecuted)(m.BeginStage(ctx, mandate.ID, 2))
	halt := moderation.HaltRequest{Mandate: mandate.ID, Actor: "lena", Reason: "look first"}
	m.took("HaltBatch", moderation.StatusExecuted)(m.HaltBatch(ctx, halt))
	halt.Actor = "lou"
	m.took("ResumeBatch", moderation.StatusExecuted)(m.ResumeBatch(ctx, halt))
	undo := m.took("UndoBatch", moderation.StatusExecuted)(m.UndoBatch(ctx, moderation.UndoRequest{Ticket: mandate.ID, Actor: "ada", Reason: "a mistake", Key: m.key()}))
	m.took("UndoMember", moderation.StatusExecuted)(m.UndoMember(ctx, undo.ID, done.ID))
}

func (m *metered) takeReads(ctx context.Context) {
	t := m.free(m.Do(ctx, m.asks(40, moderation.Permanent)))
	m.took("Ticket", moderation.StatusExecuted)(m.Ticket(ctx, "ada", t.ID))
	m.counts.reset()
	for _, err := range m.Tickets(ctx, "ada", moderation.Query{Person: "ada", Limit: 10}) {
		if err != nil {
			m.tb.Fatal(err)
		}
	}
	m.costs = append(m.costs, verbCost{"Tickets, a page of ten", m.counts.reset()})
	if _, err := m.Backlog(ctx, "lena"); err != nil {
		m.tb.Fatal(err)
	}
	m.costs = append(m.costs, verbCost{"Backlog", m.counts.reset()})
}
