package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/batch"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

// world is a host with accounts a-0000, a-0001, …: mod asks, lead approves,
// cancels and resumes, and mod2 may ask too.
type world struct {
	directory  *moderationtest.Directory
	authorizer *moderationtest.Authorizer
	limiter    *moderationtest.Limiter
	handler    *moderationtest.Handler
	sink       *audit.Memory
	config     moderation.Config
	guard      *moderation.Guard
	members    batch.Slice
	quorum     moderation.Requirement
}

func newWorld(t testing.TB, n int) *world {
	t.Helper()
	w := &world{
		directory: moderationtest.NewDirectory(t), authorizer: moderationtest.NewAuthorizer(t),
		limiter: moderationtest.NewLimiter(t), handler: moderationtest.NewHandler(t), sink: &audit.Memory{},
		quorum: moderation.Requirement{Quorum: moderation.Quorum{None: true}},
	}
	for _, login := range []string{"mod", "mod2", "lead", "lead2"} {
		w.directory.SetActor(moderation.Actor{Login: login, Person: "p-" + login, Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()})
	}
	for i := range n {
		id := fmt.Sprintf("a-%04d", i)
		w.directory.SetTarget(moderation.Target{ID: id, Tier: "standard", Domain: "en", Reach: 1})
		w.members = append(w.members, id)
	}
	w.limiter.Allow()
	w.authorizer.AnswerWith(w.decide)
	w.config = moderation.Config{
		Directory: w.directory, Authorizer: w.authorizer, Limiter: w.limiter, Audit: w.sink, ForgetOnExit: true,
		Kinds: []moderation.Kind{w.handler.Kind(moderation.Limit)}, Tiers: []string{"standard", "protected"},
	}
	w.open(t)
	return w
}

func (w *world) open(t testing.TB) {
	t.Helper()
	var err error
	if w.guard, err = moderation.New(context.Background(), w.config); err != nil {
		t.Fatal(err)
	}
}

func (w *world) decide(q moderation.Question) (moderation.Decision, error) {
	lead := q.Actor.Login == "lead" || q.Actor.Login == "lead2"
	d := moderation.Decision{Policy: "p", Roles: []string{"moderator"}}
	if lead {
		d.Roles = append(d.Roles, "lead")
	}
	switch q.Step {
	case moderation.StepRequest, moderation.StepUndo, moderation.StepRead:
		d.Allowed = true
	default:
		d.Allowed = lead
	}
	d.Requirement = moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	if q.Step == moderation.StepRequest {
		d.Requirement = w.quorum
	}
	return d, nil
}

func action(key string) moderation.Action {
	return moderation.Action{Kind: moderation.Limit, Actor: "mod", Tier: "standard", Reason: "a raid", Key: key}
}

func (w *world) runner(t testing.TB, c batch.Config) *batch.Runner {
	t.Helper()
	if c.MaxFailureRate == 0 && c.MaxFailures == 0 {
		c.MaxFailureRate, c.MaxUndoRate = 1, 1
	}
	r, err := batch.New(w.guard, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start asks for a batch of all accounts.
func (w *world) start(t testing.TB, r *batch.Runner) moderation.Ticket {
	t.Helper()
	mandate, err := r.Start(context.Background(), action("batch"), w.members, len(w.members))
	if err != nil && !errors.Is(err, moderation.ErrPending) {
		t.Fatal(err)
	}
	return mandate
}

// drain runs a sequence to its end.
func drain(t testing.TB, seq func(func(batch.Result, error) bool)) (results []batch.Result, failed error) {
	t.Helper()
	for result, err := range seq {
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (w *world) applied() int { return len(w.handler.OnApply.Calls()) }

func (w *world) inForce() (n int) {
	for _, id := range w.members {
		n += len(w.handler.InForce(id))
	}
	return n
}

func failures(results []batch.Result) []batch.Result {
	return slices.DeleteFunc(slices.Clone(results), func(r batch.Result) bool { return r.Err == nil })
}

func wantCode(t testing.TB, err error, want moderation.Code) {
	t.Helper()
	var r *moderation.Refusal
	if !errors.As(err, &r) || r.Code != want {
		t.Fatalf("got %v, want a refusal with code %s", err, want)
	}
}

func oneLead() moderation.Requirement {
	return moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}, Deadline: 24 * time.Hour}
}
