package trail

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/internal/entry"
	"github.com/elevenminutes/interlock/audit/trail/internal/index"
)

// newcomer is a record on its way into a group.
type newcomer struct {
	record  audit.Record
	json    []byte
	entries [][]byte
	leaves  []tlog.Hash
	bytes   int // of the entries with their lengths
	keys    index.Prepared
	stripe  uint64
}

// newcomers are used again: a group has copies of what it takes from one.
var newcomers = sync.Pool{New: func() any { return new(newcomer) }}

// release gives a newcomer back.
func (n *newcomer) release() {
	if cap(n.json) > maxKept {
		return
	}
	n.record = audit.Record{}
	clear(n.entries)
	newcomers.Put(n)
}

// maxKept is how many bytes a newcomer that is used again may have.
const maxKept = 1 << 16

// prepare does all that needs no lock. The caller releases what it returns.
func (l *Log) prepare(r *audit.Record) (*newcomer, error) {
	n := newcomers.Get().(*newcomer)
	if err := n.take(r); err != nil {
		n.release()
		return nil, err
	}
	n.stripe = maphash.String(stripeSeed, r.ID) % uint64(len(l.stripes))
	return n, nil
}

// take encodes a record and hashes it.
func (n *newcomer) take(r *audit.Record) (err error) {
	n.record, n.bytes = *r, 0
	if n.json, err = r.AppendJSON(n.json[:0]); err != nil {
		return err
	}
	if r.ID == "" || r.Event == "" || r.Time.IsZero() || len(n.json) > audit.MaxRecord {
		return r.Validate() // which says so; what else it asks for AppendJSON did
	}
	if n.entries, err = entry.Append(n.entries[:0], n.json); err != nil {
		return fmt.Errorf("%w: record %.64q: %w", audit.ErrNotWritten, r.ID, err)
	}
	n.leaves = n.leaves[:0]
	for _, e := range n.entries {
		n.leaves = append(n.leaves, tlog.RecordHash(e))
		n.bytes += 2 + len(e)
	}
	n.keys = index.Prepare(keysOf(r))
	return nil
}

var stripeSeed = maphash.MakeSeed()

// keysOf returns what a record can be found by.
func keysOf(r *audit.Record) index.Keys {
	return index.Keys{
		ID:     r.ID,
		Ticket: r.Ticket,
		Login:  r.Actor.Login,
		Person: r.Actor.Person,
		Target: r.Target.ID,
		Time:   r.Time,
	}
}

// placed is where a record is, or what to wait for.
type placed struct {
	receipt Receipt         // if wait is nil
	wait    <-chan struct{} // then look again, or at joined
	joined  *group          // that has the record
	counted bool            // the committer waits for this append to go on
	index   uint64
}

// place finds the record in the log or joins it to a group. Whoever comes with
// the same ID meanwhile waits.
func (l *Log) place(ctx context.Context, n *newcomer) (placed, error) {
	l.stripes[n.stripe].Lock()
	defer l.stripes[n.stripe].Unlock()
	if !l.index.Lacks(n.keys) { // or it is new, as nearly all are
		p, found, err := l.lookUp(ctx, n)
		if found || err != nil {
			return p, err
		}
	}
	if int64(n.bytes) > l.config.Room/4 { // which was more when the log took it, if it has it
		return placed{}, fmt.Errorf("%w: record %.64q has %d bytes, more than a quarter of Config.Room", audit.ErrNotWritten, n.record.ID, len(n.json))
	}
	return l.join(n)
}

// lookUp looks for a record with the same ID.
func (l *Log) lookUp(ctx context.Context, n *newcomer) (p placed, found bool, err error) {
	for i, err := range l.index.Find(index.ID, n.record.ID, 0, noLimit) {
		if err != nil {
			return placed{}, false, fmt.Errorf("trail: looking for record %.64q: %w", n.record.ID, err)
		}
		json, g, err := l.jsonAt(ctx, i)
		if err != nil {
			return placed{}, false, err
		}
		if bytes.Equal(json, n.json) {
			return l.again(i, g), true, nil
		}
		r, err := decode(i, json)
		if err != nil {
			return placed{}, false, err
		}
		if r.ID == n.record.ID {
			return placed{}, true, fmt.Errorf("%w: %w: record %.64q: entry %d has the same ID and another body", audit.ErrConflict, audit.ErrNotWritten, r.ID, i)
		}
	}
	return placed{}, false, nil
}

// again is the answer for a record that is there. g is its group if that is
// still in memory.
func (l *Log) again(i uint64, g *group) placed {
	if g != nil {
		return placed{wait: g.done, joined: g, index: i}
	}
	return placed{receipt: Receipt{i, bytes.Clone(l.checkpointAfter(i))}}
}

// join adds the record to the group that will be committed next, or says what
// to wait for.
func (l *Log) join(n *newcomer) (placed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return placed{}, err
	}
	g := l.pending
	if g == nil {
		g = l.emptyGroup(l.nextIndex(), n.bytes)
		g.turn = l.takes(g, n.bytes) > l.room.left
	}
	if full := len(g.ends) > 0 && len(g.buffer)+n.bytes > l.most(); full || len(g.ends)+len(n.entries) > maxEntries {
		return placed{wait: g.done}, nil
	}
	taken := l.takes(g, n.bytes)
	if target := l.room.target(g); taken > target && len(g.ends) > 0 {
		return placed{wait: g.done}, nil // the next group goes to the other file
	} else if taken > target || !l.room.enough(g, &n.record, taken, l.room.forOutcome(&n.record, n.bytes)) {
		return l.crowded(n)
	}
	first := g.size()
	for i, e := range n.entries {
		g.add(e, n.leaves[i])
	}
	at := first + uint64(len(n.entries)) - 1
	l.index.Add(at, n.keys)
	l.room.accept(&n.record, n.bytes)
	l.pending = g
	g.joined++
	g.left.Add(1)
	select {
	case l.wake <- struct{}{}:
	default: // awake already
	}
	return placed{wait: g.done, joined: g, counted: true, index: at}, nil
}

// crowded says what to wait for when there is no room: for what is in the other
// file to be published, unless that fails or has not helped. l.mu must be held.
func (l *Log) crowded(n *newcomer) (placed, error) {
	if l.room.other > 0 || l.publishErr != nil {
		return placed{}, l.noRoom(n.record.ID)
	}
	wait := l.attempted
	l.publishSoon()
	return placed{wait: wait}, nil
}

// nextIndex is that of the entry that is added next. l.mu must be held.
func (l *Log) nextIndex() uint64 {
	if len(l.groups) == 0 {
		return l.durable
	}
	return l.groups[len(l.groups)-1].size()
}

const (
	noLimit = 1<<63 - 1
	// maxGroup is how many bytes a group has that others may still join.
	maxGroup = 4 << 20
	// maxEntries is how many entries a group has at most.
	maxEntries = 1 << 16
)

// most is how many bytes a group may have.
func (l *Log) most() int { return int(min(maxGroup, l.config.Room/8)) }

// decode reads the record whose entry is the i-th.
func decode(i uint64, json []byte) (audit.Record, error) {
	var r audit.Record
	if err := r.UnmarshalJSON(json); err != nil {
		return audit.Record{}, &DamageError{File: entriesFile(i), Index: i, Problem: "is no record", Err: err}
	}
	return r, nil
}
