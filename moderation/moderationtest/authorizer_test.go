package moderationtest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestAuthorizerDoubleAnswersAsTold(t *testing.T) {
	t.Parallel()
	a := moderationtest.NewAuthorizer(t)
	set := moderation.Decision{Allowed: true, Policy: "p", Roles: []string{"lead"}, Rules: []moderation.Rule{{Source: "1"}},
		Requirement: moderation.Requirement{Quorum: moderation.Quorum{Slots: []moderation.Slot{{"lead"}}}}}
	a.Set("alice", moderation.StepApprove, set)
	a.AnswerWith(func(q moderation.Question) (moderation.Decision, error) {
		return moderation.Decision{Missing: q.Actor.Login}, errBoom
	})
	q := moderation.Question{Step: moderation.StepApprove, Actor: moderation.Actor{Login: "alice", Labels: []string{"new"}}}
	got, err := a.Decide(t.Context(), q)
	if d := cmp.Diff(set, got); err != nil || d != "" {
		t.Errorf("Decide of what was set: got error %v (-want +got):\n%s", err, d)
	}
	got.Roles[0], got.Requirement.Quorum.Slots[0][0] = "changed", "changed"
	if again, _ := a.Decide(t.Context(), q); !cmp.Equal(set, again) {
		t.Errorf("Decide shares what was set with its answers: %+v", again)
	}
	q.Actor.Labels[0] = "changed"
	if kept := a.OnDecide.Calls()[0].Actor.Labels[0]; kept != "new" {
		t.Errorf("the seam keeps the caller's slices: %q", kept)
	}
	q.Step = moderation.StepReject
	if got, err := a.Decide(t.Context(), q); !errors.Is(err, errBoom) || got.Missing != "alice" {
		t.Errorf("Decide of what was not set: got %+v and %v, want what AnswerWith says", got, err)
	}
	a.AnswerWith(nil)
	if got, err := a.Decide(t.Context(), q); err != nil || got.Allowed {
		t.Errorf("Decide after AnswerWith(nil): got %+v and %v, want a denial", got, err)
	}
}
