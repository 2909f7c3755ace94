package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/internal/typednil"
	"github.com/elevenminutes/interlock/moderation"
)

// ModelConfig is a Casbin model of the host's own, and what a model can't say.
type ModelConfig struct {
	// Model is the text of the Casbin model (model.conf). Required.
	Model string
	// Source is where the rows come from. Required where a matcher reads
	// them. [Adapter] takes any Casbin adapter, and loads it into this model.
	Source Source
	// Request puts a question into the model's terms. Required. An error
	// denies: return one for an actor that the host knows nothing of, rather
	// than values that stand for nobody. It is also called by probes, with
	// logins that nobody has.
	Request func(moderation.Question) (ModelRequest, error)
	// Requirement says what a step needs that the model allows, for the steps
	// that come with a requirement; a Casbin model has no notion of it.
	// Required. An error, and a requirement that is not stated, deny.
	Requirement func(context.Context, moderation.Question) (moderation.Requirement, error)
	// Roles says which roles the actor holds, for the slots of quorums. Where
	// it is nil they are those that g gives to the login, in the target's
	// domain where g has domains; for every domain at once, those held in all.
	Roles func(context.Context, moderation.Question) ([]string, error)
	// RoleDefinitions say, by g, g2 and so on, what the text of a role
	// definition can't.
	RoleDefinitions map[string]ModelRoles
	// Functions are functions that the model's matchers call, besides
	// Casbin's own. Arguments are not to be changed.
	Functions map[string]func(args ...any) (any, error)
	// Steps are the steps that the model answers; all others are denied.
	// Required: no pattern in a row can then reach a step, such as bypass,
	// that nobody thought of.
	Steps []moderation.Step
	// Kinds, Tiers, Labels and Domains are what questions may name, as in
	// [Config]. Kinds and Tiers are required. Without Domains, questions about
	// every domain at once are denied: nobody can tell what they are about.
	Kinds, Tiers, Labels, Domains []string
	// Probes are questions of the host that must be denied: a load that would
	// allow one is refused. The library's own are always asked.
	Probes []moderation.Question
	// MaxStaleness is as in [Config].
	MaxStaleness time.Duration
}

// ModelRequest is what a Casbin model is asked.
type ModelRequest struct {
	// Values are those of the request definition, in its order.
	Values []any
	// Definitions are the names of the request, policy, effect and matcher
	// definition to use; those that are empty stand for r, p, e and m.
	Definitions ModelDefinitions
}

// ModelDefinitions name one definition of each section of a Casbin model, such
// as r2, p2, e2 and m2.
type ModelDefinitions struct {
	Request string // of request_definition
	Policy  string // of policy_definition
	Effect  string // of policy_effect
	Matcher string // of matchers
}

// ModelRoles say what the text of a role definition can't. The functions are
// called by many goroutines at once; one that panics denies.
type ModelRoles struct {
	// Match makes the names in rows patterns: it reports whether a name
	// matches one. Nil compares letter by letter.
	Match func(name, pattern string) bool
	// MatchDomain is the same for domains. Where it is nil, a row whose domain
	// has a * is refused: to Casbin it is a domain like another, except where
	// the matcher m has keyMatch(r.dom, p.dom), which then stands for it.
	MatchDomain func(domain, pattern string) bool
	// Holds says whether a row holds at a moment, by the further columns that
	// the definition has in parentheses. Required where it has some, and only
	// then. An error denies the question.
	Holds func(at time.Time, columns []string) (bool, error)
}

func (c ModelConfig) check() error {
	if c.Model == "" {
		return errors.New("ModelConfig.Model is empty; give the text of a Casbin model")
	}
	if c.Request == nil {
		return errors.New("ModelConfig.Request is missing; it puts a question into the model's terms")
	}
	if c.Requirement == nil {
		return errors.New("ModelConfig.Requirement is missing; a Casbin model does not say what a step needs besides the right to it")
	}
	if len(c.Steps) == 0 {
		return errors.New("ModelConfig.Steps is empty; name the steps that the model answers")
	}
	for i, step := range c.Steps {
		if !isStep(step) {
			return fmt.Errorf("ModelConfig.Steps: %q is no step; %s", step, stepNames().hint(string(step)))
		}
		if slices.Contains(c.Steps[:i], step) {
			return fmt.Errorf("ModelConfig.Steps: %q is named twice", step)
		}
	}
	return c.checkVocabulary()
}

// checkVocabulary holds what the configurations share to the same rules.
func (c ModelConfig) checkVocabulary() error {
	shared := c.shared()
	if typednil.Is(shared.Source) {
		shared.Source = CSV("", "") // a model may do without
	}
	if err := shared.check(); err != nil {
		return fmt.Errorf("Model%w", err)
	}
	words := newVocabulary(shared)
	for i, q := range c.Probes {
		if _, missing := c.malformed(&q, words); missing != "" {
			return fmt.Errorf("ModelConfig.Probes[%d] is denied whatever the model says, so it shows nothing; it needs %s", i, missing)
		}
	}
	return nil
}

// shared is what a policy in our own language is configured with as well.
func (c ModelConfig) shared() Config {
	return Config{
		Source: c.Source, Kinds: c.Kinds, Tiers: c.Tiers, Labels: c.Labels,
		Domains: c.Domains, MaxStaleness: c.MaxStaleness,
	}
}

func (c ModelConfig) clone() ModelConfig {
	c.RoleDefinitions, c.Functions = maps.Clone(c.RoleDefinitions), maps.Clone(c.Functions)
	c.Kinds, c.Tiers = slices.Clone(c.Kinds), slices.Clone(c.Tiers)
	c.Labels, c.Domains = slices.Clone(c.Labels), slices.Clone(c.Domains)
	c.Steps, c.Probes = slices.Clone(c.Steps), slices.Clone(c.Probes)
	for i, q := range c.Probes {
		c.Probes[i] = cloneQuestion(q)
	}
	return c
}

// cloneQuestion returns a question whose slices a host's function may keep.
func cloneQuestion(q moderation.Question) moderation.Question {
	q.Actor.Owners, q.Actor.Labels = slices.Clone(q.Actor.Owners), slices.Clone(q.Actor.Labels)
	q.Target.Owners, q.Target.Conflicts = slices.Clone(q.Target.Owners), slices.Clone(q.Target.Conflicts)
	return q
}

// malformed refuses questions that no model is asked, and says what would be
// needed instead.
func (c *ModelConfig) malformed(q *moderation.Question, words *vocabulary) (moderation.Code, string) {
	switch {
	case !isStep(q.Step):
		return moderation.CodeInvalid, fmt.Sprintf("a known step (%q is none)", q.Step)
	case q.Time.IsZero(), q.Count < 1, q.Duration < 0, q.Since < 0, q.Target.Reach < 0:
		return moderation.CodeInvalid, "a time, at least one target, and a duration, an age and a reach that are not negative"
	case q.Actor.Login == "":
		return moderation.CodeUnknownActor, "a login"
	case checkText(q.Actor.Login) != "" || checkLogin(q.Actor.Login) != "":
		return moderation.CodeUnknownActor, fmt.Sprintf("a login that can stand in a row (%s can't)", quote(q.Actor.Login))
	case !slices.Contains(c.Steps, q.Step):
		return moderation.CodeNoRule, fmt.Sprintf("a model that is asked about %s", q.Step)
	case q.Kind != moderation.Any && !words.knownKind(q.Kind):
		return moderation.CodeUnknownKind, fmt.Sprintf("a kind that the model is asked about (%q is none)", q.Kind)
	case q.Target.Tier != moderation.Any && !words.tiers.set[q.Target.Tier]:
		return moderation.CodeUnknownTier, fmt.Sprintf("a tier that the model is asked about (%q is none)", q.Target.Tier)
	case q.Target.Domain == moderation.Any && len(c.Domains) == 0:
		return moderation.CodeInvalid, "one domain, since ModelConfig names none"
	case q.Target.Domain != moderation.Any && (!words.knownDomain(q.Target.Domain) || checkText(q.Target.Domain) != ""):
		return moderation.CodeInvalid, fmt.Sprintf("a domain that the model is asked about (%s is none)", quote(q.Target.Domain))
	}
	for _, label := range q.Actor.Labels {
		if !words.labels.set[label] {
			return moderation.CodeUnknownLabel, fmt.Sprintf("labels that the model is asked about (%q is none)", label)
		}
	}
	return "", ""
}
