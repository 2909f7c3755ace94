package moderation_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// vbClock is a time that only a test moves.
type vbClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *vbClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *vbClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// vbHost is the world with a clock that the test moves, a policy whose roles
// and rows can change under way, and a few people more:
//
//	lead3            a third lead
//	director         a director
//	boss             a lead and a director in one person
//	mod-alt          mod's second login, with a lead's role
//	lead-alt         lead's second login
//	robot            a service with a lead's role, of stranger's
//	helpdesk         a service of the team of mod2 and lead2, with mod's role
type vbHost struct {
	*world
	t     *testing.T
	clock *vbClock

	mu     sync.Mutex
	policy string
	roles  map[string][]string
	deny   func(moderation.Question) bool
	keys   int
}

var vbMoreRoles = map[string][]string{
	"lead3": {"lead"}, "director": {"director"}, "boss": {"lead", "director"}, "mod-alt": {"moderator", "lead"},
	"lead-alt": {"lead"}, "robot": {"lead"}, "helpdesk": {"moderator"},
}

func vbOpen(t *testing.T, change ...func(*vbHost)) *vbHost {
	t.Helper()
	h := &vbHost{t: t, clock: &vbClock{now: time.Now().Round(0).UTC()}, policy: policyDigest, roles: maps.Clone(roles)}
	maps.Copy(h.roles, vbMoreRoles)
	newWorld(t, func(w *world) {
		h.world = w
		w.config.Now = h.clock.read
		w.authorizer.AnswerWith(h.decide)
		for login, person := range map[string]string{
			"lead3": "p-lead3", "director": "p-director", "boss": "p-boss", "mod-alt": "p-mod", "lead-alt": "p-lead",
		} {
			w.directory.SetActor(vbHuman(login, person))
		}
		w.directory.SetActor(vbService("robot", "p-stranger"))
		w.directory.SetActor(vbService("helpdesk", "p-mod2", "p-mod2", "p-lead2"))
		for _, c := range change {
			c(h)
		}
	})
	return h
}

func vbHuman(login, person string) moderation.Actor {
	return moderation.Actor{Login: login, Person: person, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}
}

func vbService(login, person string, owners ...string) moderation.Actor {
	a := vbHuman(login, person)
	a.Type, a.Owners = moderation.Service, owners
	return a
}

// decide is the world's policy over the host's own roles. Rows for a kind come
// before those for a tier.
func (h *vbHost) decide(q moderation.Question) (moderation.Decision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := moderation.Decision{Policy: h.policy, Roles: slices.Clone(h.roles[q.Actor.Login]), Rules: []moderation.Rule{{Source: h.policy + ":1"}}}
	switch q.Step {
	case moderation.StepRequest, moderation.StepUndo, moderation.StepRead:
		d.Allowed = len(d.Roles) > 0
	default:
		d.Allowed = slices.ContainsFunc(d.Roles, func(r string) bool { return r != "moderator" })
	}
	if d.Allowed && h.deny != nil && h.deny(q) {
		return moderation.Decision{Policy: h.policy, Rules: []moderation.Rule{{Source: h.policy + ":9"}}}, nil
	}
	if !d.Allowed {
		return moderation.Decision{Policy: h.policy, Code: moderation.CodeNoRule, Missing: "role lead"}, nil
	}
	if !q.Step.Required() {
		return d, nil
	}
	d.Requirement = moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	if q.Step == moderation.StepRequest && (q.Target.Tier == "protected" || q.Kind == moderation.Remove) {
		d.Requirement = twoLeads()
	}
	for _, row := range []string{q.Target.Tier, q.Kind} {
		if rule, ok := h.rules[string(q.Step)+" "+row]; ok {
			d.Requirement = rule
		}
	}
	return d, nil
}

// rule makes a row of the policy for a step and a tier or kind.
func (h *vbHost) rule(step moderation.Step, tierOrKind string, r moderation.Requirement) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rules[string(step)+" "+tierOrKind] = r
}

// holds makes roles all that a login holds.
func (h *vbHost) holds(login string, roles ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.roles[login] = roles
}

// denies makes the policy deny what matches.
func (h *vbHost) denies(match func(moderation.Question) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deny = match
}

// vbNeeds is a requirement of slots, a hold and a day's time.
func vbNeeds(hold time.Duration, slots ...moderation.Slot) moderation.Requirement {
	r := moderation.Requirement{Quorum: moderation.Quorum{Slots: slots}, Hold: hold, Deadline: 24 * time.Hour, Rules: []moderation.Rule{{Source: "policy:2"}}}
	r.Quorum.None = len(slots) == 0
	return r
}

func (h *vbHost) key() string {
	h.keys++
	return fmt.Sprintf("key-%d", h.keys)
}

// asks requests that a target be suspended for good, and wants it to wait.
func (h *vbHost) asks(actor, target string) moderation.Ticket {
	h.t.Helper()
	t, err := h.guard.Do(h.t.Context(), suspend(actor, target, h.key()))
	wantPending(h.t, err)
	return t
}

// does requests an action and wants it done at once.
func (h *vbHost) does(a moderation.Action) moderation.Ticket {
	h.t.Helper()
	if a.Key == "" {
		a.Key = h.key()
	}
	t, err := h.guard.Do(h.t.Context(), a)
	if err != nil {
		h.t.Fatalf("Do by %s on %s: %v", a.Actor, a.Target, err)
	}
	return t
}

func (h *vbHost) review(t moderation.Ticket, login string) moderation.ReviewRequest {
	return moderation.ReviewRequest{Ticket: t.ID, Actor: login, Digest: t.Digest, Reason: "looked at it"}
}

func (h *vbHost) tryApprove(t moderation.Ticket, login string) (moderation.Ticket, error) {
	return h.guard.Approve(h.t.Context(), h.review(t, login))
}

func (h *vbHost) approves(t moderation.Ticket, logins ...string) moderation.Ticket {
	h.t.Helper()
	for _, login := range logins {
		var err error
		if t, err = h.tryApprove(t, login); err != nil {
			h.t.Fatalf("Approve by %s: %v", login, err)
		}
	}
	return t
}

func (h *vbHost) tryUndo(of moderation.Ticket, login string) (moderation.Ticket, error) {
	return h.guard.Undo(h.t.Context(), moderation.UndoRequest{Ticket: of.ID, Actor: login, Reason: "was wrong", Key: h.key()})
}

func (h *vbHost) undoes(of moderation.Ticket, login string) moderation.Ticket {
	h.t.Helper()
	u, err := h.tryUndo(of, login)
	if err != nil {
		h.t.Fatalf("Undo by %s: %v", login, err)
	}
	return u
}

func (h *vbHost) tryFreeze(actor string, s moderation.Scope) (moderation.Ticket, error) {
	return h.guard.Freeze(h.t.Context(), moderation.FreezeRequest{Actor: actor, Scope: s, Duration: time.Hour, Reason: "something is odd", Key: h.key()})
}

func (h *vbHost) freezes(actor string, s moderation.Scope) moderation.Ticket {
	h.t.Helper()
	f, err := h.tryFreeze(actor, s)
	if err != nil {
		h.t.Fatalf("Freeze by %s: %v", actor, err)
	}
	return f
}

// advances looks at a ticket and wants it to be in a status then.
func (h *vbHost) advances(t moderation.Ticket, want moderation.Status) moderation.Ticket {
	h.t.Helper()
	got, err := h.guard.Advance(h.t.Context(), t.ID)
	if got.Status != want {
		h.t.Fatalf("Advance left the ticket %s (note %q, error %v), want %s", got.Status, got.Note, err, want)
	}
	return got
}

// shows reads a ticket as it is now.
func (h *vbHost) shows(t moderation.Ticket) moderation.Ticket {
	h.t.Helper()
	got, err := h.guard.Ticket(h.t.Context(), "boss", t.ID)
	if err != nil {
		h.t.Fatalf("Ticket: %v", err)
	}
	return got
}

func (h *vbHost) wantStatus(t moderation.Ticket, want moderation.Status) moderation.Ticket {
	h.t.Helper()
	got := h.shows(t)
	if got.Status != want {
		h.t.Fatalf("ticket is %s (note %q), want %s", got.Status, got.Note, want)
	}
	return got
}

// wantForce wants exactly these tickets to be in force on a target.
func (h *vbHost) wantForce(target string, want ...moderation.Ticket) {
	h.t.Helper()
	var ids, wanted []string
	for _, p := range h.handler.InForce(target) {
		ids = append(ids, p.Ticket)
	}
	for _, t := range want {
		wanted = append(wanted, t.ID)
	}
	slices.Sort(ids)
	slices.Sort(wanted)
	if !slices.Equal(ids, wanted) {
		h.t.Errorf("in force on %s: %v, want %v", target, ids, wanted)
	}
}

func (h *vbHost) wantCalls(want int) {
	h.t.Helper()
	if got := h.calls(); got != want {
		h.t.Errorf("%d handler calls, want %d", got, want)
	}
}

// change changes what the directory knows of a login.
func (h *vbHost) change(login string, how func(*moderation.Actor)) {
	h.t.Helper()
	a, err := h.directory.Actor(context.Background(), login)
	if err != nil {
		h.t.Fatal(err)
	}
	how(&a)
	h.directory.SetActor(a)
}

// retarget changes what the directory knows of a target.
func (h *vbHost) retarget(id string, how func(*moderation.Target), handles ...string) {
	h.t.Helper()
	target, err := h.directory.Target(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	how(&target)
	h.directory.SetTarget(target, handles...)
}

// restart makes a new guard over the same trail.
func (h *vbHost) restart() {
	h.t.Helper()
	h.open(h.t)
}

// count counts the trail's records of an event.
func (h *vbHost) count(e audit.Event) int {
	n := 0
	for _, got := range h.events() {
		if got == e {
			n++
		}
	}
	return n
}

// together calls f n times at once.
func vbTogether(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// vbStore is a store whose commits a test watches.
type vbStore struct {
	moderation.Store
	before func(c moderation.Change) error // an error fails the commit unwritten
	after  func(c moderation.Change)       // written, not yet acknowledged
}

func (s *vbStore) Commit(ctx context.Context, c moderation.Change) error {
	if s.before != nil {
		if err := s.before(c); err != nil {
			return err
		}
	}
	err := s.Store.Commit(ctx, c)
	if err == nil && s.after != nil {
		s.after(c)
	}
	return err
}

// vbOver puts a store that the test watches over the host's trail.
func vbOver(t *testing.T, h *vbHost) *vbStore {
	t.Helper()
	behind, err := moderation.NewMemoryStore(t.Context(), h.sink)
	if err != nil {
		t.Fatal(err)
	}
	s := &vbStore{Store: behind}
	h.config.Store, h.config.Audit = s, nil
	return s
}

// vbSlowCommits lets time pass while commits that match are written.
func vbSlowCommits(t *testing.T, h *vbHost, match func(moderation.Change) bool, by time.Duration) *vbStore {
	t.Helper()
	s := vbOver(t, h)
	s.after = func(c moderation.Change) {
		if len(c.Tickets) > 0 && match(c) {
			h.clock.pass(by)
		}
	}
	return s
}

// vbDisk is a sink that takes as long as a disk; inside a synctest bubble.
type vbDisk struct{ *audit.Memory }

func (d vbDisk) Append(ctx context.Context, r audit.Record) error {
	time.Sleep(5 * time.Millisecond)
	return d.Memory.Append(ctx, r)
}

var vbFailed = moderationtest.Fail(nil)

// head is how a target stands by the trail.
func (h *vbHost) head(target string) moderation.Head {
	h.t.Helper()
	store, err := moderation.NewMemoryStore(h.t.Context(), h.sink)
	if err != nil {
		h.t.Fatal(err)
	}
	head, err := store.Head(h.t.Context(), target)
	if err != nil {
		h.t.Fatal(err)
	}
	return head
}
