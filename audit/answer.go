package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// answer is what came of an append. What the error says of itself is looked up
// where a panic of the error's methods does no harm.
type answer struct {
	err     error
	refused bool // err wraps ErrNotWritten
	noRoom  bool // err wraps ErrNoRoom
	untried bool // no sink was asked
}

// certain reports whether it is known that the record is stored, or that it is
// not.
func (a answer) certain() bool {
	return a.err == nil || a.refused || a.noRoom
}

// veil hides of an error of one sink what the answer of all does not say.
func (a answer) veil(err error) error {
	var hidden []error
	if !a.refused {
		hidden = append(hidden, ErrNotWritten)
	}
	if !a.noRoom {
		hidden = append(hidden, ErrNoRoom)
	}
	return &veiled{err, hidden}
}

// afterLate returns what the answer is worth when an earlier append of the
// record may still hang in the sink: that may find room later.
func (a answer) afterLate(late bool) answer {
	if late && a.noRoom {
		a.noRoom, a.err = false, &veiled{a.err, []error{ErrNoRoom}}
	}
	return a
}

// unanswered is the error of a call that nobody waits for any more.
func unanswered(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrTimeout, causeOf(ctx))
}

// alive returns an error if ctx is done, so that no sink is asked in vain.
func alive(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("audit: append not tried: %w", causeOf(ctx))
}

// causeOf returns why ctx is done. Who ended it may have given an error of
// another append as the cause, which says nothing about this one.
func causeOf(ctx context.Context) error {
	return &veiled{context.Cause(ctx), []error{ErrNotWritten, ErrNoRoom, ErrConflict}}
}

// veiled is an error that does not match some of what it wraps.
type veiled struct {
	err    error
	hidden []error
}

func (v *veiled) Error() string { return v.err.Error() }

func (v *veiled) Is(target error) bool {
	return !slices.Contains(v.hidden, target) && errors.Is(v.err, target)
}

func (v *veiled) As(target any) bool { return errors.As(v.err, target) }
