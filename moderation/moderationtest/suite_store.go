package moderationtest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// StoreOptions tell [TestStore] what a store can do besides the interface. The
// zero StoreOptions suit a store that forgets at exit and shows no records.
type StoreOptions struct {
	// Reopen closes s and returns a store over what s kept. Nil where s keeps
	// nothing.
	Reopen func(t *testing.T, s moderation.Store) moderation.Store
	// Records returns the records that s made durable, in order; a record may
	// be there twice. Nil where they can't be seen.
	Records func(t *testing.T, s moderation.Store) []audit.Record
	// Shared says that the store keeps and hands out the slices and maps of
	// tickets as they are, which the contract allows since nobody changes
	// them. Otherwise the suite demands copies.
	Shared bool
	// Fill makes s full, so that it takes no further record, until empty is
	// called. Nil where s can't be filled.
	Fill func(t *testing.T, s moderation.Store) (empty func())
}

// storeSubject is a store under test, new and empty.
type storeSubject struct {
	moderation.Store
	*samples
	reopen  func(moderation.Store) moderation.Store
	records func(moderation.Store) []audit.Record
	fill    func(moderation.Store) (empty func())
}

// TestStore holds a [moderation.Store] to its contract. open returns a store
// that is new, empty and shares nothing with those opened before; it closes it
// by t.Cleanup. The suite opens some fifty stores, many at once.
//
// The contract leaves open, and the suite does not test: texts with U+0000,
// how tickets that were requested at the same time are ordered, and whether a
// commit whose context is done is written (but nil must be true).
func TestStore(t *testing.T, open func(t *testing.T) moderation.Store, opts StoreOptions) {
	t.Helper()
	runChecks(t, storeChecks(opts), func(t *testing.T) storeSubject {
		s := storeSubject{Store: open(t), samples: new(samples)}
		if s.Store == nil {
			t.Fatal("open returned no store")
		}
		s.reopen = func(old moderation.Store) moderation.Store { return opts.Reopen(t, old) }
		s.records = func(of moderation.Store) []audit.Record { return opts.Records(t, of) }
		s.fill = func(of moderation.Store) func() { return opts.Fill(t, of) }
		return s
	})
}

// storeChecks returns the checks that apply under the options.
func storeChecks(opts StoreOptions) []check[storeSubject] {
	checks := slices.Concat(commitChecks(), keyChecks(), debtChecks(), headChecks(), unchangedChecks(), standingChecks(), queryChecks(), pageChecks(), raceChecks(), contextChecks())
	if !opts.Shared {
		checks = append(checks, copyChecks()...)
	}
	if opts.Records != nil {
		checks = append(checks, recordChecks()...)
	}
	if opts.Reopen != nil {
		checks = append(checks, reopenChecks()...)
	}
	if opts.Fill != nil {
		checks = append(checks, fullChecks()...)
	}
	return checks
}

// must commits what has to be accepted.
func (s storeSubject) must(t tester, c moderation.Change) {
	t.Helper()
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatalf("Commit of record %s: got %v, want nil", c.Record.ID, err)
	}
}

// put commits tickets that have to be accepted, each in a change of its own.
func (s storeSubject) put(t tester, tickets ...moderation.Ticket) {
	t.Helper()
	for _, ticket := range tickets {
		s.must(t, s.change(ticket))
	}
}

// conflicts commits what has to be refused by ErrConflict.
func (s storeSubject) conflicts(t tester, why string, c moderation.Change) {
	t.Helper()
	if err := s.Commit(t.Context(), c); !errors.Is(err, moderation.ErrConflict) {
		t.Errorf("Commit with %s: got %v, want ErrConflict", why, err)
	}
}

// holds checks that a ticket is stored as given.
func (s storeSubject) holds(t tester, want moderation.Ticket) {
	t.Helper()
	got, err := s.Ticket(t.Context(), want.ID)
	if err != nil {
		t.Errorf("Ticket(%q): %v", want.ID, err)
		return
	}
	if d := diff(want, got); d != "" {
		t.Errorf("Ticket(%q) is not what was committed (-want +got):\n%s", want.ID, d)
	}
}

// lacks checks that a ticket does not exist.
func (s storeSubject) lacks(t tester, id string) {
	t.Helper()
	got, err := s.Ticket(t.Context(), id)
	if !errors.Is(err, moderation.ErrNoTicket) {
		t.Errorf("Ticket(%q): got revision %d and %v, want ErrNoTicket", id, got.Revision, err)
	}
}

// head returns how a target stands.
func (s storeSubject) head(t tester, targetID string) moderation.Head {
	t.Helper()
	h, err := s.Head(t.Context(), targetID)
	if err != nil {
		t.Fatalf("Head(%q): %v", targetID, err)
	}
	return h
}

// selects checks which tickets a query returns, in order.
func (s storeSubject) selects(t tester, q moderation.Query, want ...moderation.Ticket) {
	t.Helper()
	s.selectsAs(t, t.Context(), q, want...)
}

func (s storeSubject) selectsAs(t tester, ctx context.Context, q moderation.Query, want ...moderation.Ticket) {
	t.Helper()
	got, err := collect(s.Tickets(ctx, q))
	if err != nil {
		t.Errorf("Tickets(%+v): %v", q, err)
		return
	}
	if d := diff(ids(want), ids(got)); d != "" {
		t.Errorf("Tickets(%+v) returned other tickets (-want +got):\n%s", q, d)
		return
	}
	if d := diff(want, got); d != "" {
		t.Errorf("Tickets(%+v) returned other states (-want +got):\n%s", q, d)
	}
}

// ids names tickets, for short differences.
func ids(tickets []moderation.Ticket) []string {
	names := make([]string, len(tickets))
	for i, t := range tickets {
		names[i] = t.ID
	}
	return names
}
