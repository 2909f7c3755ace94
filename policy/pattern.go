package policy

import (
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// pattern matches names: one, all, or those that begin with a dotted prefix.
// It is comparable.
type pattern struct {
	form form
	text string // the name, or the prefix with its dot; empty for all
}

type form uint8

const (
	exact form = iota
	all
	prefix
)

// covers reports whether everything that name stands for matches. Only the
// pattern for all covers moderation.Any.
func (p pattern) covers(name string) bool {
	switch p.form {
	case all:
		return true
	case prefix:
		return strings.HasPrefix(name, p.text)
	}
	return name == p.text && name != moderation.Any
}

// touches reports whether anything that name stands for matches: every
// pattern touches moderation.Any.
func (p pattern) touches(name string) bool {
	return name == moderation.Any || p.covers(name)
}

// scope is which actions a row is about. It is comparable.
type scope struct{ kind, tier, domain pattern }

func (s *scope) covers(kind, tier, domain string) bool {
	return s.kind.covers(kind) && s.tier.covers(tier) && s.domain.covers(domain)
}

func (s *scope) touches(kind, tier, domain string) bool {
	return s.kind.touches(kind) && s.tier.touches(tier) && s.domain.touches(domain)
}

// parseScope reads the columns kind, tier and domain.
func parseScope(a *at, v *vocabulary, kind, tier, domain string) scope {
	return scope{
		kind:   parseKind(a, v, kind),
		tier:   parseTier(a, v, tier),
		domain: parseDomain(a, v, domain),
	}
}

func parseKind(a *at, v *vocabulary, text string) pattern {
	stem, isPrefix := strings.CutSuffix(text, "*")
	switch {
	case text == "*":
		return pattern{form: all}
	case strings.Contains(stem, "*") || isPrefix && !strings.HasSuffix(stem, "."):
		a.wrong("kind", text, "is no pattern; write a kind, * for all, or a prefix that ends with .*")
	case isPrefix && !v.anyKind(stem):
		a.wrong("kind", text, "matches no registered kind; %s", v.kinds.hint(text))
	case isPrefix:
		return pattern{form: prefix, text: stem}
	case !v.knownKind(text):
		a.wrong("kind", text, "is not registered; %s", v.kinds.hint(text))
	}
	return pattern{text: text}
}

// anyKind reports whether a kind begins with stem.
func (v *vocabulary) anyKind(stem string) bool {
	for _, kind := range v.kinds.list {
		if strings.HasPrefix(kind, stem) {
			return true
		}
	}
	return strings.HasPrefix(stem, ownKinds)
}

func parseTier(a *at, v *vocabulary, text string) pattern {
	if text == "*" {
		return pattern{form: all}
	}
	if !v.tiers.set[text] {
		a.wrong("tier", text, "is no tier; %s, or * for all", v.tiers.hint(text))
	}
	return pattern{text: text}
}

func parseDomain(a *at, v *vocabulary, text string) pattern {
	switch {
	case text == "*":
		return pattern{form: all}
	case text == "-" || strings.Contains(text, "*"):
		a.wrong("domain", text, "is no domain; name one, or write * for all")
	case len(text) > moderation.MaxName:
		a.wrong("domain", text, "has %d bytes; at most %d are allowed", len(text), moderation.MaxName)
	case !v.knownDomain(text):
		a.wrong("domain", text, "is no domain; %s, or * for all", v.domains.hint(text))
	}
	return pattern{text: text}
}

// checkFrozen refuses the kind under which freezes are recorded in rows that are
// about the kind that is frozen: such a row would never match.
func (s *scope) checkFrozen(a *at) {
	if s.kind.form == exact && s.kind.text == moderation.FreezeKind {
		a.wrong("kind", s.kind.text, "is never asked about; name the kinds that are frozen, or * for all")
	}
}

// place names what a question or a check is about, for people.
func place(kind, tier, domain string) string {
	text := kind
	if kind == moderation.Any {
		text = "every kind"
	}
	if tier == moderation.Any {
		return text + " at every tier " + inDomain(domain)
	}
	return text + " at tier " + tier + " " + inDomain(domain)
}

func inDomain(domain string) string {
	switch domain {
	case moderation.Any:
		return "in every domain"
	case otherDomain:
		return "in any domain that no row names"
	}
	return "in domain " + domain
}
