package trail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/elevenminutes/interlock/audit"
	"github.com/elevenminutes/interlock/internal/disk"
)

// A snapshot begins with a block of this size: a title, the length of the
// signed note that follows it, and zeros. The state comes after.
const (
	snapshotBlock = 4096
	snapshotTitle = "interlock snapshot 1" // also the note's first line; no origin has spaces
)

// summary is what the note of a snapshot says.
type summary struct {
	tree   tlog.Tree
	length int64
	sum    [sha256.Size]byte
}

func (s summary) text(origin string) string {
	return fmt.Sprintf("%s\n%s\n%d\n%s\n%d\n%s\n", snapshotTitle, origin, s.tree.N, s.tree.Hash, s.length, base64.StdEncoding.EncodeToString(s.sum[:]))
}

func parseSummary(text, origin string) (summary, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 7 || lines[0] != snapshotTitle || lines[1] != origin {
		return summary{}, errors.New("its note is not that of a snapshot of this log")
	}
	var s summary
	size, err1 := strconv.ParseInt(lines[2], 10, 64)
	root, err2 := tlog.ParseHash(lines[3])
	length, err3 := strconv.ParseInt(lines[4], 10, 64)
	sum, err4 := tlog.ParseHash(lines[5])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return summary{}, fmt.Errorf("its note is malformed: %w", err)
	}
	if size < 0 || length < 0 {
		return summary{}, errors.New("its note is malformed: a number is negative")
	}
	s = summary{tlog.Tree{N: size, Hash: root}, length, sum}
	if s.text(origin) != text {
		return summary{}, errors.New("its note is malformed")
	}
	return s, nil
}

// SaveSnapshot implements [audit.Snapshotter]. The snapshot is signed with the
// log's key, beside the size and root of the tree that it sums up.
func (l *Log) SaveSnapshot(ctx context.Context, write func(io.Writer) error) error {
	tree, err := l.quiet()
	if err != nil {
		return err
	}
	if !l.saving.TryLock() {
		return errors.New("trail: saving a snapshot: another one is being saved")
	}
	defer l.saving.Unlock()
	path := l.snapshotPath()
	f, err := l.files.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("trail: saving a snapshot: %w", err)
	}
	defer l.files.Remove(path + ".new") // which is gone if all went well
	err = errors.Join(l.writeSnapshot(ctx, f, tree, write), f.Close(), ctx.Err())
	if err != nil {
		return fmt.Errorf("trail: saving a snapshot: %w", err)
	}
	switch now, err := l.quiet(); {
	case err != nil:
		return err
	case now != tree:
		return errors.New("trail: saving a snapshot: records were appended meanwhile")
	}
	if err := errors.Join(l.files.Rename(path+".new", path), l.files.SyncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("trail: saving a snapshot: %w", err)
	}
	return nil
}

func (l *Log) snapshotPath() string {
	return filepath.Join(l.config.Dir, privateDir, snapshotFile)
}

// quiet returns the tree of all that was appended, if nothing is under way.
func (l *Log) quiet() (tlog.Tree, error) {
	if err := l.ready(); err != nil {
		return tlog.Tree{}, err
	}
	l.mu.Lock()
	size, signed, busy, doubts := l.durable, l.note, l.pending != nil || l.nextIndex() != l.durable, len(l.doubts)
	l.mu.Unlock()
	switch {
	case doubts > 0:
		return tlog.Tree{}, fmt.Errorf("trail: saving a snapshot: %d records were appended by callers who were not told so; append them again", doubts)
	case busy:
		return tlog.Tree{}, errors.New("trail: saving a snapshot: records are being appended")
	case size == 0:
		return tlog.Tree{Hash: emptyRoot}, nil
	}
	c, err := l.verifier.Checkpoint(signed)
	return tlog.Tree{N: int64(c.Size), Hash: c.Root}, err
}

func (l *Log) writeSnapshot(ctx context.Context, f disk.File, tree tlog.Tree, write func(io.Writer) error) error {
	w := &summingWriter{ctx: ctx, file: f, at: snapshotBlock, sum: sha256.New()}
	b := bufio.NewWriterSize(w, 1<<20)
	if err := errors.Join(write(b), b.Flush()); err != nil {
		return err
	}
	s := summary{tree: tree, length: w.at - snapshotBlock, sum: [sha256.Size]byte(w.sum.Sum(nil))}
	signed, err := l.sign(s.text(l.config.Origin), 0)
	if err != nil {
		return err
	}
	head := append([]byte(snapshotTitle), '\n')
	head = binary.BigEndian.AppendUint32(head, uint32(len(signed)))
	head = append(head, signed...)
	if len(head) > snapshotBlock {
		return fmt.Errorf("its note has %d bytes", len(signed))
	}
	head = append(head, make([]byte, snapshotBlock-len(head))...)
	return errors.Join(writeAll(f, head, 0), f.Sync())
}

// summingWriter writes to a file from an offset on.
type summingWriter struct {
	ctx  context.Context // of the one call that it is for
	file disk.File
	at   int64
	sum  hash.Hash
}

func (w *summingWriter) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	if err := writeAll(w.file, b, w.at); err != nil {
		return 0, err
	}
	w.at += int64(len(b))
	w.sum.Write(b)
	return len(b), nil
}

// ReplaySnapshot implements [audit.Snapshotter]. A snapshot that is damaged, not
// signed with the log's key, or not of a tree that the log has is a
// [*DamageError]; if it is moved away, every record is replayed.
func (l *Log) ReplaySnapshot(ctx context.Context, read func(io.Reader) error) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		from, err := l.restore(ctx, read)
		if err != nil {
			yield(audit.Record{}, err)
			return
		}
		l.replayFrom(ctx, from)(yield)
	}
}

// restore hands the snapshot to read and returns how many entries it sums up.
func (l *Log) restore(ctx context.Context, read func(io.Reader) error) (uint64, error) {
	if err := l.readable(); err != nil {
		return 0, err
	}
	f, err := l.files.OpenFile(l.snapshotPath(), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("trail: reading the snapshot: %w", err)
	}
	defer f.Close()
	s, err := l.openSnapshot(f)
	if err != nil {
		return 0, badSnapshot(err)
	}
	if err := l.contains(ctx, s.tree); err != nil {
		return 0, err
	}
	sum := sha256.New()
	state := io.NewSectionReader(f, snapshotBlock, s.length)
	reader := &summedReader{ctx, io.TeeReader(state, sum)}
	if err := read(reader); err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, reader); err != nil {
		return 0, fmt.Errorf("trail: reading the snapshot: %w", err)
	}
	if !bytes.Equal(sum.Sum(nil), s.sum[:]) {
		return 0, badSnapshot(errors.New("its state is not what was signed"))
	}
	return uint64(s.tree.N), nil
}

func badSnapshot(err error) error {
	return &DamageError{File: privateDir + "/" + snapshotFile, Problem: "and all that the snapshot sums up must be replayed without it: move it away", Err: err}
}

// summedReader stops when its context is done.
type summedReader struct {
	ctx context.Context // of the one call that it is for
	io.Reader
}

func (r *summedReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// openSnapshot reads what a snapshot says of itself.
func (l *Log) openSnapshot(f disk.File) (summary, error) {
	head := make([]byte, snapshotBlock)
	if n, err := f.ReadAt(head, 0); n < len(head) {
		return summary{}, fmt.Errorf("it is too short: %w", err)
	}
	rest, ok := bytes.CutPrefix(head, []byte(snapshotTitle+"\n"))
	if !ok || len(rest) < 4 {
		return summary{}, errors.New("it does not begin as a snapshot")
	}
	length := binary.BigEndian.Uint32(rest)
	if uint64(length) > uint64(len(rest)-4) {
		return summary{}, errors.New("its note is longer than it can be")
	}
	signed := rest[4 : 4+length]
	if len(bytes.Trim(rest[4+length:], "\x00")) > 0 {
		return summary{}, errors.New("something follows its note")
	}
	n, err := note.Open(signed, note.VerifierList(l.keys()...))
	if err != nil {
		return summary{}, err
	}
	s, err := parseSummary(n.Text, l.config.Origin)
	if err != nil {
		return summary{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return summary{}, err
	}
	if info.Size() != snapshotBlock+s.length {
		return summary{}, errors.New("it has not the length that was signed")
	}
	return s, nil
}

// keys are the verifiers of the log's keys, old and new.
func (l *Log) keys() []note.Verifier {
	keys := []note.Verifier{l.key.verifier}
	for _, text := range l.config.FormerKeys {
		if v, err := note.NewVerifier(text); err == nil {
			keys = append(keys, v)
		}
	}
	return keys
}

// contains returns an error unless the log has the tree of a snapshot.
func (l *Log) contains(ctx context.Context, t tlog.Tree) error {
	if t.N == 0 {
		return nil
	}
	if size := l.Size(); uint64(t.N) > size {
		return badSnapshot(fmt.Errorf("it sums up %d entries, and the log has %d", t.N, size))
	}
	tree, _, err := l.publicAt(ctx, uint64(t.N)-1)
	if err != nil {
		return fmt.Errorf("trail: reading the snapshot: %w", err) // says nothing about it
	}
	_, err = l.prove(tree, func(r tlog.HashReader) ([]tlog.Hash, error) { return proveTree(tree, t, r) })
	if err != nil {
		return badSnapshot(fmt.Errorf("the log does not have the tree that it sums up: %w", err))
	}
	return nil
}
