package analysis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// gathered are cells of which the same is found.
type gathered struct {
	code   Code
	step   moderation.Step
	rows   string
	detail string
}

// quorums looks, in every cell, whether what is asked for can be given.
func (l *linting) quorums(ctx context.Context) error {
	s := l.assemble(l.at)
	cells := make(map[gathered][]cell)
	var order []gathered
	note := func(g gathered, c cell) {
		if cells[g] == nil {
			order = append(order, g)
		}
		cells[g] = append(cells[g], c)
	}
	for t := range l.ground.tiers {
		for d := range l.staffed() {
			if err := ctx.Err(); err != nil {
				return err
			}
			l.column(s, t, d, note)
		}
	}
	for _, g := range order {
		for _, b := range l.ground.blocks(cells[g]) {
			l.report(g, l.ground.phrase(b))
		}
	}
	return nil
}

// staffed returns the domains in which somebody must be able to act: those
// with a name, or all in one where none has a name.
func (l *linting) staffed() []element {
	list := l.ground.domains
	if len(list) > 1 && list[len(list)-1].endless {
		return list[:len(list)-1]
	}
	return list
}

// column looks at all kinds in one tier and domain.
func (l *linting) column(s *assembly, tier, domain int, note func(gathered, cell)) {
	var closed []cell
	for k := range l.ground.kinds {
		c := cell{k, tier, domain}
		p := s.pool(c)
		if !l.possible(s, moderation.StepRequest, p, note) {
			closed = append(closed, c)
		} else if !l.kinds.irreversible[l.ground.kind(c)] && !l.possible(s, moderation.StepUndo, p, note) {
			note(gathered{code: CodeNobodyCanUndo}, c)
		}
	}
	code := CodeKindUntouchable
	if len(closed) == len(l.ground.kinds) {
		code = CodeTierUntouchable
	}
	for _, c := range closed {
		note(gathered{code: code}, c)
	}
}

// possible reports whether some people together can take a step, and notes
// quorums that nobody, or only one group, can fill.
func (l *linting) possible(s *assembly, step moderation.Step, p pool, note func(gathered, cell)) bool {
	easy := s.quorums(step, p.cell, s.easiest(step, p.cell, 0))
	found, can := s.form(easy, p, nil)
	hard := s.quorums(step, p.cell, hardest())
	most, still := s.form(hard, p, nil)
	switch {
	case len(easy) > 0 && !can:
		note(gathered{CodeQuorumUnfillable, step, rowsOf(easy), ""}, p.cell)
	case len(hard) > 0 && !still:
		note(gathered{CodeQuorumUnfillable, step, rowsOf(hard), " where all conditions hold"}, p.cell)
	case can && found.only:
		note(gathered{CodeQuorumFixedGroup, step, rowsOf(easy), s.names(found)}, p.cell)
	case still && most.only:
		note(gathered{CodeQuorumFixedGroup, step, rowsOf(hard), s.names(most) + " (where all conditions hold)"}, p.cell)
	}
	return can
}

func rowsOf(quorums []quorum) string {
	var rows []string
	for _, q := range quorums {
		rows = append(rows, q.rows...)
	}
	return strings.Join(distinct(rows), "\n")
}

// names names those without whom a quorum can't be filled.
func (s *assembly) names(c coalition) string {
	var list []string
	for _, who := range c.needed {
		list = append(list, s.people[who.person].person.ID)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func (l *linting) report(g gathered, where string) {
	var rows []string
	if g.rows != "" {
		rows = strings.Split(g.rows, "\n")
	}
	switch g.code {
	case CodeTierUntouchable:
		l.add(g.code, nil, "Allow somebody to request it, with a quorum that can be filled.", "Nobody can act on %s, whatever they do and whoever helps: it is immune.", where)
	case CodeKindUntouchable:
		l.add(g.code, nil, "Allow somebody to request it, or say in a comment that it is meant.", "Nobody can do %s.", where)
	case CodeNobodyCanUndo:
		l.add(g.code, nil, "Allow somebody to undo it, and let the quorum be filled.", "Nobody can take back %s.", where)
	case CodeQuorumUnfillable:
		l.add(g.code, rows, "Grant the roles to more people, or ask for less.", "Too few people can approve %s of %s%s.", g.step, where, g.detail)
	case CodeQuorumFixedGroup:
		l.add(g.code, rows, "Grant the roles to one more person at least.", "Only one group can approve %s of %s: %s.", g.step, where, g.detail)
	}
}

// phrase says what a block is about.
func (g *ground) phrase(b block) string {
	return fmt.Sprintf("%s (tier %s, domain %s)", listed(namesOf(g.kinds, b.kinds)), listed(namesOf(g.tiers, b.tiers)), listed(namesOf(g.domains, b.domains)))
}

// sums looks where the slots of several rows add up.
func (l *linting) sums() {
	rows := make(map[moderation.Step][]policy.RequirementRow)
	for r := range l.policy.Requirements() {
		if len(r.Slots) > 0 {
			rows[r.Step] = append(rows[r.Step], r)
		}
	}
	for _, step := range moderation.Steps() {
		l.sumsOf(step, rows[step])
	}
}

// sumsOf gathers the cells in which the same rows add up.
func (l *linting) sumsOf(step moderation.Step, rows []policy.RequirementRow) {
	cells, together := make(map[string][]cell), make(map[string][]policy.RequirementRow)
	var order []string
	for _, c := range l.ground.cells() {
		var list []policy.RequirementRow
		var key strings.Builder
		for i, r := range rows {
			if r.Scope.Covers(l.ground.kind(c), l.ground.tier(c), l.ground.domain(c)) {
				list = append(list, r)
				fmt.Fprint(&key, i, ",")
			}
		}
		if len(list) < 2 {
			continue
		}
		if cells[key.String()] == nil {
			order = append(order, key.String())
			together[key.String()] = list
		}
		cells[key.String()] = append(cells[key.String()], c)
	}
	for _, key := range order {
		for _, b := range l.ground.blocks(cells[key]) {
			l.sum(step, together[key], l.ground.phrase(b))
		}
	}
}

func (l *linting) sum(step moderation.Step, rows []policy.RequirementRow, where string) {
	var sources, slots []string
	always := 0
	for _, r := range rows {
		sources = append(sources, r.Row.Source)
		for _, slot := range r.Slots {
			slots = append(slots, strings.Join(slot, "|"))
		}
		if len(r.When) == 0 {
			always += len(r.Slots)
		}
	}
	l.add(CodeQuorumAddsUp, sources, "Nothing, where that is meant.", "%s of %s needs up to %d approvals (%s), of which %d always.",
		step, where, len(slots), strings.Join(slots, ", "), always)
}
