package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
)

// maxDoubts is how many records in doubt are remembered one by one.
const maxDoubts = 1024

// unsettled is what a sink may hold without its callers' knowledge: records
// whose append is under way, and those whose append was in doubt and has not
// been repeated until it was certain.
type unsettled struct {
	mu       sync.Mutex
	begun    uint64 // appends so far
	underWay int
	doubts   map[[sha256.Size]byte]bool // by the record's JSON form
	overflow bool                       // there were more
}

// follow appends a record and notes what came of it.
func (u *unsettled) follow(ctx context.Context, r Record, append func(context.Context, Record) answer) error {
	u.mu.Lock()
	u.begun++
	u.underWay++
	u.mu.Unlock()

	a := append(ctx, r)

	u.mu.Lock()
	defer u.mu.Unlock()
	u.underWay--
	u.note(&r, a)
	return a.err
}

// note remembers a record that is in doubt, or forgets one that is not any
// more.
func (u *unsettled) note(r *Record, a answer) {
	if a.untried || a.certain() && len(u.doubts) == 0 {
		return
	}
	form, err := r.AppendJSON(nil)
	if err != nil {
		return // no sink can hold it
	}
	key := sha256.Sum256(form)
	switch {
	case a.certain():
		delete(u.doubts, key)
	case len(u.doubts) == maxDoubts && !u.doubts[key]:
		u.overflow = true
	case u.doubts == nil:
		u.doubts = map[[sha256.Size]byte]bool{key: true}
	default:
		u.doubts[key] = true
	}
}

// settled returns an error if there is anything, and otherwise how many appends
// there have been.
func (u *unsettled) settled() (begun uint64, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.overflow:
		return 0, fmt.Errorf("more than %d records were in doubt: start again from the stored records", maxDoubts)
	case len(u.doubts) > 0:
		return 0, fmt.Errorf("%d records are in doubt: append them again until it is certain what became of them", len(u.doubts))
	case u.underWay > 0:
		return 0, fmt.Errorf("%d appends are under way", u.underWay)
	}
	return u.begun, nil
}

// unchanged returns an error if appends have begun since settled.
func (u *unsettled) unchanged(begun uint64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.begun != begun {
		return errors.New("audit: a record was appended while the snapshot was being saved")
	}
	return nil
}
