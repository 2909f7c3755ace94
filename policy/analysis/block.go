package analysis

import (
	"slices"
	"strconv"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
)

// block is cells that are all combinations of some kinds, tiers and domains.
type block struct {
	kinds, tiers, domains []int
	first                 cell
}

// blocks puts cells together into few blocks that do not overlap, in order:
// first what is the same for several domains, then tiers, then kinds.
func (g *ground) blocks(cells []cell) []block {
	cells = slices.Clone(cells)
	slices.SortFunc(cells, compareCells)
	var list []block
	for _, c := range slices.Compact(cells) {
		list = append(list, block{[]int{c.kind}, []int{c.tier}, []int{c.domain}, c})
	}
	list = merge(list, func(b *block) *[]int { return &b.domains }, func(b *block) string { return places(b.kinds, b.tiers) })
	list = merge(list, func(b *block) *[]int { return &b.tiers }, func(b *block) string { return places(b.kinds, b.domains) })
	return merge(list, func(b *block) *[]int { return &b.kinds }, func(b *block) string { return places(b.tiers, b.domains) })
}

// merge puts blocks together that differ along one axis only.
func merge(list []block, axis func(*block) *[]int, rest func(*block) string) []block {
	var merged []block
	at := make(map[string]int)
	for _, b := range list {
		key := rest(&b)
		i, known := at[key]
		if !known {
			at[key] = len(merged)
			merged = append(merged, b)
			continue
		}
		into := axis(&merged[i])
		*into = append(*into, *axis(&b)...)
	}
	return merged
}

func places(lists ...[]int) string {
	var key strings.Builder
	for _, list := range lists {
		for _, i := range list {
			key.WriteString(strconv.Itoa(i) + ",")
		}
		key.WriteByte(';')
	}
	return key.String()
}

func compareCells(a, b cell) int {
	switch {
	case a.kind != b.kind:
		return a.kind - b.kind
	case a.tier != b.tier:
		return a.tier - b.tier
	}
	return a.domain - b.domain
}

// namesOf returns the names that places of an axis stand for; * for all.
func namesOf(axis []element, places []int) []string {
	if len(places) == len(axis) || places[0] < 0 {
		return []string{moderation.Any}
	}
	var list []string
	for _, i := range places {
		list = append(list, axis[i].names...)
	}
	return list
}
