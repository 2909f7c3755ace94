package moderation_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// The benchmark's host: dependencies that are as cheap as they can be and the
// same for both implementations, so that what is compared is the guard.
type (
	benchDirectory  struct{}
	benchAuthorizer struct{}
	benchLimiter    struct{ requests, actions *rate.Limiter }
)

func (benchDirectory) Actor(_ context.Context, login string) (moderation.Actor, error) {
	return moderation.Actor{Login: login, Person: "p-mod", Type: moderation.Human, Status: moderation.Active, LastDay: moderation.NoLastDay()}, nil
}

func (benchDirectory) Resolve(_ context.Context, handle string) (string, error) { return handle, nil }

func (benchDirectory) Target(_ context.Context, id string) (moderation.Target, error) {
	return moderation.Target{ID: id, Tier: "standard", Domain: "en", Reach: 10}, nil
}

var benchDecision = moderation.Decision{
	Allowed: true, Policy: "5d41402abc4b2a76b9719d911017c592", Rules: []moderation.Rule{{Source: "policy.csv:1"}}, Roles: []string{"moderator"},
	Requirement: moderation.Requirement{Quorum: moderation.Quorum{None: true}, Rules: []moderation.Rule{{Source: "policy.csv:9"}}},
}

func (benchAuthorizer) Decide(_ context.Context, q moderation.Question) (moderation.Decision, error) {
	if q.Actor.Login != "mod" || q.Step != moderation.StepRequest {
		return moderation.Decision{Policy: benchDecision.Policy}, nil
	}
	return benchDecision, nil
}

func newBenchLimiter() *benchLimiter {
	return &benchLimiter{rate.NewLimiter(1e9, 1e9), rate.NewLimiter(1e9, 1e9)}
}

func (l *benchLimiter) Take(_ context.Context, c moderation.Charge) (moderation.Usage, error) {
	limiter := l.requests
	if c.At == moderation.ChargeExecute {
		limiter = l.actions
	}
	return moderation.Usage{Allowed: limiter.AllowN(c.Time, c.Count)}, nil
}

func (l *benchLimiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return moderation.Usage{}, errors.New("not asked in this benchmark")
}

func benchApply(context.Context, moderation.Permit) (moderation.UndoToken, error) { return "", nil }

func benchUndo(context.Context, moderation.Permit) error { return nil }

func benchAction(i int) moderation.Action {
	return moderation.Action{Kind: moderation.Limit, Actor: "mod", Target: "acct-" + strconv.Itoa(i), Reason: "spam in replies", Key: "key-" + strconv.Itoa(i)}
}

// benchEach runs an action on another target each time. The actions' texts are
// made while the clock stands still.
func benchEach(b *testing.B, do func(moderation.Action) error) {
	b.ReportAllocs()
	made := make([]moderation.Action, 4096)
	for n := 0; b.Loop(); n++ {
		if n%len(made) == 0 {
			b.StopTimer()
			for i := range made {
				made[i] = benchAction(n + i)
			}
			b.StartTimer()
		}
		if err := do(made[n%len(made)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDo compares an action that waits for nothing through the guard with
// the same steps written out by hand: facts, policy, two limits, digest,
// intent, handler, outcome, and the state that an undo needs.
func BenchmarkDo(b *testing.B) {
	b.Run("impl=guard", func(b *testing.B) {
		guard, err := moderation.New(b.Context(), moderation.Config{
			Directory: benchDirectory{}, Authorizer: benchAuthorizer{}, Limiter: newBenchLimiter(),
			Audit: &audit.Memory{}, ForgetOnExit: true, Tiers: []string{"standard"},
			Kinds: []moderation.Kind{{Name: moderation.Limit, Apply: benchApply, Undo: benchUndo}},
		})
		if err != nil {
			b.Fatal(err)
		}
		benchEach(b, func(a moderation.Action) error {
			_, err := guard.Do(b.Context(), a)
			return err
		})
	})
	b.Run("impl=hand", func(b *testing.B) {
		h := &hand{limiter: newBenchLimiter(), sink: &audit.Memory{}, tickets: make(map[string]*moderation.Ticket), keys: make(map[[2]string]string), standing: make(map[string][]string)}
		benchEach(b, func(a moderation.Action) error { return h.do(b.Context(), a) })
	})
}

// hand is what a careful engineer would write for one kind of action, without
// approvals, holds, freezes, recovery, or protection from what hangs.
type hand struct {
	directory  benchDirectory
	authorizer benchAuthorizer
	limiter    *benchLimiter
	sink       *audit.Memory

	mu       sync.Mutex
	tickets  map[string]*moderation.Ticket
	keys     map[[2]string]string
	standing map[string][]string
}

var errHand = errors.New("refused")

func (h *hand) do(ctx context.Context, a moderation.Action) error {
	now := time.Now()
	actor, err := h.directory.Actor(ctx, a.Actor)
	if err != nil || actor.Status != moderation.Active {
		return errHand
	}
	id, err := h.directory.Resolve(ctx, a.Target)
	if err != nil {
		return err
	}
	target, err := h.directory.Target(ctx, id)
	if err != nil {
		return err
	}
	d, err := h.authorizer.Decide(ctx, moderation.Question{Step: moderation.StepRequest, Actor: actor, Kind: a.Kind, Target: target, Count: 1, Time: now})
	if err != nil || !d.Allowed || !d.Requirement.Quorum.None {
		return errHand
	}
	for _, at := range []moderation.ChargeAt{moderation.ChargeRequest, moderation.ChargeExecute} {
		u, err := h.limiter.Take(ctx, moderation.Charge{At: at, Step: moderation.StepRequest, Person: actor.Person, Kind: a.Kind, Target: id, Count: 1, Time: now})
		if err != nil || !u.Allowed {
			return errHand
		}
	}
	t := &moderation.Ticket{
		ID: rand.Text(), Revision: 1, Status: moderation.StatusExecuting, Step: moderation.StepRequest, Action: a,
		Requester: moderation.Party{Login: actor.Login, Person: actor.Person, Type: actor.Type},
		Subject:   moderation.Subject{ID: id, Tier: target.Tier, Domain: target.Domain, Reach: target.Reach},
		Policy:    d.Policy, Requirement: d.Requirement, Rules: d.Rules, Requested: now, Started: now,
	}
	sum := sha256.New()
	for _, text := range []string{t.ID, a.Actor, actor.Person, a.Kind, id, target.Tier, a.Reason, a.Case} {
		sum.Write([]byte(text))
		sum.Write([]byte{0})
	}
	sum.Sum(t.Digest[:0])
	if err := h.claim(t); err != nil {
		return err
	}
	if err := h.record(ctx, t, d, audit.EventIntent, nil, now); err != nil {
		return err
	}
	_, err = benchApply(ctx, moderation.Permit{Ticket: t.ID, Target: id, Kind: a.Kind})
	t.Revision, t.Status, t.Executed = 2, moderation.StatusExecuted, time.Now()
	if err != nil {
		t.Status = moderation.StatusUnknown
	}
	if err := h.record(ctx, t, d, audit.EventOutcome, &audit.Outcome{Status: string(t.Status)}, t.Executed); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.standing[id] = append(h.standing[id], t.ID)
	return nil
}

func (h *hand) claim(t *moderation.Ticket) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := [2]string{t.Action.Actor, t.Action.Key}
	if _, ok := h.keys[key]; ok {
		return errHand
	}
	h.keys[key], h.tickets[t.ID] = t.ID, t
	return nil
}

func (h *hand) record(ctx context.Context, t *moderation.Ticket, d moderation.Decision, e audit.Event, o *audit.Outcome, now time.Time) error {
	state, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return h.sink.Append(ctx, audit.Record{
		ID: t.ID + "." + strconv.FormatUint(t.Revision, 10), Ticket: t.ID, Revision: t.Revision, Event: e, Step: string(t.Step), Time: now,
		Actor:  audit.Actor{Login: t.Requester.Login, Person: t.Requester.Person, Type: string(t.Requester.Type)},
		Target: audit.Target{ID: t.Subject.ID, Tier: t.Subject.Tier, Domain: t.Subject.Domain, Reach: t.Subject.Reach},
		Kind:   t.Action.Kind, Reason: t.Action.Reason, Digest: hex.EncodeToString(t.Digest[:]),
		Decision: &audit.Decision{Allowed: true, Rules: []audit.Rule{{Source: d.Rules[0].Source}, {Source: d.Requirement.Rules[0].Source}}, Policy: d.Policy},
		Outcome:  o, State: state,
	})
}
