package moderation

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// PolicyChangeKind is the kind of the tickets under which the policy itself is
// changed: the only kind of the library's own that a host registers, with the
// handlers that its policy gives (see package policy, Changes). Its actions
// have the target [PolicyTarget] and the parameters [PolicyReplaces] and
// [PolicyProposed]. Whatever the authorizer says, a change of the policy, and
// its undo, takes at least one approval, and nobody who is leaving may ask.
const PolicyChangeKind = "interlock.policy.change"

// PolicyTarget is the canonical ID under which changes of the policy stand.
// The [Authorizer] is asked about it followed by the digests of the version
// that is replaced and of the one that is proposed, each behind a colon, at
// every tier and in every domain ([Any]).
const PolicyTarget = "interlock.policy"

// The parameters of a change of the policy: digests as 64 hexadecimal digits
// in lower case.
const (
	PolicyReplaces = "replaces" // the version that the change replaces
	PolicyProposed = "proposed" // the version that it puts in its place
)

// locatePolicy finds the policy, which no directory knows.
func (q *inquiry) locatePolicy(ctx context.Context, f *findings) (err error) {
	if f.head, err = q.head(ctx, PolicyTarget); err != nil {
		return err
	}
	if f.target, f.subject, err = policyTarget(f.action); err != nil {
		return err
	}
	return mayTouch(f.actor, f.target)
}

// policyTarget is what the authorizer is asked about a change of the policy,
// and what the change is recorded under. All changes are about one subject, so
// that no two are executed at once.
func policyTarget(a Action) (Target, Subject, error) {
	if a.Target != PolicyTarget {
		return Target{}, Subject{}, &Refusal{Code: CodeUnknownTarget, Field: "Action.Target", Text: fmt.Sprintf("A change of the policy has the target %s, not %q.", PolicyTarget, a.Target)}
	}
	if a.Tier != "" {
		return Target{}, Subject{}, &Refusal{Code: CodeTierMismatch, Field: "Action.Tier", Text: "The policy is of no tier; leave it out."}
	}
	if len(a.Parameters) != 2 { // what else was said here would be approved as if it were true
		return Target{}, Subject{}, invalid("Action.Parameters", "of a change of the policy are "+PolicyReplaces+" and "+PolicyProposed+", and no others")
	}
	id := PolicyTarget
	for _, name := range []string{PolicyReplaces, PolicyProposed} {
		digest := a.Parameters[name]
		if !isDigest(digest) {
			return Target{}, Subject{}, invalid("Action.Parameters", fmt.Sprintf("has as %s %.70q; the digest of a policy is needed", name, digest))
		}
		id += ":" + digest
	}
	return Target{ID: id, Tier: Any, Domain: Any}, Subject{ID: PolicyTarget, Tier: Any, Domain: Any}, nil
}

// isDigest reports whether a text is a SHA-256 as it is written.
func isDigest(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == 64 && strings.ToLower(text) == text
}

// changesPolicy holds a change of the policy against what no policy can leave
// out: somebody else, and nobody who is leaving.
func (f *findings) changesPolicy() error {
	switch {
	case f.kind.Name != PolicyChangeKind:
		return nil
	case slices.Contains(f.actor.Labels, LabelLeaving):
		return &Refusal{Code: CodeLeaving, Text: fmt.Sprintf("The person behind %q is leaving; a leaver does not change the policy.", f.actor.Login)}
	case len(f.decision.Requirement.Quorum.Slots)+len(f.extra) == 0:
		return &Refusal{Code: CodeNoRequirement, Rules: slices.Clone(f.decision.Requirement.Rules), Policy: f.decision.Policy,
			Text:   "Nobody changes the policy alone; but the policy asks for no approval.",
			Needed: "a rule that asks for at least one approval"}
	}
	return nil
}
