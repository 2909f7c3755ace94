package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Policy is the version in force.
type Policy struct {
	Digest string `json:"digest"`
	Text   string `json:"text"` // as CSV
}

// text is a policy as CSV.
func text(p *policy.Policy) string {
	var lines strings.Builder
	for row := range p.Rows() {
		fmt.Fprintln(&lines, row)
	}
	return lines.String()
}

// changePolicy asks for a version of the policy. It is in force when others have
// approved it. Only who is one of the staff may put forward rows, which are kept.
func (r *Replica) changePolicy(ctx context.Context, actor string, in request) (moderation.Ticket, error) {
	if _, err := (directory{r.accounts}).Actor(ctx, actor); err != nil {
		return moderation.Ticket{}, fmt.Errorf("%w: %w", moderation.ErrDenied, err)
	}
	next, err := policy.Load(ctx, policy.Config{
		Source: policy.CSV("the request", in.Policy), Kinds: []string{moderation.Suspend}, Tiers: tiers,
	})
	if err != nil {
		return moderation.Ticket{}, fmt.Errorf("%w: %w", moderation.ErrInvalid, err)
	}
	proposal, err := r.changes.Propose(ctx, slices.Collect(next.Rows()))
	if err != nil {
		return moderation.Ticket{}, err
	}
	a := proposal.Action()
	a.Actor, a.Reason, a.Case, a.Key = actor, in.Reason, in.Case, in.Key
	return r.guard.Do(ctx, a)
}
