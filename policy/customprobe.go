package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// nobody is a name that nobody and nothing has.
const nobody = "interlock.stranger"

// Bounds of a load's probes: how many rows Casbin looks at for them, and how
// many are asked however many rows there are.
const (
	maxProbedRows = 1 << 21
	minProbes     = 256
)

// ProbeError says that a model allows what it must deny, so that a load was
// refused.
type ProbeError struct {
	// Question is what was asked; zero where the model was asked without one.
	Question moderation.Question
	// Values are those of the request that Casbin was asked.
	Values []any
	// Rules are the rows, or the matcher, that allowed it.
	Rules []moderation.Rule
	// Own says that the question is one of ModelConfig.Probes.
	Own bool
}

// Error says what was allowed to whom, by which row, and how to mend it.
func (e *ProbeError) Error() string {
	var by []string
	for _, rule := range e.Rules {
		by = append(by, rule.Source+": "+rule.Text)
	}
	q := e.Question
	if q.Step == "" {
		return fmt.Sprintf("the model allows a request of nothing but %q, by %s; let the matcher compare who asks with a row", e.Values, strings.Join(by, "; "))
	}
	who, mend := fmt.Sprintf("%q, a login that nobody has,", q.Actor.Login), "let the matcher compare who asks with a row, or let ModelConfig.Request return an error for an actor that the host does not know"
	if e.Own {
		who, mend = fmt.Sprintf("%q", q.Actor.Login), "mend the row, or take the question out of ModelConfig.Probes"
	}
	return fmt.Sprintf("the model allows %s to %s %s, by %s; %s", who, q.Step, place(q.Kind, q.Target.Tier, q.Target.Domain), strings.Join(by, "; "), mend)
}

// probe asks what must be denied. An error is as good as a denial: it denies
// the same question later.
func (v *modelVersion) probe(ctx context.Context) error {
	if err := v.probeRaw(); err != nil {
		return err
	}
	for _, q := range v.config.Probes {
		if d, err := v.judge(ctx, q); err == nil && d.Allowed {
			return &ProbeError{Question: cloneQuestion(q), Rules: d.Rules, Own: true}
		}
	}
	for _, q := range v.strangers() {
		if err := ctx.Err(); err != nil {
			return err
		}
		request, err := v.config.Request(cloneQuestion(q))
		if err != nil {
			continue
		}
		if answer, err := v.ask(q.Time, request); err == nil && answer.allowed {
			return &ProbeError{Question: q, Values: slices.Clone(request.Values), Rules: answer.rules}
		}
	}
	return nil
}

// probeRaw asks each matcher about nothing and about strangers, past the
// host's function, which may refuse what a later version of it lets through.
func (v *modelVersion) probeRaw() error {
	for key, read := range v.model.matchers {
		use := ModelDefinitions{Request: orElse(read.request, "r"), Policy: orElse(read.policy, "p"), Matcher: key}
		for effect := range v.model.parsed["e"] {
			use.Effect = effect
			for _, name := range []string{"", nobody} {
				values := make([]any, len(v.model.parsed["r"][use.Request].Tokens))
				for i := range values {
					values[i] = name
				}
				if answer, err := v.ask(v.asOf, ModelRequest{values, use}); err == nil && answer.allowed {
					return &ProbeError{Values: values, Rules: answer.rules}
				}
			}
		}
	}
	return nil
}

// strangers are questions of logins that nobody has. Every step and kind is
// asked about: with every tier and domain where they are not too many, else
// with some, in turn. The empty login, which Decide denies by itself, asks about
// one of them.
func (v *modelVersion) strangers() []moderation.Question {
	kinds, tiers, domains := withStranger(v.config.Kinds), withStranger(v.config.Tiers), withStranger(v.domains())
	most := max(minProbes, maxProbedRows/(len(v.rows)+1))
	places := min(len(tiers)*len(domains), max(1, most/(len(v.config.Steps)*len(kinds))))
	var all []moderation.Question
	turn := 0
	for _, step := range v.config.Steps {
		for _, kind := range kinds {
			for range places {
				tier, domain := tiers[turn%len(tiers)], domains[turn/len(tiers)%len(domains)]
				all = append(all, v.strange(nobody, step, kind, tier, domain))
				turn++
			}
			all = append(all, v.strange("", step, kind, tiers[turn%len(tiers)], domains[turn%len(domains)]))
		}
	}
	return all
}

func withStranger(names []string) []string { return append(slices.Clone(names), nobody) }

func (v *modelVersion) strange(login string, step moderation.Step, kind, tier, domain string) moderation.Question {
	return moderation.Question{
		Step:     step,
		Actor:    moderation.Actor{Login: login, Person: login, Type: moderation.Human, Status: moderation.Active},
		Kind:     kind,
		Target:   moderation.Target{ID: nobody, Tier: tier, Domain: domain},
		Duration: time.Hour,
		Count:    1,
		Time:     v.asOf,
	}
}

// maxProbedDomains bounds how many of the domains that rows name are probed.
const maxProbedDomains = 32

// domains are those of the configuration, else some that roles are granted in.
func (v *modelVersion) domains() []string {
	if len(v.config.Domains) > 0 {
		return v.config.Domains
	}
	seen, list := make(map[string]bool), []string(nil)
	for _, row := range v.rows {
		if d := v.model.roles[row.Type]; d.domains && !seen[row.Fields[2]] && len(list) < maxProbedDomains {
			seen[row.Fields[2]] = true
			list = append(list, row.Fields[2])
		}
	}
	return list
}
