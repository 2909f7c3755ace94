package audittest

import (
	"testing"
	"time"

	"github.com/elevenminutes/interlock/audit"
)

// patience is how long the suite waits for one call before it says that the
// sink hangs.
const patience = 20 * time.Second

// An Option gives [TestSink] further means.
type Option func(*options)

type options struct {
	reopen func(*testing.T, audit.Sink) audit.Sink
	read   func(*testing.T, audit.Sink) []audit.Record
}

// Reopen tells the suite how to close a sink and to open it again over the same
// storage. What was acknowledged must then still be there.
func Reopen(reopen func(t *testing.T, sink audit.Sink) audit.Sink) Option {
	return func(o *options) { o.reopen = reopen }
}

// ReadBack tells the suite how to read what a sink that is no [audit.Replayer]
// has stored so far, in order. The suite calls it once for a sink, after the
// last append, so it may close the sink.
func ReadBack(read func(t *testing.T, sink audit.Sink) []audit.Record) Option {
	return func(o *options) { o.read = read }
}

// TestSink checks in subtests that a sink keeps the contract of [audit.Sink],
// and those of [audit.Replayer] and [audit.Snapshotter] if it is one:
//
//   - what was acknowledged is there, whole, once it is read: after appends in
//     sequence (and in their order), after 1,000 from 64 goroutines, and after
//     Close and opening again;
//   - records that are not valid are refused with [audit.ErrNotWritten] and
//     leave nothing behind, and a context that is done is refused;
//   - records share no memory with the caller's, and are not changed;
//   - the same record may be appended twice; another record under its ID is
//     either taken, by a sink that does not look, or refused with both
//     [audit.ErrConflict] and [audit.ErrNotWritten];
//   - replays may run beside appends, be stopped, and fail when cut short;
//   - a replay from a snapshot begins with all of the newest one that was saved,
//     and yields what came after it, no less and no more; a save that fails, or
//     that an append gets in the way of, changes nothing; an error of who reads
//     the snapshot comes back and ends the replay;
//   - after Close, if the sink has it (with or without a context), appends and
//     snapshots are refused with [audit.ErrClosed].
//
// What can't be read, by Replay or [ReadBack], is only checked for its answers.
//
// open returns a sink that is ready, and may register its end with t.Cleanup.
// It is called for each subtest. The storage behind it need not be
// empty: the suite makes IDs of its own and looks at no others, but snapshots
// that are there are replaced.
func TestSink(t *testing.T, open func(t *testing.T) audit.Sink, opts ...Option) {
	t.Helper()
	var o options
	for _, set := range opts {
		set(&o)
	}
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.run(newSubject(t, open(t), o)); err != nil {
				t.Error(err)
			}
		})
	}
}

// newSubject wraps a sink for one check.
func newSubject(t *testing.T, sink audit.Sink, o options) *subject {
	s := &subject{sink: sink, prefix: newPrefix()}
	if o.read != nil {
		s.readBack = func(sink audit.Sink) []audit.Record { return o.read(t, sink) }
	}
	if o.reopen != nil {
		s.reopen = func(sink audit.Sink) audit.Sink { return o.reopen(t, sink) }
	}
	return s
}
