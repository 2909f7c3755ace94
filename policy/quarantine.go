package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// QuarantineReason says why a version was kept out.
type QuarantineReason string

// The reasons why a version is kept out.
const (
	ReasonUnapproved QuarantineReason = "unapproved" // no executed change of the policy brought it
	ReasonRefused    QuarantineReason = "refused"    // Config.Admit said no, panicked or did not answer
	ReasonAltered    QuarantineReason = "altered"    // it is not what was approved
)

// QuarantineError says that a version of the policy was loaded, is valid or was
// altered where it is kept, and was kept from taking force. [Open], [Authorizer.Reload] and the events of
// [Authorizer.Watch] wrap it; find it with errors.As.
type QuarantineError struct {
	Digest  string           // of the version that was kept out
	InForce string           // of the one that stays in force; empty where there is none
	Reason  QuarantineReason // why, for programs
	Rows    int              // how many rows the version has
	Err     error            // why
}

// Error names both versions and says why.
func (e *QuarantineError) Error() string {
	return fmt.Sprintf("version %.12s (%d rows) is quarantined as %s: %v", e.Digest, e.Rows, e.Reason, e.Err)
}

// Unwrap returns why.
func (e *QuarantineError) Unwrap() error { return e.Err }

// Quarantined is a version that was kept out, with the last refusal.
type Quarantined struct {
	Digest string           // of its rows
	Reason QuarantineReason // why, for programs
	Why    string           // why, for people
	First  time.Time        // when it was first kept out
	Last   time.Time        // when it was last kept out
	Times  int              // how often it was kept out
	Total  int              // how many rows it has
	Rows   []Row            // the first 10,000 of them
}

// Bounds of what is remembered of versions that were kept out.
const (
	maxQuarantined     = 16
	maxQuarantinedRows = 10_000
)

// quarantine remembers versions that were kept out, the last 16 of them.
type quarantine struct {
	mu   sync.Mutex
	kept []*kept // by the time when they were last kept out
}

type kept struct {
	Quarantined
	err    *QuarantineError
	record *audit.Record // still to be written; nil where it is
}

// Quarantine returns the versions that were kept from taking force, the last 16
// of them, the latest first. A version that takes force later is not among them
// any more. It is nil for an authorizer that was not opened.
func (a *Authorizer) Quarantine() []Quarantined {
	if !a.isOpen() {
		return nil
	}
	a.quarantine.mu.Lock()
	defer a.quarantine.mu.Unlock()
	list := make([]Quarantined, 0, len(a.quarantine.kept))
	for _, k := range slices.Backward(a.quarantine.kept) {
		q := k.Quarantined
		q.Rows = cloneRows(q.Rows)
		list = append(list, q)
	}
	return list
}

// keepOut quarantines a version and puts that on record, once. A record that
// can't be written is tried again each time.
func (a *Authorizer) keepOut(ctx context.Context, old *version, digest string, rows []Row, reason QuarantineReason, why error) error {
	e := &QuarantineError{Digest: digest, Reason: reason, Rows: len(rows), Err: why}
	if old != nil {
		e.InForce = old.digest
	}
	k := a.quarantine.add(e, rows, time.Now())
	if k.record == nil {
		return e
	}
	if err := a.append(ctx, *k.record); err != nil {
		return errors.Join(e, fmt.Errorf("and that is not on record: %w", err))
	}
	a.quarantine.recorded(k)
	return e
}

// add remembers a version, in place of the one that was kept out longest ago
// where there are too many.
func (q *quarantine) add(e *QuarantineError, rows []Row, now time.Time) *kept {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := &kept{Quarantined: Quarantined{Digest: e.Digest, First: now, Total: len(rows)}}
	if i := q.index(e.Digest); i >= 0 {
		k = q.kept[i]
		q.kept = slices.Delete(q.kept, i, i+1)
	}
	if k.err == nil || k.Reason != e.Reason {
		r := keptOut(e, now)
		k.record = &r
		k.Rows = cloneRows(rows[:min(len(rows), maxQuarantinedRows)])
	}
	k.err, k.Reason, k.Why, k.Last = e, e.Reason, cut(e.Err.Error(), maxWhy), now
	k.Times++
	q.kept = append(q.kept, k)
	if len(q.kept) > maxQuarantined {
		q.kept = slices.Delete(q.kept, 0, 1)
	}
	return k
}

func (q *quarantine) index(digest string) int {
	return slices.IndexFunc(q.kept, func(k *kept) bool { return k.Digest == digest })
}

func (q *quarantine) recorded(k *kept) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k.record = nil
}

// again returns why a version was refused before, where asking again is not
// called for: a poll that finds the same version must not ask a hook for ever.
func (q *quarantine) again(digest string, how loading) error {
	if !how.poll {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	i := q.index(digest)
	if i < 0 || q.kept[i].Reason != ReasonRefused || q.kept[i].record != nil {
		return nil
	}
	q.kept[i].Last = time.Now()
	q.kept[i].Times++
	return q.kept[i].err
}

// forget lets go of a version that has taken force.
func (q *quarantine) forget(digest string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := q.index(digest); i >= 0 {
		q.kept = slices.Delete(q.kept, i, i+1)
	}
}

func cloneRows(rows []Row) []Row {
	list := make([]Row, len(rows))
	for i, r := range rows {
		list[i] = r.clone()
	}
	return list
}

// compareRows orders rows by their type, as the package lists them, and then by
// their columns.
func compareRows(a, b Row) int {
	order := []string{"p", "p2", "p3", "g"}
	return cmp.Or(
		cmp.Compare(slices.Index(order, a.Type), slices.Index(order, b.Type)),
		slices.Compare(a.Fields, b.Fields),
	)
}
