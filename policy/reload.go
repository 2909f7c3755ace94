package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// loading says on whose behalf a version is loaded.
type loading struct {
	poll   bool     // by Watch, which does not ask again about what was refused
	ticket string   // the change of the policy that brings it; empty for the source
	sure   Approval // a version that the approvals of a ticket at work suffice for
}

// reloaded tells what came of a load.
type reloaded struct {
	digest     string // in force now
	difference string
	changed    bool // another version has taken force
}

// acquire waits for the loads before. Loads don't overlap, so that a slow one
// can't bring back what a later one has replaced.
func (a *Authorizer) acquire(ctx context.Context) (release func(), err error) {
	select {
	case a.loading <- struct{}{}:
		return func() { <-a.loading }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("another load is under way: %w", ctx.Err())
	}
}

// load replaces the version in force by what the source holds, or confirms it.
func (a *Authorizer) load(ctx context.Context, how loading) (reloaded, error) {
	release, err := a.acquire(ctx)
	if err != nil {
		return reloaded{}, err
	}
	defer release()
	return a.loadAlone(ctx, how)
}

// loadAlone is load for who has acquired it.
func (a *Authorizer) loadAlone(ctx context.Context, how loading) (reloaded, error) {
	asOf := time.Now()
	revision, known, err := a.unchanged(ctx, how)
	switch {
	case err != nil:
		return reloaded{}, err
	case known != nil:
		return reloaded{}, known
	case revision == a.seen.revision && revision != "" && how.poll:
		return a.confirm(asOf), nil
	}
	a.seen = seen{}
	got, err := a.loadFrom(ctx, asOf, how)
	a.remember(revision, err)
	return got, err
}

// loadFrom reads the source whole.
func (a *Authorizer) loadFrom(ctx context.Context, asOf time.Time, how loading) (reloaded, error) {
	rows, unreadable, err := loadRows(ctx, a.config.Source)
	if err != nil {
		return reloaded{}, a.keepAltered(ctx, err)
	}
	if v := a.current.Load(); v != nil && len(unreadable) == 0 && v.table.holds(rows) {
		return a.confirm(asOf), nil
	}
	s, err := compile(a.config.name(), rows, unreadable, a.words)
	if err != nil {
		return reloaded{}, err
	}
	return a.take(ctx, &version{snapshot: s, asOf: asOf}, how)
}

// take puts a version in force, if it may be. The same rows in another order or
// place are no other version.
func (a *Authorizer) take(ctx context.Context, next *version, how loading) (reloaded, error) {
	old := a.current.Load()
	if old != nil && old.digest == next.digest {
		next.fence = old.fence
		a.current.Store(next)
		return reloaded{digest: next.digest}, nil
	}
	adm, err := a.admit(ctx, old, next, how)
	if err != nil {
		return reloaded{}, err
	}
	a.current.Store(next)
	a.quarantine.forget(next.digest)
	return reloaded{digest: next.digest, changed: true, difference: adm.Difference}, nil
}

// confirm notes that the version in force is still the source's.
func (a *Authorizer) confirm(asOf time.Time) reloaded {
	v := *a.current.Load()
	v.asOf = asOf
	a.current.Store(&v)
	return reloaded{digest: v.digest}
}

func sameRow(a, b Row) bool {
	return a.Type == b.Type && a.Source == b.Source && slices.Equal(a.Fields, b.Fields)
}

// Revisioned is a [Source] that can tell whether it has changed without
// loading everything. [Authorizer.Watch] asks it before each load.
//
// Revision returns a text that is another one whenever the rows have changed,
// such as a counter that the host's database raises with each edit, or an
// error. The empty text says that it is not known; the policy is then loaded.
// It is called by one goroutine at a time and should return soon after ctx is
// done. What it says is believed: an edit that leaves the revision as it is
// stays unseen until [Authorizer.Reload] is called.
type Revisioned interface {
	Source
	Revision(ctx context.Context) (string, error)
}

// seen is what the last load found.
type seen struct {
	revision string // asked before the load; empty where not known
	kept     error  // the version of that revision was refused by Config.Admit
}

// revisionTimeout bounds the question for a revision.
const revisionTimeout = 10 * time.Second

// unchanged asks the source for its revision. It returns, besides, why the
// version of that revision was refused when it was loaded.
func (a *Authorizer) unchanged(ctx context.Context, how loading) (revision string, refused, err error) {
	source, ok := a.config.Source.(Revisioned)
	if !ok {
		return "", nil, nil
	}
	revision, err = bounded(ctx, revisionTimeout, "the source's Revision", source.Revision)
	switch {
	case err != nil && how.poll:
		return "", nil, fmt.Errorf("load: %w", err)
	case err != nil:
		return "", nil, nil // a load that was asked for does without
	case how.poll && revision != "" && revision == a.seen.revision:
		return revision, a.seen.kept, nil
	}
	return revision, nil, nil
}

// remember notes of which revision the version in force is, or the one that was
// refused. What was not approved may be by now, and what failed may not fail
// again: these are loaded each time.
func (a *Authorizer) remember(revision string, err error) {
	var kept *QuarantineError
	switch {
	case err == nil:
		a.seen = seen{revision: revision}
	case errors.As(err, &kept) && kept.Reason == ReasonRefused:
		a.seen = seen{revision: revision, kept: err}
	default:
		a.seen = seen{}
	}
}
