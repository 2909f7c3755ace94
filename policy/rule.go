package policy

import (
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// rule is a p row: a role may take a step, or a role or label may not.
type rule struct {
	row   int    // its number
	role  string // empty where label is not
	label string // without its @
	step  moderation.Step
	scope scope
	deny  bool
}

// allSteps is the step of a deny row for every step.
const allSteps moderation.Step = "*"

// The effects, letter by letter as Casbin compares them.
const (
	effectAllow = "allow"
	effectDeny  = "deny"
)

func parseRule(a *at, v *vocabulary) *rule {
	f := a.row.Fields
	r := &rule{row: a.number, deny: f[5] == effectDeny}
	if f[5] != effectAllow && f[5] != effectDeny {
		a.wrong("eft", f[5], "is neither allow nor deny (eft, the effect, is a p row's last column)")
	}
	r.parseSubject(a, v, f[0])
	r.parseStep(a, f[1])
	r.scope = parseScope(a, v, f[2], f[3], f[4])
	r.scope.checkFrozen(a)
	r.checkBypass(a)
	return r
}

func (r *rule) parseSubject(a *at, v *vocabulary, text string) {
	label, isLabel := strings.CutPrefix(text, "@")
	switch {
	case !isLabel:
		r.role = text
		if problem := checkRole(text); problem != "" {
			a.wrong("role", text, "%s", problem)
		}
	case !v.labels.set[label]:
		a.wrong("role", text, "is no label; %s", v.labels.hint(label))
	case !r.deny:
		a.wrong("role", text, "is a label in a row that allows; labels never grant, name a role")
	default:
		r.label = label
	}
}

func (r *rule) parseStep(a *at, text string) {
	r.step = moderation.Step(text)
	switch {
	case r.step == allSteps && !r.deny:
		a.wrong("step", text, "would allow bypass too; write a row for each step")
	case r.step != allSteps && !isStep(r.step):
		a.wrong("step", text, "is no step; %s", stepNames().hint(text))
	}
}

// checkBypass refuses to break the glass by wildcard: who may do without
// approvals is said for named kinds and tiers.
func (r *rule) checkBypass(a *at) {
	if r.deny || r.step != moderation.StepBypass {
		return
	}
	if r.scope.kind.form == all {
		a.wrong("kind", "*", "is a wildcard for bypass; name the kinds")
	}
	if r.scope.tier.form == all {
		a.wrong("tier", "*", "is a wildcard for bypass; name the tier")
	}
}

func isStep(s moderation.Step) bool { return slices.Contains(moderation.Steps(), s) }

func stepNames() names {
	var list []string
	for _, s := range moderation.Steps() {
		list = append(list, string(s))
	}
	return newNames(list)
}
