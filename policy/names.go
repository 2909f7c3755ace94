package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/elevenminutes/interlock/moderation"
)

// ownKinds is what the names of the library's own kinds begin with. They are
// not registered by hosts.
const ownKinds = "interlock."

// vocabulary is what a policy may name.
type vocabulary struct {
	kinds, tiers, labels names
	domains              names // empty where any domain may be named
}

func newVocabulary(c Config) *vocabulary {
	return &vocabulary{
		kinds:   newNames(c.Kinds),
		tiers:   newNames(c.Tiers),
		labels:  newNames(append(slices.Clone(c.Labels), moderation.LabelLeaving, moderation.LabelService)),
		domains: newNames(c.Domains),
	}
}

// names is an ordered set.
type names struct {
	list []string
	set  map[string]bool
}

func newNames(list []string) names {
	n := names{set: make(map[string]bool, len(list))}
	for _, name := range list {
		if !n.set[name] {
			n.list = append(n.list, name)
			n.set[name] = true
		}
	}
	return n
}

// hint says what was perhaps meant, or which names there are.
func (n names) hint(word string) string {
	if near := nearest(word, n.list); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(n.list) > 12 {
		return fmt.Sprintf("there are %d", len(n.list))
	}
	return "there are " + strings.Join(n.list, ", ")
}

// knownKind reports whether a kind is registered or the library's own.
func (v *vocabulary) knownKind(kind string) bool {
	return v.kinds.set[kind] || isOwnKind(kind)
}

func (v *vocabulary) knownDomain(domain string) bool {
	return domain != "" && (len(v.domains.list) == 0 || v.domains.set[domain])
}

// nearest returns the candidate that a word was perhaps meant to be.
func nearest(word string, candidates []string) string {
	best, distance := "", 3
	for _, c := range candidates {
		if strings.EqualFold(word, c) {
			return c
		}
		if d := edits(word, c, distance); d < distance && 2*d < utf8.RuneCountInString(c) {
			best, distance = c, d
		}
	}
	return best
}

// edits returns the edit distance of two words (letters put in, left out,
// changed, or swapped with their neighbour), or bound where it is not below.
func edits(a, b string, bound int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= bound || len(y)-len(x) >= bound {
		return bound
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

// checkText says what is wrong with a column of any row; empty for nothing.
func checkText(value string) string {
	switch {
	case value == "":
		return "is empty; write - where none is meant"
	case len(value) > maxLine:
		return fmt.Sprintf("has %d bytes; at most %d are allowed", len(value), maxLine)
	case !utf8.ValidString(value):
		return "is not valid UTF-8"
	case strings.Contains(value, ","):
		return "holds a comma, which Casbin can't tell from the end of a column; use another name"
	case strings.TrimSpace(value) != value:
		return "begins or ends with white space; take it away"
	}
	if isPlain(value) {
		return ""
	}
	for _, r := range value {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return fmt.Sprintf("has an invisible character (%U); take it away", r)
		}
	}
	return ""
}

// isPlain reports whether a text has visible ASCII and spaces only.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// checkLogin says what is wrong with a login; empty for nothing.
func checkLogin(login string) string {
	switch {
	case len(login) > moderation.MaxName:
		return fmt.Sprintf("has %d bytes; at most %d are allowed", len(login), moderation.MaxName)
	case strings.HasPrefix(login, "@"):
		return "looks like a label; labels never grant"
	case login == "-" || strings.Contains(login, "*"):
		return "names nobody; a role is granted to one login or role in each row"
	}
	return ""
}

// checkRole says what is wrong with a role's name; empty for nothing. Names
// that mean something else in a quorum can't be roles.
func checkRole(role string) string {
	switch {
	case len(role) > moderation.MaxName:
		return fmt.Sprintf("has %d bytes; at most %d are allowed", len(role), moderation.MaxName)
	case strings.HasPrefix(role, "@"):
		return "is a label where a role is needed; labels never grant"
	case role == "-" || role == none || role == overRefuse || strings.Contains(role, "*"):
		return "is no role; name one"
	case strings.ContainsAny(role, "|&#") || strings.ContainsFunc(role, unicode.IsSpace):
		return "is no role; roles have no white space, |, & or #"
	}
	return ""
}
