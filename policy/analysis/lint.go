package analysis

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Finding is something in a policy that is probably not meant.
type Finding struct {
	Code Code     `json:"code"`           // what kind of finding it is
	Rows []string `json:"rows,omitempty"` // where the rows stand; none where a row is missing
	Text string   `json:"text"`           // what was found, as a sentence
	Fix  string   `json:"fix"`            // how to mend it
}

// Code is what kind of finding it is. The texts are stable.
type Code string

// The codes of findings.
const (
	// CodeTierUntouchable: nobody, with whomever's help, can restrict anything
	// of a tier. Protection has become immunity.
	CodeTierUntouchable Code = "tier_untouchable"
	// CodeKindUntouchable: the same, for some kinds only.
	CodeKindUntouchable Code = "kind_untouchable"
	// CodeNobodyCanUndo: what can be restricted can't be taken back by anybody.
	CodeNobodyCanUndo Code = "nobody_can_undo"
	// CodeQuorumUnfillable: somebody may ask, but too few people can approve.
	CodeQuorumUnfillable Code = "quorum_unfillable"
	// CodeQuorumFixedGroup: only one group of people can fill a quorum, so that
	// each of them can stop everything, and must never be away.
	CodeQuorumFixedGroup Code = "quorum_fixed_group"
	// CodeQuorumAddsUp: several rows ask for approvals of the same, which add up.
	CodeQuorumAddsUp Code = "quorum_adds_up"
	// CodeWildcardReachesProtected: a row that allows to request names a
	// protected tier only by *.
	CodeWildcardReachesProtected Code = "wildcard_reaches_protected"
	// CodeGrantWithoutEnd: a grant outlasts the last day of whom it is for.
	CodeGrantWithoutEnd Code = "grant_without_end"
	// CodeUnknownLogin: a login that is granted something is nobody's.
	CodeUnknownLogin Code = "unknown_login"
	// CodeRoleWithoutHolder: nobody has a role, now or later.
	CodeRoleWithoutHolder Code = "role_without_holder"
	// CodeNeverMatches: a row is for a role in a domain where nobody has it.
	CodeNeverMatches Code = "never_matches"
	// CodeContradicted: whatever a row allows, another one denies.
	CodeContradicted Code = "contradicted"
	// CodeShadowed: another row says all that a row says.
	CodeShadowed Code = "shadowed"
	// CodeWithoutEffect: a requirement row asks for nothing.
	CodeWithoutEffect Code = "without_effect"
)

// Codes returns all codes of findings, in the order in which they are reported.
func Codes() []Code {
	return []Code{CodeTierUntouchable, CodeKindUntouchable, CodeNobodyCanUndo, CodeQuorumUnfillable, CodeQuorumFixedGroup,
		CodeWildcardReachesProtected, CodeGrantWithoutEnd, CodeUnknownLogin, CodeRoleWithoutHolder,
		CodeNeverMatches, CodeContradicted, CodeShadowed, CodeWithoutEffect, CodeQuorumAddsUp}
}

// Findings are what a policy's authors should look at, in the order of
// [Codes].
type Findings []Finding

// Lint looks for what is probably not meant, at the analysis' one moment; what
// is granted later counts as held. It fails only when ctx is done or the
// analysis was not made.
func (a *Analysis) Lint(ctx context.Context) (Findings, error) {
	if a == nil || a.policy == nil {
		return nil, errNotMade
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := &linting{Analysis: a, held: a.heldByAnybody("")}
	l.grantRows()
	l.roles()
	l.rules()
	l.requirements()
	l.wildcards()
	if err := l.quorums(ctx); err != nil {
		return nil, err
	}
	slices.SortStableFunc(l.found, func(x, y Finding) int {
		return cmp.Or(slices.Index(Codes(), x.Code)-slices.Index(Codes(), y.Code), slices.Compare(x.Rows, y.Rows), strings.Compare(x.Text, y.Text))
	})
	return l.found, nil
}

// linting collects findings.
type linting struct {
	*Analysis
	held  map[string]bool // roles that somebody has, or will have
	found Findings
}

func (l *linting) add(code Code, rows []string, fix, format string, args ...any) {
	l.found = append(l.found, Finding{code, rows, fmt.Sprintf(format, args...), fix})
}

// WriteTable writes one finding a line, and how to mend it, for people to
// read. It returns w's error.
func (f Findings) WriteTable(w io.Writer) error {
	t := &table{}
	t.add("code", "rows", "finding", "how to mend it")
	for _, one := range f {
		rows := listed(one.Rows)
		if rows == "" {
			rows = "-"
		}
		t.add(string(one.Code), rows, one.Text, one.Fix)
	}
	return t.write(w)
}

// String returns what [Findings.WriteTable] writes.
func (f Findings) String() string { return text(f.WriteTable) }
