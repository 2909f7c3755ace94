package policy_test

import (
	"testing"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/moderation/moderationtest"
)

func TestModelAuthorizerKeepsItsContract(t *testing.T) {
	t.Parallel()
	nobody := moderation.Requirement{Quorum: moderation.Quorum{None: true}}
	cases := []moderationtest.AuthorizerCase{
		{Name: "a moderator on a normal account", Question: ask("ann"), Allowed: true, Roles: []string{"mod"}, Requirement: &nobody},
		{Name: "a lead on a protected account", Question: ask("lea", tier("protected")), Allowed: true, Roles: []string{"lead", "mod"}, Requirement: &oneSlot},
		{Name: "approval", Question: ask("lea", step(moderation.StepApprove)), Allowed: true, Roles: []string{"lead", "mod"}},
		{Name: "undo", Question: ask("ann", step(moderation.StepUndo), tier("protected")), Allowed: true, Requirement: &oneSlot},
		{Name: "a stranger", Question: ask("eve"), Code: moderation.CodeNoRule, Roles: []string{}},
		{Name: "a moderator on a protected account", Question: ask("ann", tier("protected")), Code: moderation.CodeNoRule, Roles: []string{"mod"}},
		{Name: "a moderator in another domain", Question: ask("ann", domain("de")), Code: moderation.CodeNoRule, Roles: []string{}},
		{Name: "who is barred", Question: ask("bob"), Code: moderation.CodeDenied, Roles: []string{"barred", "mod"}},
		{Name: "a role's name", Question: ask("lead"), Code: moderation.CodeNoRule},
		{Name: "a step that the model is not about", Question: ask("lea", step(moderation.StepBypass)), Code: moderation.CodeNoRule},
	}
	moderationtest.TestAuthorizer(t, func(t *testing.T) moderation.Authorizer {
		return openModel(t, modelConfig(ownModel, ownRows))
	}, cases)
}
