package moderation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Explain answers what would come of an action now: whether it would be
// refused and why, what it would need, which limits it would meet. Nothing is
// charged, recorded or executed. It returns an error only where no answer
// could be found; a refusal is an answer. An actor may ask as often as
// Config.Questions says.
func (g *Guard) Explain(ctx context.Context, a Action) (Explanation, error) {
	return g.explain(ctx, request{step: StepRequest, action: a})
}

// explain answers what would come of a request.
func (g *Guard) explain(ctx context.Context, r request) (Explanation, error) {
	if err := g.enter(ctx); err != nil {
		return Explanation{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	r.action.Parameters = maps.Clone(r.action.Parameters)
	if err := g.validate(&r); err != nil {
		return explained(&findings{}, err)
	}
	if n := g.asked.add(r.action.Actor, now, g.config.Questions); n > g.config.Questions {
		return Explanation{}, &Refusal{Code: CodeTooMuchAsked, RetryAfter: tallyWindow, Text: "Too many questions in a short time."}
	}
	type answer struct {
		findings *findings
		refusal  error
	}
	q := g.inquiry(r.step, now)
	v, err := inquire(ctx, q, func(ctx context.Context) (answer, error) {
		f, err := q.consider(ctx, &r, true)
		return answer{f, err}, nil
	})
	if err != nil {
		return Explanation{}, err
	}
	return explained(v.findings, v.refusal)
}

func explained(f *findings, err error) (Explanation, error) {
	if f.repeated != nil {
		return Explanation{Refusal: &Refusal{Code: CodeAlreadyAsked, Ticket: f.repeated.ID,
			Text: fmt.Sprintf("This was asked for under this key already; ticket %s is %s.", f.repeated.ID, f.repeated.Status)}}, nil
	}
	e := Explanation{
		Requirement: f.decision.Requirement.clone(), Extra: cloneSlots(f.extra), Rules: slices.Clone(f.decision.Rules),
		Limits: slices.Clone(f.usage.Limits), Target: f.target.clone(), Policy: f.decision.Policy,
		Irreversible: f.kind.Name != "" && f.kind.Undo == nil,
	}
	if err == nil {
		return e, nil
	}
	if !errors.As(err, &e.Refusal) || e.Refusal.passing() {
		return Explanation{}, err
	}
	return e, nil
}
