package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/internal/entry"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
)

// Entry is a record and where it is.
type Entry struct {
	// Index is the record's index, as in its [Receipt].
	Index uint64
	// Record is the caller's to keep and to change.
	Record audit.Record
}

// Query says which records to read. The zero Query is every record there is.
// A record must fit all fields that are set.
type Query struct {
	// From is the lowest index.
	From uint64
	// Ticket is the ticket that a record is about.
	Ticket string
	// Actor is the login or the person of the record's actor.
	Actor string
	// Target is the canonical ID of the record's target.
	Target string
	// Since is the earliest time, and Until the time before which a record must
	// be; zero leaves the end open. Records are not in the order of their times
	// where a clock was set back, and are found all the same.
	Since, Until time.Time
	// Follow goes on with records as they are acknowledged, until the context
	// is done or the log is closed; the iteration then ends with that as its
	// error.
	Follow bool
}

// Records yields the acknowledged records that a query asks for, in the order
// of their indexes. It needs memory for one bundle of 256 entries, whatever the
// length of the log, and may run beside appends; what is acknowledged while it
// runs is seen with Follow only.
//
// Each entry is held against the log's Merkle tree before its record is
// yielded. The iteration ends with a [*DamageError], which names file and index,
// at the first that is not what was appended; with [audit.ErrClosed] once the
// log is closed; and with ctx's error when ctx is done.
func (l *Log) Records(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c := &cursor{log: l, query: q}
		from := q.From
		below, err := l.acknowledged()
		for err == nil {
			if err = c.read(ctx, from, below, yield); err != nil || !q.Follow {
				break
			}
			from = max(from, below)
			below, err = l.more(ctx, from)
		}
		if err != nil && err != errStopped {
			yield(Entry{}, err)
		}
	}
}

// Replay implements [audit.Replayer]: it yields the record of every entry that
// is acknowledged when the iteration begins. See [Log.Records].
func (l *Log) Replay(ctx context.Context) iter.Seq2[audit.Record, error] {
	return l.replayFrom(ctx, 0)
}

func (l *Log) replayFrom(ctx context.Context, index uint64) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for e, err := range l.Records(ctx, Query{From: index}) {
			if !yield(e.Record, err) || err != nil {
				return
			}
		}
	}
}

// errStopped ends an iteration that its reader has ended.
var errStopped = errors.New("trail: the reader has stopped")

// acknowledged returns how many entries can be read.
func (l *Log) acknowledged() (uint64, error) {
	if err := l.readable(); err != nil {
		return 0, err
	}
	return l.Size(), nil
}

// more waits until more than so many entries are acknowledged.
func (l *Log) more(ctx context.Context, than uint64) (uint64, error) {
	for {
		l.mu.Lock()
		size, closed, err, advanced := l.durable, l.closed, l.usable(), l.advanced
		l.mu.Unlock()
		switch {
		case size > than && !closed:
			return size, nil
		case err != nil:
			return 0, err
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// cursor reads records for one query.
type cursor struct {
	log    *Log
	query  Query
	bundle *bundle // the last one that was read
}

// read yields the records with indexes in [from, below).
func (c *cursor) read(ctx context.Context, from, below uint64, yield func(Entry, error) bool) error {
	if kind, text := c.key(); text != "" {
		for i, err := range c.log.index.Find(kind, text, from, below) {
			if err != nil {
				return fmt.Errorf("trail: reading the index: %w", err)
			}
			if err := c.readOne(ctx, i, yield); err != nil {
				return err
			}
		}
		return nil
	}
	if c.query.Since.IsZero() && c.query.Until.IsZero() {
		return c.readSpan(ctx, from, below, yield)
	}
	for s, err := range c.log.index.Spans(c.query.Since, c.query.Until, from, below) {
		if err != nil {
			return fmt.Errorf("trail: reading the index: %w", err)
		}
		if err := c.readSpan(ctx, s.First, s.End, yield); err != nil {
			return err
		}
	}
	return nil
}

// key returns what to look for in the index.
func (c *cursor) key() (index.Kind, string) {
	switch {
	case c.query.Ticket != "":
		return index.Ticket, c.query.Ticket
	case c.query.Target != "":
		return index.Target, c.query.Target
	}
	return index.Actor, c.query.Actor
}

// readSpan yields the records with indexes in [from, below).
func (c *cursor) readSpan(ctx context.Context, from, below uint64, yield func(Entry, error) bool) error {
	start := from - min(from, entry.MaxParts) // a record may have begun before
	whole := entry.Assembler{Midway: start > 0}
	for i := start; i < below; i++ {
		e, err := c.entry(ctx, i)
		if err != nil {
			return err
		}
		json, complete, err := whole.Add(i, e)
		if err != nil {
			return &DamageError{File: entriesFile(i), Index: i, Problem: "does not follow from the entries before it", Err: err}
		}
		if !complete || i < from {
			continue
		}
		if err := c.yield(i, json, yield); err != nil {
			return err
		}
	}
	return nil
}

// readOne yields the record with an index, which the index may have named in
// error.
func (c *cursor) readOne(ctx context.Context, i uint64, yield func(Entry, error) bool) error {
	json, err := c.json(ctx, i)
	if err != nil {
		return err
	}
	return c.yield(i, json, yield)
}

func (c *cursor) yield(i uint64, json []byte, yield func(Entry, error) bool) error {
	r, err := decode(i, json)
	if err != nil {
		return err
	}
	if c.fits(&r) && !yield(Entry{i, r}, nil) {
		return errStopped
	}
	return nil
}

func (c *cursor) fits(r *audit.Record) bool {
	q := &c.query
	return (q.Ticket == "" || q.Ticket == r.Ticket) &&
		(q.Target == "" || q.Target == r.Target.ID) &&
		(q.Actor == "" || q.Actor == r.Actor.Login || q.Actor == r.Actor.Person) &&
		(q.Since.IsZero() || !r.Time.Before(q.Since)) &&
		(q.Until.IsZero() || r.Time.Before(q.Until))
}

// entry returns the entry with an index: from memory, or from the public face.
func (c *cursor) entry(ctx context.Context, i uint64) ([]byte, error) {
	if c.bundle == nil || !c.bundle.has(i) {
		b, err := c.log.bundleAt(ctx, i)
		if err != nil {
			return nil, err
		}
		c.bundle = b
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.bundle.entries[i-c.bundle.first], nil
}

// bundleAt returns consecutive entries, that with an index among them. It must
// have joined a group.
func (l *Log) bundleAt(ctx context.Context, i uint64) (*bundle, error) {
	l.mu.Lock()
	g, ok := find(l.groups, i)
	if ok {
		g.shared = true
	}
	tree, closed := l.public, l.closed
	l.mu.Unlock()
	switch {
	case ok:
		b := &bundle{first: g.first}
		for k := range g.ends {
			b.entries = append(b.entries, g.entry(k))
		}
		return b, nil
	case closed:
		return nil, fmt.Errorf("%w: %s", audit.ErrClosed, l.config.Dir)
	case i >= uint64(tree.N):
		return nil, fmt.Errorf("trail: entry %d: %w", i, io.ErrUnexpectedEOF)
	}
	return publicFace{l.files, l.config.Dir, tree}.bundle(ctx, i)
}

// jsonAt returns the JSON form of the record with an index that is in the log or
// in a group, and that group.
func (l *Log) jsonAt(ctx context.Context, i uint64) ([]byte, *group, error) {
	l.mu.Lock()
	g, ok := find(l.groups, i)
	if p := l.pending; !ok && p != nil && p.first <= i && i < p.size() {
		g, ok = p, true
	}
	var b *bundle
	if ok { // a copy of what may be appended to
		g.shared = true
		b = &bundle{first: g.first}
		for k := range g.ends {
			b.entries = append(b.entries, g.entry(k))
		}
	}
	l.mu.Unlock()
	c := &cursor{log: l, bundle: b}
	json, err := c.json(ctx, i)
	return json, g, err
}

// json returns the JSON form of one record.
func (c *cursor) json(ctx context.Context, i uint64) ([]byte, error) {
	e, err := c.entry(ctx, i)
	if err != nil || entry.Kind(e[0]) != entry.KindManifest {
		return e, err
	}
	m, err := entry.ParseManifest(e)
	if err != nil || uint64(m.Parts) > i {
		return nil, &DamageError{File: entriesFile(i), Index: i, Problem: "is a damaged manifest", Err: err}
	}
	var whole entry.Assembler
	for k := i - uint64(m.Parts); ; k++ {
		e, err := c.entry(ctx, k)
		if err != nil {
			return nil, err
		}
		json, complete, err := whole.Add(k, e)
		switch {
		case err != nil:
			return nil, &DamageError{File: entriesFile(k), Index: k, Problem: "does not follow from the entries before it", Err: err}
		case complete && k == i:
			return json, nil
		case k == i:
			return nil, &DamageError{File: entriesFile(k), Index: k, Problem: "does not end a record"}
		}
	}
}
