package policy_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// The tests of this file hold the guard and this package's authorizer and
// limiter together, where each keeps its own contract.

const seamPolicy = `p, mod, request, account.*, *, *, allow
p, mod, undo, *, *, *, allow
p, lead, approve, *, *, *, allow
p, lead, reject, *, *, *, allow
p, director, approve, *, *, *, allow
p, director, freeze, *, *, *, allow
p2, request, account.limit, *, *, *, lead, -, 24h
p2, request, *, *, *, *, none, -, -
g, ann, mod, *, -, -
g, bob, mod, *, -, -
g, lea, lead, *, -, -
g, lou, lead, *, -, -
g, dan, director, *, -, -
`

type rig struct {
	*moderation.Guard
	limiter *policy.Limiter
	apply   func(context.Context, moderation.Permit) (moderation.UndoToken, error)
	n       atomic.Int64
}

func newSeam(t *testing.T, rows string, wrap func(*policy.Limiter) moderation.Limiter, change ...func(*moderation.Config)) *rig {
	t.Helper()
	a := open(t, seamPolicy+rows)
	l, err := policy.NewLimiter(a)
	if err != nil {
		t.Fatal(err)
	}
	var actors []moderation.Actor
	for _, n := range []string{"ann", "bob", "lea", "lou", "dan"} {
		actors = append(actors, moderation.Actor{Login: n, Person: "p-" + n, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()})
	}
	var targets []moderation.Target
	for i := range 30 {
		targets = append(targets, moderation.Target{ID: fmt.Sprint("t", i), Tier: "normal", Domain: "en", Reach: 10})
	}
	dir, err := moderation.NewMapDirectory(actors, targets)
	if err != nil {
		t.Fatal(err)
	}
	h := &rig{limiter: l}
	var lim moderation.Limiter = l
	if wrap != nil {
		lim = wrap(l)
	}
	apply := func(ctx context.Context, p moderation.Permit) (moderation.UndoToken, error) {
		h.n.Add(1)
		if h.apply != nil {
			return h.apply(ctx, p)
		}
		return "", nil
	}
	undo := func(context.Context, moderation.Permit) error { return nil }
	c := moderation.Config{Directory: dir, Authorizer: a, Limiter: lim, Audit: new(audit.Memory), ForgetOnExit: true,
		Tiers: []string{"normal", "protected"},
		Kinds: []moderation.Kind{
			{Name: "account.suspend", Apply: apply, Undo: undo, Idempotent: true},
			{Name: "account.limit", Apply: apply, Undo: undo, Idempotent: true},
			{Name: "post.remove", Apply: apply, Undo: undo, Idempotent: true},
		}}
	for _, f := range change {
		f(&c)
	}
	if h.Guard, err = moderation.New(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return h
}

func act(who, kind, target, key string) moderation.Action {
	return moderation.Action{Kind: kind, Actor: who, Target: target, Reason: "spam", Key: key}
}

// One person can't reject everything.
func TestBudgetOfRejectionsIsCharged(t *testing.T) {
	t.Parallel()
	g := newSeam(t, "p3, person, *, *, *, reject.requests, 1, 1h, refuse\n", nil)
	for i := range 3 {
		tk, err := g.Do(t.Context(), act("ann", "account.limit", fmt.Sprint("t", i), fmt.Sprint(i)))
		if !errors.Is(err, moderation.ErrPending) {
			t.Fatal(err)
		}
		_, err = g.Reject(t.Context(), moderation.ReviewRequest{Ticket: tk.ID, Actor: "lea", Digest: tk.Digest, Reason: "no"})
		if i > 0 && !errors.Is(err, moderation.ErrLimited) {
			t.Errorf("rejection %d of a budget of 1: %v, want limited", i+1, err)
		}
	}
}

// What was refused after it was charged for being asked is not open.
func TestRefusedRequestsKeepNoPlaceUnderAnOpenLimit(t *testing.T) {
	t.Parallel()
	g := newSeam(t, "p3, all, *, *, *, open, 5, -, refuse\np3, person, *, *, *, actions, 1, 1h, refuse\n", nil)
	for i := range 6 { // the first is executed, five are refused: nothing is unfinished
		if _, err := g.Do(t.Context(), act("ann", "account.suspend", fmt.Sprint("t", i), fmt.Sprint(i))); (err == nil) != (i == 0) {
			t.Fatal(i, err)
		}
	}
	if _, err := g.Do(t.Context(), act("bob", "account.suspend", "t20", "b")); err != nil {
		t.Errorf("bob, with no ticket open anywhere: %v", err)
	}
}

// An undo that settles an unknown ticket ends two.
func TestUnknownThatIsUndoneGivesItsPlaceFree(t *testing.T) {
	t.Parallel()
	g := newSeam(t, "p3, all, *, *, *, open, 1, -, refuse\n", nil)
	g.apply = func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", errors.New("lost") }
	tk, err := g.Do(t.Context(), act("ann", "account.suspend", "t1", "1"))
	t.Log(tk.Status, err)
	_, err = g.Undo(t.Context(), moderation.UndoRequest{Ticket: tk.ID, Actor: "bob", Reason: "r", Key: "u"})
	if err != nil {
		t.Fatal(err)
	}
	g.apply = nil
	if _, err := g.Do(t.Context(), act("bob", "account.suspend", "t2", "2")); err != nil {
		t.Errorf("no ticket is open any more: %v", err)
	}
}

type hook struct {
	*policy.Limiter
	after func(moderation.Charge, moderation.Usage)
}

func (h *hook) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	u, err := h.Limiter.Take(ctx, c)
	if h.after != nil {
		h.after(c, u)
	}
	return u, err
}

// Whoever gives up a rejection that was charged keeps nobody else from it.
func TestRejectionGivenUpBarsNobodyElseFromRejecting(t *testing.T) {
	t.Parallel()
	h := &hook{}
	g := newSeam(t, "", func(l *policy.Limiter) moderation.Limiter { h.Limiter = l; return h })
	tk, err := g.Do(t.Context(), act("ann", "account.limit", "t1", "1"))
	if !errors.Is(err, moderation.ErrPending) {
		t.Fatal(err)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	h.after = func(moderation.Charge, moderation.Usage) { hangUp() }
	_, err = g.Reject(ctx, moderation.ReviewRequest{Ticket: tk.ID, Actor: "lea", Digest: tk.Digest, Reason: "no"})
	t.Log("lea hangs up:", err)
	h.after = nil
	if _, err = g.Reject(t.Context(), moderation.ReviewRequest{Ticket: tk.ID, Actor: "lou", Digest: tk.Digest, Reason: "no"}); err != nil {
		t.Errorf("lou can't reject: %v", err)
	}
}

// A limit that is exhausted between two looks at it is not passed on the
// strength of an approval that another limit asked for.
func TestLeadsOverrunNeverSparesTheDirectorsLimit(t *testing.T) {
	t.Parallel()
	h := &hook{}
	g := newSeam(t, "p3, person, *, *, *, actions, 1, 1h, lead\np3, all, *, *, *, actions, 3, 1h, director\n", func(l *policy.Limiter) moderation.Limiter { h.Limiter = l; return h })
	if _, err := g.Do(t.Context(), act("ann", "account.suspend", "t0", "0")); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := 1; i <= 5; i++ { // each waits for a lead, who approves; 2 are left for all
		tk, err := g.Do(t.Context(), act("ann", "account.suspend", fmt.Sprint("t", i), fmt.Sprint(i)))
		if !errors.Is(err, moderation.ErrPending) {
			t.Fatal(err)
		}
		if _, err := g.Approve(t.Context(), moderation.ReviewRequest{Ticket: tk.ID, Actor: "lea", Digest: tk.Digest}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, tk.ID)
	}
	var gate sync.WaitGroup
	gate.Add(len(ids))
	h.after = func(c moderation.Charge, u moderation.Usage) {
		if len(c.Overrun) == 0 && !u.Allowed {
			gate.Done()
			gate.Wait()
		}
	}
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() { g.Advance(t.Context(), id) })
	}
	all.Wait()
	if n := g.n.Load(); n > 3 {
		t.Errorf("%d handlers were called; the director's limit is 3, and no director approved anything", n)
	}
}

// Undoing something trivial hides nobody's part in what was undone before.
func TestAskingAgainAfterAnUndoNeedsOthersWhateverElseWasUndone(t *testing.T) {
	t.Parallel()
	g := newSeam(t, "", nil)
	trivial, err := g.Do(t.Context(), act("ann", "account.suspend", "t1", "trivial")) // beforehand, alone
	if err != nil {
		t.Fatal(err)
	}
	approve := func(who string, tk moderation.Ticket) error {
		_, err := g.Approve(t.Context(), moderation.ReviewRequest{Ticket: tk.ID, Actor: who, Digest: tk.Digest})
		return err
	}
	first, _ := g.Do(t.Context(), act("bob", "account.limit", "t1", "1"))
	if err := approve("lea", first); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Advance(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Undo(t.Context(), moderation.UndoRequest{Ticket: first.ID, Actor: "bob", Reason: "appeal", Key: "u1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Undo(t.Context(), moderation.UndoRequest{Ticket: trivial.ID, Actor: "ann", Reason: "oops", Key: "u2"}); err != nil {
		t.Fatal(err)
	}
	again, _ := g.Do(t.Context(), act("bob", "account.limit", "t1", "2"))
	t.Log("after", again.After == trivial.ID, "barred", again.Barred, "open", again.Open)
	if err := approve("lea", again); err == nil {
		t.Error("lea, who approved what was undone, approves it again within the window")
	}
}

// A freeze of a stolen account stops its approvals too.
func TestFrozenLeadApprovesNothing(t *testing.T) {
	t.Parallel()
	g := newSeam(t, "", nil)
	tk, _ := g.Do(t.Context(), act("ann", "account.limit", "t1", "1"))
	if _, err := g.Freeze(t.Context(), moderation.FreezeRequest{Actor: "dan", Scope: moderation.Scope{Actor: "lea"}, Duration: time.Hour, Reason: "stolen", Key: "f"}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Approve(t.Context(), moderation.ReviewRequest{Ticket: tk.ID, Actor: "lea", Digest: tk.Digest}); err == nil {
		_, err = g.Advance(t.Context(), tk.ID)
		t.Errorf("the frozen lead's approval counts; executed: %v", err == nil)
	}
}

// A handler may still run in the process that took too long.
func TestUndoInAnotherProcessWaitsForTheHandler(t *testing.T) {
	t.Parallel()
	store, err := moderation.NewMemoryStore(t.Context(), new(audit.Memory))
	if err != nil {
		t.Fatal(err)
	}
	shared := func(c *moderation.Config) { c.Store, c.Audit, c.HandlerTimeout = store, nil, 50*time.Millisecond }
	one, two := newSeam(t, "", nil, shared), newSeam(t, "", nil, shared)
	release, landed := make(chan struct{}), make(chan struct{})
	one.apply = func(context.Context, moderation.Permit) (moderation.UndoToken, error) {
		<-release
		close(landed)
		return "", nil
	}
	tk, err := one.Do(t.Context(), act("ann", "account.suspend", "t1", "1"))
	t.Log(tk.Status, err)
	u, err := two.Undo(t.Context(), moderation.UndoRequest{Ticket: tk.ID, Actor: "bob", Reason: "r", Key: "u"})
	if err == nil {
		after, _ := two.Ticket(t.Context(), "ann", tk.ID)
		t.Errorf("undone (%s, %s) while Apply still runs in the other process, %v before the grace ends", u.Status, after.Status, time.Until(tk.GiveUp.Add(time.Minute)))
	}
	close(release)
	<-landed
}

// A refused undo leaves room for the next one.
func TestRefusedUndoKeepsNobodyElseFromUndoing(t *testing.T) {
	t.Parallel()
	g := newSeam(t, "p3, target, *, *, *, undo.open, 1, -, refuse\np3, person, *, *, *, undo.actions, 1, 1h, refuse\n", nil)
	other, _ := g.Do(t.Context(), act("ann", "account.suspend", "t2", "0"))
	wrong, _ := g.Do(t.Context(), act("ann", "account.suspend", "t1", "1"))
	undo := func(who string, tk moderation.Ticket) error {
		_, err := g.Undo(t.Context(), moderation.UndoRequest{Ticket: tk.ID, Actor: who, Reason: "r", Key: who + tk.ID})
		return err
	}
	t.Log("ann spends her budget:", undo("ann", other))
	t.Log("ann is refused:", undo("ann", wrong))
	if err := undo("bob", wrong); err != nil {
		t.Errorf("bob, who has all his budget: %v", err)
	}
}

// The same holds for what is rebuilt from the trail.
func TestUnknownThatIsUndoneGivesItsPlaceFreeAfterARestart(t *testing.T) {
	t.Parallel()
	trail := new(audit.Memory)
	with := func(c *moderation.Config) { c.Audit = trail }
	const rows = "p3, all, *, *, *, open, 1, -, refuse\n"
	g := newSeam(t, rows, nil, with)
	g.apply = func(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", errors.New("lost") }
	tk, _ := g.Do(t.Context(), act("ann", "account.suspend", "t1", "1"))
	if _, err := g.Undo(t.Context(), moderation.UndoRequest{Ticket: tk.ID, Actor: "bob", Reason: "r", Key: "u"}); err != nil {
		t.Fatal(err)
	}
	g = newSeam(t, rows, nil, with)
	if _, err := g.Do(t.Context(), act("bob", "account.suspend", "t2", "2")); err != nil {
		t.Errorf("no ticket is open any more: %v", err)
	}
}

// A policy that is too old for restrictions still serves to stop them.
func TestFreezeAndCancelGoOnAsThePolicyPromises(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var ahead atomic.Int64
	a, err := policy.Open(t.Context(), func() policy.Config { c := config(seamPolicy); c.MaxStaleness = time.Hour; return c }())
	if err != nil {
		t.Fatal(err)
	}
	g := newSeam(t, "", nil, func(c *moderation.Config) {
		c.Authorizer = a
		c.Now = func() time.Time { return now.Add(time.Duration(ahead.Load())) }
	})
	tk, _ := g.Do(t.Context(), act("ann", "account.limit", "t1", "1"))
	ahead.Store(int64(2 * time.Minute))
	if _, err = g.Do(t.Context(), act("ann", "account.suspend", "t2", "2")); !errors.Is(err, moderation.ErrDenied) {
		t.Errorf("a request under a policy that is too old: %v, want a refusal", err)
	}
	_, err = g.Freeze(t.Context(), moderation.FreezeRequest{Actor: "dan", Scope: moderation.Scope{Actor: "lea"}, Duration: time.Hour, Reason: "stolen", Key: "f"})
	if err != nil {
		t.Errorf("freeze: %v", err)
	}
	_, err = g.Reject(t.Context(), moderation.ReviewRequest{Ticket: tk.ID, Actor: "lea", Digest: tk.Digest, Reason: "no"})
	if err != nil {
		t.Errorf("reject: %v", err)
	}
}
