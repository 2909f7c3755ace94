package audit

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/elevenminutes/interlock/internal/disk"
)

// Sink is where records go.
//
// Append returns nil if and only if the record is stored as durably as the
// sink promises. An error that wraps [ErrNotWritten] blames the record itself:
// no attempt to append it can have stored anything, and none ever will. After
// any other error, that of a closed sink or of a context that was done
// included, the record may or may not be stored, by this attempt or by an
// earlier one: the caller appends the same record, with the same ID and the
// same bytes, until it is told.
// A sink may therefore hold a record twice, but never two bodies under one ID
// where it can tell: the second is refused with [ErrConflict]. A sink that is
// full may say so with [ErrNoRoom].
//
// Append may be called by many goroutines at once. It must return soon after
// ctx is done; [Deadline] bounds a sink that does not. It must neither change
// the record's slices and pointers nor keep them after it has returned
// ([Record.Clone] makes a copy that may be kept).
//
// The suite in package audittest shows whether a sink holds to this.
type Sink interface {
	Append(ctx context.Context, r Record) error
}

// Replayer is a sink that can be read from its first record to its last.
//
// Replay yields the records in the order in which they were acknowledged,
// every acknowledged one among them, and stops with a non-nil error where it
// can't vouch for what follows. A record that was appended twice may be
// yielded twice, and one whose append was in doubt may be yielded or not.
// The records are the caller's to keep and to change. Replay may run while
// records are appended; those that come later need not be seen.
type Replayer interface {
	Replay(ctx context.Context) iter.Seq2[Record, error]
}

// Snapshotter is a [Replayer] that can keep a summary of its records, so that
// who rebuilds state from them need not read all of them again. A sink that is
// one keeps a snapshot as well protected against change as its records.
type Snapshotter interface {
	Replayer
	// SaveSnapshot keeps what write writes, in place of what it kept before. It
	// must be the state after every record that was acknowledged before the
	// call, and after no other: an append while SaveSnapshot runs, or one whose
	// caller was not told whether it was stored, makes it fail. Without nil as
	// its answer the snapshot before it is still there; after [ErrTimeout] it
	// may be saved later.
	SaveSnapshot(ctx context.Context, write func(io.Writer) error) error
	// ReplaySnapshot hands the snapshot to read, and then yields the records
	// that came after it, as Replay does. Without a snapshot read is not
	// called and every record is yielded. An error of read, and a snapshot
	// that is damaged or does not agree with the records, is the only thing
	// that is then yielded: read may have been given part of it, and what it
	// made of that is to be thrown away.
	ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[Record, error]
}

// Volatile is a sink that can say that its records are lost with the process,
// though they can be replayed until then. Compositions say what the sink says
// that they replay. A sink that is not Volatile is taken to remember.
type Volatile interface {
	// Volatile reports whether the records are lost with the process.
	Volatile() bool
}

// Forgets reports whether what is appended to a sink can't be replayed after
// the process has ended: it is no [Replayer], or it is [Volatile] and says so.
func Forgets(sink Sink) bool {
	if _, ok := sink.(Replayer); !ok {
		return true
	}
	return forgets(sink)
}

// forgets reports what a replayer says of itself.
func forgets(replayer any) bool {
	v, ok := replayer.(Volatile)
	return ok && v.Volatile()
}

// Errors that sinks and their compositions return; test with errors.Is.
var (
	// ErrNotWritten is wrapped by the error of an append whose record can
	// never be stored, such as one without an ID or one that can't be
	// encoded; see [Record.Validate]. Nothing was stored.
	ErrNotWritten = errors.New("audit: record not written")
	// ErrConflict is wrapped by the error of an append whose ID is another
	// record's, beside ErrNotWritten.
	ErrConflict = errors.New("audit: another record is stored under this ID")
	// ErrNoRoom is wrapped by the error of an append that a full sink has not
	// begun. The sink does not hold the record. The same record can be appended
	// again once there is room.
	ErrNoRoom = errors.New("audit: no room for the record")
	// ErrClosed is wrapped by what a closed or never opened sink returns.
	ErrClosed = errors.New("audit: sink is closed")
	// ErrFailed is wrapped by what a sink returns from its first failed write
	// on. It takes no more records until it is closed and opened again.
	ErrFailed = errors.New("audit: sink has failed and must be closed and opened again")
	// ErrLocked is wrapped when the file of a sink is open elsewhere, in this
	// process or in another one.
	ErrLocked = disk.ErrLocked
	// ErrTimeout is wrapped by what a composition returns for a sink that did
	// not answer in time. Whether the record was stored is not known.
	ErrTimeout = errors.New("audit: sink did not answer in time")
	// ErrReplaced is wrapped when the file behind a sink was unlinked,
	// replaced, cut or written to by others while the sink was open.
	ErrReplaced = errors.New("audit: file was removed, replaced or changed by others")
	// ErrCorrupt is wrapped when stored bytes are not what was written.
	ErrCorrupt = errors.New("audit: stored records are damaged")
	// ErrNoSink is wrapped when a composition is given no sink, or a nil one.
	ErrNoSink = errors.New("audit: no sink given")
	// ErrPanic is wrapped by what a composition returns for a sink that
	// panicked. Whether the record was stored is not known.
	ErrPanic = errors.New("audit: sink panicked")
)
