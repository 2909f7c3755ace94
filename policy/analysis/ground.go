package analysis

import (
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// otherDomain is how the domains that no row names are shown.
const otherDomain = "(any other)"

// ground is what questions can be about, as far as rows can tell it apart:
// names that every row treats alike are one element.
type ground struct {
	kinds, tiers, domains []element
}

// element stands for one or more names of an axis.
type element struct {
	name    string // what questions name
	names   []string
	endless bool // stands for any number of names
}

// cell is one kind, tier and domain, by their places. anywhere stands for all
// of them at once.
type cell struct{ kind, tier, domain int }

var anywhere = cell{-1, -1, -1}

func (g *ground) kind(c cell) string   { return nameAt(g.kinds, c.kind) }
func (g *ground) tier(c cell) string   { return nameAt(g.tiers, c.tier) }
func (g *ground) domain(c cell) string { return nameAt(g.domains, c.domain) }

func nameAt(list []element, i int) string {
	if i < 0 {
		return moderation.Any
	}
	return list[i].name
}

// cells returns all cells, in order.
func (g *ground) cells() []cell {
	list := make([]cell, 0, len(g.kinds)*len(g.tiers)*len(g.domains))
	for k := range g.kinds {
		for t := range g.tiers {
			for d := range g.domains {
				list = append(list, cell{k, t, d})
			}
		}
	}
	return list
}

// places returns the cells that a step can be about.
func (g *ground) places(step moderation.Step) []cell {
	list := g.cells()
	if step == moderation.StepFreeze || step == moderation.StepUnfreeze {
		list = append(list, anywhere)
	}
	return list
}

// newGround builds the ground of one policy, or of several that are compared.
func newGround(facts func(kind string) string, policies ...*policy.Policy) *ground {
	var kinds, tiers, domains patterns
	var named []string
	open := false
	for _, p := range policies {
		for s := range scopes(p) {
			kinds.add(s.Kind)
			tiers.add(s.Tier)
			domains.add(s.Domain)
		}
		for g := range p.Grants() {
			domains.add(g.Domain)
		}
		named = append(named, p.Domains()...)
		open = open || len(p.Domains()) == 0
	}
	for _, d := range domains {
		if d != moderation.Any && open {
			named = append(named, string(d))
		}
	}
	named = distinct(named)
	g := &ground{
		kinds: kinds.group(union(policies, (*policy.Policy).Kinds), func(kind string) string {
			return facts(kind) + knownBy(policies, (*policy.Policy).Kinds, kind)
		}),
		tiers: tiers.group(union(policies, (*policy.Policy).Tiers), func(tier string) string { return tier }),
		domains: domains.group(named, func(domain string) string {
			return knownBy(policies, (*policy.Policy).Domains, domain)
		}),
	}
	if open {
		g.domains = append(g.domains, unnamed(named))
	}
	return g
}

// unnamed returns an element for the domains that no row names.
func unnamed(named []string) element {
	name := otherDomain
	for slices.Contains(named, name) {
		name += "."
	}
	return element{name, []string{name}, true}
}

// knownBy tells apart the names that only some of the policies know.
func knownBy(policies []*policy.Policy, of func(*policy.Policy) []string, name string) string {
	var known strings.Builder
	for _, p := range policies {
		known.WriteByte(bit(slices.Contains(of(p), name)))
	}
	return known.String()
}

func bit(yes bool) byte {
	if yes {
		return '1'
	}
	return '0'
}

func union(policies []*policy.Policy, of func(*policy.Policy) []string) []string {
	var list []string
	for _, p := range policies {
		list = append(list, of(p)...)
	}
	return distinct(list)
}

// distinct returns each name once, where it first comes.
func distinct(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool {
		known := seen[name]
		seen[name] = true
		return known
	})
}

// scopes returns the scope of each p, p2 and p3 row.
func scopes(p *policy.Policy) func(yield func(policy.Scope) bool) {
	return func(yield func(policy.Scope) bool) {
		for r := range p.Rules() {
			if !yield(r.Scope) {
				return
			}
		}
		for r := range p.Requirements() {
			if !yield(r.Scope) {
				return
			}
		}
		for r := range p.Limits() {
			if !yield(r.Scope) {
				return
			}
		}
	}
}

// patterns are the different patterns of one axis.
type patterns []policy.Pattern

func (p *patterns) add(one policy.Pattern) {
	if !slices.Contains(*p, one) {
		*p = append(*p, one)
	}
}

// group puts names together that the same patterns match and whose facts are
// the same.
func (p patterns) group(names []string, facts func(string) string) []element {
	var list []element
	at := make(map[string]int)
	for _, name := range names {
		var key strings.Builder
		for _, one := range p {
			key.WriteByte(bit(one.Covers(name)))
		}
		key.WriteString(facts(name))
		i, known := at[key.String()]
		if !known {
			i = len(list)
			at[key.String()] = i
			list = append(list, element{name: name})
		}
		list[i].names = append(list[i].names, name)
	}
	return list
}
