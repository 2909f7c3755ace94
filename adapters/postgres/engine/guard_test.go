package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/elevenminutes/interlock/adapters/postgres"
	"github.com/elevenminutes/interlock/adapters/postgres/engine"
	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// guardPolicy holds every suspension for a second.
const guardPolicy = `
	p,  moderator, request, account.*, *, *, allow
	p,  lead,      read,    *,         *, *, allow
	p2, request, *, ordinary, *, *, none, 1s, 24h
	g,  ada, moderator, *, -, -
	g,  mia, lead,      *, -, -`

const guardTable = `CREATE TABLE handled (ticket text, call text)`

// guarded is a guard over a real store, whose handler writes down its calls.
type guarded struct {
	*moderation.Guard
	store     moderation.Store
	scheduler *engine.Scheduler
	pool      *pgxpool.Pool
}

// newGuarded composes one; over is put between guard and store.
func newGuarded(ctx context.Context, pool *pgxpool.Pool, over func(moderation.Store) moderation.Store, change ...func(*moderation.Config)) (*guarded, error) {
	human := func(login string) moderation.Actor {
		return moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	}
	directory, directoryErr := moderation.NewMapDirectory([]moderation.Actor{human("ada"), human("mia")},
		[]moderation.Target{{ID: "account-7", Tier: "ordinary", Domain: "en"}})
	rules, err := policy.Open(ctx, policy.Config{Source: policy.CSV("policy.csv", guardPolicy), Kinds: []string{moderation.Suspend}, Tiers: []string{"ordinary"}})
	if err = errors.Join(directoryErr, err); err != nil {
		return nil, err
	}
	limits, limitsErr := policy.NewLimiter(rules)
	scheduler, err := engine.NewScheduler("", "")
	if err = errors.Join(limitsErr, err); err != nil {
		return nil, err
	}
	store, err := postgres.Open(ctx, postgres.Config{Pool: pool, Scheduler: scheduler})
	if err != nil {
		return nil, err
	}
	g := &guarded{store: store, scheduler: scheduler, pool: pool}
	c := moderation.Config{
		Directory: directory, Authorizer: rules, Limiter: limits, Tiers: []string{"ordinary"}, Store: over(store),
		Kinds: []moderation.Kind{{Name: moderation.Suspend, Timed: true,
			Apply: func(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
				return "", g.handled(ctx, p, "apply")
			},
			Undo: func(ctx context.Context, p moderation.Permit) error { return g.handled(ctx, p, "undo") },
		}},
		DecideTimeout: time.Minute, RecordTimeout: time.Minute, // what a stopped process does is not to end by its lateness
	}
	for _, f := range change {
		f(&c)
	}
	g.Guard, err = moderation.New(ctx, c)
	return g, err
}

func (g *guarded) handled(ctx context.Context, p moderation.Permit, call string) error {
	_, err := g.pool.Exec(ctx, `INSERT INTO handled VALUES ($1, $2)`, p.Ticket, call)
	return err
}

// requests has ada ask for a suspension of account-7, which is held.
func (g *guarded) requests(tb testing.TB, d time.Duration) string {
	tb.Helper()
	ticket, err := g.Do(tb.Context(), moderation.Action{
		Kind: moderation.Suspend, Actor: "ada", Target: "account-7", Reason: "spam", Duration: d, Key: "k",
	})
	if !errors.Is(err, moderation.ErrPending) || ticket.Status != moderation.StatusHeld {
		tb.Fatalf("Do = %s, %v; want that it is held", ticket.Status, err)
	}
	return ticket.ID
}

// newStore makes the tables of a guard and its engine, beside those of a ledger.
func newStore(tb testing.TB) (*ledger, *guarded) {
	tb.Helper()
	l := newLedger(tb)
	if err := postgres.Migrate(tb.Context(), l.pool, postgres.DefaultSchema); err != nil {
		tb.Fatal(err)
	}
	if _, err := l.pool.Exec(tb.Context(), guardTable); err != nil {
		tb.Fatal(err)
	}
	g, err := newGuarded(tb.Context(), l.pool, func(s moderation.Store) moderation.Store { return s })
	if err != nil {
		tb.Fatal(err)
	}
	return l, g
}

// advancedBy makes an engine's configuration one of this guard.
func (g *guarded) advancedBy(c *engine.Config) {
	c.Scheduler, c.Guard, c.Store = g.scheduler, g, g.store
}

func TestAGuardIsAdvancedThroughItsHoldAndToItsEnd(t *testing.T) {
	t.Parallel()
	l, g := newStore(t)
	l.starts(t, g.advancedBy)
	id := g.requests(t, time.Second)
	l.waits(t, 1, `SELECT count(*) FROM interlock.ticket WHERE status = 'ended'`)
	l.waits(t, 1, `SELECT count(*) FROM handled WHERE call = 'apply'`)
	l.waits(t, 1, `SELECT count(*) FROM handled WHERE call = 'undo'`)
	ticket, err := g.Ticket(t.Context(), "mia", id)
	if err != nil || ticket.Status != moderation.StatusEnded {
		t.Errorf("the ticket is %s, %v", ticket.Status, err)
	}
}

// halting is a store that stops before it writes an intent, for its process to
// be stopped there.
type halting struct {
	moderation.Store
	before func(moderation.Change)
	once   sync.Once
}

func (h *halting) Commit(ctx context.Context, c moderation.Change) error {
	if c.Record.Event == audit.EventIntent {
		h.once.Do(func() { h.before(c) })
		// So that nothing but the revision keeps it from being written.
		return h.Store.Commit(context.WithoutCancel(ctx), c)
	}
	return h.Store.Commit(ctx, c)
}
