package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// All returns a sink that stores a record only if each of the given sinks
// stores it: Append returns nil if and only if every one of them did.
//
// All asks its sinks at the same time, each with a copy of the record, once the
// record is one that [Record.Validate] accepts. Their errors come joined
// in a [*multierror.Error], through which errors.Is and errors.As see each of
// them, and which names each by its position and type; a panic is [ErrPanic].
// The joined error matches [ErrNotWritten] only if every sink said so: as long
// as one may have stored the record, it must be appended again until all have.
//
// A sink that has not answered when ctx is done is given up on with
// [ErrTimeout], and what hangs is bounded as [Deadline] says. A ctx that is
// never done leaves All waiting for a sink that hangs: wrap such sinks, or all,
// in Deadline.
//
// The result is a [Replayer] if one of the sinks is: it replays the first such
// one. All returns [ErrNoSink] if there is no sink or one of them is nil.
func All(sinks ...Sink) (Sink, error) {
	if len(sinks) == 0 {
		return nil, fmt.Errorf("%w to All", ErrNoSink)
	}
	var replayer Replayer
	a := &all{callers: make([]*caller, len(sinks))}
	for i, sink := range sinks {
		c, err := newCaller(sink, fmt.Sprintf("All as sinks[%d]", i))
		if err != nil {
			return nil, err
		}
		a.callers[i] = c
		if r, ok := sink.(Replayer); ok && replayer == nil {
			replayer = r
		}
	}
	if replayer != nil {
		return &replayingAll{all: a, Replayer: replayer}, nil
	}
	return a, nil
}

type all struct {
	callers []*caller
}

type replayingAll struct {
	*all
	Replayer
}

// Volatile reports what the sink that is replayed says.
func (a *replayingAll) Volatile() bool { return forgets(a.Replayer) }

func (a *all) Append(ctx context.Context, r Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if err := alive(ctx); err != nil {
		return err
	}
	calls := make([]*call, len(a.callers))
	answers := make([]answer, len(a.callers))
	for i, c := range a.callers {
		calls[i], answers[i].err = c.start(ctx, r)
	}
	for i, c := range a.callers {
		if calls[i] != nil {
			answers[i] = c.wait(ctx, calls[i])
		}
	}
	return a.join(r.ID, answers)
}

// join returns nil if every answer is.
func (a *all) join(id string, answers []answer) error {
	refused := true
	var errs []error
	for i, answer := range answers {
		refused = refused && answer.refused
		if answer.err != nil {
			errs = append(errs, &sinkError{index: i, sink: fmt.Sprintf("%T", a.callers[i].sink), err: answer.err})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	for _, err := range errs {
		err.(*sinkError).refused = refused
	}
	summary := fmt.Sprintf("audit: %d of %d sinks did not store record %.64q", len(errs), len(answers), id)
	return &multierror.Error{Errors: errs, ErrorFormat: func(errs []error) string {
		texts := make([]string, len(errs))
		for i, err := range errs {
			texts[i] = err.Error()
		}
		return summary + ": " + strings.Join(texts, "; ")
	}}
}

// sinkError is what one sink of several answered. It hides ErrNotWritten
// unless all of them said so, and shows all else that it wraps.
type sinkError struct {
	index   int
	sink    string
	err     error
	refused bool
}

func (e *sinkError) Error() string {
	return fmt.Sprintf("sinks[%d] (%s): %v", e.index, e.sink, e.err)
}

func (e *sinkError) Is(target error) bool {
	return (e.refused || target != ErrNotWritten) && errors.Is(e.err, target)
}

func (e *sinkError) As(target any) bool {
	return errors.As(e.err, target)
}
