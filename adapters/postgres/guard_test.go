package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// guardPolicy lets a moderator suspend ordinary accounts alone, and protected
// ones with a lead.
const guardPolicy = `
p, moderator, request, account.*, *, *, allow
p, moderator, undo,    account.*, *, *, allow
p, lead,      approve, *, *, *, allow
p, lead,      reject,  *, *, *, allow

p2, request,  *, ordinary,  *, *, none, -, -
p2, request,  *, protected, *, *, lead, -, 24h

g, ada,  moderator, *, -, -
g, lena, lead,      *, -, -
`

// accounts are what the handler changes.
type accounts struct {
	mu        sync.Mutex
	suspended map[string]bool
}

func (a *accounts) set(id string, suspended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.suspended[id] = suspended
}

func (a *accounts) Apply(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
	a.set(p.Target, true)
	return "", nil
}

func (a *accounts) Undo(_ context.Context, p moderation.Permit) error {
	a.set(p.Target, false)
	return nil
}

// guardOver is one replica's guard.
func guardOver(tb testing.TB, store moderation.Store, host *accounts) *moderation.Guard {
	tb.Helper()
	human := func(login string) moderation.Actor {
		return moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
	}
	directory, err := moderation.NewMapDirectory([]moderation.Actor{human("ada"), human("lena")}, []moderation.Target{
		{ID: "account-1", Tier: "protected", Domain: "en", Reach: 41_000_000}, {ID: "account-2", Tier: "protected", Domain: "en"},
		{ID: "account-7", Tier: "ordinary", Domain: "en"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	authorizer, err := policy.Open(tb.Context(), policy.Config{Source: policy.CSV("policy.csv", guardPolicy), Kinds: []string{moderation.Suspend}, Tiers: []string{"ordinary", "protected"}})
	if err != nil {
		tb.Fatal(err)
	}
	limiter, err := policy.NewLimiter(authorizer)
	if err != nil {
		tb.Fatal(err)
	}
	guard, err := moderation.New(tb.Context(), moderation.Config{
		Directory: directory, Authorizer: authorizer, Limiter: limiter, Store: store,
		Kinds: []moderation.Kind{{Name: moderation.Suspend, Apply: host.Apply, Undo: host.Undo, Timed: true}},
		Tiers: []string{"ordinary", "protected"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return guard
}

func suspend(account, key string) moderation.Action {
	return moderation.Action{Kind: moderation.Suspend, Actor: "ada", Target: account, Reason: "spam", Duration: moderation.Permanent, Key: key}
}

// Each verb goes to another replica than the one before.
func TestReplicasOfAGuardActOnOneTicket(t *testing.T) {
	t.Parallel()
	dsn, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := migrated(t, dsn)
	host := &accounts{suspended: make(map[string]bool)}
	one, two := guardOver(t, first, host), guardOver(t, over(t, server.Connect(t, dsn)), host)

	ticket, err := one.Do(t.Context(), suspend("account-1", "a"))
	var pending *moderation.PendingError
	if !errors.As(err, &pending) || ticket.Status != moderation.StatusPending || host.suspended["account-1"] {
		t.Fatalf("Do = %s, %v; want it to wait", ticket.Status, err)
	}
	ticket, err = two.Approve(t.Context(), moderation.ReviewRequest{Ticket: ticket.ID, Actor: "lena", Digest: ticket.Digest})
	if err != nil || ticket.Status != moderation.StatusHeld {
		t.Fatalf("Approve = %s, %v; want it held", ticket.Status, err)
	}
	if ticket, err = one.Advance(t.Context(), ticket.ID); err != nil || ticket.Status != moderation.StatusExecuted || !host.suspended["account-1"] {
		t.Fatalf("Advance = %s, %v; want it executed", ticket.Status, err)
	}
	if again, err := one.Do(t.Context(), suspend("account-1", "a")); err != nil || again.ID != ticket.ID {
		t.Errorf("the same key again: ticket %s, %v; want %s", again.ID, err, ticket.ID)
	}
	if _, err := two.Undo(t.Context(), moderation.UndoRequest{Ticket: ticket.ID, Actor: "ada", Reason: "mistake", Key: "b"}); err != nil || host.suspended["account-1"] {
		t.Fatalf("Undo: %v; suspended: %t", err, host.suspended["account-1"])
	}
	if got, err := first.Ticket(t.Context(), ticket.ID); err != nil || got.Status != moderation.StatusUndone {
		t.Errorf("the ticket is %s, %v; want undone", got.Status, err)
	}
	first.verify(t)
}
