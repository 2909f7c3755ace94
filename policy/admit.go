package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// Admission is a version of the policy that is about to take force.
type Admission struct {
	// Old is the version in force; nil where there is none yet.
	Old *Policy
	// New is the version that would take its place.
	New *Policy
	// Digest is the digest of New.
	Digest string
	// Difference says what changes between them; empty where Old is nil.
	Difference string
	// Ticket is the change of the policy that brings it; empty where the source
	// does.
	Ticket string
}

// newAdmission works out the difference, where it is told to anybody. A difference that can't be told keeps
// the version out: nobody could say what it means.
func (a *Authorizer) newAdmission(ctx context.Context, old, next *snapshot, ticket string, told bool) (Admission, error) {
	adm := Admission{New: &Policy{next}, Digest: next.digest, Ticket: ticket}
	if old == nil {
		return adm, nil
	}
	adm.Old = &Policy{old}
	if !told {
		return adm, nil
	}
	var err error
	adm.Difference, err = a.difference(ctx, adm.Old, adm.New)
	return adm, err
}

// difference asks Config.Difference.
func (a *Authorizer) difference(ctx context.Context, old, next *Policy) (string, error) {
	return bounded(ctx, a.config.AdmitTimeout, "Config.Difference", func(context.Context) (string, error) {
		return cut(a.config.Difference(old, next), maxDifference), nil
	})
}

// admit lets a version pass, or quarantines it. What the source brings must be
// approved where that is asked for; every version must pass Config.Admit and be
// on record before it takes force.
func (a *Authorizer) admit(ctx context.Context, old, next *version, how loading) (Admission, error) {
	if err := a.approve(ctx, old, next, how); err != nil {
		return Admission{}, err
	}
	adm, err := a.consult(ctx, old, next, how)
	if err != nil {
		return adm, err
	}
	if err := a.record(ctx, takesForce(adm)); err != nil {
		return adm, fmt.Errorf("version %.12s is not on record, so it does not take force: %w", next.digest, err)
	}
	return adm, nil
}

// approve holds a version that the source brings against the approvals. One
// that a ticket brings is approved by that.
func (a *Authorizer) approve(ctx context.Context, old, next *version, how loading) error {
	if how.ticket != "" {
		return nil
	}
	fence, err := a.approval(ctx, old, next.digest, how)
	var silent *unansweredError
	switch {
	case errors.As(err, &silent) || err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		return a.keepOut(ctx, old, next.digest, next.rows(), ReasonUnapproved, err)
	}
	next.fence = fence
	return nil
}

// consult asks Config.Admit.
func (a *Authorizer) consult(ctx context.Context, old, next *version, how loading) (Admission, error) {
	if err := a.quarantine.again(next.digest, how); err != nil {
		return Admission{}, err
	}
	var before *snapshot
	if old != nil {
		before = old.snapshot
	}
	told := a.config.Admit != nil || a.sink != nil || how.poll
	adm, err := a.newAdmission(ctx, before, next.snapshot, how.ticket, told)
	if err == nil && a.config.Admit != nil {
		_, err = bounded(ctx, a.config.AdmitTimeout, "Config.Admit", func(ctx context.Context) (struct{}, error) {
			return struct{}{}, a.config.Admit(ctx, adm)
		})
	}
	switch {
	case err == nil:
		return adm, nil
	case ctx.Err() != nil: // the load was given up, which says nothing about the version
		return adm, fmt.Errorf("admitting version %.12s: %w", next.digest, err)
	}
	return adm, a.keepOut(ctx, old, next.digest, next.rows(), ReasonRefused, err)
}

// The defaults of bounds.
const (
	defaultAdmitTimeout = 30 * time.Second
	recordTimeout       = 5 * time.Second
)

// boundedSink makes sure that a sink which hangs or panics has failed.
func boundedSink(sink audit.Sink) (audit.Sink, error) {
	if sink == nil {
		return nil, nil
	}
	return audit.Deadline(sink, recordTimeout)
}
