package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
	"github.com/elevenminutes/interlock/internal/disk"
)

// Log is an [audit.Sink], an [audit.Replayer] and an [audit.Snapshotter]: a
// Merkle log in a directory. It is opened by [Open]; the zero Log refuses every
// record with [audit.ErrClosed]. Its methods may be called by many goroutines
// at once.
type Log struct {
	config   Config
	files    disk.FS
	key      *signing
	verifier *proof.Verifier
	index    *index.Index
	noteSize int // bytes of a signed checkpoint, at most

	writer     writer // the committer's alone
	publisher  *publisher
	publishing chan struct{} // held by who uses the publisher

	wake     chan struct{} // a group is pending
	gathered chan struct{} // the last append of a group has gone on
	kick     chan struct{} // there is something to publish now
	closing  chan struct{} // closed when the log is
	ended    sync.WaitGroup

	stripes   [64]sync.Mutex // held by who looks for an ID and joins a group
	rooms     sync.Pool      // of *groupRoom, for groups to come
	accepting atomic.Bool    // it is open and has not failed
	doubtful  atomic.Int64   // how many doubts there are

	signing sync.Mutex // held by who uses the key
	saving  sync.Mutex // held by who saves a snapshot

	mu       sync.Mutex
	opened   bool
	closed   bool
	failure  error    // set by the first failed write, for good
	pending  *group   // what will be committed next
	groups   []*group // those taken from pending and not yet published
	durable  uint64   // how many entries are acknowledged
	note     []byte   // the newest checkpoint that is acknowledged
	room     room
	usual    usual
	advanced chan struct{}   // closed when durable, failure or closed changes
	doubts   map[string]bool // records whose callers left before they were told
	unpublished
}

// unpublished is how publishing goes.
type unpublished struct {
	published  uint64    // how many entries are durable in the public face
	public     tlog.Tree // the tree that they are, and its checkpoint
	publicNote []byte
	bytes      int           // of entries that are not published
	attempted  chan struct{} // closed when the next attempt to publish ends
	publishErr error         // of the last attempt
}

// Receipt is what an append is acknowledged with.
type Receipt struct {
	// Index is the record's index: that of its entry, or of the manifest that
	// ends the entries of a record in parts.
	Index uint64
	// Checkpoint is a signed checkpoint of a tree that has the record, as it
	// was made when the record was appended. It is the caller's.
	Checkpoint []byte
}

// Append implements [audit.Sink]; see [Log.Add].
func (l *Log) Append(ctx context.Context, r audit.Record) error {
	_, err := l.append(ctx, &r)
	return err
}

// Add appends the record and returns when it and a signed checkpoint that
// covers it are durable. Appends that are under way at the same time share one
// write, one signature and one sync.
//
// A record that the log has is not stored again: the same ID with the same body
// gives the receipt that was given first. With another body it is an error that
// wraps [audit.ErrConflict] and [audit.ErrNotWritten]. A record that is not
// valid, or longer than a quarter of Config.Room, is [audit.ErrNotWritten] too.
//
// While the public face can't be written, for want of space or otherwise,
// records go on being accepted as long as the write-ahead files have room. The
// last of it is kept for those who need it most: an intent is accepted only
// with room for its outcome, and what is neither an outcome nor an undo
// only if room for undo is left. What is refused so wraps [audit.ErrNoRoom].
//
// When ctx is done first, Add returns its error and the record may still be
// stored. After the first write, sync, signature or trusted head that fails
// nothing more is accepted: every append wraps [audit.ErrFailed] until the log
// is closed and opened again. A directory or file that was removed, replaced or
// changed by others while the log was open is [audit.ErrReplaced] as well.
func (l *Log) Add(ctx context.Context, r audit.Record) (Receipt, error) {
	p, err := l.append(ctx, &r)
	if err != nil {
		return Receipt{}, err
	}
	if p.joined == nil {
		return p.receipt, nil
	}
	return Receipt{p.index, bytes.Clone(p.joined.note)}, nil
}

// append appends the record and returns where it is.
func (l *Log) append(ctx context.Context, r *audit.Record) (placed, error) {
	if err := l.ready(); err != nil {
		return placed{}, err
	}
	n, err := l.prepare(r)
	if err != nil {
		return placed{}, err
	}
	defer n.release()
	for {
		if err := ctx.Err(); err != nil {
			return placed{}, fmt.Errorf("trail: record %.64q not appended now: %w", r.ID, err)
		}
		p, err := l.place(ctx, n)
		if err != nil {
			return placed{}, err
		}
		if p.wait != nil {
			if err := l.await(ctx, r.ID, p); err != nil {
				return placed{}, err
			}
			if p.joined == nil {
				continue
			}
		}
		l.told(r.ID)
		return p, nil
	}
}

// await waits for what a record waits for.
func (l *Log) await(ctx context.Context, id string, p placed) error {
	var left error
	select {
	case <-p.wait:
	case <-ctx.Done():
		left = l.abandon(ctx, id, p.joined)
	}
	if p.counted {
		l.leave(p.joined)
	}
	if left != nil || p.joined == nil {
		return left
	}
	return p.joined.err
}

// abandon is for an append that is not waited for any more. Where it has joined
// a group its caller does not know whether the log has the record.
func (l *Log) abandon(ctx context.Context, id string, joined *group) error {
	if joined == nil {
		return fmt.Errorf("trail: record %.64q not appended now: %w", id, ctx.Err())
	}
	l.mu.Lock()
	l.doubts[id] = true
	l.doubtful.Store(int64(len(l.doubts)))
	l.mu.Unlock()
	// Not the cause: it might say of itself what is true of a record only.
	return fmt.Errorf("trail: record %.64q may be stored or not: %w", id, ctx.Err())
}

// told notes that a caller knows that the log has a record.
func (l *Log) told(id string) {
	if l.doubtful.Load() == 0 {
		return
	}
	l.mu.Lock()
	delete(l.doubts, id)
	l.doubtful.Store(int64(len(l.doubts)))
	l.mu.Unlock()
}

// ready returns why the log takes no records, if so.
func (l *Log) ready() error {
	if l == nil {
		return fmt.Errorf("%w: the Log is nil", audit.ErrClosed)
	}
	if l.accepting.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.usable()
}

// usable is ready with l.mu held.
func (l *Log) usable() error {
	switch {
	case !l.opened:
		return fmt.Errorf("%w: a Log is opened by trail.Open", audit.ErrClosed)
	case l.closed:
		return fmt.Errorf("%w: %s", audit.ErrClosed, l.config.Dir)
	}
	return l.failure
}

// readable is like ready, but a log that has failed can be read.
func (l *Log) readable() error {
	err := l.ready()
	if errors.Is(err, audit.ErrFailed) {
		return nil
	}
	return err
}

// Size is how many entries are acknowledged. A record of more than 65,535 bytes
// has several. It is zero for a Log that is not open.
func (l *Log) Size() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Checkpoint returns the newest signed checkpoint that is acknowledged, or nil
// if the log is empty. It is the caller's.
func (l *Log) Checkpoint() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]byte(nil), l.note...)
}

// VerifierKey returns the public key that verifies the log's checkpoints, as
// text for [proof.NewVerifier]. It is empty for a Log that is not open.
func (l *Log) VerifierKey() string {
	if l.key == nil {
		return ""
	}
	return l.key.verifierKey
}

// Close waits until the appends under way are answered, publishes what is not
// published, syncs the trusted head and gives the directory free. Later calls
// are refused with [audit.ErrClosed]; further calls of Close, and one on the
// zero Log, do nothing.
//
// An error of Close does not mean that an acknowledged record was lost: it is
// in the write-ahead file, and published when the log is opened again.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	if !l.opened || l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.accepting.Store(false)
	close(l.wake)
	close(l.closing)
	l.announce()
	l.mu.Unlock()

	l.ended.Wait()
	return l.end()
}

// announce tells those who wait that something has changed. l.mu must be held.
func (l *Log) announce() {
	close(l.advanced)
	l.advanced = make(chan struct{})
}
