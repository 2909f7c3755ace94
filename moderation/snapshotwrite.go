package moderation

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"
)

// save has the sink keep a snapshot of the store. Nothing may be committed
// meanwhile: a commit that is under way, or in doubt, is an error. Where the
// sink keeps none, or has all of it already, there is nothing to do.
func (s *MemoryStore) save(ctx context.Context) error {
	if s.snapshots == nil {
		return nil
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	unsaved, err := s.atRest()
	if unsaved == 0 || err != nil {
		return err
	}
	var written bool
	err = s.snapshots.SaveSnapshot(ctx, func(w io.Writer) error {
		err := s.writeSnapshot(ctx, w)
		written = err == nil
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("moderation: saving a snapshot: %w", err)
	case !written:
		return errors.New("moderation: saving a snapshot: the sink says that it has one, which it was not given")
	}
	s.mu.Lock()
	s.unsaved -= unsaved
	s.mu.Unlock()
	return nil
}

// errCommitting is why a snapshot can't be made now.
var errCommitting = errors.New("moderation: a commit is under way")

// atRest returns how many records no snapshot has, where nothing is under way.
func (s *MemoryStore) atRest() (unsaved int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reserved) > 0 {
		return 0, errCommitting
	}
	return s.unsaved, nil
}

// writeSnapshot writes the store as it is, line by line.
func (s *MemoryStore) writeSnapshot(ctx context.Context, to io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reserved) > 0 || len(s.doubts) > 0 { // something came between
		return errCommitting
	}
	w := &snapshotWriter{ctx: ctx, to: bufio.NewWriterSize(to, 64<<10)}
	w.header(&snapshotHeader{snapshotName, snapshotVersion, s.last, s.salt})
	for _, id := range slices.Sorted(maps.Keys(s.tickets)) {
		w.ticket(s, s.lookup(id))
	}
	for _, id := range slices.Sorted(maps.Keys(s.targets)) {
		w.target(s, id, s.targets[id])
	}
	for u := range s.usesKept() {
		w.add(&snapshotLine{Use: u.snapshot()}, &w.count.Uses, 1)
	}
	w.records(s)
	end := w.count
	w.add(&snapshotLine{End: &end}, new(int64), 1)
	return w.flush()
}

// snapshotWriter writes lines until one can't be written.
type snapshotWriter struct {
	ctx   context.Context
	to    *bufio.Writer
	line  []byte
	count snapshotEnd
	err   error
}

func (w *snapshotWriter) header(h *snapshotHeader) {
	w.line = h.appendJSON(w.line[:0])
	w.write()
}

// ticket writes a ticket, if the store can find it again by what it says.
func (w *snapshotWriter) ticket(s *MemoryStore, t *Ticket) {
	if s.keys[requestKey{t.Action.Actor, t.Action.Key}] != t.ID {
		w.refuse(fmt.Errorf("moderation: the key of ticket %s has changed, which a snapshot can't tell", t.ID))
	}
	w.add(&snapshotLine{Ticket: t}, &w.count.Tickets, 1)
}

// target writes what a target's tickets alone don't tell.
func (w *snapshotWriter) target(s *MemoryStore, id string, h *targetState) {
	for _, ticket := range h.all {
		if s.lookup(ticket).Subject.ID != id {
			w.refuse(fmt.Errorf("moderation: the target of ticket %s has changed, which a snapshot can't tell", ticket))
		}
	}
	if h.last != nil && s.tickets[h.last.id] != h.last {
		w.refuse(fmt.Errorf("moderation: ticket %s went on after its end, which a snapshot can't tell", h.last.id))
	}
	w.add(&snapshotLine{Target: h.snapshot(id)}, &w.count.Targets, 1)
}

// records writes the records' fingerprints by their ID.
func (w *snapshotWriter) records(s *MemoryStore) {
	prints := make([]fingerprint, 0, len(s.bodies))
	for id, body := range s.bodies {
		prints = append(prints, fingerprint{id, body})
	}
	slices.SortFunc(prints, func(a, b fingerprint) int { return cmp.Compare(a.id, b.id) })
	packed := make([]byte, 0, printsPerLine*printSize)
	for some := range slices.Chunk(prints, printsPerLine) {
		packed = packed[:0]
		for _, p := range some {
			packed = binary.BigEndian.AppendUint64(packed, p.id)
			packed = binary.BigEndian.AppendUint64(packed, p.body)
		}
		w.add(&snapshotLine{Records: packed}, &w.count.Records, len(some))
	}
}

func (w *snapshotWriter) add(l *snapshotLine, count *int64, n int) {
	if w.err != nil {
		return
	}
	w.line = l.appendJSON(w.line[:0])
	w.write()
	*count += int64(n)
}

// write writes the line, if it is one that could be read again.
func (w *snapshotWriter) write() {
	switch {
	case w.ctx.Err() != nil:
		w.refuse(context.Cause(w.ctx))
	case len(w.line) >= maxSnapshotLine:
		w.refuse(fmt.Errorf("moderation: a line of the snapshot has %d bytes; at most %d are allowed", len(w.line), maxSnapshotLine-1))
	case !utf8.Valid(w.line):
		w.refuse(errors.New("moderation: a text is not valid UTF-8"))
	}
	if w.err != nil {
		return
	}
	_, err := w.to.Write(append(w.line, '\n'))
	w.refuse(err)
}

func (w *snapshotWriter) refuse(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *snapshotWriter) flush() error {
	if w.err != nil {
		return w.err
	}
	return w.to.Flush()
}
