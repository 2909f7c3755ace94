package audit

import (
	"context"
	"fmt"
	"time"
)

// Deadline returns a sink that waits at most d for each append to sink. A sink
// that has not answered by then, or when the caller's context is done, is
// given up on with [ErrTimeout] and the context's error: whether it has stored
// the record, or will do so later, is not known. A panic of the sink is
// [ErrPanic]. All other answers are passed on as they are, but for [ErrNoRoom]
// while an append of the same record that was given up on still hangs in the
// sink: that one may find room yet, so it is left out of the error.
//
// The sink gets a context with that deadline, and a copy of the record, which
// it may hold for as long as it hangs. What hangs is bounded: the sink is asked
// at most 1,024 things at once, further appends wait for their turn within
// their d; and while 64 appends that were given up on still hang, further ones
// are refused at once. When the sink answers again, so does the composition.
//
// The result is a [Replayer] if sink is one, and a [Snapshotter] if sink is one
// ([All] tells how snapshots are saved through it). Neither is bound by d.
//
// Deadline returns [ErrNoSink] for a nil sink, and an error for a d that is not
// positive.
func Deadline(sink Sink, d time.Duration) (Sink, error) {
	c, err := newCaller(sink, "Deadline")
	if err != nil {
		return nil, err
	}
	if d <= 0 {
		return nil, fmt.Errorf("audit: deadline %v is not positive", d)
	}
	bounded := &deadline{caller: c, limit: d}
	switch r := sink.(type) {
	case Snapshotter:
		return &snapshottingDeadline{deadline: bounded, snapshots: newSnapshots(r)}, nil
	case Replayer:
		return &replayingDeadline{deadline: bounded, replayed: replayed{r}}, nil
	}
	return bounded, nil
}

type deadline struct {
	caller *caller
	limit  time.Duration
}

type replayingDeadline struct {
	*deadline
	replayed
}

type snapshottingDeadline struct {
	*deadline
	*snapshots
}

func (d *deadline) Append(ctx context.Context, r Record) error {
	return d.append(ctx, r).err
}

func (d *snapshottingDeadline) Append(ctx context.Context, r Record) error {
	return d.follow(ctx, r, d.append)
}

func (d *deadline) append(ctx context.Context, r Record) answer {
	if err := alive(ctx); err != nil {
		return answer{err: err, untried: true}
	}
	ctx, cancel := context.WithTimeout(ctx, d.limit)
	defer cancel()
	return d.caller.append(ctx, r)
}
