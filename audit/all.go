package audit

import (
	"context"
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
// The joined error matches [ErrNotWritten] only if every sink said so, and
// [ErrNoRoom] only if every sink said the one or the other: as long as one may
// have stored the record, it must be appended again until all have.
//
// A sink that has not answered when ctx is done is given up on with
// [ErrTimeout], and what hangs is bounded as [Deadline] says. A ctx that is
// never done leaves All waiting for a sink that hangs: wrap such sinks, or all,
// in Deadline.
//
// The result is a [Replayer] if one of the sinks is: it replays the first such
// one. It is a [Snapshotter] if that one is, and keeps its snapshots there.
// SaveSnapshot fails while an append through All is under way, and from an
// append that is in doubt on until the same record has been stored or refused
// for certain: the sink may hold a record that its caller does not know of. A
// sink that has not saved the snapshot when ctx is done is given up on with
// ErrTimeout, and may still save it; write is called on the goroutine of who
// saves, and not after SaveSnapshot has returned.
//
// All returns [ErrNoSink] if there is no sink or one of them is nil.
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
	switch r := replayer.(type) {
	case Snapshotter:
		return &snapshottingAll{all: a, snapshots: newSnapshots(r)}, nil
	case Replayer:
		return &replayingAll{all: a, replayed: replayed{r}}, nil
	}
	return a, nil
}

type all struct {
	callers []*caller
}

type replayingAll struct {
	*all
	replayed
}

type snapshottingAll struct {
	*all
	*snapshots
}

func (a *all) Append(ctx context.Context, r Record) error {
	return a.append(ctx, r).err
}

func (a *snapshottingAll) Append(ctx context.Context, r Record) error {
	return a.follow(ctx, r, a.append)
}

func (a *all) append(ctx context.Context, r Record) answer {
	if err := r.Validate(); err != nil {
		return answer{err: err, refused: true}
	}
	if err := alive(ctx); err != nil {
		return answer{err: err, untried: true}
	}
	calls := make([]*call, len(a.callers))
	answers := make([]answer, len(a.callers))
	for i, c := range a.callers {
		calls[i], answers[i] = c.start(ctx, r)
	}
	for i, c := range a.callers {
		if calls[i] != nil {
			answers[i] = c.wait(ctx, calls[i])
		}
	}
	return a.join(r.ID, answers)
}

// join returns the answer of all: nil if every one is, and what it says for
// certain only if every one does.
func (a *all) join(id string, answers []answer) answer {
	joined := answer{refused: true, noRoom: true, untried: true}
	var errs []error
	for i, answer := range answers {
		joined.refused = joined.refused && answer.refused
		joined.noRoom = joined.noRoom && (answer.refused || answer.noRoom)
		joined.untried = joined.untried && answer.untried
		if answer.err != nil {
			errs = append(errs, &sinkError{index: i, sink: fmt.Sprintf("%T", a.callers[i].sink), err: answer.err})
		}
	}
	if len(errs) == 0 {
		return answer{}
	}
	for _, err := range errs {
		err := err.(*sinkError)
		err.err = joined.veil(err.err)
	}
	summary := fmt.Sprintf("audit: %d of %d sinks did not store record %.64q", len(errs), len(answers), id)
	joined.err = &multierror.Error{Errors: errs, ErrorFormat: func(errs []error) string {
		texts := make([]string, len(errs))
		for i, err := range errs {
			texts[i] = err.Error()
		}
		return summary + ": " + strings.Join(texts, "; ")
	}}
	return joined
}

// sinkError is what one sink of several answered.
type sinkError struct {
	index int
	sink  string
	err   error
}

func (e *sinkError) Error() string {
	return fmt.Sprintf("sinks[%d] (%s): %v", e.index, e.sink, e.err)
}

func (e *sinkError) Unwrap() error { return e.err }
