package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// constitution is a policy that says how it is changed.
const constitution = base + `p, admin, request, interlock.policy.change, *, *, allow
p, admin, undo, interlock.policy.change, *, *, allow
p, director, approve, interlock.policy.change, *, *, allow
p, director, reject, *, *, *, allow
p2, request, interlock.policy.change, *, *, *, director, -, 24h
p2, undo, interlock.policy.change, *, *, *, director, -, 24h
g, ada, admin, *, -, -
g, ada2, admin, *, -, -
g, ada2, director, *, -, -
g, leo, admin, *, -, -
g, leo, director, *, -, -
g, dora, director, *, -, -
`

// table is a policy in a database: a source, and an installer that writes it.
type table struct {
	mu      sync.Mutex
	rows    []policy.Row
	install func(policy.Installation) error // instead of writing; nil writes
	last    policy.Installation
}

func (t *table) Load(context.Context) ([]policy.Row, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := slices.Clone(t.rows)
	for i := range rows {
		rows[i].Source = fmt.Sprintf("table:%d", i+1)
	}
	return rows, nil
}

func (t *table) set(rows []policy.Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = slices.Clone(rows)
}

func (t *table) Install(_ context.Context, i policy.Installation) error {
	t.mu.Lock()
	t.last = i
	install := t.install
	t.mu.Unlock()
	if install != nil {
		return install(i)
	}
	t.set(i.Rows)
	return nil
}

func rowsOf(t testing.TB, text string) []policy.Row {
	t.Helper()
	rows, err := policy.CSV("policy.csv", text).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func digestOf(t testing.TB, text string) string {
	t.Helper()
	p, err := policy.Load(t.Context(), config(text))
	if err != nil {
		t.Fatal(err)
	}
	return p.Digest()
}

// shelf keeps proposals, and can be tampered with.
type shelf struct {
	mu   sync.Mutex
	rows map[string][]policy.Row
}

func (s *shelf) Save(_ context.Context, digest string, rows []policy.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = make(map[string][]policy.Row)
	}
	s.rows[digest] = rows
	return nil
}

func (s *shelf) Load(_ context.Context, digest string) ([]policy.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, ok := s.rows[digest]
	if !ok {
		return nil, policy.ErrNoProposal
	}
	return slices.Clone(rows), nil
}

// house is a service whose policy is changed by tickets.
type house struct {
	*moderation.Guard
	t          *testing.T
	trail      *audit.Memory
	table      *table
	shelf      *shelf
	authorizer *policy.Authorizer
	changes    *policy.Changes
	config     func(*policy.Config)
}

// newHouse opens a service over a table that holds text, which is pinned.
func newHouse(t *testing.T, text string, change ...func(*policy.Config)) *house {
	t.Helper()
	h := &house{t: t, trail: new(audit.Memory), table: new(table), shelf: new(shelf)}
	h.table.set(rowsOf(t, text))
	pinned := digestOf(t, text)
	h.config = func(c *policy.Config) {
		c.Source, c.Pinned, c.Audit = h.table, pinned, h.trail
		for _, f := range change {
			f(c)
		}
	}
	if err := h.start(); err != nil {
		t.Fatal(err)
	}
	return h
}

// start opens everything from the trail, as a process does.
func (h *house) start() error {
	h.t.Helper()
	ctx := h.t.Context()
	tickets, err := moderation.NewMemoryStore(ctx, h.trail)
	if err != nil {
		return err
	}
	c := config("")
	c.Approvals = policy.TicketApprovals(tickets)
	h.config(&c)
	if h.authorizer, err = policy.Open(ctx, c); err != nil {
		return err
	}
	if h.changes, err = policy.NewChanges(h.authorizer, policy.ChangesConfig{Installer: h.table, Proposals: h.shelf}); err != nil {
		return err
	}
	limiter, err := policy.NewLimiter(h.authorizer)
	if err != nil {
		return err
	}
	var actors []moderation.Actor
	for login, person := range map[string]string{"ann": "Ann", "lea": "Lea", "dan": "Dan", "dora": "Dora", "ada": "Ada", "ada2": "Ada", "leo": "Leo", "eve": "Eve"} {
		a := moderation.Actor{Login: login, Person: person, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
		if login == "leo" {
			tomorrow := time.Now().Add(48 * time.Hour).UTC()
			a.LastDay = moderation.LastDayOn(tomorrow.Year(), tomorrow.Month(), tomorrow.Day(), time.UTC)
		}
		actors = append(actors, a)
	}
	directory, err := moderation.NewMapDirectory(actors, []moderation.Target{{ID: "7", Tier: "normal", Domain: "en"}})
	if err != nil {
		return err
	}
	apply := func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil }
	undo := func(context.Context, moderation.Permit) error { return nil }
	h.Guard, err = moderation.New(ctx, moderation.Config{
		Directory: directory, Authorizer: h.authorizer, Limiter: limiter, Audit: h.trail, ForgetOnExit: true,
		Tiers: []string{"normal", "protected"},
		Kinds: []moderation.Kind{{Name: "account.suspend", Apply: apply, Undo: undo}, h.changes.Kind()},
	})
	return err
}

func (h *house) propose(text string) policy.Proposal {
	h.t.Helper()
	p, err := h.changes.Propose(h.t.Context(), rowsOf(h.t, text))
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// request asks for a proposal to take force.
func (h *house) request(who string, p policy.Proposal) (moderation.Ticket, error) {
	a := p.Action()
	a.Actor, a.Reason, a.Key = who, "as decided", who+p.Digest
	return h.Do(h.t.Context(), a)
}

// pending is request where it must wait for approvals.
func (h *house) pending(who string, p policy.Proposal) moderation.Ticket {
	h.t.Helper()
	ticket, err := h.request(who, p)
	if !errors.Is(err, moderation.ErrPending) {
		h.t.Fatalf("%s asks: %v, want pending", who, err)
	}
	return ticket
}

func (h *house) approve(who string, ticket moderation.Ticket) error {
	_, err := h.Approve(h.t.Context(), moderation.ReviewRequest{Ticket: ticket.ID, Actor: who, Digest: ticket.Digest})
	return err
}

// change changes the policy, with the approval of one director.
func (h *house) change(text string) (policy.Proposal, moderation.Ticket) {
	h.t.Helper()
	p := h.propose(text)
	ticket := h.pending("ada", p)
	if err := h.approve("dan", ticket); err != nil {
		h.t.Fatal(err)
	}
	ticket, err := h.Advance(h.t.Context(), ticket.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return p, ticket
}

// inForce checks which version answers.
func (h *house) inForce(want, when string) {
	h.t.Helper()
	if got := h.authorizer.Digest(); got != want {
		h.t.Errorf("%s: version %.12s is in force, want %.12s", when, got, want)
	}
}

// refusals are the records about versions that were kept out.
func (h *house) refusals() []audit.Record {
	return slices.DeleteFunc(h.trail.Records(), func(r audit.Record) bool {
		return r.Step != "policy" || r.Event != audit.EventRefused
	})
}
