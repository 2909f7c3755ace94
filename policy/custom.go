package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/elevenminutes/interlock/moderation"
)

// ModelAuthorizer is a [moderation.Authorizer] that answers from a Casbin model
// of the host's own. Make one with [OpenModel]; the zero ModelAuthorizer and a
// nil one deny with an error.
//
// Each load makes new enforcers of the model and its rows. They are never
// changed, and never handed out: nothing can switch enforcing off, add a row or
// let go of one. All methods may be called by many goroutines at once. Decide
// never waits for a reload: each question is answered from one version, whole.
type ModelAuthorizer struct {
	config  ModelConfig
	words   *vocabulary
	model   *casbinModel
	loading chan struct{} // holds one token while a load is under way
	current atomic.Pointer[modelVersion]
}

var errModelNotOpen = errors.New("policy: the model authorizer was not made with OpenModel")

// OpenModel reads a Casbin model strictly, loads its rows, validates both and
// asks the model questions that it must deny.
//
// What Casbin would ignore in silence is an error: sections and definitions
// that it does not read, rows that no matcher reads, columns too few or too
// many, effects that are neither allow nor deny, deny rows that the effect does
// not heed. So is what fails open: the effect !some(where (p.eft == deny)), an
// empty policy, roles in a circle, rows whose expression or pattern can't be
// read, conditions of roles without [ModelRoles].Holds. Errors in rows are
// reported together, each as a [*RowError]. A model that allows something to a
// login that nobody has, or to an empty one, is refused with a [*ProbeError].
// Such logins ask about each of the configuration's steps, kinds, tiers and
// domains: about all together where they are few, else each step and kind with
// some tier and domain, in turn.
//
// Loading takes as long as the source and the functions in c take; ctx bounds
// it.
func OpenModel(ctx context.Context, c ModelConfig) (*ModelAuthorizer, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	c = c.clone()
	m, err := readModel(c)
	if err != nil {
		return nil, fmt.Errorf("policy: the model: %w", err)
	}
	a := &ModelAuthorizer{config: c, words: newVocabulary(c.shared()), model: m, loading: make(chan struct{}, 1)}
	if err := a.load(ctx); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return a, nil
}

// Reload loads the rows again, validates and probes them as [OpenModel] does.
// Where that fails, the version in force stays in force, whole, and the error
// says why; it does not become any fresher. Reloads follow each other; one that
// waits gives up when ctx is done.
func (a *ModelAuthorizer) Reload(ctx context.Context) error {
	if !a.isOpen() {
		return errModelNotOpen
	}
	if err := a.load(ctx); err != nil {
		return fmt.Errorf("policy: reload failed and the version loaded at %s stays in force: %w",
			a.current.Load().asOf.UTC().Format(time.RFC3339), err)
	}
	return nil
}

func (a *ModelAuthorizer) load(ctx context.Context) error {
	select {
	case a.loading <- struct{}{}:
		defer func() { <-a.loading }()
	case <-ctx.Done():
		return fmt.Errorf("another load is under way: %w", ctx.Err())
	}
	v := &modelVersion{asOf: time.Now(), config: &a.config, words: a.words, model: a.model}
	rows, unreadable, err := a.rows(ctx)
	if err != nil {
		return err
	}
	if err := v.compile(rows, unreadable); err != nil {
		return err
	}
	_, err = await(ctx, "probing the model", func() (struct{}, error) { return struct{}{}, v.probe(ctx) })
	if err != nil {
		return err
	}
	a.current.Store(v)
	return nil
}

func (a *ModelAuthorizer) isOpen() bool { return a != nil && a.current.Load() != nil }

// Decide answers a question from the version in force. A question that is
// malformed, or names what the configuration does not, is denied before the
// model is asked; so is a login that a row grants as a role, since Casbin would
// let it hold the role. A question about every kind, tier or domain is allowed
// where the model allows each of them.
//
// The rule that a decision names is the row that Casbin names, or the matcher
// where it reads no rows. Whatever fails, panics or does not answer while ctx
// lasts denies, with an error; what does not answer is left behind, and its
// goroutine with it.
func (a *ModelAuthorizer) Decide(ctx context.Context, q moderation.Question) (moderation.Decision, error) {
	if !a.isOpen() {
		return moderation.Decision{}, errModelNotOpen
	}
	v := a.current.Load()
	if err := ctx.Err(); err != nil {
		return moderation.Decision{Policy: v.digest}, fmt.Errorf("policy: decide: %w", err)
	}
	if code, missing := v.refuses(&q); code != "" {
		return v.dated(v.deny(code, missing)), nil
	}
	q = cloneQuestion(q)
	d, err := await(ctx, "the model", func() (moderation.Decision, error) { return v.decide(ctx, q) })
	if err != nil {
		return moderation.Decision{Policy: v.digest}, fmt.Errorf("policy: decide: %w", err)
	}
	return v.dated(d), nil
}

// Digest returns the digest of the version in force: the SHA-256, in
// hexadecimal, of the model's text and the rows. The order of the rows counts
// where an effect goes by it (priority, subjectPriority). The functions of the
// configuration are not part of it. It is empty for an authorizer that was not
// opened.
func (a *ModelAuthorizer) Digest() string {
	if !a.isOpen() {
		return ""
	}
	return a.current.Load().digest
}

// Rows returns a copy of the rows of the version in force, in the source's
// order, for tools. It is nil for an authorizer that was not opened.
func (a *ModelAuthorizer) Rows() []Row {
	if !a.isOpen() {
		return nil
	}
	rows := slices.Clone(a.current.Load().rows)
	for i, row := range rows {
		rows[i] = row.clone()
	}
	return rows
}

// await runs what calls functions of the host. One that panics, ends its
// goroutine or does not answer while ctx lasts has failed.
func await[T any](ctx context.Context, what string, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		got := answer{err: errors.New(what + ": a function of the host ended its goroutine")}
		defer func() {
			if p := recover(); p != nil {
				got = answer{err: fmt.Errorf("%s panicked: %v", what, p)}
			}
			done <- got
		}()
		value, err := call()
		got = answer{value, err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			return *new(T), got.err
		}
		return got.value, nil
	case <-ctx.Done():
		return *new(T), fmt.Errorf("%s did not answer: %w", what, ctx.Err())
	}
}
