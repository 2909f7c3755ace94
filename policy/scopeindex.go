package policy

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/elevenminutes/interlock/moderation"
)

// scopeIndex finds the rows of a kind that are about a step at a place. Rows with
// the same step and the same patterns are one group, found by these as numbers;
// so a row with a wildcard stands in it once, and not once for each name.
type scopeIndex struct {
	kinds   uint32   // how many patterns of kinds there are
	shapes  []shape4 // by step and pattern of kind
	groups  []rowGroup
	shift   uint
	entries []entry
	anyStep bool     // there are rows about every step
	inOrder []uint32 // the entries' rows in each group, in the order of the policy
}

// shape4 tells for which of the four shapes of tier and domain there is a
// group: each may be named or all.
type shape4 uint8

const (
	shapeAll shape4 = 1 << iota
	shapeTier
	shapeDomain
	shapeTierDomain
)

// rowGroup is an open hash table's slot; count is zero where it is free.
type rowGroup struct {
	key          groupKey
	first, count uint32
}

// groupKey is a step and patterns by numbers; 0 is the pattern for all.
type groupKey struct{ step, kind, tier, domain uint32 }

func (k groupKey) hash() uint64 {
	h := (uint64(k.step)<<32|uint64(k.kind))*0x9e3779b97f4a7c15 ^ (uint64(k.tier)<<32 | uint64(k.domain))
	h *= 0xd6e8feb86659fd93
	return (h ^ h>>32) * 0x9e3779b97f4a7c15
}

func (k groupKey) shape() shape4 {
	switch {
	case k.tier == 0 && k.domain == 0:
		return shapeAll
	case k.domain == 0:
		return shapeTier
	case k.tier == 0:
		return shapeDomain
	}
	return shapeTierDomain
}

// entry is a row and whom it is about.
type entry struct{ subject, row uint32 }

// indexed is an entry and its group, before they are sorted.
type indexed struct {
	key groupKey
	entry
}

func newScopeIndex(kinds uint32, rows []indexed) *scopeIndex {
	x := &scopeIndex{kinds: kinds, shapes: make([]shape4, (allStepsNumber+1)*kinds), entries: make([]entry, len(rows)), inOrder: make([]uint32, len(rows))}
	byRow := func(a, b indexed) int {
		return cmp.Or(cmp.Compare(a.key.step, b.key.step), cmp.Compare(a.key.kind, b.key.kind),
			cmp.Compare(a.key.tier, b.key.tier), cmp.Compare(a.key.domain, b.key.domain), cmp.Compare(a.row, b.row))
	}
	slices.SortFunc(rows, byRow)
	count := 0
	for i := range rows {
		if i == 0 || rows[i].key != rows[i-1].key {
			count++
		}
		x.entries[i], x.inOrder[i] = rows[i].entry, rows[i].row
	}
	x.shift = uint(64 - bits.Len(uint(2*count)))
	x.groups = make([]rowGroup, 1<<(64-x.shift))
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && rows[end].key == rows[start].key {
			end++
		}
		x.add(rowGroup{rows[start].key, uint32(start), uint32(end - start)})
		start = end
	}
	return x
}

func (x *scopeIndex) add(g rowGroup) {
	i := g.key.hash() >> x.shift
	for x.groups[i].count != 0 {
		i = (i + 1) & uint64(len(x.groups)-1)
	}
	x.groups[i] = g
	x.anyStep = x.anyStep || g.key.step == allStepsNumber
	x.shapes[g.key.step*x.kinds+g.key.kind] |= g.key.shape()
	slices.SortFunc(x.of(g), func(a, b entry) int { return cmp.Compare(a.subject, b.subject) })
}

func (x *scopeIndex) of(g rowGroup) []entry { return x.entries[g.first : g.first+g.count] }

func (x *scopeIndex) ordered(g rowGroup) []uint32 { return x.inOrder[g.first : g.first+g.count] }

// locus is where a question is, as patterns see it.
type locus struct {
	kinds        []uint32 // the patterns that cover the kind
	tier, domain uint32   // the patterns for it alone; 0 where there is none
}

// appendGroups appends the groups that are about a step at a place.
func (x *scopeIndex) appendGroups(groups []rowGroup, step uint32, at *locus) []rowGroup {
	for _, kind := range at.kinds {
		shapes := x.shapes[step*x.kinds+kind]
		if shapes&shapeAll != 0 {
			groups = x.appendGroup(groups, groupKey{step, kind, 0, 0})
		}
		if shapes&shapeTier != 0 && at.tier != 0 {
			groups = x.appendGroup(groups, groupKey{step, kind, at.tier, 0})
		}
		if shapes&shapeDomain != 0 && at.domain != 0 {
			groups = x.appendGroup(groups, groupKey{step, kind, 0, at.domain})
		}
		if shapes&shapeTierDomain != 0 && at.tier != 0 && at.domain != 0 {
			groups = x.appendGroup(groups, groupKey{step, kind, at.tier, at.domain})
		}
	}
	return groups
}

func (x *scopeIndex) appendGroup(groups []rowGroup, key groupKey) []rowGroup {
	mask := uint64(len(x.groups) - 1)
	for i := key.hash() >> x.shift; ; i = (i + 1) & mask {
		switch g := &x.groups[i]; {
		case g.count == 0:
			return groups
		case g.key == key:
			return append(groups, *g)
		}
	}
}

// rowsAbout returns the rows about a step at a place, in the order of the
// policy.
func (x *scopeIndex) rowsAbout(step uint32, at *locus) []uint32 {
	var room [16]rowGroup
	var rows []uint32
	for _, g := range x.appendGroups(room[:0], step, at) {
		rows = append(rows, x.ordered(g)...)
	}
	slices.Sort(rows)
	return rows
}

// The numbers of steps. Those of moderation.Steps are their places there.
const (
	noStep         = ^uint32(0)
	allStepsNumber = 11
)

// stepNumber returns noStep for what is no step.
func stepNumber(s moderation.Step) uint32 {
	switch s {
	case moderation.StepRequest:
		return 0
	case moderation.StepApprove:
		return 1
	case moderation.StepReject:
		return 2
	case moderation.StepCancel:
		return 3
	case moderation.StepUndo:
		return 4
	case moderation.StepBypass:
		return 5
	case moderation.StepFreeze:
		return 6
	case moderation.StepUnfreeze:
		return 7
	case moderation.StepResolve:
		return 8
	case moderation.StepRevoke:
		return 9
	case moderation.StepRead:
		return 10
	}
	return noStep
}
