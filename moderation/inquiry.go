package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// inquiry asks the dependencies on behalf of one verb, and believes none of
// them: every answer is held against the question. It remembers whom it asked
// last, so that who hung can be named.
type inquiry struct {
	g     *Guard
	now   time.Time
	asked atomic.Pointer[Code]
	stale atomic.Bool // something was older than MaxStaleness, yet allowed
	// bound is the most that facts may be out of date.
	bound time.Duration
}

// The dependencies that an inquiry asks.
var (
	askedDirectory = CodeDirectory
	askedPolicy    = CodePolicy
	askedLimiter   = CodeLimiter
	askedStore     = CodeStore
)

// dependencyText says for people which dependency is meant.
var dependencyText = map[Code]string{
	CodeDirectory: "The directory of people and accounts did not give a usable answer.",
	CodePolicy:    "The policy did not give a usable answer.",
	CodeLimiter:   "The limits could not be checked.",
	CodeStore:     "The tickets could not be read or written.",
	CodeTrail:     "The audit trail could not be written, and nothing may happen unrecorded.",
	CodeNoRoom:    "The audit trail has no room for this, and nothing may happen unrecorded.",
}

// unavailable is the refusal for a dependency that failed or lied.
func unavailable(code Code, err error) *Refusal {
	return &Refusal{Code: code, Text: dependencyText[code], Err: err}
}

// lied is the refusal for an answer that contradicts the question.
func lied(code Code, format string, args ...any) *Refusal {
	return unavailable(code, fmt.Errorf(format, args...))
}

// inquiry begins the questions of one verb.
func (g *Guard) inquiry(step Step, now time.Time) *inquiry {
	q := &inquiry{g: g, now: now, bound: g.config.MaxUndoStaleness}
	switch step {
	case StepRequest, StepApprove, StepBypass, StepUnfreeze:
		q.bound = g.config.MaxStaleness // what restricts, or lets restrict
	}
	return q
}

// inquire asks questions in one bounded call. Errors that are no refusals are
// laid at the door of the dependency that was asked last.
func inquire[T any](ctx context.Context, q *inquiry, ask func(context.Context) (T, error)) (T, error) {
	value, err := bounded(ctx, q.g.config.DecideTimeout, ask)
	if err == nil {
		return value, nil
	}
	var zero T
	if cause := gone(ctx); cause != nil {
		return zero, gaveUp(cause)
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return zero, refusal
	}
	code := CodeStore
	if asked := q.asked.Load(); asked != nil {
		code = *asked
	}
	return zero, unavailable(code, err)
}

// gaveUp is the refusal for a caller who is gone before anything was begun.
func gaveUp(cause error) *Refusal {
	return &Refusal{Code: CodeCancelled, Text: "The request was given up before anything was done.", Err: cause}
}

// ask notes who is asked next. It returns an error once the guard has stopped
// waiting: what answered too late must not lead to further questions.
func (q *inquiry) ask(ctx context.Context, whom *Code) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.asked.Store(whom)
	return nil
}

// decide asks the authorizer and returns only what allows: a denial is a
// refusal.
func (q *inquiry) decide(ctx context.Context, question Question) (Decision, error) {
	if err := q.ask(ctx, &askedPolicy); err != nil {
		return Decision{}, err
	}
	question.Time = q.now
	d, err := q.g.config.Authorizer.Decide(ctx, question)
	switch {
	case err != nil:
		return Decision{}, unavailable(CodePolicy, err)
	case d.Policy == "":
		return Decision{}, lied(CodePolicy, "the answer names no policy")
	case d.Allowed && d.Code != "":
		return Decision{}, lied(CodePolicy, "the answer allows, and says why not: %s", d.Code)
	}
	if err := q.fresh(CodePolicy, d.AsOf); err != nil {
		return Decision{}, err
	}
	if !d.Allowed {
		return d, denied(question, d)
	}
	if !question.Step.Required() {
		return d, nil
	}
	if err := d.Requirement.Check(); err != nil {
		return Decision{}, &Refusal{Code: CodeNoRequirement, Text: "The policy allows this but does not say who must approve it.", Rules: slices.Clone(d.Rules), Policy: d.Policy, Err: err}
	}
	return d, nil
}

// denied renders a denial for people.
func denied(question Question, d Decision) *Refusal {
	code := d.Code
	if code == "" {
		code = CodeDenied
	}
	text := fmt.Sprintf("No rule lets %q %s %s on a target of tier %s.", question.Actor.Login, question.Step, question.Kind, question.Target.Tier)
	if len(d.Rules) > 0 && code == CodeDenied {
		text = fmt.Sprintf("A rule forbids %q to %s %s on a target of tier %s.", question.Actor.Login, question.Step, question.Kind, question.Target.Tier)
	}
	return &Refusal{Code: code, Text: text, Rules: slices.Clone(d.Rules), Policy: d.Policy, Needed: d.Missing}
}

// charge asks the limiter, with or without effect.
func (q *inquiry) charge(ctx context.Context, c Charge, peek bool) (Usage, error) {
	if err := q.ask(ctx, &askedLimiter); err != nil {
		return Usage{}, err
	}
	c.Time = q.now
	ask := q.g.config.Limiter.Take
	if peek {
		ask = q.g.config.Limiter.Peek
	}
	u, err := ask(ctx, c)
	switch {
	case err != nil:
		return Usage{}, unavailable(CodeLimiter, err)
	case u.Allowed && (u.Never || len(u.Over) > 0):
		return Usage{}, lied(CodeLimiter, "the answer allows, and says what would be needed")
	case len(u.Over) > 0 && !(Quorum{Slots: u.Over}).valid():
		return Usage{}, lied(CodeLimiter, "the answer asks for a slot that names no role")
	case !u.Allowed && u.RetryAfter < 0:
		return Usage{}, lied(CodeLimiter, "its retry-after is negative: %v", u.RetryAfter)
	}
	return u, nil
}

// limited is the refusal for an exhausted limit.
func limited(u Usage) *Refusal {
	r := &Refusal{Code: CodeLimited, Text: "A limit on this kind of action is exhausted.", RetryAfter: u.RetryAfter}
	if u.Never {
		r.Code, r.Text, r.RetryAfter = CodeNeverFits, "This is more than the limit ever allows at once.", 0
	}
	if len(u.Limits) > 0 {
		r.Rules = []Rule{u.Limits[0].Rule}
		r.Text = fmt.Sprintf("%s The limit is on %s, for %s; %d are left.", r.Text, u.Limits[0].Unit, u.Limits[0].Key, u.Limits[0].Left)
	}
	if len(u.Over) > 0 {
		r.Needed = "approval by " + slotsText(u.Over)
	}
	return r
}

// ticket asks the store for a ticket.
func (q *inquiry) ticket(ctx context.Context, id string) (Ticket, error) {
	if err := q.ask(ctx, &askedStore); err != nil {
		return Ticket{}, err
	}
	t, err := q.g.store.Ticket(ctx, id)
	switch {
	case errors.Is(err, ErrNoTicket):
		return Ticket{}, &Refusal{Code: CodeNoTicket, Field: "Ticket", Text: fmt.Sprintf("There is no ticket %.60q.", id), Err: ErrNoTicket}
	case err != nil:
		return Ticket{}, unavailable(CodeStore, err)
	case t.ID != id:
		return Ticket{}, lied(CodeStore, "asked for ticket %s, it answered with %s", id, t.ID)
	}
	return t, nil
}

// head asks the store how a target stands.
func (q *inquiry) head(ctx context.Context, id string) (Head, error) {
	if err := q.ask(ctx, &askedStore); err != nil {
		return Head{}, err
	}
	h, err := q.g.store.Head(ctx, id)
	if err != nil {
		return Head{}, unavailable(CodeStore, err)
	}
	return h, nil
}
