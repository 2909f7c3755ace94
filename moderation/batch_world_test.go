package moderation_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// btNames is a source of members.
type btNames []string

func (n btNames) Members(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range n {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// btWorld is a world with accounts b-000, b-001, … (tier standard, domain en,
// reach 10), which are known as @b-000 and @B-000 too, and a batch of them.
type btWorld struct {
	*world
	names btNames
	set   *moderation.MemberSet
	t     moderation.Ticket
}

func btNew(t *testing.T, n int, change ...func(*world)) *btWorld {
	t.Helper()
	b := &btWorld{}
	b.world = newWorld(t, change...)
	for i := range n {
		id := fmt.Sprintf("b-%03d", i)
		b.directory.SetTarget(btTarget(id), "@"+id, fmt.Sprintf("@B-%03d", i))
		b.names = append(b.names, "@"+id)
	}
	b.set = btSet(t, b.names)
	return b
}

func btTarget(id string) moderation.Target {
	return moderation.Target{ID: id, Tier: "standard", Domain: "en", Reach: 10}
}

func (b *btWorld) request(key string) moderation.BatchRequest {
	a := suspend("mod", "", key)
	a.Tier = "standard"
	return moderation.BatchRequest{Action: a, Members: b.names, Expect: len(b.names), Tolerance: moderation.Tolerance{FailurePercent: 100, UndoPercent: 100}}
}

// begin asks for the batch and begins it.
func (b *btWorld) begin(t *testing.T, change ...func(*moderation.BatchRequest)) {
	t.Helper()
	r := b.request("batch")
	for _, c := range change {
		c(&r)
	}
	b.asked(t, r)
	b.start(t)
}

func (b *btWorld) asked(t *testing.T, r moderation.BatchRequest) {
	t.Helper()
	var err error
	if b.t, err = b.guard.RequestBatch(t.Context(), r); err != nil && !errors.Is(err, moderation.ErrPending) {
		t.Fatalf("RequestBatch: %v", err)
	}
	if b.t.ID == "" {
		var p *moderation.PendingError
		if errors.As(err, &p) {
			b.t.ID = p.Ticket
		}
	}
}

func (b *btWorld) start(t *testing.T) {
	t.Helper()
	var err error
	if b.t, err = b.guard.StartBatch(t.Context(), b.t.ID, b.set); err != nil {
		t.Fatalf("StartBatch: %v", err)
	}
}

// do executes a member by its place.
func (b *btWorld) do(t *testing.T, place int) (moderation.Ticket, error) {
	t.Helper()
	return b.guard.DoMember(t.Context(), b.t.ID, b.set.Member(place))
}

// all executes members, all of which must be done.
func (b *btWorld) all(t *testing.T, places ...int) []moderation.Ticket {
	t.Helper()
	if len(places) == 0 {
		for i := range b.set.Len() {
			places = append(places, i)
		}
	}
	var tickets []moderation.Ticket
	for _, place := range places {
		ticket, err := b.do(t, place)
		if err != nil {
			t.Fatalf("member %d: %v", place, err)
		}
		tickets = append(tickets, ticket)
	}
	return tickets
}

func (b *btWorld) mandate(t *testing.T) moderation.Ticket {
	t.Helper()
	ticket, err := b.guard.Ticket(t.Context(), "mod", b.t.ID)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func (b *btWorld) approve(t *testing.T, logins ...string) {
	t.Helper()
	for _, login := range logins {
		ticket, err := b.guard.Approve(t.Context(), moderation.ReviewRequest{Ticket: b.t.ID, Actor: login, Digest: b.mandate(t).Digest})
		if err != nil {
			t.Fatalf("Approve by %s: %v", login, err)
		}
		b.t = ticket
	}
}

func (b *btWorld) inForce() (ids []string) {
	for id := range b.set.All() {
		for range b.handler.InForce(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// oneLead asks for one lead, and no hold.
func oneLead() moderation.Requirement {
	return moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}, Deadline: 24 * time.Hour}
}

// newOwner makes somebody the owner of a target.
func (b *btWorld) newOwner(id string, persons ...string) {
	target := btTarget(id)
	target.Owners = persons
	b.directory.SetTarget(target, "@"+id)
}

func (b *btWorld) newTier(id, tier string) {
	target := btTarget(id)
	target.Tier = tier
	b.directory.SetTarget(target, "@"+id)
}

func batchCharges(charges []moderation.Charge, what moderation.ChargeFor) []moderation.Charge {
	return slices.DeleteFunc(slices.Clone(charges), func(c moderation.Charge) bool { return c.For != what })
}

func (b *btWorld) ctx() context.Context { return context.Background() }

// btChanging is a source that may give other names each time.
type btChanging func() btNames

func (c btChanging) Members(ctx context.Context) iter.Seq2[string, error] { return c().Members(ctx) }

// btSet is the set of the accounts of these handles.
func btSet(t *testing.T, names btNames) *moderation.MemberSet {
	t.Helper()
	set, err := moderation.NewMemberSet(func(yield func(string) bool) {
		for _, name := range names {
			if !yield(name[1:]) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// btSource is a source that does what it likes.
type btSource func(yield func(string, error) bool)

func (s btSource) Members(context.Context) iter.Seq2[string, error] {
	return iter.Seq2[string, error](s)
}
