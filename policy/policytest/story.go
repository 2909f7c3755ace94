package policytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
	"github.com/elevenminutes/interlock/policy/analysis"
)

// deed is what one person can do alone.
type deed struct {
	person string
	analysis.Deed
}

// shorter reports whether a deed makes a shorter story than another: fewer
// rows, and what harms more first.
func (d *deed) shorter(o *deed) bool {
	if len(d.Rules) != len(o.Rules) {
		return len(d.Rules) < len(o.Rules)
	}
	return d.Hour.Actions > o.Hour.Actions
}

// story tells it, with the texts of the rows.
func (d *deed) story(p *policy.Policy, others int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "One person alone can do this, on %s:\n", d.At.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "  %s, by the login %s, takes the step %s: %s of a target of tier %s in %s.\n", d.person, d.Login, d.Step, first(d.Kinds, p.Kinds()), d.Tier, domain(d.Domains))
	switch {
	case d.Hold > 0:
		fmt.Fprintf(&b, "  Nobody need agree; it is done after a hold of %v.\n", d.Hold)
	default:
		b.WriteString("  Nobody need agree; it is done at once.\n")
	}
	if d.ReachAtMost != analysis.Unbounded {
		fmt.Fprintf(&b, "  The target may have a reach of up to %v.\n", d.ReachAtMost)
	}
	b.WriteString(rows(p, "Allowed by", d.Rules))
	fmt.Fprintf(&b, "  It can be done %v in any hour, %v in any day.", amount(d.Hour), amount(d.Day))
	b.WriteString(rowsAfter(p, "\n  Bounded by", d.Limits))
	switch {
	case others == 1:
		b.WriteString("\n  One other person can do such things alone.")
	case others > 1:
		fmt.Fprintf(&b, "\n  %d other people can do such things alone.", others)
	}
	return b.String()
}

func amount(a analysis.Allowance) string {
	switch {
	case a.Actions == analysis.Unbounded && a.Reach == analysis.Unbounded:
		return "any number of times"
	case a.Actions == analysis.Unbounded:
		return fmt.Sprintf("any number of times (reach %v)", a.Reach)
	}
	return fmt.Sprintf("%v times (reach %v)", a.Actions, a.Reach)
}

// first names one of a list; of all, the first that there is.
func first(list, all []string) string {
	if list[0] == moderation.Any && len(all) > 0 {
		return all[0]
	}
	return list[0]
}

// domain names one of a list of domains.
func domain(list []string) string {
	if list[0] == moderation.Any {
		return "any domain"
	}
	return "the domain " + list[0]
}

// rows lists rows with their texts, a line each.
func rows(p *policy.Policy, title string, sources []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n", title)
	for row := range p.Rows() {
		if slices.Contains(sources, row.Source) {
			fmt.Fprintf(&b, "    %s  %s\n", row.Source, row)
		}
	}
	return b.String()
}

func rowsAfter(p *policy.Policy, title string, sources []string) string {
	if len(sources) == 0 {
		return ""
	}
	return strings.TrimRight(strings.Replace(rows(p, title, sources), "  \n", "\n", 1), "\n")
}

// members tells who comes together.
func members(s analysis.Coalition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s, by the login %s, takes the step %s: %s of a target of tier %s in the domain %s.\n", s.Requester.Person, s.Requester.Login, s.Step, s.Kinds[0], s.Tier, s.Domain)
	for _, m := range s.Approvers {
		fmt.Fprintf(&b, "  %s, by the login %s, approves as %s.\n", m.Person, m.Login, m.Slot)
	}
	return b.String()
}

func tooFew(p *policy.Policy, s analysis.Coalition, people int) string {
	return fmt.Sprintf("A set of %d is enough where it should take %d, on %s:\n%s%s", s.Size, people, s.At.UTC().Format(time.RFC3339), members(s), strings.TrimRight(rows(p, "Allowed by", s.Rules), "\n"))
}

func tooMany(p *policy.Policy, done, undo analysis.Coalition, people int) string {
	text := fmt.Sprintf("What takes %d to do can't be undone by %d:\n%s", done.Size, people, members(done))
	if undo.Size == 0 {
		return text + "  Nobody can undo it, whoever helps."
	}
	return text + fmt.Sprintf("  To undo it takes %d:\n%s%s", undo.Size, members(undo), strings.TrimRight(rows(p, "Asked for by", undo.Rules), "\n"))
}
