package policy

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/moderation"
)

// Authorizer is a [moderation.Authorizer] that answers from a policy. Make one
// with [Open]; the zero Authorizer and a nil one deny with an error.
//
// All methods may be called by many goroutines at once. Decide never waits for
// a reload: each question is answered from one version, whole.
type Authorizer struct {
	config     Config
	words      *vocabulary
	current    atomic.Pointer[version]
	quarantine quarantine
	changes    atomic.Pointer[Changes] // where the policy can be changed by tickets

	// What follows belongs to who has acquired loading.
	loading  chan struct{} // holds one token while a load is under way
	sink     audit.Sink    // Config.Audit with a bound; nil for none
	doubtful *audit.Record // of a version, which may have been written
	seen     seen          // what the last load found
}

// version is a policy as it was loaded.
type version struct {
	*snapshot
	asOf  time.Time // when the load began that brought or confirmed it
	fence uint64    // of the change of the policy that brought it; zero for none
}

var errNotOpen = errors.New("policy: the authorizer was not made with Open")

// Open loads a policy and validates it whole. What is wrong with its rows is
// reported together, each as a [*RowError] that names the row, the column, the
// value and how to mend it. Rows are first looked at one by one, and together
// only when each is right by itself.
//
// The first version must pass Config.Admit and be on record as every other; where
// a version is pinned it must be an approved one. One that is kept out is a
// [*QuarantineError].
//
// Loading takes as long as the source takes; ctx bounds it.
func Open(ctx context.Context, c Config) (*Authorizer, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	c = c.clone().withDefaults()
	sink, err := boundedSink(c.Audit)
	if err != nil {
		return nil, fmt.Errorf("policy: Config.Audit: %w", err)
	}
	a := &Authorizer{config: c, words: newVocabulary(c), loading: make(chan struct{}, 1), sink: sink}
	if _, err := a.load(ctx, loading{}); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return a, nil
}

// Reload loads the policy again. Where that fails, the version in force stays
// in force, whole, and the error says why; it does not become any fresher (see
// [Config]). A version that was refused by Config.Admit before is asked about
// again. Reloads follow each other; one that waits gives up when ctx is
// done. Decisions that began before Reload returned may have been taken by the
// version before.
func (a *Authorizer) Reload(ctx context.Context) error {
	if !a.isOpen() {
		return errNotOpen
	}
	if _, err := a.load(ctx, loading{}); err != nil {
		return fmt.Errorf("policy: reload failed and the version loaded at %s stays in force: %w",
			a.current.Load().asOf.UTC().Format(time.RFC3339), err)
	}
	return nil
}

func (a *Authorizer) isOpen() bool { return a != nil && a.current.Load() != nil }

// Decide answers a question from the version in force. It allows only what a
// p row allows to a role that the actor holds at Question.Time in the target's
// domain, and no row denies. Every decision names the policy's digest.
//
// It returns an error, and a denial with it, where the authorizer was not
// opened or ctx is done. It does not look at the actor's status, last day or
// person: those are the guard's business, and no role makes up for them.
func (a *Authorizer) Decide(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
	v, err := a.Check(ctx, &q)
	if err != nil {
		return moderation.Decision{Policy: v.digest()}, err
	}
	return v.Decision(), nil
}

// Check answers a question as Decide does, as a [Verdict], which is put in
// words only when it is asked. A host that asks whether to show each of many
// buttons asks this. It does not keep q; a nil one is denied. With an error
// comes a Verdict that denies.
func (a *Authorizer) Check(ctx context.Context, q *moderation.Question) (v Verdict, err error) {
	if !a.isOpen() {
		return v, errNotOpen
	}
	current := a.current.Load()
	if err := ctx.Err(); err != nil {
		v.compiled, v.ruling = current.snapshot, interrupted
		return v, fmt.Errorf("policy: decide: %w", err)
	}
	if q != nil && decidesChange(q) {
		d, err := a.decideChange(ctx, current, *q)
		v.compiled, v.settled = current.snapshot, &d
		return v, err
	}
	if a.config.MaxStaleness > 0 {
		v.asOf = current.asOf.Round(0)
		if age := current.age(); age > a.config.MaxStaleness && (q == nil || imposes(q.Step)) {
			v.compiled, v.ruling = current.snapshot, outdated
			v.unknown = fmt.Sprintf("a policy that was loaded in the last %v; this one is %v old", a.config.MaxStaleness, age)
			return v, nil
		}
	}
	current.answer(&v, q)
	return v, nil
}

// age is how old the version is by the clock that says more: the monotonic one
// stands still while a machine sleeps, the other may be set back.
func (v *version) age() time.Duration {
	now := time.Now()
	return max(now.Sub(v.asOf), now.Round(0).Sub(v.asOf.Round(0)))
}

// imposes reports whether a step restricts somebody or ends a protection.
// These are refused on a stale policy; what takes restrictions back, or stops
// them, is not: the guard has a longer bound for it.
func imposes(s moderation.Step) bool {
	return s == moderation.StepRequest || s == moderation.StepBypass || s == moderation.StepUnfreeze
}

// Digest returns the digest of the version in force: the SHA-256, in
// hexadecimal, of its rows. The order of the rows and the places where they
// stand do not change it, since they change no decision; any other edit does.
// It is empty for an authorizer that was not opened.
func (a *Authorizer) Digest() string {
	if !a.isOpen() {
		return ""
	}
	return a.current.Load().digest
}

// Rows returns a copy of the rows of the version in force, in the source's
// order, for tools. It is nil for an authorizer that was not opened.
func (a *Authorizer) Rows() []Row {
	if !a.isOpen() {
		return nil
	}
	return a.current.Load().rows()
}
