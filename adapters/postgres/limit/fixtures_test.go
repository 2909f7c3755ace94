package limit_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/limit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

var noon = time.Date(2017, 11, 2, 12, 0, 0, 0, time.UTC)

// few is a policy without limits, to which tests add theirs.
const few = `p, mod, request, *, *, *, allow
p, lead, approve, *, *, *, allow
p2, request, *, *, *, *, none, -, -
g, ann, mod, *, -, -
g, lea, lead, *, -, -
g, lou, lead, *, -, -
`

// edited is a source whose text a test replaces.
type edited struct {
	mu   sync.Mutex
	text string
}

func (e *edited) Load(ctx context.Context) ([]policy.Row, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return policy.CSV("policy.csv", e.text).Load(ctx)
}

// replica is one process of a host.
type replica struct {
	*limit.Limiter
	t          testing.TB
	pool       *pgxpool.Pool
	source     *edited
	authorizer *policy.Authorizer
}

// edit puts other limits in force.
func (r *replica) edit(rows string) {
	r.t.Helper()
	r.source.mu.Lock()
	r.source.text = few + rows
	r.source.mu.Unlock()
	if err := r.authorizer.Reload(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// left is what the first limit has left for a charge's.
func (r *replica) left(c moderation.Charge) int64 {
	r.t.Helper()
	s := peek(r.t, r, c).Limits[0]
	return s.Left + s.Charged
}

// exec changes the tables behind the limiter's back.
func (r *replica) exec(text string) {
	r.t.Helper()
	if _, err := r.pool.Exec(r.t.Context(), text); err != nil {
		r.t.Fatal(err)
	}
}

// number asks the tables for a number.
func (r *replica) number(text string) (n int64) {
	r.t.Helper()
	if err := r.pool.QueryRow(r.t.Context(), text).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// migrated returns a pool over a new database with the tables.
func migrated(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool := server.Pool(t)
	if err := postgres.Migrate(t.Context(), pool, postgres.DefaultSchema); err != nil {
		t.Fatal(err)
	}
	return pool
}

// open returns a replica over a database.
func open(t testing.TB, pool *pgxpool.Pool, rows string) *replica {
	t.Helper()
	s := &edited{text: few + rows}
	a, err := policy.Open(t.Context(), policy.Config{Source: s, Kinds: []string{"account.suspend", "account.limit", "post.remove"}, Tiers: []string{"normal", "protected"}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := limit.New(t.Context(), limit.Config{Pool: pool, Authorizer: a})
	if err != nil {
		t.Fatal(err)
	}
	return &replica{l, t, pool, s, a}
}

// charge is a request's charge without a ticket.
func charge(person string, count int, change ...func(*moderation.Charge)) moderation.Charge {
	c := moderation.Charge{
		At:     moderation.ChargeRequest,
		Step:   moderation.StepRequest,
		Person: person,
		Actor:  person + "1",
		Kind:   "account.suspend",
		Target: "7",
		Tier:   "normal",
		Domain: "en",
		Count:  count,
		Time:   noon,
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func ticket(id string) func(*moderation.Charge) {
	return func(c *moderation.Charge) { c.Ticket = id }
}

func executed(reach int64) func(*moderation.Charge) {
	return func(c *moderation.Charge) { c.At, c.Reach = moderation.ChargeExecute, reach }
}

func undo(c *moderation.Charge) { c.Step = moderation.StepUndo }

func take(t testing.TB, l moderation.Limiter, c moderation.Charge) moderation.Usage {
	t.Helper()
	u, err := l.Take(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func peek(t testing.TB, l moderation.Limiter, c moderation.Charge) moderation.Usage {
	t.Helper()
	u, err := l.Peek(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
