package trail

import (
	"errors"
	"fmt"

	"github.com/elevenminutes/interlock/audit"
)

// What a trusted head brings to light, and that there is none. Each is wrapped
// in a [DamageError] only, beside [audit.ErrCorrupt]; test with errors.Is.
var (
	// ErrRolledBack is wrapped when a log has fewer entries than its trusted
	// head: it was cut, emptied, or replaced by an older copy.
	ErrRolledBack = errors.New("log has fewer entries than its trusted head")
	// ErrRewritten is wrapped when a log has as many entries as its trusted
	// head or more, but does not begin with those that the trusted head covers:
	// an entry was changed, and the tree signed again.
	ErrRewritten = errors.New("log is not the one that its trusted head covers")
	// ErrNoHead is wrapped when a log has entries and its trusted head was
	// never saved: it can't be told whether the log was cut or rewritten.
	ErrNoHead = errors.New("log has entries and no trusted head")
)

// DamageError says where stored bytes are not what was written. It wraps
// [audit.ErrCorrupt]. The zero DamageError names no file.
type DamageError struct {
	// File is the path of the damaged file relative to the log's directory,
	// with slashes.
	File string
	// Index is the first entry that is damaged or that, for what is damaged
	// here, nobody can vouch for.
	Index uint64
	// Problem is what is wrong with the entry, as the end of a sentence that
	// begins with it.
	Problem string
	// Err is the cause: nil, one of the errors above, or what found the damage.
	Err error
}

// Error names file, entry and problem, and says what to do.
func (e *DamageError) Error() string {
	cause := ""
	if e.Err != nil {
		cause = ": " + e.Err.Error()
	}
	return fmt.Sprintf("trail: %s: entry %d %s%s; %s", e.File, e.Index, e.Problem, cause, e.remedy())
}

func (e *DamageError) remedy() string {
	switch {
	case errors.Is(e.Err, ErrNoHead):
		return "restore the trusted head from where it was kept"
	case errors.Is(e.Err, ErrRolledBack):
		return "keep this directory as evidence and restore its newest copy"
	case errors.Is(e.Err, ErrRewritten):
		return "keep this directory as evidence and compare it with a copy from before"
	}
	return "keep this directory as evidence and restore the file from a copy"
}

// Unwrap returns [audit.ErrCorrupt] and the cause.
func (e *DamageError) Unwrap() []error {
	if e.Err == nil {
		return []error{audit.ErrCorrupt}
	}
	return []error{audit.ErrCorrupt, e.Err}
}
