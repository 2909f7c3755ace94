package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

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
