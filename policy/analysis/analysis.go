package analysis

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/moderation"
	"github.com/elevenminutes/interlock/policy"
)

// Config says what is analysed. [New] copies no more than it must: change
// nothing in it while the analysis is in use.
type Config struct {
	// Policy is what is analysed. Required.
	Policy *policy.Policy
	// Directory is who there is. Required.
	Directory Directory
	// At is the moment that is looked at. Required.
	At time.Time
	// Until, where it is later than At, has everything looked at again at each
	// moment between them at which a grant begins or ends, somebody begins to
	// be leaving, or is gone. Zero means At alone.
	Until time.Time
	// Protected are the tiers that wildcards should not reach. Nil means all
	// but the policy's first.
	Protected []string
}

// Analysis computes what a policy means for the people of a directory. Make
// one with [New]; the zero Analysis finds nothing and returns errors. All
// methods may be called by many goroutines at once, and what they return is
// the caller's.
type Analysis struct {
	mu        sync.Mutex // guards grants, rows and allowed, which fill as they are asked
	policy    *policy.Policy
	directory Directory
	at, until time.Time
	protected []string
	kinds     kindFacts
	ground    *ground
	grants    *grantBook
	bands     bands
	limits    map[moderation.Step][]policy.LimitRow
	rows      map[charged][]int
	targets   map[string]Targets
	allows    map[moderation.Step][]policy.RuleRow
	allowed   map[charged]map[string]bool // the roles that rows allow a step in a cell
}

var errNotMade = errors.New("analysis: the analysis was not made with New")

// New prepares an analysis. A policy that was not loaded, a directory that
// contradicts itself, a zero At and an unknown tier in Protected are errors.
func New(c Config) (*Analysis, error) {
	return newAnalysis(c, nil)
}

// newAnalysis uses a ground that is shared with another analysis, or its own.
func newAnalysis(c Config, shared *ground) (*Analysis, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	a := &Analysis{
		policy: c.Policy, directory: c.Directory, at: c.At, until: c.Until, protected: c.Protected,
		kinds: newKindFacts(c.Directory.Kinds), ground: shared, bands: newBands(c.Policy),
		limits: make(map[moderation.Step][]policy.LimitRow), targets: make(map[string]Targets),
		rows: make(map[charged][]int), allows: make(map[moderation.Step][]policy.RuleRow),
		allowed: make(map[charged]map[string]bool),
	}
	if c.Protected == nil {
		a.protected = c.Policy.Tiers()[1:]
	}
	if shared == nil {
		a.ground = newGround(a.kinds.text, c.Policy)
	}
	a.grants = newGrantBook(c.Policy, a.ground)
	for l := range c.Policy.Limits() {
		a.limits[l.Step] = append(a.limits[l.Step], l)
	}
	for r := range c.Policy.Rules() {
		if !r.Deny {
			a.allows[r.Step] = append(a.allows[r.Step], r)
		}
	}
	for _, t := range c.Directory.Targets {
		a.targets[t.Tier] = t
	}
	return a, nil
}

func (c Config) check() error {
	if c.Policy.Digest() == "" {
		return errors.New("analysis: Config.Policy is missing; load one with policy.Load")
	}
	if c.At.IsZero() {
		return errors.New("analysis: Config.At is missing; say which moment to look at")
	}
	for _, tier := range c.Protected {
		if !slices.Contains(c.Policy.Tiers(), tier) {
			return fmt.Errorf("analysis: Config.Protected has %q, which is no tier of the policy", tier)
		}
	}
	return c.Directory.check()
}

// kindFacts are what the guard knows of kinds.
type kindFacts struct{ irreversible, timed map[string]bool }

func newKindFacts(kinds []moderation.Kind) kindFacts {
	f := kindFacts{make(map[string]bool), make(map[string]bool)}
	for _, k := range kinds {
		f.irreversible[k.Name], f.timed[k.Name] = k.Undo == nil, k.Timed
	}
	return f
}

// text is the same for kinds of which the guard knows the same.
func (f kindFacts) text(kind string) string {
	return string([]byte{bit(f.irreversible[kind]), bit(f.timed[kind])})
}
