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
	q := &inquiry{g: g, now: now, bound: g.config.MaxStaleness}
	if step == StepUndo {
		q.bound = g.config.MaxUndoStaleness
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

// actor asks the directory about a login, and adds what the guard derives.
func (q *inquiry) actor(ctx context.Context, login string) (Actor, error) {
	if err := q.ask(ctx, &askedDirectory); err != nil {
		return Actor{}, err
	}
	a, err := q.g.config.Directory.Actor(ctx, login)
	switch {
	case errors.Is(err, ErrUnknownActor):
		return Actor{}, &Refusal{Code: CodeUnknownActor, Text: fmt.Sprintf("Nobody is known by the login %q.", login), Err: err}
	case err != nil:
		return Actor{}, unavailable(CodeDirectory, err)
	case a.Login != login:
		return Actor{}, lied(CodeDirectory, "asked about login %q, it answered about %q", login, a.Login)
	case a.Person == "" || a.Status == "" || !a.LastDay.Known():
		return Actor{}, lied(CodeDirectory, "the answer about login %q lacks its person, status or last day (NoLastDay says that there is none)", login)
	case checkName("person", a.Person, true) != nil || !properNames(a.Owners):
		return Actor{}, lied(CodeDirectory, "the person behind login %q, or an owner, is no proper name: %q, %q", login, a.Person, a.Owners)
	case slices.ContainsFunc(a.Labels, func(label string) bool { return label == "" || label[0] == '@' }):
		return Actor{}, lied(CodeDirectory, "a label of login %q is empty or has its @; labels are given without", login)
	case a.Type != Human && a.Type != Service:
		return Actor{}, lied(CodeDirectory, "login %q is of type %q; human or service is needed", login, a.Type)
	}
	if err := q.fresh(CodeDirectory, a.AsOf); err != nil {
		return Actor{}, err
	}
	return q.derive(a), nil
}

// properNames reports whether persons can be told apart by their names.
func properNames(persons []string) bool {
	return !slices.ContainsFunc(persons, func(p string) bool { return checkName("person", p, true) != nil })
}

// derive adds the labels that the guard alone gives.
func (q *inquiry) derive(a Actor) Actor {
	leaving := false
	if end, ok := a.LastDay.End(); ok && !q.now.Before(end.Add(-q.g.config.Notice)) {
		leaving = true
	}
	if !leaving && a.Type != Service {
		return a
	}
	a.Labels = slices.Clone(a.Labels)
	if leaving && !slices.Contains(a.Labels, LabelLeaving) {
		a.Labels = append(a.Labels, LabelLeaving)
	}
	if a.Type == Service && !slices.Contains(a.Labels, LabelService) {
		a.Labels = append(a.Labels, LabelService)
	}
	return a
}

// mayAct holds an actor against what no policy can allow.
func (q *inquiry) mayAct(a Actor) error {
	if a.Status != Active {
		return &Refusal{Code: CodeInactive, Text: fmt.Sprintf("The login %q is %s.", a.Login, a.Status)}
	}
	if end, ok := a.LastDay.End(); ok && !q.now.Before(end) {
		return pastLastDay(a, end)
	}
	return nil
}

func pastLastDay(a Actor, end time.Time) *Refusal {
	return &Refusal{Code: CodePastLastDay, Text: fmt.Sprintf("The last day of the person behind %q ended on %s.", a.Login, end.Format(time.RFC1123Z))}
}

// resolve asks which target a handle stands for.
func (q *inquiry) resolve(ctx context.Context, handle string) (string, error) {
	if err := q.ask(ctx, &askedDirectory); err != nil {
		return "", err
	}
	id, err := q.g.config.Directory.Resolve(ctx, handle)
	switch {
	case errors.Is(err, ErrUnknownTarget):
		return "", &Refusal{Code: CodeUnknownTarget, Text: fmt.Sprintf("Nothing is known by the name %q.", handle), Err: err}
	case err != nil:
		return "", unavailable(CodeDirectory, err)
	}
	if err := checkName("the target's ID", id, true); err != nil {
		return "", unavailable(CodeDirectory, err)
	}
	return id, nil
}

// target asks about a canonical ID. The highest tier seen lately counts.
func (q *inquiry) target(ctx context.Context, id string, head Head) (Target, Subject, error) {
	if err := q.ask(ctx, &askedDirectory); err != nil {
		return Target{}, Subject{}, err
	}
	t, err := q.g.config.Directory.Target(ctx, id)
	switch {
	case errors.Is(err, ErrUnknownTarget):
		return Target{}, Subject{}, &Refusal{Code: CodeUnknownTarget, Text: fmt.Sprintf("The target %q is not known any more.", id), Err: err}
	case err != nil:
		return Target{}, Subject{}, unavailable(CodeDirectory, err)
	case t.ID != id:
		return Target{}, Subject{}, lied(CodeDirectory, "asked about target %q, it answered about %q", id, t.ID)
	case checkName("domain", t.Domain, true) != nil || t.Domain == Any || t.Reach < 0:
		return Target{}, Subject{}, lied(CodeDirectory, "the answer about target %q has no proper domain, or a negative reach", id)
	case !properNames(t.Owners) || !properNames(t.Conflicts):
		return Target{}, Subject{}, lied(CodeDirectory, "an owner of target %q, or a person with a conflict, is no proper name", id)
	}
	if err := q.fresh(CodeDirectory, t.AsOf); err != nil {
		return Target{}, Subject{}, err
	}
	rank := slices.Index(q.g.config.Tiers, t.Tier)
	if rank < 0 {
		return Target{}, Subject{}, &Refusal{Code: CodeUnknownTier, Text: fmt.Sprintf("The tier %q of %s is not one of the service's tiers.", t.Tier, id)}
	}
	subject := Subject{ID: id, Tier: t.Tier, Domain: t.Domain, Reach: t.Reach, TierSeen: q.now}
	if slices.Index(q.g.config.Tiers, head.Tier) > rank && q.now.Sub(head.TierSeen) < q.g.config.Lately {
		subject.Tier, subject.TierSeen = head.Tier, head.TierSeen
		t.Tier = head.Tier
	}
	return t, subject, nil
}

// mayTouch keeps people from what is theirs, and from what they have a
// conflict of interest with. Both persons are held against it: the one behind
// the login, and every owner of a service.
func mayTouch(a Actor, t Target) error {
	for _, person := range append([]string{a.Person}, a.Owners...) {
		if person == t.ID || slices.Contains(t.Owners, person) || a.Login == t.ID {
			return &Refusal{Code: CodeSelf, Text: fmt.Sprintf("%s belongs to the person behind %q; nobody acts on what is their own.", t.ID, a.Login)}
		}
		if slices.Contains(t.Conflicts, person) {
			return &Refusal{Code: CodeConflictOf, Text: fmt.Sprintf("The person behind %q has declared a conflict of interest with %s.", a.Login, t.ID)}
		}
	}
	return nil
}

// fresh refuses facts that are too old, or from the future.
func (q *inquiry) fresh(code Code, asOf time.Time) error {
	if asOf.IsZero() {
		return nil
	}
	age := q.now.Sub(asOf)
	if age > q.bound || age < -q.g.config.MaxStaleness {
		return &Refusal{Code: CodeStale, Text: dependencyText[code], Err: fmt.Errorf("its facts are %v old; at most %v is allowed", age, q.bound)}
	}
	if age > q.g.config.MaxStaleness {
		q.stale.Store(true)
	}
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
		return Ticket{}, &Refusal{Code: CodeNoTicket, Field: "Ticket", Text: fmt.Sprintf("There is no ticket %q.", id), Err: err}
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
