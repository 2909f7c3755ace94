package moderationtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// naiveLimiter is as simple as a limiter can be: one lock, and buckets in
// whole numbers. Levels are counted in parts of one: a window has as many
// nanoseconds as one has parts, and each nanosecond refills burst of them.
type naiveLimiter struct {
	limits []*naiveLimit

	mu     sync.Mutex
	levels map[naiveBucket]*level
	open   map[string][]naiveBucket // by ticket
}

type naiveLimit struct {
	name    string
	at      moderation.ChargeAt
	step    moderation.Step
	tier    string // empty for all
	unit    string
	per     func(c moderation.Charge) string
	burst   int64
	window  time.Duration
	approve []moderation.Slot

	perTarget bool
}

type naiveBucket struct {
	limit *naiveLimit
	key   string
}

type level struct {
	parts int64
	last  time.Time
	open  int64
}

func newNaiveLimiter() *naiveLimiter {
	person := func(c moderation.Charge) string { return "person=" + c.Person }
	tier := func(c moderation.Charge) string { return "tier=" + c.Tier }
	target := func(c moderation.Charge) string { return "target=" + c.Target }
	return &naiveLimiter{
		limits: []*naiveLimit{
			{name: "requests", at: moderation.ChargeExecute, step: moderation.StepRequest, unit: "actions", per: person, burst: 7, window: time.Hour},
			{name: "protected", at: moderation.ChargeExecute, step: moderation.StepRequest, tier: "protected", unit: "actions", per: tier, burst: 3, window: time.Hour},
			{name: "undo", at: moderation.ChargeExecute, step: moderation.StepUndo, unit: "actions", per: person, burst: 7, window: time.Hour},
			{name: "open", at: moderation.ChargeRequest, step: moderation.StepRequest, unit: "open", per: person, burst: 2},
			{name: "approvable", at: moderation.ChargeExecute, step: moderation.StepRequest, tier: "staff", unit: "actions", per: tier, burst: 2, window: time.Hour,
				approve: []moderation.Slot{{"lead"}}},
			{name: "per target", at: moderation.ChargeExecute, step: moderation.StepRequest, tier: "listed", unit: "actions", per: target, burst: 4, window: time.Hour, perTarget: true},
		},
		levels: make(map[naiveBucket]*level),
		open:   make(map[string][]naiveBucket),
	}
}

func sampleCharge() moderation.Charge {
	return moderation.Charge{
		At: moderation.ChargeExecute, Step: moderation.StepRequest, Person: "Alice", Actor: "alice",
		Kind: moderation.Suspend, Target: "42", Tier: "public", Domain: "en", Count: 1, Reach: 7,
	}
}

func sampleLimits() LimiterOptions {
	both, other, open, target := sampleCharge(), sampleCharge(), sampleCharge(), sampleCharge()
	target.Tier = "listed"
	both.Tier, other.Tier = "protected", "protected"
	other.Person, other.Actor = "Bob", "bob"
	open.At = moderation.ChargeRequest
	return LimiterOptions{Charge: sampleCharge(), Burst: 7, Window: time.Hour, Both: both, Other: other, Open: open, OpenCap: 2, PerTarget: target, PerTargetBurst: 4}
}

func (l *naiveLimiter) Take(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.charge(ctx, c, true)
}

func (l *naiveLimiter) Peek(ctx context.Context, c moderation.Charge) (moderation.Usage, error) {
	return l.charge(ctx, c, false)
}

var chargedFor = []moderation.ChargeFor{moderation.ChargeForTarget, moderation.ChargeForBatch, moderation.ChargeForMember}

func checkNaive(c moderation.Charge) error {
	if c.At != moderation.ChargeRequest && c.At != moderation.ChargeExecute || !slices.Contains(moderation.Steps(), c.Step) ||
		c.Count < 1 || c.Reach < 0 || c.Time.IsZero() || !slices.Contains(chargedFor, c.For) {
		return errors.New("naive: malformed charge")
	}
	return nil
}

func (l *naiveLimiter) charge(_ context.Context, c moderation.Charge, take bool) (moderation.Usage, error) {
	if err := checkNaive(c); err != nil {
		return moderation.Usage{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var exceeded, fine []moderation.LimitState
	u := moderation.Usage{Allowed: true}
	for _, b := range l.buckets(c) {
		wait, never := l.wait(b, c)
		spared := len(c.Overrun) > 0 && len(b.limit.approve) > 0
		state := moderation.LimitState{Rule: moderation.Rule{Source: b.limit.name}, Key: b.key, Unit: b.limit.unit, Left: l.left(b, c.Time)}
		if (wait > 0 || never || b.limit.unit == "open" && state.Left < 1) && !spared {
			u.Allowed, u.Never = false, u.Never || never
			u.RetryAfter = max(u.RetryAfter, wait)
			u.Over = append(u.Over, b.limit.approve...)
			exceeded = append(exceeded, state)
			continue
		}
		fine = append(fine, state)
	}
	u.Limits = append(exceeded, fine...)
	if u.Never {
		u.RetryAfter = 0
	}
	if u.Allowed && take {
		l.draw(c)
	}
	return u, nil
}

// buckets lists what a charge draws on.
func (l *naiveLimiter) buckets(c moderation.Charge) []naiveBucket {
	var all []naiveBucket
	for _, limit := range l.limits {
		if limit.at == c.At && limit.step == c.Step && (limit.tier == "" || limit.tier == c.Tier) && limit.counts(c.For) {
			all = append(all, naiveBucket{limit, limit.per(c)})
		}
	}
	return all
}

func (l *naiveLimit) counts(what moderation.ChargeFor) bool {
	return what == moderation.ChargeForTarget || l.perTarget == (what == moderation.ChargeForMember)
}

func (l *naiveLimiter) level(b naiveBucket) *level {
	if l.levels[b] == nil {
		l.levels[b] = &level{parts: b.limit.burst * int64(b.limit.window)}
	}
	return l.levels[b]
}

// parts returns a level as of a moment, or of the last one where that is later.
func (l *naiveLimiter) parts(b naiveBucket, at time.Time) int64 {
	v, full := l.level(b), b.limit.burst*int64(b.limit.window)
	since := at.Sub(v.last)
	if since <= 0 {
		return v.parts
	}
	since = min(since, 1000*b.limit.window) // enough for any debt in a test
	return min(full, v.parts+int64(since)*b.limit.burst)
}

// wait returns how long to wait until a charge can be drawn.
func (l *naiveLimiter) wait(b naiveBucket, c moderation.Charge) (wait time.Duration, never bool) {
	if b.limit.unit == "open" {
		return 0, false
	}
	if int64(c.Count) > b.limit.burst {
		return 0, true
	}
	lacks := int64(c.Count)*int64(b.limit.window) - l.parts(b, c.Time)
	if lacks <= 0 {
		return 0, false
	}
	wait = time.Duration((lacks + b.limit.burst - 1) / b.limit.burst)
	if back := l.level(b).last.Sub(c.Time); back > 0 {
		wait += back
	}
	return wait, false
}

func (l *naiveLimiter) left(b naiveBucket, at time.Time) int64 {
	if b.limit.unit == "open" {
		return b.limit.burst - l.level(b).open
	}
	return max(0, l.parts(b, at)/int64(b.limit.window))
}

// draw takes a charge from its buckets, below nothing if need be.
func (l *naiveLimiter) draw(c moderation.Charge) {
	for _, b := range l.buckets(c) {
		v := l.level(b)
		if b.limit.unit == "open" {
			v.open++
			l.open[c.Ticket] = append(l.open[c.Ticket], b)
			continue
		}
		v.parts = l.parts(b, c.Time)
		if c.Time.After(v.last) {
			v.last = c.Time
		}
		drawn := int64(c.Count) * int64(b.limit.window)
		if len(c.Overrun) > 0 && len(b.limit.approve) > 0 {
			drawn = min(drawn, max(v.parts, 0))
		}
		v.parts -= drawn
	}
}

func (l *naiveLimiter) Restore(_ context.Context, c moderation.Charge) error {
	if err := checkNaive(c); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw(c)
	return nil
}

func (l *naiveLimiter) Release(_ context.Context, c moderation.Charge) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.open[c.Ticket] {
		l.level(b).open--
	}
	delete(l.open, c.Ticket)
	return nil
}
