package moderationtest

import (
	"context"
	"slices"
	"sync"

	"github.com/elevenminutes/interlock/moderation"
)

// Authorizer is a [moderation.Authorizer] that answers as it was told. What it
// was not told, and the zero Authorizer, it denies with
// [moderation.CodeNoRule]; what hangs in the zero Authorizer is let go by
// LetGo only.
type Authorizer struct {
	// OnDecide is the seam of Decide. The questions it keeps are copies.
	OnDecide Seam[moderation.Question, moderation.Decision]

	mu     sync.Mutex
	set    map[loginStep]moderation.Decision
	answer func(moderation.Question) (moderation.Decision, error)
}

type loginStep struct {
	login string
	step  moderation.Step
}

// NewAuthorizer returns an authorizer that denies everything. What hangs
// in it is let go at the end of the test.
func NewAuthorizer(t Cleaner) *Authorizer {
	a := new(Authorizer)
	t.Cleanup(a.LetGo)
	return a
}

// Set makes d the answer, as it is, to every question about one login and
// step. It comes before AnswerWith.
func (a *Authorizer) Set(login string, step moderation.Step, d moderation.Decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.set == nil {
		a.set = make(map[loginStep]moderation.Decision)
	}
	a.set[loginStep{login, step}] = d
}

// AnswerWith makes answer what answers all that was not Set. It may be called
// by many goroutines at once. Nil denies.
func (a *Authorizer) AnswerWith(answer func(moderation.Question) (moderation.Decision, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
}

// Decide answers as it was told, and denies what it was not told.
func (a *Authorizer) Decide(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
	return a.OnDecide.call(ctx, cloneQuestion(q), func(ctx context.Context) (moderation.Decision, error) {
		if err := ctx.Err(); err != nil {
			return moderation.Decision{}, err
		}
		d, ok, answer := a.told(q)
		if ok {
			return d, nil
		}
		if answer != nil {
			return answer(q)
		}
		return moderation.Decision{Code: moderation.CodeNoRule, Policy: "moderationtest"}, nil
	})
}

func (a *Authorizer) told(q moderation.Question) (moderation.Decision, bool, func(moderation.Question) (moderation.Decision, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, ok := a.set[loginStep{q.Actor.Login, q.Step}]
	return cloneDecision(d), ok, a.answer
}

// LetGo lets go every call that hangs, now and later.
func (a *Authorizer) LetGo() { a.OnDecide.LetGo() }

func cloneQuestion(q moderation.Question) moderation.Question {
	q.Actor, q.Target = cloneActor(q.Actor), cloneTarget(q.Target)
	return q
}

func cloneDecision(d moderation.Decision) moderation.Decision {
	d.Rules, d.Roles = slices.Clone(d.Rules), slices.Clone(d.Roles)
	d.Requirement.Rules = slices.Clone(d.Requirement.Rules)
	d.Requirement.Quorum.Slots = slices.Clone(d.Requirement.Quorum.Slots)
	for i, slot := range d.Requirement.Quorum.Slots {
		d.Requirement.Quorum.Slots[i] = slices.Clone(slot)
	}
	return d
}
