package versions_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/versions"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// constitution is a policy that says how it is changed.
const constitution = `p, mod, request, account.suspend, *, *, allow
p, admin, request, interlock.policy.change, *, *, allow
p, admin, undo, interlock.policy.change, *, *, allow
p, director, approve, interlock.policy.change, *, *, allow
p2, request, account.suspend, *, *, *, none, -, -
p2, request, interlock.policy.change, *, *, *, director, -, 24h
p2, undo, interlock.policy.change, *, *, *, director, -, 24h
p3, person, *, *, *, requests, 1000, 1h, refuse
g, ann, mod, *, -, -
g, ada, admin, *, -, -
g, dan, director, *, -, -
`

// amended is constitution with one more moderator, and coup one that nobody
// approved.
const (
	amended = constitution + "g, eve, mod, *, -, -\n"
	coup    = constitution + "g, mallory, director, *, -, -\n"
)

func config(text string) policy.Config {
	return policy.Config{Source: policy.CSV("policy.csv", text), Kinds: []string{"account.suspend"}, Tiers: []string{"normal"}}
}

func load(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	p, err := policy.Load(tb.Context(), config(text))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func digestOf(tb testing.TB, text string) string {
	tb.Helper()
	return load(tb, text).Digest()
}

func rowsOf(tb testing.TB, text string) []policy.Row {
	tb.Helper()
	return slices.Collect(load(tb, text).Rows())
}

// contents are rows without the places where they stand, in one order.
func contents(rows []policy.Row) []string {
	var list []string
	for _, r := range rows {
		list = append(list, r.String())
	}
	slices.Sort(list)
	return list
}

var schemas atomic.Int64

// house is a database with a policy in a schema of its own.
type house struct {
	*versions.Table
	t      testing.TB
	pool   *pgxpool.Pool
	schema string

	mu       sync.Mutex
	approved []policy.Approval // what tickets would say
}

// newHouse lays the tables, and writes a first version, if it is not empty.
func newHouse(tb testing.TB, pool *pgxpool.Pool, first string) *house {
	tb.Helper()
	h := &house{t: tb, pool: pool, schema: fmt.Sprintf("s%d", schemas.Add(1))}
	if err := postgres.Migrate(tb.Context(), pool, h.schema); err != nil {
		tb.Fatal(err)
	}
	h.Table = h.open()
	if first != "" {
		if err := h.Bootstrap(tb.Context(), load(tb, first), digestOf(tb, first)); err != nil {
			tb.Fatal(err)
		}
		h.approve(digestOf(tb, first), 0)
	}
	return h
}

// open opens the table once more, as another replica does.
func (h *house) open() *versions.Table {
	h.t.Helper()
	table, err := versions.Open(h.t.Context(), versions.Config{Pool: h.pool, Schema: h.schema})
	if err != nil {
		h.t.Fatal(err)
	}
	return table
}

func (h *house) approve(digest string, fence uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.approved = []policy.Approval{{Digest: digest, Fence: fence}}
}

// Approved is what policy.TicketApprovals would say.
func (h *house) Approved(context.Context, string) ([]policy.Approval, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.approved), nil
}

// sql runs statements in one transaction, with @ for the schema.
func (h *house) sql(text string) error {
	h.t.Helper()
	_, err := h.pool.Exec(h.t.Context(), strings.ReplaceAll(text, "@", h.schema))
	return err
}

func (h *house) must(text string) {
	h.t.Helper()
	if err := h.sql(text); err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
}

// number is what a query finds.
func (h *house) number(query string) (n int) {
	h.t.Helper()
	if err := h.pool.QueryRow(h.t.Context(), strings.ReplaceAll(query, "@", h.schema)).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// inForce is the version that commits ask for.
func (h *house) inForce() (digest string) {
	h.t.Helper()
	if err := h.pool.QueryRow(h.t.Context(), `SELECT policy FROM `+h.schema+`.chain`).Scan(&digest); err != nil {
		h.t.Fatal(err)
	}
	return digest
}

// holds checks that the database holds a version, whole.
func (h *house) holds(text, when string) {
	h.t.Helper()
	rows, err := h.open().Load(h.t.Context())
	if err != nil {
		h.t.Fatalf("%s: %v", when, err)
	}
	if got, want := policy.Digest(rows), digestOf(h.t, text); got != want || h.inForce() != want {
		h.t.Errorf("%s: it holds %.12s and commits ask for %.12s, want %.12s", when, got, h.inForce(), want)
	}
}

// installation brings a version in place of another.
func installation(tb testing.TB, from, to string, fence uint64) policy.Installation {
	tb.Helper()
	return policy.Installation{Rows: rowsOf(tb, to), Digest: digestOf(tb, to), Replaces: digestOf(tb, from), Ticket: fmt.Sprintf("ticket%d", fence), Fence: fence}
}

// change installs a version as an executed change does.
func (h *house) change(from, to string, fence uint64) {
	h.t.Helper()
	if err := h.Install(h.t.Context(), installation(h.t, from, to, fence)); err != nil {
		h.t.Fatal(err)
	}
	h.approve(digestOf(h.t, to), fence)
}

// authorizer opens the policy as a replica does.
func (h *house) authorizer(change ...func(*policy.Config)) *policy.Authorizer {
	h.t.Helper()
	c := config("")
	c.Source, c.Pinned, c.Approvals, c.Audit = h.open(), digestOf(h.t, constitution), h, new(audit.Memory)
	for _, f := range change {
		f(&c)
	}
	a, err := policy.Open(h.t.Context(), c)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// allowed asks whether a login may suspend an account.
func allowed(tb testing.TB, a *policy.Authorizer, login string) bool {
	tb.Helper()
	d, err := a.Decide(tb.Context(), moderation.Question{
		Step: moderation.StepRequest, Kind: "account.suspend", Duration: time.Hour, Count: 1, Time: time.Now(),
		Actor:  moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()},
		Target: moderation.Target{ID: "7", Tier: "normal", Domain: "en"},
	})
	return err == nil && d.Allowed
}

// watch watches until the test ends, and returns what happens.
func watch(tb testing.TB, a *policy.Authorizer, c policy.WatchConfig) <-chan policy.Event {
	tb.Helper()
	events := make(chan policy.Event, 1000)
	c.Report = func(e policy.Event) { events <- e }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.Watch(ctx, c)
	}()
	tb.Cleanup(func() {
		cancel()
		<-ended
	})
	return events
}

// await waits for an event of a kind.
func await(tb testing.TB, events <-chan policy.Event, kind policy.EventKind) policy.Event {
	tb.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			if e.Kind == kind {
				return e
			}
		case <-late:
			tb.Fatalf("no event %s came", kind)
		}
	}
}

// openEvery opens a table that is read whole so often.
func (h *house) openEvery(verify time.Duration) *versions.Table {
	h.t.Helper()
	table, err := versions.Open(h.t.Context(), versions.Config{Pool: h.pool, Schema: h.schema, Verify: verify})
	if err != nil {
		h.t.Fatal(err)
	}
	return table
}
