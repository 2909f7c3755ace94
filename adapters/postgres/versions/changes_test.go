package versions_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// service is a replica whose policy is changed by tickets.
type service struct {
	*moderation.Guard
	t          *testing.T
	authorizer *policy.Authorizer
	changes    *policy.Changes
	store      moderation.Store // of the tickets, as the approvals see them
}

// begin starts a replica over the house's table. store is given to its guard;
// where it is nil, the guard keeps tickets in memory, over trail.
func (h *house) begin(t *testing.T, trail audit.Sink, store moderation.Store, hook func(moderation.Permit)) *service {
	t.Helper()
	ctx := t.Context()
	s := &service{t: t, store: store}
	if store == nil {
		var err error
		if s.store, err = moderation.NewMemoryStore(ctx, trail); err != nil {
			t.Fatal(err)
		}
	}
	table := h.open()
	s.authorizer = h.authorizer(func(c *policy.Config) {
		c.Source, c.Approvals, c.Audit = table, policy.TicketApprovals(s.store), trail
	})
	var err error
	if s.changes, err = policy.NewChanges(s.authorizer, policy.ChangesConfig{Installer: table, Proposals: table.Proposals()}); err != nil {
		t.Fatal(err)
	}
	limiter, err := policy.NewLimiter(s.authorizer)
	if err != nil {
		t.Fatal(err)
	}
	var actors []moderation.Actor
	for _, login := range []string{"ann", "eve", "ada", "dan"} {
		actors = append(actors, moderation.Actor{Login: login, Person: "the person " + login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()})
	}
	directory, err := moderation.NewMapDirectory(actors, []moderation.Target{{ID: "7", Tier: "normal", Domain: "en"}, {ID: "8", Tier: "normal", Domain: "en"}})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(_ context.Context, p moderation.Permit) (moderation.UndoToken, error) {
		if hook != nil {
			hook(p)
		}
		return "", nil
	}
	undo := func(context.Context, moderation.Permit) error { return nil }
	c := moderation.Config{
		Directory: directory, Authorizer: s.authorizer, Limiter: limiter, Tiers: []string{"normal"}, ForgetOnExit: true,
		Kinds: []moderation.Kind{{Name: "account.suspend", Apply: apply, Undo: undo}, s.changes.Kind()},
	}
	if store == nil {
		c.Audit = trail
	} else {
		c.Store, c.ForgetOnExit = store, false
	}
	if s.Guard, err = moderation.New(ctx, c); err != nil {
		t.Fatal(err)
	}
	return s
}

// changePolicy has a version proposed by ada, approved by dan, and executed.
func (s *service) changePolicy(text string) moderation.Ticket {
	s.t.Helper()
	ctx := s.t.Context()
	p, err := s.changes.Propose(ctx, rowsOf(s.t, text))
	if err != nil {
		s.t.Fatal(err)
	}
	a := p.Action()
	a.Actor, a.Reason, a.Key = "ada", "as decided", "to "+p.Digest+time.Now().String()
	ticket, err := s.Do(ctx, a)
	if !errors.Is(err, moderation.ErrPending) {
		s.t.Fatalf("ada asks: %v, want pending", err)
	}
	return s.approved(ticket)
}

func (s *service) approved(ticket moderation.Ticket) moderation.Ticket {
	s.t.Helper()
	ctx := s.t.Context()
	if _, err := s.Approve(ctx, moderation.ReviewRequest{Ticket: ticket.ID, Actor: "dan", Digest: ticket.Digest}); err != nil {
		s.t.Fatal(err)
	}
	ticket, _ = s.Advance(ctx, ticket.ID)
	return ticket
}

func TestExecutedChangeTakesForceAndCanBeTakenBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	trail := new(audit.Memory)
	s := h.begin(t, trail, nil, nil)
	ticket := s.changePolicy(amended)
	if ticket.Status != moderation.StatusExecuted || s.authorizer.Digest() != digestOf(t, amended) {
		t.Fatalf("the change is %s: %s", ticket.Status, ticket.Note)
	}
	h.holds(amended, "after the change")
	if n := h.number(`SELECT count(*) FROM @.policy_version WHERE number = 2 AND cause = 'change' AND ticket = '` + ticket.ID + `'`); n != 1 {
		t.Error("the version does not name its ticket")
	}

	again := h.begin(t, trail, nil, nil) // from the trail and the table, as after a restart
	if !allowed(t, again.authorizer, "eve") {
		t.Error("after a restart another version is in force")
	}
	undo, err := again.Undo(t.Context(), moderation.UndoRequest{Ticket: ticket.ID, Actor: "ada", Reason: "a mistake", Key: "u"})
	if !errors.Is(err, moderation.ErrPending) {
		t.Fatalf("undo: %v, want pending", err)
	}
	if undo = again.approved(undo); undo.Status != moderation.StatusExecuted && undo.Status != moderation.StatusUndone {
		t.Errorf("the undo is %s: %s", undo.Status, undo.Note)
	}
	h.holds(constitution, "after the undo")
}

// A table that somebody edited takes no change, and the ticket says why.
func TestChangeOfAnEditedTableFailsAndSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHouse(t, server.Pool(t), constitution)
	s := h.begin(t, new(audit.Memory), nil, nil)
	h.must(unseen(`UPDATE @.chain SET policy = 'x'`))
	ticket := s.changePolicy(amended)
	if ticket.Status != moderation.StatusFailed || s.authorizer.Digest() != digestOf(t, constitution) {
		t.Errorf("the change is %s: %s", ticket.Status, ticket.Note)
	}
}
