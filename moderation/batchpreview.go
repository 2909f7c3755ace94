package moderation

import (
	"context"
	"crypto/rand"
	"slices"
)

// BatchExplanation answers what would come of a batch, without effect.
type BatchExplanation struct {
	// Explanation is as for one action; Requirement is what all members' tiers
	// and domains need together.
	Explanation
	Members    *MemberSet   // as resolved; nil where none is known
	Duplicates int          // names that stood for a target named before
	Classes    []BatchClass // the members by tier and domain
	Reach      int64        // how many people in all
	Protected  Some         // members of a higher tier than was stated
	Unknown    Some         // names that are not known
	Own        Some         // the requester's own, or in conflict of interest
	Standing   int          // members on which the same stands already
}

// PreviewBatch answers what would come of a batch now, and who its members are.
// Nothing is charged, recorded or executed. Like Explain it returns an error only
// where no answer could be found, and an actor may ask as often as
// Config.Questions says.
func (g *Guard) PreviewBatch(ctx context.Context, r BatchRequest) (BatchExplanation, error) {
	if err := g.enter(ctx); err != nil {
		return BatchExplanation{}, err
	}
	defer g.exit()
	now, _ := g.clock.now()
	asked := request{step: StepRequest, action: r.Action}
	if err := g.validateBatch(&asked, r); err != nil {
		return explainedBatch(batchFindings{findings: &findings{}}, err)
	}
	if n := g.asked.add(r.Action.Actor, now, g.config.Questions); n > g.config.Questions {
		return BatchExplanation{}, &Refusal{Code: CodeTooMuchAsked, RetryAfter: tallyWindow, Text: "Too many questions in a short time."}
	}
	asked.id = rand.Text()
	found, err := g.considerBatch(ctx, &asked, r, true)
	return explainedBatch(found, err)
}

func explainedBatch(found batchFindings, err error) (BatchExplanation, error) {
	e, err := explained(found.findings, err)
	if err != nil {
		return BatchExplanation{}, err
	}
	all := BatchExplanation{Explanation: e, Members: found.names.set, Unknown: found.names.unknown}
	if found.names.set != nil {
		all.Duplicates = found.names.names - found.names.unknown.Count - found.names.set.Len()
	}
	if s := found.survey; s != nil {
		all.Classes, all.Reach, all.Protected, all.Own, all.Standing = slices.Clone(s.classes), s.reach, s.protected, s.theirs, s.standing
	}
	return all, nil
}
