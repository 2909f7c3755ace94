package analysis

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// maxNamed bounds how many names a cell of a table shows.
const maxNamed = 6

// listed joins names, the first few of them.
func listed(names []string) string {
	if len(names) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], " "), len(names)-maxNamed)
	}
	return strings.Join(names, " ")
}

// table writes rows of cells in columns.
type table struct{ rows [][]string }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.StripEscape)
	for _, row := range t.rows {
		if _, err := fmt.Fprintln(out, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return out.Flush()
}

// text returns what a WriteTable writes.
func text(write func(io.Writer) error) string {
	var b strings.Builder
	write(&b) // a strings.Builder takes everything
	return b.String()
}

// WriteTable writes what each group can do alone, for people to read: first the
// worst case of each step and tier, then everything. It returns w's error.
func (e Exposure) WriteTable(w io.Writer) error {
	if len(e.Groups) == 0 {
		_, err := fmt.Fprintf(w, "nobody of %d can do anything alone\n", e.People)
		return err
	}
	worst := &table{}
	worst.add("worst case", "tier", "people", "such as", "an hour", "a day")
	for _, c := range e.Worst {
		worst.add(string(c.Step), c.Tier, fmt.Sprint(c.People), c.Person, c.Hour.String(), c.Day.String())
	}
	all := &table{}
	all.add("who", "alone", "kind", "tier", "domain", "an hour", "a day", "with", "rows")
	for _, g := range e.Groups {
		for _, d := range g.Deeds {
			all.add(listed(g.People), string(d.Step), listed(d.Kinds), d.Tier, listed(d.Domains), d.Hour.String(), d.Day.String(), d.with(), listed(append(d.Rules, d.Limits...)))
		}
	}
	if err := worst.write(w); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return all.write(w)
}

// String returns what [Exposure.WriteTable] writes.
func (e Exposure) String() string { return text(e.WriteTable) }

// String returns how many and how much reach.
func (a Allowance) String() string {
	if a.Reach == 0 {
		return a.Actions.String()
	}
	if a.Actions == Unbounded && a.Reach == Unbounded {
		return unboundedText
	}
	return fmt.Sprintf("%s (reach %s)", a.Actions, a.Reach)
}

// with says what else there is to a deed.
func (d Deed) with() string {
	var list []string
	if d.Hold > 0 {
		list = append(list, "a hold of "+span(d.Hold))
	}
	if d.ReachAtMost != Unbounded {
		list = append(list, "a reach up to "+d.ReachAtMost.String())
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// span writes a duration without zeros behind it.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// WriteTable writes the smallest sets, for people to read. It returns w's error.
func (c Collusion) WriteTable(w io.Writer) error {
	t := &table{}
	t.add("people", "to", "kind", "tier", "domain", "who", "with", "past all limits")
	for _, s := range c.Sets {
		if s.Size == 0 {
			t.add("nobody can", string(s.Step), listed(s.Kinds), s.Tier, "*", "-", s.with(), "-")
			continue
		}
		past := "-"
		if s.PastLimits != nil {
			past = fmt.Sprint(s.PastLimits.Size)
		}
		t.add(fmt.Sprint(s.Size), string(s.Step), listed(s.Kinds), s.Tier, s.Domain, s.who(), s.with(), past)
	}
	return t.write(w)
}

// String returns what [Collusion.WriteTable] writes.
func (c Collusion) String() string { return text(c.WriteTable) }

func (c Coalition) who() string {
	list := []string{c.Requester.Person}
	for _, m := range c.Approvers {
		list = append(list, fmt.Sprintf("%s (%s)", m.Person, m.Slot))
	}
	return listed(list)
}

func (c Coalition) with() string {
	var list []string
	if c.Hold > 0 {
		list = append(list, "a hold of "+span(c.Hold))
	}
	if c.ReachOver > 0 {
		list = append(list, fmt.Sprintf("a reach over %d", c.ReachOver))
	}
	if c.Only {
		list = append(list, "no other approvers")
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}
