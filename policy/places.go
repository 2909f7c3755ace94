package policy

import (
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// places gives numbers to the kinds, tiers and domains of a policy and to the
// patterns of its rows, and finds those of a question.
type places struct {
	// kinds are those that are registered, and the library's own that rows
	// name; covering are the patterns that cover each of them.
	kinds    *nameTable
	covering [][]uint32
	patterns []pattern // of kinds; the first is the one for all
	tiers    *nameTable
	domains  *nameTable // those that are registered or that rows name
	closed   bool       // there are no other domains
	labels   *nameTable
}

// newPlaces numbers what the rows and the vocabulary name.
func newPlaces(p *parsed, v *vocabulary) (*places, map[pattern]uint32) {
	l := &places{
		patterns: []pattern{{form: all}},
		tiers:    numberNames(v.tiers.list, 1),
		closed:   len(v.domains.list) > 0,
		labels:   numberNames(v.labels.list, 0),
	}
	numbers := map[pattern]uint32{{form: all}: 0}
	kinds := v.kinds.list[:len(v.kinds.list):len(v.kinds.list)]
	for s := range p.scopes() {
		if _, known := numbers[s.kind]; !known {
			numbers[s.kind] = uint32(len(l.patterns))
			l.patterns = append(l.patterns, s.kind)
			if s.kind.form == exact && isOwnKind(s.kind.text) {
				kinds = append(kinds, s.kind.text)
			}
		}
		if s.domain.form == exact {
			p.grants.domain(s.domain.text)
		}
	}
	for _, domain := range v.domains.list {
		p.grants.domain(domain)
	}
	l.domains = p.grants.numberedDomains()
	l.kinds = numberNames(kinds, 0)
	for _, kind := range kinds {
		l.covering = append(l.covering, l.coveringOf(nil, kind))
	}
	return l, numbers
}

// coveringOf appends the patterns that cover a kind, or every kind.
func (l *places) coveringOf(list []uint32, kind string) []uint32 {
	for i, p := range l.patterns {
		if p.covers(kind) {
			list = append(list, uint32(i))
		}
	}
	return list
}

// key returns the group of rows with a step and a scope.
func (l *places) key(numbers map[pattern]uint32, step uint32, s *scope) groupKey {
	k := groupKey{step: step, kind: numbers[s.kind]}
	if s.tier.form == exact {
		k.tier, _ = l.tiers.find(s.tier.text)
	}
	if s.domain.form == exact {
		k.domain, _ = l.domains.find(s.domain.text)
	}
	return k
}

// everyKind are the patterns that cover every kind.
func everyKind() []uint32 { return []uint32{0} }

// locate returns where a kind, a tier and a domain are; no ruling where the
// policy knows them all. moderation.Any is where only patterns for all reach.
func (l *places) locate(at *locus, kind, tier, domain string) (unknown ruling) {
	if number, ok := l.kinds.find(kind); ok {
		at.kinds = l.covering[number]
	} else if kind == moderation.Any {
		at.kinds = everyKind()
	} else if isOwnKind(kind) {
		at.kinds = l.coveringOf(nil, kind)
	} else {
		return unknownKind
	}
	var ok bool
	if at.tier, ok = l.tiers.find(tier); !ok && tier != moderation.Any {
		return unknownTier
	}
	if at.domain = l.domain(domain); at.domain == 0 && !l.mayBe(domain) {
		return unknownDomain
	}
	return 0
}

// domain returns the number of a domain; 0 for one that nothing names, and for
// all at once.
func (l *places) domain(name string) uint32 {
	if l.domains.count == 0 {
		return 0
	}
	number, _ := l.domains.find(name)
	return number
}

// mayBe reports whether a domain without a number may be asked about.
func (l *places) mayBe(domain string) bool {
	return domain == moderation.Any || domain != "" && !l.closed
}

// isPartly reports whether a question is about all of something, of which rows
// can be about a part.
func isPartly(q *moderation.Question) bool {
	return q.Kind == moderation.Any || q.Target.Tier == moderation.Any || q.Target.Domain == moderation.Any
}

// isOwnKind reports whether a kind is the library's own.
func isOwnKind(kind string) bool {
	return len(kind) > len(ownKinds) && strings.HasPrefix(kind, ownKinds)
}
