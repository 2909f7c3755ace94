package analysis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Difference is what changes in meaning from one version of a policy to
// another. Make it with [Diff]; the zero value says that nothing does.
type Difference struct {
	Before  string    `json:"before"`  // the digest of the one
	After   string    `json:"after"`   // and of the other
	At      time.Time `json:"at"`      // the moment from which on both are compared
	Changes []Change  `json:"changes"` // in order; none where nothing changes
}

// Change is one thing that is different.
type Change struct {
	What What            `json:"what"` // the sort of change
	Step moderation.Step `json:"step"` // which step is allowed, needs or is limited otherwise
	// People are who gains or loses, sorted; none for other changes.
	People []string `json:"people,omitempty"`
	// Where is what the step is about, in blocks of every combination.
	Where []Where `json:"where"`
	// When says in which case only: a label that people may come to have, or a
	// condition of requirement rows. Empty for always.
	When string `json:"when,omitempty"`
	// From and Until bound when it is different; zero for now, and for ever.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Old and New are what is needed or allowed, before and after.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Where is all combinations of some kinds, tiers and domains; * is all.
type Where struct {
	Kinds   []string `json:"kinds"`   // of action
	Tiers   []string `json:"tiers"`   // of targets
	Domains []string `json:"domains"` // of targets
	// AtOnce says that it is about everything at once, as a freeze can be; not
	// about each by itself.
	AtOnce bool `json:"at_once,omitempty"`
}

// What is the sort of a change. The texts are stable.
type What string

// The sorts of changes, in the order in which they are reported.
const (
	Gains           What = "gains"            // people may take a step that they might not
	Loses           What = "loses"            // people may not take a step that they might
	FewerApprovals  What = "fewer_approvals"  // a step needs fewer people
	MoreApprovals   What = "more_approvals"   // a step needs more people
	OtherApprovers  What = "other_approvers"  // as many, but others can fill the quorum
	ShorterHold     What = "shorter_hold"     // an approved action waits less
	LongerHold      What = "longer_hold"      // an approved action waits longer
	ShorterDeadline What = "shorter_deadline" // there is less time to approve
	LongerDeadline  What = "longer_deadline"  // there is more time to approve
	LooserLimit     What = "looser_limit"     // more fits into an hour or a day
	TighterLimit    What = "tighter_limit"    // less does
	DifferentLimit  What = "different_limit"  // some more, some less, or others let it pass
	RegroupedLimit  What = "regrouped_limit"  // as much of each, but counted together differently
)

func whats() []What {
	return []What{Gains, Loses, FewerApprovals, MoreApprovals, OtherApprovers, ShorterHold, LongerHold,
		ShorterDeadline, LongerDeadline, LooserLimit, TighterLimit, DifferentLimit, RegroupedLimit}
}

// comparison is two versions over the same ground.
type comparison struct {
	before, after *Analysis
	changed       changedRows
	found         []Change
	classes       []*twinClass
	class         map[string]*twinClass
	rights        map[rightsOf][]uint64
	cells         []cell // of freezes too
	fillers       map[slotAt]string
}

// Diff computes what changes in meaning from one policy to another for the
// people of a directory, at a moment and at each later one at which a grant
// of either begins or ends: who gains and loses which step on what, what needs
// more or fewer approvals, who can fill a quorum, and which limits are looser
// or tighter. What is only written differently (the order of rows, names of
// roles, rows that add nothing) is no change. Rows about a label are compared
// for people as they are, and as they would be with it. Quorums are compared
// by the people who can fill them at the moment; conditions one by one and all
// together.
//
// Config's errors are those of [New]; besides, it fails only when ctx is done.
func Diff(ctx context.Context, before, after *policy.Policy, d Directory, at time.Time) (Difference, error) {
	if before.Digest() == "" || after.Digest() == "" {
		return Difference{}, errors.New("analysis: a policy to compare is missing; load both with policy.Load")
	}
	shared := newGround(newKindFacts(d.Kinds).text, before, after)
	b, err := newAnalysis(Config{Policy: before, Directory: d, At: at, Until: endOfTime(at)}, shared)
	if err != nil {
		return Difference{}, err
	}
	a, err := newAnalysis(Config{Policy: after, Directory: d, At: at, Until: endOfTime(at)}, shared)
	if err != nil {
		return Difference{}, err
	}
	c := &comparison{before: b, after: a, changed: changedBetween(before, after), class: make(map[string]*twinClass),
		rights: make(map[rightsOf][]uint64), cells: append(shared.cells(), anywhere), fillers: make(map[slotAt]string)}
	if err := c.compare(ctx); err != nil {
		return Difference{}, err
	}
	slices.SortStableFunc(c.found, compareChanges)
	return Difference{before.Digest(), after.Digest(), at, c.found}, nil
}

// endOfTime is behind every bound that a row can have.
func endOfTime(at time.Time) time.Time { return at.AddDate(500, 0, 0) }

func (c *comparison) compare(ctx context.Context) error {
	c.pair()
	for _, part := range []func(context.Context) error{c.diffRights, c.diffLabels, c.diffRequirements, c.diffLimits} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func compareChanges(a, b Change) int {
	return cmp.Or(slices.Index(whats(), a.What)-slices.Index(whats(), b.What),
		slices.Index(moderation.Steps(), a.Step)-slices.Index(moderation.Steps(), b.Step),
		len(b.People)-len(a.People), slices.Compare(a.People, b.People), a.From.Compare(b.From), strings.Compare(a.When, b.When))
}

// where returns cells as blocks of names.
func (g *ground) where(cells []cell) []Where {
	var list []Where
	for _, b := range g.blocks(cells) {
		list = append(list, Where{namesOf(g.kinds, b.kinds), namesOf(g.tiers, b.tiers), namesOf(g.domains, b.domains), b.first == anywhere})
	}
	return list
}

// Empty reports whether nothing changes in meaning.
func (d Difference) Empty() bool { return len(d.Changes) == 0 }

// maxChanges bounds how many changes are written.
const maxChanges = 200

// WriteTable writes the changes for people to read, one a line and at most 200
// of them; how many are left out is said. The same difference is always
// written the same. It returns w's error.
func (d Difference) WriteTable(w io.Writer) error {
	if d.Empty() {
		_, err := fmt.Fprintln(w, "nothing changes in meaning")
		return err
	}
	t := &table{}
	t.add("what", "step", "who", "kind; tier; domain", "when", "before", "after")
	for i, c := range d.Changes {
		if i == maxChanges {
			break
		}
		t.add(strings.ReplaceAll(string(c.What), "_", " "), string(c.Step), orDash(c.who()), c.where(), orDash(c.when()), orDash(c.Old), orDash(c.New))
	}
	if err := t.write(w); err != nil {
		return err
	}
	if left := len(d.Changes) - maxChanges; left > 0 {
		_, err := fmt.Fprintf(w, "and %d more changes, which are not shown\n", left)
		return err
	}
	return nil
}

// String returns what [Difference.WriteTable] writes.
func (d Difference) String() string { return text(d.WriteTable) }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (c Change) who() string {
	if len(c.People) > maxNamed {
		return fmt.Sprintf("%d people: %s", len(c.People), listed(c.People))
	}
	return listed(c.People)
}

func (c Change) where() string {
	var list []string
	for i, w := range c.Where {
		if i == maxNamed {
			list = append(list, fmt.Sprintf("and %d more", len(c.Where)-i))
			break
		}
		if w.AtOnce {
			list = append(list, "everything at once")
			continue
		}
		list = append(list, listed(w.Kinds)+"; "+listed(w.Tiers)+"; "+listed(w.Domains))
	}
	return strings.Join(list, " / ")
}

func (c Change) when() string {
	var list []string
	if c.When != "" {
		list = append(list, c.When)
	}
	if !c.From.IsZero() {
		list = append(list, "from "+c.From.UTC().Format(time.RFC3339))
	}
	if !c.Until.IsZero() {
		list = append(list, "until "+c.Until.UTC().Format(time.RFC3339))
	}
	return strings.Join(list, ", ")
}
