package moderation

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/typednil"
)

// Config is what a [Guard] is composed of. Directory, Authorizer, Limiter,
// Kinds, Tiers and Audit (or Store) are required. The guard keeps the slices'
// contents, not the slices.
type Config struct {
	// Directory knows people and targets.
	Directory Directory
	// Authorizer says who may take which step.
	Authorizer Authorizer
	// Limiter bounds how many and how much.
	Limiter Limiter
	// Kinds are the kinds of action and the host's code for them.
	Kinds []Kind
	// Tiers are the tiers that a target can have, the least protected first.
	// A target of any other tier is refused.
	Tiers []string

	// Audit is where records go. Without a Store it is the truth: it must be
	// an [audit.Replayer], from which New rebuilds everything; one that is an
	// [audit.Snapshotter] bounds how much New must read. With a Store it is a
	// further gate: it must accept each intent before the handler runs.
	Audit audit.Sink
	// Store keeps tickets and records. Nil means a memory store over Audit.
	Store Store
	// ForgetOnExit allows an Audit that can't be replayed, or that is itself
	// memory: tickets, keys, standing restrictions and the use of limits are
	// then lost with the process. It is for tests and trials.
	ForgetOnExit bool

	// Notice is how long before the end of a last day an actor counts as
	// leaving. Zero means 14 days; negative is refused.
	Notice time.Duration
	// MaxStaleness is the most that facts and policy may be out of date.
	// Zero means one minute.
	MaxStaleness time.Duration
	// MaxUndoStaleness is the same for undo and for all that stops a restriction
	// (reject, cancel, freeze, revoke, resolve), which go on from the last good
	// facts for longer. Zero means one hour; less than MaxStaleness is refused.
	MaxUndoStaleness time.Duration
	// Lately is how long a target's higher tier, a rejection and an undo are
	// held against other requests: the higher tier counts, and after a
	// rejection or an undo one approval more is needed, by somebody who had no
	// part in it and holds the step approve. Zero means 24 hours.
	Lately time.Duration
	// MaxFreeze is the longest that one freeze may last. Zero means 24 hours.
	MaxFreeze time.Duration

	// DecideTimeout bounds all the questions of one decision together: to
	// the directory, the authorizer and the limiter. Zero means 5 seconds.
	DecideTimeout time.Duration
	// RecordTimeout bounds one commit. Zero means 5 seconds.
	RecordTimeout time.Duration
	// HandlerTimeout bounds one call of a handler. Zero means 30 seconds.
	HandlerTimeout time.Duration
	// ResolveGrace is how long after a handler's deadline an unknown outcome
	// may be resolved by a person. Zero means one minute.
	ResolveGrace time.Duration
	// Questions is how many refusals are recorded one by one, and how many
	// calls of Explain are answered, for one actor a minute. Further refusals
	// are counted, and their number recorded. Zero means 60.
	Questions int

	// MaxRetries is how often Advance may call a handler again that returned an
	// error, so that the outcome is unknown, where its kind is Idempotent. Zero
	// means never; at most 100 are allowed. Before each call a Probe is asked
	// and everything is decided again; no call is made past the ticket's
	// deadline (24 hours after the request where it has none), nor after a
	// crash or an overrun. See Kind.Idempotent.
	MaxRetries int
	// RetryPause is how long before the first such call. Each further pause is
	// twice as long, up to an hour. Zero means 10 seconds.
	RetryPause time.Duration

	// Observer is told what happens, for dashboards and pagers; nil for nobody.
	// It can neither block nor break the guard.
	Observer Observer

	// Now tells the time; for simulations. Nil means time.Now, with the
	// process's steady clock held against it.
	Now func() time.Time
}

// ConfigError says which field of a [Config] is at fault and how to mend it.
type ConfigError struct {
	Field   string // the field's name, such as Kinds[1]
	Problem string // what is wrong with it, and how to mend it
}

// Error names the field and the problem.
func (e *ConfigError) Error() string {
	return "moderation: Config." + e.Field + " " + e.Problem
}

var kindName = regexp.MustCompile(`^[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)+$`)

// check reports all that is wrong, not only the first fault.
func (c Config) check() error {
	var errs *multierror.Error
	fault := func(field, problem string) {
		errs = multierror.Append(errs, &ConfigError{Field: field, Problem: problem})
	}
	for _, f := range []struct {
		field string
		value any
	}{{"Directory", c.Directory}, {"Authorizer", c.Authorizer}, {"Limiter", c.Limiter}} {
		if typednil.Is(f.value) {
			fault(f.field, "is nil; it is required (an earlier constructor may have returned an error)")
		}
	}
	if c.Observer != nil && typednil.Is(c.Observer) {
		fault("Observer", "is a nil pointer in an interface; leave it out, or give an observer")
	}
	c.checkRecording(fault)
	c.checkKinds(fault)
	c.checkTiers(fault)
	c.checkDurations(fault)
	return errs.ErrorOrNil()
}

func (c Config) checkRecording(fault func(field, problem string)) {
	if c.Store != nil && typednil.Is(c.Store) {
		fault("Store", "is a nil pointer in an interface; leave it out for a memory store, or give a store")
	}
	if c.Audit != nil && typednil.Is(c.Audit) {
		fault("Audit", "is a nil pointer in an interface; an earlier constructor may have returned an error")
		return
	}
	if c.Store != nil {
		return
	}
	if c.Audit == nil {
		fault("Audit", "is nil and there is no Store; nothing may run unrecorded")
		return
	}
	if audit.Forgets(c.Audit) && !c.ForgetOnExit {
		fault("Audit", fmt.Sprintf("is a %T, which can't be replayed after a restart; use audit.OpenFile or another audit.Replayer that outlives the process, or set ForgetOnExit in a test", c.Audit))
	}
}

func (c Config) checkKinds(fault func(field, problem string)) {
	if len(c.Kinds) == 0 {
		fault("Kinds", "is empty; register at least one kind of action")
	}
	seen := make(map[string]bool)
	for i, k := range c.Kinds {
		field := fmt.Sprintf("Kinds[%d]", i)
		switch {
		case !kindName.MatchString(k.Name) || len(k.Name) > MaxName:
			fault(field, fmt.Sprintf("has the name %.60q; lower-case parts joined by dots are needed, such as account.suspend", k.Name))
		case strings.HasPrefix(k.Name, reservedPrefix) && k.Name != PolicyChangeKind:
			fault(field, fmt.Sprintf("has the name %q; names that begin with %s are the library's own", k.Name, reservedPrefix))
		case k.Name == PolicyChangeKind && (k.Timed || k.Undo == nil):
			fault(field, fmt.Sprintf("(%s) is Timed or has no Undo; register the kind that the policy gives", k.Name))
		case seen[k.Name]:
			fault(field, fmt.Sprintf("registers %s a second time", k.Name))
		case k.Apply == nil:
			fault(field, fmt.Sprintf("(%s) has no Apply", k.Name))
		case k.Timed && k.Undo == nil:
			fault(field, fmt.Sprintf("(%s) is Timed but has no Undo to end it with", k.Name))
		}
		seen[k.Name] = true
	}
}

func (c Config) checkTiers(fault func(field, problem string)) {
	if len(c.Tiers) == 0 {
		fault("Tiers", "is empty; name the tiers that targets have, the least protected first")
	}
	for i, tier := range c.Tiers {
		if err := checkName(fmt.Sprintf("Tiers[%d]", i), tier, true); err != nil {
			fault("Tiers", err.Error())
		}
		if tier == Any {
			fault("Tiers", "has *, which stands for every tier")
		}
		if slices.Index(c.Tiers, tier) != i {
			fault("Tiers", fmt.Sprintf("names %q twice", tier))
		}
	}
}

func (c Config) checkDurations(fault func(field, problem string)) {
	for _, f := range []struct {
		field string
		value time.Duration
	}{
		{"Notice", c.Notice}, {"MaxStaleness", c.MaxStaleness}, {"MaxUndoStaleness", c.MaxUndoStaleness},
		{"Lately", c.Lately}, {"MaxFreeze", c.MaxFreeze}, {"DecideTimeout", c.DecideTimeout},
		{"RecordTimeout", c.RecordTimeout}, {"HandlerTimeout", c.HandlerTimeout}, {"ResolveGrace", c.ResolveGrace},
		{"RetryPause", c.RetryPause},
	} {
		if f.value < 0 {
			fault(f.field, fmt.Sprintf("is %v; it can't be negative", f.value))
		}
	}
	if c.MaxRetries < 0 || c.MaxRetries > maxRetries {
		fault("MaxRetries", fmt.Sprintf("is %d; from zero to %d are allowed", c.MaxRetries, maxRetries))
	}
	if c.Questions < 0 {
		fault("Questions", fmt.Sprintf("is %d; it can't be negative", c.Questions))
	}
	if d := c.withDefaults(); d.MaxUndoStaleness < d.MaxStaleness {
		fault("MaxUndoStaleness", fmt.Sprintf("is %v, less than MaxStaleness (%v)", d.MaxUndoStaleness, d.MaxStaleness))
	}
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	def := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	def(&c.Notice, 14*24*time.Hour)
	def(&c.MaxStaleness, time.Minute)
	def(&c.MaxUndoStaleness, max(time.Hour, c.MaxStaleness))
	def(&c.Lately, 24*time.Hour)
	def(&c.MaxFreeze, 24*time.Hour)
	def(&c.DecideTimeout, 5*time.Second)
	def(&c.RecordTimeout, 5*time.Second)
	def(&c.HandlerTimeout, 30*time.Second)
	def(&c.ResolveGrace, time.Minute)
	def(&c.RetryPause, 10*time.Second)
	if c.Questions == 0 {
		c.Questions = 60
	}
	c.Kinds = slices.Clone(c.Kinds)
	c.Tiers = slices.Clone(c.Tiers)
	return c
}

// New composes a guard. It reports every fault of the configuration at once,
// as [*ConfigError] values joined together, and rebuilds the memory store from
// Config.Audit where there is no Config.Store; ctx bounds that. Where that took
// more than 10,000 records beyond the last snapshot, or without one, and the
// sink keeps snapshots, New saves one. If that fails New goes on, since the
// records are the truth: [Guard.Close] tries again and says why.
//
// After a restart, tickets whose handler may have run are unknown until they
// are probed (see Advance) or resolved.
func New(ctx context.Context, c Config) (*Guard, error) {
	if ctx == nil {
		return nil, invalid("ctx", "is nil")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	g := newGuard(c.withDefaults())
	if err := g.open(ctx); err != nil {
		return nil, fmt.Errorf("moderation: opening the guard: %w", err)
	}
	return g, nil
}
