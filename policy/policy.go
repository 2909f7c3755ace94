package policy

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// Policy is one version of a policy, validated whole and compiled. It never
// changes: what is asked of it today it answers in a year. Make one with [Load]
// or take the one in force from an [Authorizer]; the zero Policy and a nil one
// deny everything and hold no rows.
//
// All methods may be called by many goroutines at once. What they return is the
// caller's: changing it changes no policy.
type Policy struct {
	compiled *snapshot
}

// Load loads and validates a policy as [Open] does, for tools and tests. It
// pays no regard to the fields of Config that say which versions take force and
// for how long.
func Load(ctx context.Context, c Config) (*Policy, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	s, err := loadSnapshot(ctx, c, newVocabulary(c.clone()))
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return &Policy{s}, nil
}

// Policy returns the version in force, which stays what it is when another
// one takes force. It is nil for an authorizer that was not opened.
func (a *Authorizer) Policy() *Policy {
	if !a.isOpen() {
		return nil
	}
	return &Policy{a.current.Load().snapshot}
}

func (p *Policy) isLoaded() bool { return p != nil && p.compiled != nil }

// Digest returns the SHA-256 of the rows, in hexadecimal; see
// [Authorizer.Digest].
func (p *Policy) Digest() string {
	if !p.isLoaded() {
		return ""
	}
	return p.compiled.digest
}

// Decide answers a question as [Authorizer.Decide] does, whatever the age of
// the policy.
func (p *Policy) Decide(q moderation.Question) moderation.Decision {
	if !p.isLoaded() {
		return moderation.Decision{Code: moderation.CodePolicy, Missing: "a policy that was loaded"}
	}
	return p.compiled.decide(&q)
}

// Roles returns the roles that a login holds in a domain at a moment, sorted.
// The domain [moderation.Any] stands for all of them at once: only roles that
// are held everywhere count.
func (p *Policy) Roles(login, domain string, at time.Time) []string {
	if !p.isLoaded() {
		return nil
	}
	r, domains := p.compiled.roles, p.compiled.places
	return r.appendNames(nil, r.hold(r.class(login), domains.domain(domain), nanoseconds(at)))
}

// Kinds returns the kinds that the policy was loaded for, without the library's own.
func (p *Policy) Kinds() []string { return p.list(func(v *vocabulary) names { return v.kinds }) }

// Tiers returns the tiers that the policy was loaded for.
func (p *Policy) Tiers() []string { return p.list(func(v *vocabulary) names { return v.tiers }) }

// Labels returns the labels that the policy was loaded for, the guard's own
// among them.
func (p *Policy) Labels() []string { return p.list(func(v *vocabulary) names { return v.labels }) }

// Domains returns the domains that the policy was loaded for; none where any
// domain may be named.
func (p *Policy) Domains() []string { return p.list(func(v *vocabulary) names { return v.domains }) }

func (p *Policy) list(of func(*vocabulary) names) []string {
	if !p.isLoaded() {
		return nil
	}
	return slices.Clone(of(p.compiled.words).list)
}

// Rows returns the rows, in the order of their source.
func (p *Policy) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		if !p.isLoaded() {
			return
		}
		for i := range p.compiled.table.ends {
			if !yield(p.compiled.table.row(i)) {
				return
			}
		}
	}
}

// Rules returns the p rows, in the order of their source.
func (p *Policy) Rules() iter.Seq[RuleRow] {
	return each(p, func(d *parsed) []*rule { return d.rules }, func(r *rule) RuleRow { return r.typed(p.compiled.table.row(r.row)) })
}

// Requirements returns the p2 rows, in the order of their source.
func (p *Policy) Requirements() iter.Seq[RequirementRow] {
	return each(p, func(d *parsed) []*need { return d.needs }, (*need).typed)
}

// Limits returns the p3 rows, in the order of their source.
func (p *Policy) Limits() iter.Seq[LimitRow] {
	return each(p, func(d *parsed) []*limit { return d.limits }, (*limit).typed)
}

func each[T, R any](p *Policy, of func(*parsed) []T, typed func(T) R) iter.Seq[R] {
	return func(yield func(R) bool) {
		if !p.isLoaded() {
			return
		}
		for _, row := range of(p.compiled.parsed) {
			if !yield(typed(row)) {
				return
			}
		}
	}
}

// Grants returns the g rows, in the order of their source.
func (p *Policy) Grants() iter.Seq[GrantRow] {
	return func(yield func(GrantRow) bool) {
		if !p.isLoaded() {
			return
		}
		a := &at{report: new(report)} // the rows were right when they were loaded
		for i := range p.compiled.table.ends {
			if !p.compiled.table.isGrant(i) {
				continue
			}
			a.row = p.compiled.table.row(i)
			g := parseGrant(a, p.compiled.words)
			if !yield(g.typed(a.row, p.compiled.roles)) {
				return
			}
		}
	}
}
