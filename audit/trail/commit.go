package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/audit/proof"
	"github.com/elevenminutes/interlock/audit/trail/internal/wal"
)

// writer is what the committer alone works with.
type writer struct {
	tree   tree
	files  [2]walFile
	turn   int // which of them is in use
	header wal.Header
	offset int64 // where the next group goes
}

// commitGroups commits one group after the other until the log is closed. A
// group that is not empty has always been announced on l.wake. Code of the host
// that ends this goroutine does not end the committer.
func (l *Log) commitGroups() {
	closed := false
	defer func() {
		if closed {
			l.ended.Done()
			return
		}
		go l.commitGroups()
	}()
	for range l.wake {
		l.commitPending()
	}
	l.commitPending()
	closed = true
}

// commitPending commits the pending group.
func (l *Log) commitPending() {
	l.mu.Lock()
	g, err := l.pending, l.failure
	if g == nil {
		l.mu.Unlock()
		return
	}
	l.pending = nil
	l.groups = append(l.groups, g)
	l.usual.note(g)
	l.room.take(g, l.takes(g, 0))
	l.mu.Unlock()

	if err == nil {
		err = errUnanswered
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("%w: %v", audit.ErrPanic, v) // never wraps v: it proves nothing
			}
			l.acknowledge(g, err)
		}()
		err = l.commit(g)
		return
	}
	l.acknowledge(g, err)
}

// errUnanswered is what host code leaves behind that ends the committer's goroutine.
var errUnanswered = fmt.Errorf("%w: it ended its goroutine", audit.ErrPanic)

// acknowledge tells the appends of a group what came of it.
func (l *Log) acknowledge(g *group, err error) {
	l.mu.Lock()
	if err != nil && l.failure == nil {
		l.failure = fmt.Errorf("%w: %w", audit.ErrFailed, err)
		l.accepting.Store(false)
	}
	g.err = l.failure
	if g.err == nil {
		l.durable, l.note = g.size(), g.note
		l.bytes += len(g.buffer)
		if l.bytes >= l.publishAt() || g.turn {
			l.publishSoon()
		}
	}
	l.announce()
	l.mu.Unlock()
	close(g.done)
	l.gather(g)
}

// gather waits until the appends of a group have gone on. Whoever appends one
// record after the other has joined the next group by then, and one sync serves
// all of them. They only wait for a processor, and so would the committer.
func (l *Log) gather(g *group) {
	if g.joined > 1 && g.left.Add(-1) > 0 {
		<-l.gathered
	}
}

// leave tells the committer that an append has gone on.
func (l *Log) leave(g *group) {
	if g.left.Add(-1) > 0 {
		return
	}
	select {
	case l.gathered <- struct{}{}:
	default: // not reached: each group has one that is the last
	}
}

// commit makes a group durable.
func (l *Log) commit(g *group) error {
	if err := l.seal(g); err != nil {
		return err
	}
	if err := l.write(g); err != nil {
		return err
	}
	if l.config.TrustedHead == nil {
		return nil
	}
	if err := l.config.TrustedHead.Save(context.Background(), bytes.Clone(g.note)); err != nil {
		return fmt.Errorf("trail: saving the trusted head: %v", err) // not %w: it is no word of ours on the record
	}
	return nil
}

// seal adds the group to the tree and signs the tree's new root.
func (l *Log) seal(g *group) error {
	t := &l.writer.tree
	if t.size != g.first {
		return fmt.Errorf("trail: the tree has %d entries, and the group begins with entry %d", t.size, g.first)
	}
	g.stored = slices.Grow(g.stored[:0], 2*len(g.leaves)+64)
	for _, leaf := range g.leaves {
		g.stored = t.append(leaf, g.stored)
	}
	g.root = t.root()
	c := proof.Checkpoint{Origin: l.config.Origin, Size: t.size, Root: g.root}
	signed, err := l.sign(c.String(), l.noteSize)
	g.note = signed
	return err
}

// noteSize is how many bytes a signed checkpoint has at most.
func noteSize(origin string) int {
	text := proof.Checkpoint{Origin: origin, Size: proof.MaxSize}.String()
	return len(text) + len(signedNote("", origin, signature{}))
}

// sign signs a text of at most so many bytes with its signature; 0 is no bound.
func (l *Log) sign(text string, most int) ([]byte, error) {
	l.signing.Lock()
	defer l.signing.Unlock()
	return signText(l.key, text, most)
}

// signText signs a text, and makes sure that it is signed.
func signText(key *signing, text string, most int) (signed []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			signed, err = nil, fmt.Errorf("trail: signing a checkpoint: %w: %v", audit.ErrPanic, v) // never wraps v
		}
	}()
	signed, err = note.Sign(&note.Note{Text: text}, key.Signer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("trail: signing a checkpoint: %v", err) // not %w: as above
	case most > 0 && len(signed) > most:
		return nil, fmt.Errorf("trail: signing a checkpoint: the signed note has %d bytes instead of at most %d", len(signed), most)
	case !key.foreign:
		return signed, nil
	}
	n, err := note.Open(signed, note.VerifierList(key.verifier))
	if err != nil || n.Text != text {
		return nil, fmt.Errorf("trail: signing a checkpoint: what the Signer returned does not verify: %v", err)
	}
	return signed, nil
}

// write writes the group to its file and syncs it.
func (l *Log) write(g *group) error {
	w := &l.writer
	if g.turn {
		if err := l.turn(g); err != nil {
			return err
		}
	}
	f := &w.files[w.turn]
	b := wal.Seal(g.buffer, w.header.Epoch, g.first, uint32(len(g.ends)), g.note)
	if w.offset+int64(len(b)) > f.size {
		return fmt.Errorf("trail: %s: a group of %d bytes finds no room at %d", f.path, len(b), w.offset)
	}
	if err := writeAll(f.file, b, w.offset); err != nil {
		return fmt.Errorf("trail: writing %s: %w", f.path, err)
	}
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("trail: syncing %s: %w", f.path, err)
	}
	w.offset += int64(len(b))
	return l.unchanged(f) // what was written to a file that is gone is not there for anybody
}

// turn begins the other file with the group.
func (l *Log) turn(g *group) error {
	l.mu.Lock()
	base, note := l.published, l.note
	l.mu.Unlock()
	return l.begin(wal.Header{Epoch: l.writer.header.Epoch + 1, Start: g.first, Base: base, Note: note})
}

// begin begins the file that is not in use. What it has must be durable in the
// public face; the file in use says so before the other one is touched.
func (l *Log) begin(h wal.Header) error {
	w := &l.writer
	if w.header.Epoch > 0 && w.header.Base < w.header.Start {
		before := w.header
		before.Base, before.Sequence = before.Start, before.Sequence+1
		f := &w.files[w.turn]
		if err := errors.Join(wal.WriteHeader(f.file, before), f.file.Sync()); err != nil {
			return fmt.Errorf("trail: writing the header of %s: %w", f.path, err)
		}
		w.header = before
	}
	other := &w.files[1-w.turn]
	switch old, err := wal.ReadHeader(other.file); {
	case err == nil:
		h.Sequence = old.Sequence + 1 // a write that is cut short leaves the old one
	case !errors.Is(err, wal.ErrHeader):
		return fmt.Errorf("trail: reading the header of %s: %w", other.path, err)
	}
	if err := errors.Join(wal.WriteHeader(other.file, h), other.file.Sync()); err != nil {
		return fmt.Errorf("trail: writing the header of %s: %w", other.path, err)
	}
	w.turn, w.header, w.offset = 1-w.turn, h, wal.HeaderSize
	return nil
}

// unchanged returns an error unless the path still names the open file, and it
// has its size. The open handle keeps the file's number from being used for
// another one.
func (l *Log) unchanged(f *walFile) error {
	info, err := l.files.Stat(f.path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", audit.ErrReplaced, err)
	case !os.SameFile(info, f.info):
		return fmt.Errorf("%w: %s is another file now", audit.ErrReplaced, f.path)
	case info.Size() != f.size:
		return fmt.Errorf("%w: %s has %d bytes, not %d", audit.ErrReplaced, f.path, info.Size(), f.size)
	}
	return nil
}
