package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// changes reports whether a step leads to a change of the policy, so that both
// versions have a say in it.
func changes(s moderation.Step) bool {
	return s == moderation.StepRequest || s == moderation.StepApprove || s == moderation.StepUndo
}

// byName reports whether only a row that names [moderation.PolicyChangeKind]
// allows a step of it. What looks on or stops it may be allowed by wildcards.
func byName(s moderation.Step) bool { return changes(s) || s == moderation.StepResolve }

// decideChange answers a question about a change of the policy. The version in
// force must allow it, and the other one that the target names as well: the
// proposed one, or, for an undo, the one that comes back.
func (a *Authorizer) decideChange(ctx context.Context, v *version, q moderation.Question) (moderation.Decision, error) {
	d := v.decide(&q)
	if a.config.MaxStaleness > 0 {
		if age := v.age(); age > a.config.MaxStaleness && changes(q.Step) {
			d = v.deny(moderation.CodeStale, fmt.Sprintf("a policy that was loaded in the last %v; this one is %v old", a.config.MaxStaleness, age))
		}
		d.AsOf = v.asOf.Round(0)
	}
	if !d.Allowed || !changes(q.Step) {
		return d, nil
	}
	other, missing, err := a.otherVersion(ctx, v, q)
	var altered *alteredError
	switch {
	case errors.Is(err, ErrNoProposal):
		return v.deny(moderation.CodeDenied, "a version that was proposed, and that is kept"), nil
	case errors.As(err, &altered):
		return v.deny(moderation.CodeDenied, "a proposal that is what its digest says; "+altered.Error()), nil
	case err != nil:
		return moderation.Decision{Policy: v.digest}, fmt.Errorf("policy: decide: %w", err)
	case missing != "":
		return v.deny(moderation.CodeDenied, missing), nil
	}
	return both(d, other.decide(&q)), nil
}

// otherVersion finds the version besides the one in force that a question's
// target names. A target that is none, or is about other versions than the one
// in force, has none: what would have to be so instead is missing.
func (a *Authorizer) otherVersion(ctx context.Context, v *version, q moderation.Question) (other *snapshot, missing string, err error) {
	c := a.changes.Load()
	replaces, proposed, ok := parseTarget(q.Target.ID)
	switch {
	case c == nil:
		return nil, "an authorizer whose policy can be changed (see policy.NewChanges)", nil
	case !ok || replaces == proposed:
		return nil, fmt.Sprintf("a target that names two versions of the policy (%.80q does not)", q.Target.ID), nil
	case v.digest == replaces && q.Step != moderation.StepUndo:
		other, err = c.version(ctx, proposed)
	case v.digest == proposed && q.Step != moderation.StepRequest:
		other, err = c.version(ctx, replaces)
	case q.Step == moderation.StepUndo:
		return nil, fmt.Sprintf("that version %.12s, which the change brought, is in force (%.12s is)", proposed, v.digest), nil
	default:
		return nil, fmt.Sprintf("that version %.12s, which the change replaces, is in force (%.12s is)", replaces, v.digest), nil
	}
	return other, "", err
}

// parseTarget reads the ID of a target that is a change of the policy.
func parseTarget(id string) (replaces, proposed string, ok bool) {
	rest, ok := strings.CutPrefix(id, moderation.PolicyTarget+":")
	replaces, proposed, both := strings.Cut(rest, ":")
	return replaces, proposed, ok && both && isDigest(replaces) && isDigest(proposed)
}

// isDigest reports whether a text is a digest as [Policy.Digest] writes it.
func isDigest(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// both is the decision that two versions take together. Both must allow; who
// holds a role holds it under both; and the quorum is one that contains either,
// so that whoever fills it fills each. It is the first version's decision that is
// refined: its digest and age count.
func both(d, other moderation.Decision) moderation.Decision {
	if !other.Allowed {
		denied := moderation.Decision{Code: other.Code, Policy: d.Policy, AsOf: d.AsOf, Rules: other.Rules, Roles: d.Roles}
		denied.Missing = "under the other version of the policy: " + other.Missing
		return denied
	}
	d.Rules = slices.Concat(d.Rules, other.Rules)
	d.Roles = slices.DeleteFunc(slices.Clone(d.Roles), func(role string) bool { return !slices.Contains(other.Roles, role) })
	if d.Requirement.Quorum.Slots == nil {
		return d // a step that needs nothing
	}
	r, o := d.Requirement, other.Requirement
	d.Requirement = moderation.Requirement{
		Quorum:   moderation.Quorum{Slots: containing(r.Quorum.Slots, o.Quorum.Slots)},
		Hold:     max(r.Hold, o.Hold),
		Deadline: earlier(r.Deadline, o.Deadline),
		Rules:    slices.Concat(r.Rules, o.Rules),
	}
	if d.Requirement.Deadline <= d.Requirement.Hold {
		return moderation.Decision{Code: moderation.CodeNoRequirement, Policy: d.Policy, AsOf: d.AsOf, Rules: d.Requirement.Rules, Roles: d.Roles,
			Missing: fmt.Sprintf("two versions of which the earliest deadline (%v) is longer than the longest hold (%v)", d.Requirement.Deadline, d.Requirement.Hold)}
	}
	return d
}

// containing returns the fewest slots that contain both quorums: of each slot as
// many as the one that has more of it.
func containing(a, b []moderation.Slot) []moderation.Slot {
	all := slices.Clone(a)
	unmatched := slices.Clone(a)
	for _, slot := range b {
		i := slices.IndexFunc(unmatched, func(other moderation.Slot) bool { return sameSlot(slot, other) })
		if i < 0 {
			all = append(all, slot)
			continue
		}
		unmatched = slices.Delete(unmatched, i, i+1)
	}
	return all
}

// sameSlot reports whether two slots name the same roles, in any order.
func sameSlot(a, b moderation.Slot) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

// earlier returns the shorter of two deadlines, of which zero is none.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
